-- SPDX-License-Identifier: MIT
-- `ralph start NAME`: a new spec. The words to options; the phase is ralph.start.

local options = require "ralph.commands.options"
local shared = require "ralph.commands.shared"
local wrapix = require "wrapix"

---@type wrapix.CliCommand
local M = {
  name = "start",
  summary = "Make a spec from the template, and take it as what is in work.",
  description = "Writes specs/NAME.md and a row in specs/README.md. Nothing that is there is changed: "
    .. "a spec of this name is taken as it is.",
  arguments = { { name = "name", argname = "NAME", description = "Of a-z, 0-9, '.', '-' and '_'." } },
  options = options.list(options.json, options.common),
  example = { { "ralph start shop-cart", "make specs/shop-cart.md" } },
}

function M.run(args, deps)
  local project, message, code, hint = shared.open(args, deps)
  if not project then return shared.refuse(deps, message, code, hint) end
  local result
  result, message, code, hint = require("ralph.start").run(project, args.name)
  if not result then return shared.refuse(deps, message, code, hint) end
  local spec = result.spec
  if args.json then
    shared.json({ name = spec.name, file = spec.file, hidden = spec.hidden, created = result.created,
      listed = result.listed }, deps)
    return 0
  end
  local what = result.created and "made" or "is there already, and was not changed"
  deps.out(("%s: %s\n"):format(wrapix.path.show(spec.rel or spec.file), what))
  local is_filled = require("ralph.specs").check(spec.text).filled
  deps.out(("next: %s %s %s\n"):format(deps.called or "ralph", is_filled and "ready" or "plan", spec.name))
  return 0
end

return M
