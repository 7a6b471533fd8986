-- SPDX-License-Identifier: MIT
-- `ralph issue add TITLE`: a new issue.

local common = require "ralph.commands.issue.common"
local shared = require "ralph.commands.shared"

---@type wrapix.CliCommand
local M = {
  name = "add",
  summary = "Add an issue.",
  description = "Adds an issue and prints its id; with --json the issue. It belongs to the spec in work, of which "
    .. "`ralph loop` does the issues, unless --spec says otherwise; --spec \"\" is none.",
  arguments = { { name = "title", argname = "TITLE",
    description = "What is to be done, in a line." } },
  options = common.list(common.fields, {
    { flags = { "-l", "--label" }, argname = "LABEL", count = "*",
      description = "A label. Repeatable." },
    { flags = { "--needs" }, argname = "ID", offers = "issue", count = "*",
      description = "An issue that has to be done first. Repeatable." },
    { flags = { "--parent" }, argname = "ID", offers = "issue",
      description = "The issue it is a part of." },
    { flags = { "--discovered-from" }, argname = "ID", offers = "issue",
      description = "The issue in whose work it came up." },
    { flags = { "--id" }, argname = "ID", description = "Its id, instead of a new one." },
  }, common.options),
  example = {
    { 'ralph issue add "Total is rounded wrongly" -t bug -p 1', "prints the id" },
    { 'ralph issue add "Write the guide" --needs shop-a3f8 -d - <text', "after another, described by a file" },
  },
}

-- The ids that words mean; the beginning of one will do.
local function resolve(tracker, words)
  local ids = {}
  for i, word in ipairs(words) do
    local issue, message, code, hint = tracker:get(word)
    if not issue then return nil, message, code, hint end
    ids[i] = issue.id
  end
  return ids
end

local function add(tracker, fields, args)
  local needs, message, code, hint = resolve(tracker, args.needs)
  if not needs then return nil, message, code, hint end
  local parent, from
  parent, message, code, hint = resolve(tracker, { args.parent })
  if not parent then return nil, message, code, hint end
  from, message, code, hint = resolve(tracker, { args.discovered_from })
  if not from then return nil, message, code, hint end
  fields.title, fields.labels, fields.id = args.title, args.label, args.id
  fields.needs, fields.parent = needs, parent[1]
  if from[1] then
    fields.dependencies = { { depends_on_id = from[1], type = "discovered-from" } }
  end
  return tracker:add(fields)
end

-- What a person adds is to be found by a loop, which does those of the spec in work.
local function open(args, deps, fields)
  local project, message, code, hint = shared.open(args, deps)
  if not project then return nil, message, code, hint end
  if fields.spec_id == "" then
    fields.spec_id = nil
  else
    fields.spec_id = fields.spec_id or shared.spec_of(args, project)
  end
  return project:tracker()
end

function M.run(args, deps)
  local fields, message, code = common.read_fields(args)
  if not fields then return common.refuse(deps, message, code) end
  local tracker, issue, hint
  tracker, message, code, hint = open(args, deps, fields)
  if tracker then issue, message, code, hint = add(tracker, fields, args) end
  if not issue then return common.refuse(deps, message, code, hint) end
  if args.json then return common.json(issue, deps) end
  deps.out(issue.id .. "\n")
  return 0
end

return M
