-- SPDX-License-Identifier: MIT
-- `ralph issue dep add|remove|list`: what issues depend on.

local common = require "ralph.commands.issue.common"
local wrapix = require "wrapix"

local BOTH = {
  { name = "id", argname = "ID", offers = "issue", description = "The issue that depends." },
  { name = "on", argname = "ON", offers = "issue", description = "The one it depends on." },
}

-- The ids that two words mean; the second may be gone.
local function both(tracker, args)
  local issue, message, code, hint = tracker:get(args.id)
  if not issue then return nil, message, code, hint end
  local on = tracker:get(args.on)
  return issue.id, on and on.id or args.on
end

local function report(answer, text, args, deps)
  if args.json then return common.json(answer, deps) end
  deps.out(text .. "\n")
  return 0
end

local add = {
  name = "add",
  summary = "Make one issue depend on another.",
  description = "ID depends on ON. With type blocks, the default, ID is ready when ON is "
    .. "closed. Others that "
    .. "block are parent-child (ON is the parent), conditional-blocks (ID is done only when ON fails) and "
    .. "waits-for (the children of ON); any other word only says something.",
  arguments = BOTH,
  options = common.list({
    { flags = { "-t", "--type" }, argname = "TYPE", description = "The type; default: blocks." },
  }, common.options),
  example = { { "ralph issue dep add shop-b2 shop-a1", "shop-b2 after shop-a1" } },
}

function add.run(args, deps)
  local kind = args.type or "blocks"
  local tracker, message, code, hint = common.tracker(args, deps)
  local id, on, ok
  if tracker then id, on, code, hint = both(tracker, args) message = on end
  if id then ok, message, code, hint = tracker:dep(id, on, kind) end
  if not ok then return common.refuse(deps, message, code, hint) end
  return report({ status = "added", issue_id = id, depends_on_id = on, type = kind },
    ("%s depends on %s (%s)"):format(common.show(id), common.show(on), common.show(kind)), args, deps)
end

local remove = {
  name = "remove",
  summary = "Take a dependency away.",
  arguments = BOTH,
  options = common.options,
  example = { { "ralph issue dep remove shop-b2 shop-a1", "shop-b2 no longer waits" } },
}

function remove.run(args, deps)
  local tracker, message, code, hint = common.tracker(args, deps)
  local id, on, ok
  if tracker then id, on, code, hint = both(tracker, args) message = on end
  if id then ok, message, code, hint = tracker:undep(id, on) end
  if not ok then return common.refuse(deps, message, code, hint) end
  return report({ status = "removed", issue_id = id, depends_on_id = on },
    ("%s no longer depends on %s"):format(common.show(id), common.show(on)), args, deps)
end

local list = {
  name = "list",
  summary = "List what an issue depends on.",
  arguments = { { name = "id", argname = "ID", offers = "issue",
    description = "Its id, or the beginning of it." } },
  options = common.options,
  example = { { "ralph issue dep list shop-b2", "what it depends on" } },
}

function list.run(args, deps)
  local tracker, message, code, hint = common.tracker(args, deps)
  local issue
  if tracker then issue, message, code, hint = tracker:get(args.id) end
  if not issue then return common.refuse(deps, message, code, hint) end
  local found, rows = wrapix.json.array(), { { "ID", "TYPE", "STATUS", "TITLE" } }
  for i, dep in ipairs(issue.dependencies or {}) do
    local on = tracker:get(dep.depends_on_id) or {}
    found[i] = { id = dep.depends_on_id, type = dep.type or "blocks", status = on.status,
      title = on.title }
    rows[i + 1] = { common.show(dep.depends_on_id), common.show(dep.type or "blocks"),
      common.show(on.status or "missing"), common.show(on.title or "-") }
  end
  if args.json then return common.json(found, deps) end
  if #found == 0 then deps.report:note("it depends on nothing") else common.table(rows, deps) end
  return 0
end

---@type wrapix.CliCommand
return {
  name = "dep",
  summary = "See and change what issues depend on.",
  commands = { add, remove, list },
  example = { { "ralph issue dep add shop-b2 shop-a1", "shop-b2 after shop-a1" } },
}
