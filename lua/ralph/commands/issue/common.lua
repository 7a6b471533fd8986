-- SPDX-License-Identifier: MIT
-- What the commands on issues share: the tracker from the options, texts from stdin, and
-- issues as lines for a person. Texts of issues are foreign: what could steer a terminal is
-- shown as \xNN. Decides nothing.

local options = require "ralph.commands.options"
local wrapix = require "wrapix"

local M = {}

local STDIN_LIMIT = 64 << 20
local WIDEST_TITLE = 100

M.list = options.list

--- What all of them take.
M.options = options.list(options.json, options.common)

--- Options by what they are called, each written once.
M.spec = { flags = { "-s", "--spec" }, argname = "NAME", offers = "spec",
  description = "Only issues of this spec." }

local function check_priority(text)
  if text:find("^[pP]?[0-4]$") then return true end
  return nil, "is no priority from 0, the most urgent, to 4"
end

M.priority = { flags = { "-p", "--priority" }, argname = "0-4", check = check_priority,
  description = "0 is the most urgent; 2 when nothing is said." }

--- The number that --priority means.
---@param text string?
---@return integer?
function M.number(text) return text and math.tointeger(tonumber(text:match("%d"))) end

--- What `--status` and `--type` are usually given; others are taken, too.
M.STATUSES = { "open", "in_progress", "blocked", "deferred", "closed" }
M.TYPES = { "bug", "feature", "task", "epic", "chore" }

M.limit = { flags = { "-n", "--limit" }, argname = "N",
  check = function(text) return text:find("^%d+$") and true, "is no number; 0 means all" end,
  description = "No more than N; 0 means all." }

--- Options that give an issue its texts and words, for new ones and changes.
---@type wrapix.CliOption[]
M.fields = {
  { flags = { "-d", "--description" }, argname = "TEXT",
    description = "What it is about; - reads it from stdin." },
  { flags = { "--acceptance" }, argname = "TEXT",
    description = "How one knows that it is done; - likewise." },
  { flags = { "--design" }, argname = "TEXT", description = "How it is to be done; - likewise." },
  { flags = { "--notes" }, argname = "TEXT", description = "Notes; - likewise." },
  { flags = { "-t", "--type" }, argname = "TYPE", offers = M.TYPES,
    description = "bug, feature, task, epic, chore, …; task when nothing is said." },
  M.priority,
  { flags = { "--assignee" }, argname = "NAME", description = "Who is to do it." },
  { flags = { "--defer" }, argname = "TIME",
    description = "Not ready before, such as 2026-01-31T08:00:00Z." },
  { flags = { "--spec" }, argname = "NAME", offers = "spec",
    description = "The spec it belongs to." },
}

local FIELD_OF = {
  description = "description", acceptance = "acceptance_criteria", design = "design",
  notes = "notes", type = "issue_type", assignee = "assignee", defer = "defer_until", spec = "spec_id" }

--- Reads stdin to its end.
---@return string? text
---@return string? message
function M.stdin()
  local text = io.stdin:read(STDIN_LIMIT)
  if not text then return "" end
  if io.stdin:read(0) then return nil, "stdin: is larger than 64 MiB" end
  return text
end

--- A text of the command line; `-` is what stdin has.
---@param text string
---@return string? text
---@return string? message
function M.text(text)
  if text ~= "-" then return text end
  local read, message = M.stdin()
  return read and read:gsub("\n+$", ""), message
end

--- Fields from the options of M.fields.
---@param args table
---@return table? fields
---@return string? message
---@return string? code "EUSAGE"
function M.read_fields(args)
  local fields, stdin = {}, 0
  for option, field in pairs(FIELD_OF) do
    if args[option] then
      if args[option] == "-" then stdin = stdin + 1 end
      if stdin > 1 then return nil, "usage: - can be given once: stdin is read once", "EUSAGE" end
      local text, message = M.text(args[option])
      if not text then return nil, message end
      fields[field] = text
    end
  end
  fields.priority = M.number(args.priority)
  return fields
end

