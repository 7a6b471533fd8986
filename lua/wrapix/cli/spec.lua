-- SPDX-License-Identifier: MIT
-- One declarative table per command → its argparse parser, its help, and the
-- check of its words. Completion and man pages are made from the same tables.
-- Nothing here prints or ends the program: argparse's own ways of doing so are
-- never called.

local argparse = require("argparse")
local nearest = require("wrapix.nearest")
local words_of = require("wrapix.cli.words")

local M = {}

---@class wrapix.CliOption
---@field flags string[] such as { "-C", "--workspace" }; the last one names it
---@field argname string? what a value is called in the help; none: a flag
---@field description string
---@field count "*"? may be given more than once; the value is then a list
---@field choices string[]?
---@field target string? field of the parsed values; default: the last flag
---@field check (fun(text: string): any, string?, any, string?)? nil, reason for a bad value
---@field shown (fun(text: string): string)? the part of a value that may stand in an error

---@class wrapix.CliArgument
---@field name string field of the parsed values
---@field argname string
---@field description string
---@field optional boolean?

---@class wrapix.CliRest
---@field argname string what stands after `--`
---@field description string

---@class wrapix.CliCommand
---@field name string
---@field summary string one line, for the list of commands
---@field description string?
---@field usage string[]? whole usage lines, where one made from the fields would mislead
---@field options wrapix.CliOption[]?
---@field arguments wrapix.CliArgument[]?
---@field rest wrapix.CliRest? absent: no words after `--`
---@field extra_hint string? for words too many
---@field example { [1]: string, [2]: string }[] command line and what it does
---@field commands wrapix.CliCommand[]? a group; it has no options of its own
---@field default string? the command of a group when none is named
---@field run (fun(args: table, deps: table): integer)?

local FIELDS = {
  name = "string", summary = "string", description = "string", usage = "table", options = "table",
  arguments = "table", rest = "table", extra_hint = "string", example = "table",
  commands = "table", default = "string", run = "function",
}
local OPTION_FIELDS = {
  flags = "table", argname = "string", description = "string", count = "string",
  choices = "table", target = "string", check = "function", shown = "function",
}
local HELP = { flags = { "-h", "--help" }, description = "Show this help." }

local function check_fields(what, fields, known)
  for key, value in pairs(fields) do
    if type(value) ~= known[key] then
      error(("%s: field '%s' is unknown or no %s"):format(what, key, known[key] or "field"), 0)
    end
  end
end

--- Checks the table of a command; a mistake in it raises.
---@param spec wrapix.CliCommand
---@param name string? the full name, for messages
---@return wrapix.CliCommand spec
function M.check(spec, name)
  name = name or spec.name
  check_fields(name, spec, FIELDS)
  for _, field in ipairs({ "name", "summary", "example" }) do
    if not spec[field] then error(("%s: field '%s' is missing"):format(name, field), 0) end
  end
  if (spec.commands ~= nil) == (spec.run ~= nil) then
    error(name .. ": either commands or run", 0)
  end
  for _, option in ipairs(spec.options or {}) do check_fields(name, option, OPTION_FIELDS) end
  for _, command in ipairs(spec.commands or {}) do M.check(command, name .. " " .. command.name) end
  return spec
end

