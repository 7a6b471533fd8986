-- SPDX-License-Identifier: MIT
-- One declarative table per command → the check of its words. Its argparse
-- parser and its help are made in cli/parser.lua, which is loaded when they are
-- wanted: argparse alone is a tenth of a start. Nothing here prints or ends the
-- program.

local group_of = require("wrapix.cli.group")
local lazy = require("wrapix.lazy")
local option_of = require("wrapix.cli.option")
local words_of = require("wrapix.cli.words")

local nearest = lazy("wrapix.nearest")
local parser = lazy("wrapix.cli.parser")

local M = {}

---@class wrapix.CliOption
---@field flags string[] such as { "-C", "--workspace" }; the last one names it
---@field argname string? what a value is called in the help; none: a flag
---@field description string
---@field count "*"? may be given more than once; the value is then a list
---@field choices string[]?
---@field target string? field of the parsed values; default: the last flag
---@field offers string|string[]|nil what completion offers as the value: words, or one of the
--- kinds of wrapix.cli.completion.model; default: the choices
---@field check (fun(text: string): any, string?, any, string?)? nil, reason for a bad value
---@field shown (fun(text: string): string)? the part of a value that may stand in an error

---@class wrapix.CliArgument
---@field name string field of the parsed values
---@field argname string
---@field description string
---@field optional boolean?
---@field offers string|string[]|nil as of an option
---@field many boolean? takes all plain words; the value is a list. Only the last one may

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
---@field commands (wrapix.CliCommand|wrapix.CliEntry)[]? a group; it has no options of its own
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
  offers = "string or table",
}

local function check_fields(what, fields, known)
  for key, value in pairs(fields) do
    if not (known[key] or ""):find(type(value), 1, true) then
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
  for i, command in ipairs(group_of.all(spec)) do
    M.check(command, name .. " " .. command.name)
    if command.name ~= spec.commands[i].name then error(name .. ": an entry's name differs", 0) end
  end
  return spec
end

M.options = option_of.list
M.target = option_of.target

--- Adds the option words that take a value, for words.scan.
---@param spec wrapix.CliCommand
---@param into table<string, boolean>
---@return table<string, boolean> into
function M.takes_value(spec, into)
  for _, option in ipairs(spec.options or {}) do
    for _, flag in ipairs(option.flags) do into[flag] = option.argname ~= nil end
  end
  for _, command in ipairs(group_of.all(spec)) do M.takes_value(command, into) end
  return into
end

-- Usage and help ---------------------------------------------------------------

--- The usage lines of a command.
---@param spec wrapix.CliCommand
---@param name string full name, such as "wrapix profile show"
---@return string
function M.usage(spec, name) return parser.usage(spec, name) end

--- Names and summaries of commands, as one block of a help text.
---@param commands { name: string, summary: string }[]
---@return string
function M.command_list(commands) return parser.command_list(commands) end

--- The help of a command: usage, arguments, options, examples.
---@param spec wrapix.CliCommand
---@param name string full name
---@param more string? a further block at the end
---@return string
function M.help(spec, name, more) return parser.help(spec, name, more) end

-- Parsing ----------------------------------------------------------------------

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
    local value = values[argument.name]
    if not argument.optional and (value == nil or argument.many and not value[1]) then
      return nil, ("%s is missing"):format(argument.argname)
    end
  end
  if values.extra and values.extra[1] then
    return nil, ("unexpected '%s'"):format(values.extra[1]), spec.extra_hint
  end
  return true
end

-- What the parser would make of words among which no option is.
local function plain_values(spec, words)
  local values, extra = {}, {}
  for _, option in ipairs(spec.options or {}) do
    if option.count then values[M.target(option)] = {} end
  end
  local arguments = spec.arguments or {}
  local last = arguments[#arguments]
  local many = last and last.many and {} or nil
  if many then values[last.name] = many end
  for i, word in ipairs(words) do
    if word:sub(1, 1) == "-" and word ~= "-" then return nil end
    if many and i >= #arguments then
      many[#many + 1] = word
    elseif arguments[i] then
      values[arguments[i].name] = word
    else
      extra[#extra + 1] = word
    end
  end
  values.extra = extra
  return values
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
  local values, refusal = plain_values(spec, before), nil
  if not values then values, refusal = parser.run(spec, name, before) end
  if not values or values.help then return values, refusal end
  local ok, message, hint = check_values(spec, values)
  if ok then ok, message, hint = check_arguments(spec, values) end
  if not ok then return nil, message, hint end
  values.extra = nil
  values.rest = rest
  return values
end

return M