--- Opens the list of the project that the options name.
---@param args table
---@param deps table
---@return table? tracker
---@return string? message
---@return string? code
---@return string? hint
function M.tracker(args, deps)
  local project, message, code, hint = require("ralph.project").open(args.workspace,
    { log = deps.report })
  if not project then return nil, message, code, hint end
  return project:tracker()
end

--- Tells of a failure, and gives the exit status.
---@param deps table
---@param message string
---@param code string?
---@param hint string?
---@return integer
function M.refuse(deps, message, code, hint)
  deps.report:error(message, hint)
  return code == "EUSAGE" and 2 or 1
end

--- Prints a value as JSON.
---@param value any
---@param deps table
---@return integer status
function M.json(value, deps)
  local text, message = wrapix.json.encode(value, { pretty = true })
  if not text then return M.refuse(deps, "write: JSON: " .. message) end
  deps.out(text .. "\n")
  return 0
end

--- Prints issues as a JSON list, one a line: a long list is read by programs.
---@param list table[]
---@param deps table
---@return integer status
function M.json_list(list, deps)
  if #list == 0 then return M.json(wrapix.json.array(), deps) end
  local out = {}
  for i, issue in ipairs(list) do
    local text, message = wrapix.json.encode(issue)
    if not text then return M.refuse(deps, "write: JSON: " .. message) end
    out[i] = text
  end
  deps.out("[" .. table.concat(out, ",\n ") .. "]\n")
  return 0
end

-- For people ----------------------------------------------------------------------------

local function show(text) return wrapix.log.clean(tostring(text)) end

--- One line of foreign text.
M.show = show

local function cut(text)
  local stop = utf8.len(text) and utf8.offset(text, WIDEST_TITLE + 1)
  return stop and stop <= #text and text:sub(1, stop - 1) .. "…" or text
end

local function width(text) return utf8.len(text) or #text end

--- Rows as aligned columns, the first one as the heading.
---@param rows string[][]
---@param deps table
function M.table(rows, deps)
  local widths = {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 0, width(cell)) end
  end
  local lines = {}
  for i, row in ipairs(rows) do
    local cells = {}
    for j, cell in ipairs(row) do
      cells[j] = j < #row and cell .. (" "):rep(widths[j] - width(cell)) or cell
    end
    local line = table.concat(cells, "  ")
    lines[i] = i == 1 and deps.color and "\27[1m" .. line .. "\27[0m" or line
  end
  deps.out(table.concat(lines, "\n") .. "\n")
end

--- Issues, one a line.
---@param list table[]
---@param deps table
function M.issues(list, deps)
  local rows = { { "ID", "P", "TYPE", "STATUS", "TITLE" } }
  for i, issue in ipairs(list) do
    rows[i + 1] = { show(issue.id), show(issue.priority), show(issue.issue_type or "task"),
      show(issue.status), cut(show(issue.title)) }
  end
  M.table(rows, deps)
end

--- A text of several lines, indented.
---@param text string
---@param deps table
function M.block(text, deps)
  for line in (tostring(text):gsub("\n+$", "") .. "\n"):gmatch("(.-)\r?\n") do
    deps.out(line == "" and "\n" or "  " .. show((line:gsub("\t", "  "))) .. "\n")
  end
end

--- What was done with one issue: `--json` prints it as a list of one, as bd does.
---@param issue table
---@param what string "closed"
---@param args table
---@param deps table
---@return integer status
function M.done(issue, what, args, deps)
  if args.json then return M.json(wrapix.json.array({ issue }), deps) end
  deps.out(("%s: %s: %s\n"):format(show(issue.id), what, cut(show(issue.title))))
  return 0
end

--- A command that does one thing to one issue.
---@param args table
---@param deps table
---@param what string
---@param act fun(tracker: table): table?, string?, string?, string?
---@return integer status
function M.act(args, deps, what, act)
  local tracker, message, code, hint = M.tracker(args, deps)
  local issue
  if tracker then issue, message, code, hint = act(tracker) end
  if not issue then return M.refuse(deps, message, code, hint) end
  return M.done(issue, what, args, deps)
end

return M
