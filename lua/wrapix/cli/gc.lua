-- SPDX-License-Identifier: MIT
-- `wrapix gc`: takes away what dead sandboxes and other versions left, and says what.

local options = require("wrapix.cli.options")
local output = require("wrapix.cli.output")
local path = require("wrapix.path")
local prepare = require("wrapix.cli.prepare")

---@type wrapix.CliCommand
local M = {
  name = "gc",
  summary = "Remove what dead sandboxes left behind.",
  description = "Removes the containers and session directories of launchers that are dead, helpers "
    .. "and cache files of other versions, and outputs older than 30 days. Never touches what is "
    .. "alive. Every start clears up after dead launchers too; this looks at everything. What agents "
    .. "kept of a project whose workspace is gone goes only with --projects: a disk that is not there "
    .. "today looks the same. Logins always stay.",
  options = options.list(
    { flags = { "-n", "--dry-run" }, description = "Tell what would be removed; remove nothing." },
    { flags = { "--projects" },
      description = "Also remove what agents kept of projects whose workspace is gone." },
    options.json, options.quiet, options.verbose
  ),
  example = {
    { "wrapix gc --dry-run", "what would be removed, and why" },
    { "wrapix gc --projects --dry-run", "conversations of projects that are gone, too" },
  },
}

-- One that cannot be removed does not keep the others.
local function remove(found, args)
  local failed = 0
  for i, one in ipairs(found) do
    local entry = { kind = one.kind, what = one.what, why = one.why }
    if not args.dry_run then
      local ok, message = one.remove()
      entry.removed = ok ~= nil
      entry.error = not ok and message or nil
      if not ok then failed = failed + 1 end
    end
    found[i] = entry
  end
  return failed
end

local function show(found, args, deps)
  for _, one in ipairs(found) do
    local what = ("%s %s"):format(one.kind, path.show(one.what))
    if one.error then
      deps.report:error(("gc: %s: %s"):format(what, one.error))
    else
      local verb = args.dry_run and "would remove" or "removed"
      deps.out(("%s %s: %s\n"):format(verb, what, one.why))
    end
  end
  if #found == 0 then deps.report:note("nothing to remove") end
end

function M.run(args, deps)
  local facts, message, code, hint = deps.gather({ workspace = "/" })
  if not facts then return prepare.refuse(deps, message, code, hint) end
  local found
  found, message, code = deps.gc.find(facts)
  if not found then return prepare.refuse(deps, message, code) end
  local gone
  gone, message, code, hint = deps.leftover.find(facts)
  if not gone then return prepare.refuse(deps, message, code, hint) end
  if args.projects then
    table.move(gone, 1, #gone, #found + 1, found)
  elseif #gone > 0 then
    deps.report:note(("kept what agents have of %d project%s whose workspace is gone; "
      .. "`wrapix gc --projects --dry-run` lists it"):format(#gone, #gone == 1 and "" or "s"))
  end
  local failed = remove(found, args)
  local status = failed > 0 and 125 or 0
  if args.json then return math.max(output.json(deps.json.array(found), deps), status) end
  show(found, args, deps)
  return status
end

return M
