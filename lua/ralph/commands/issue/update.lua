-- SPDX-License-Identifier: MIT
-- `ralph issue update ID`: changes fields.

local common = require "ralph.commands.issue.common"
local wrapix = require "wrapix"

---@type wrapix.CliCommand
local M = {
  name = "update",
  summary = "Change an issue.",
  description = "Changes what is given; an empty value takes the old one away. --metadata is "
    .. "merged "
    .. "into what is there, and null in it removes.",
  arguments = { { name = "id", argname = "ID", offers = "issue",
    description = "Its id, or the beginning of it." } },
  options = common.list({
    { flags = { "--title" }, argname = "TITLE", description = "Another title." },
    { flags = { "--status" }, argname = "STATUS", offers = common.STATUSES,
      description = "open, blocked, deferred, …; see also claim, close, reopen." },
    { flags = { "--add-label" }, argname = "LABEL", count = "*",
      description = "One more label. Repeatable." },
    { flags = { "--remove-label" }, argname = "LABEL", count = "*",
      description = "One label less. Repeatable." },
    { flags = { "--metadata" }, argname = "JSON",
      description = "An object of your own; - reads it from stdin." },
    { flags = { "--comment" }, argname = "TEXT",
      description = "Adds a comment; - reads it from stdin." },
  }, common.fields, common.options),
  example = {
    { "ralph issue update shop-a3f8 -p 0", "make it the most urgent" },
    { "ralph issue update shop-a3f8 --add-label profile:rust", "have it done with this profile" },
  },
}

local function labels_of(issue, args)
  local gone, list = {}, {}
  for _, label in ipairs(args.remove_label) do gone[label] = true end
  for _, label in ipairs(issue.labels or {}) do
    if not gone[label] then list[#list + 1] = label end
  end
  return table.move(args.add_label, 1, #args.add_label, #list + 1, list)
end

local function metadata_of(text)
  local read, message = common.text(text)
  if not read then return nil, message end
  local value
  value, message = wrapix.json.decode(read)
  if message then return nil, "usage: --metadata: " .. message, "EUSAGE" end
  if type(value) ~= "table" or wrapix.json.is_array(value) then
    return nil, "usage: --metadata: a JSON object expected", "EUSAGE"
  end
  return value
end

local function update(tracker, fields, args)
  local issue, message, code, hint = tracker:get(args.id)
  if not issue then return nil, message, code, hint end
  if #args.add_label + #args.remove_label > 0 then fields.labels = labels_of(issue, args) end
  if args.comment then
    local text
    text, message = common.text(args.comment)
    if not text then return nil, message end
    issue, message, code, hint = tracker:comment(issue.id, text)
    if not issue then return nil, message, code, hint end
  end
  if next(fields) == nil then return issue end
  return tracker:update(issue.id, fields)
end

function M.run(args, deps)
  local fields, message, code = common.read_fields(args)
  if fields and args.metadata then
    fields.metadata, message, code = metadata_of(args.metadata)
    if not fields.metadata then fields = nil end
  end
  if not fields then return common.refuse(deps, message, code) end
  fields.title, fields.status = args.title, args.status
  if next(fields) == nil and #args.add_label + #args.remove_label == 0 and not args.comment then
    return common.refuse(deps, "usage: nothing to change", "EUSAGE", "`ralph issue update --help` shows what")
  end
  return common.act(args, deps, "changed", function(tracker) return update(tracker, fields, args) end)
end

return M