--- All options of a command, the help option first.
---@param spec wrapix.CliCommand
---@return wrapix.CliOption[]
function M.options(spec)
  return table.move(spec.options or {}, 1, #(spec.options or {}), 2, { HELP })
end

--- The field of the parsed values an option goes to.
---@param option wrapix.CliOption
---@return string
function M.target(option)
  return option.target or (option.flags[#option.flags]:gsub("^%-+", ""):gsub("%-", "_"))
end

--- Adds the option words that take a value, for words.scan.
---@param spec wrapix.CliCommand
---@param into table<string, boolean>
---@return table<string, boolean> into
function M.takes_value(spec, into)
  for _, option in ipairs(spec.options or {}) do
    for _, flag in ipairs(option.flags) do into[flag] = option.argname ~= nil end
  end
  for _, command in ipairs(spec.commands or {}) do M.takes_value(command, into) end
  return into
end

-- Usage and help ---------------------------------------------------------------

--- The usage lines of a command.
---@param spec wrapix.CliCommand
---@param name string full name, such as "wrapix profile show"
---@return string
function M.usage(spec, name)
  local lines = spec.usage
  if not lines then
    local parts = { name, spec.commands and "COMMAND" or "[OPTIONS]" }
    for _, argument in ipairs(spec.arguments or {}) do
      local text = argument.argname
      parts[#parts + 1] = argument.optional and ("[%s]"):format(text) or text
    end
    if spec.rest then parts[#parts + 1] = ("[-- %s]"):format(spec.rest.argname) end
    lines = { table.concat(parts, " ") }
  end
  return "Usage: " .. table.concat(lines, "\n       ")
end

local function add_option(parser, option, on_help)
  local made = parser:option(table.concat(option.flags, " "))
    :description(option.description):target(M.target(option)):args(option.argname and 1 or 0)
  if option.argname then made:argname(option.argname) end
  if option.count then made:count(option.count) end
  if option == HELP and on_help then made:action(on_help) end
  -- The usual one line, "-C, --workspace DIR", instead of one for each flag.
  local label = table.concat(option.flags, ", ") .. (option.argname and " " .. option.argname or "")
  if #option.flags == 1 and label:sub(1, 2) == "--" then label = "    " .. label end
  made._get_label_lines = function() return { label } end
end

-- Every argument is optional for argparse: --help must work without them, and
-- our own messages name what is missing.
local function add_arguments(parser, spec)
  for _, argument in ipairs(spec.arguments or {}) do
    local made = parser:argument(argument.name):args("?"):description(argument.description)
    made._get_label_lines = function() return { argument.argname } end
  end
  parser:argument("extra"):args("*"):hidden(true)
end

local function example_text(spec)
  local lines = { #spec.example > 1 and "Examples:" or "Example:" }
  for _, example in ipairs(spec.example) do
    lines[#lines + 1] = "  " .. example[1]
    lines[#lines + 1] = "      " .. example[2]
  end
  return table.concat(lines, "\n")
end

local function make_parser(spec, name, on_help)
  local parser = argparse(name):add_help(false):usage(M.usage(spec, name))
    :description(spec.description or spec.summary):epilog(example_text(spec))
    :help_max_width(88):help_usage_margin(2):help_description_margin(30)
  for _, option in ipairs(M.options(spec)) do add_option(parser, option, on_help) end
  add_arguments(parser, spec)
  return parser
end

-- Two columns as argparse sets them in a help text.
local function rows(title, list)
  local lines = { title .. ":" }
  for _, row in ipairs(list) do lines[#lines + 1] = ("  %-28s%s"):format(row[1], row[2]) end
  return table.concat(lines, "\n")
end

--- Names and summaries of commands, as one block of a help text.
---@param commands { name: string, summary: string }[]
---@return string
function M.command_list(commands)
  local list = {}
  for i, command in ipairs(commands) do list[i] = { command.name, command.summary } end
  return rows("Commands", list)
end

local function group_help(spec, name)
  local blocks = { M.usage(spec, name), spec.description or spec.summary }
  blocks[#blocks + 1] = M.command_list(spec.commands)
  blocks[#blocks + 1] = example_text(spec)
  blocks[#blocks + 1] = ("%s COMMAND --help tells more."):format(name)
  return table.concat(blocks, "\n\n") .. "\n"
end

--- The help of a command: usage, arguments, options, examples.
---@param spec wrapix.CliCommand
---@param name string full name
---@param more string? a further block at the end
---@return string
function M.help(spec, name, more)
  if spec.commands then return group_help(spec, name) end
  local text = make_parser(spec, name):get_help()
  if spec.rest then
    local block = rows("After --", { { spec.rest.argname, spec.rest.description } })
    text = text:gsub("\n\nOptions:", function() return "\n\n" .. block .. "\n\nOptions:" end, 1)
  end
  return text .. (more and "\n\n" .. more or "") .. "\n"
end

-- Parsing ----------------------------------------------------------------------

local function all_flags(spec)
  local flags = {}
  for _, option in ipairs(M.options(spec)) do
    table.move(option.flags, 1, #option.flags, #flags + 1, flags)
  end
  return flags
end

-- argparse brings suggestions of its own, by another measure than everything
-- else here.
local function explain_refusal(message, spec)
  message = message:gsub("\nDid you mean.*$", "")
  -- Every letter is one change away from any other.
  local unknown = message:match("^unknown option '(%-%-.*)'$")
  return unknown and message .. nearest.hint(unknown, all_flags(spec)) or message
end

local function check_option(option, value)
  if option.choices then
    for _, choice in ipairs(option.choices) do
      if value == choice then return true end
    end
    return nil, ("is not one of %s%s"):format(table.concat(option.choices, ", "),
      nearest.hint(value, option.choices))
  end
  if not option.check then return true end
  local ok, reason, _, hint = option.check(value)
  if ok == nil then return nil, reason, hint end
  return true
end

local function check_values(spec, values)
  for _, option in ipairs(spec.options or {}) do
    local given = values[M.target(option)]
    local list = type(given) == "table" and given or { given }
    for _, value in ipairs(option.argname and list or {}) do
      local ok, reason, hint = check_option(option, value)
      if not ok then
        local flag = option.flags[#option.flags]
        local shown = option.shown and option.shown(value) or value
        return nil, ("option '%s': '%s' %s"):format(flag, shown, reason), hint
      end
    end
  end
  return true
end

local function check_arguments(spec, values)
  for _, argument in ipairs(spec.arguments or {}) do
    if not argument.optional and values[argument.name] == nil then
      return nil, ("%s is missing"):format(argument.argname)
    end
  end
  if values.extra[1] then
    return nil, ("unexpected '%s'"):format(values.extra[1]), spec.extra_hint
  end
  return true
end

local function run_parser(spec, name, words)
  local help = false
  local parser = make_parser(spec, name, function()
    help = true
    error("help asked for", 0)
  end)
  local ok, parsed, result = pcall(parser.pparse, parser, words)
  if help then return { help = true } end
  if not ok then error(parsed, 0) end
  if not parsed then return nil, explain_refusal(result, spec) end
  return result
end

--- Reads the words of a command.
---@param spec wrapix.CliCommand
---@param name string full name
---@param words string[]
---@return table? values by target and argument name; `help = true` alone when asked for;
--- `rest` is the list of words after `--`, if the command takes them
---@return string? message what is wrong with the words
---@return string? hint
function M.parse(spec, name, words)
  local before, rest = words, nil
  if spec.rest then before, rest = words_of.split(words) end
  local values, refusal = run_parser(spec, name, before)
  if not values or values.help then return values, refusal end
  local ok, message, hint = check_values(spec, values)
  if ok then ok, message, hint = check_arguments(spec, values) end
  if not ok then return nil, message, hint end
  values.extra = nil
  values.rest = rest
  return values
end

return M
