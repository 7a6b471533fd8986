-- SPDX-License-Identifier: MIT
-- `ralph use NAME`: which spec the commands mean that name none.

local options = require "ralph.commands.options"
local shared = require "ralph.commands.shared"

---@type wrapix.CliCommand
local M = {
  name = "use",
  summary = "Take a spec that is there as what is in work.",
  arguments = { { name = "name", argname = "NAME", offers = "spec",
    description = "Name of the spec." } },
  options = options.common,
  example = { { "ralph use shop-cart", "`ralph ready` and the like mean this spec from now on" } },
}

function M.run(args, deps)
  local project, message, code, hint = shared.open(args, deps)
  if not project then return shared.refuse(deps, message, code, hint) end
  local spec
  spec, message, code, hint = require("ralph.specs").read(project, args.name)
  if not spec then return shared.refuse(deps, message, code, hint) end
  local state
  state, message, code, hint = require("ralph.start").use(project, spec)
  if not state then return shared.refuse(deps, message, code, hint) end
  deps.out(("in work: %s\n"):format(spec.name))
  return 0
end

return M
