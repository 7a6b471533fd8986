-- SPDX-License-Identifier: MIT
-- The table of a command → its argparse parser and its help. Completion and man
-- pages are made from the same tables. Nothing here prints or ends the program:
-- argparse's own ways of doing so are never called.

local argparse = require("argparse")
local group_of = require("wrapix.cli.group")
local nearest = require("wrapix.lazy")("wrapix.nearest")
local option_of = require("wrapix.cli.option")

local M = {}

local HELP_WIDTH = 88

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
      local text = argument.argname .. (argument.many and "..." or "")
      parts[#parts + 1] = argument.optional and ("[%s]"):format(text) or text
    end
    if spec.rest then parts[#parts + 1] = ("[-- %s]"):format(spec.rest.argname) end
    lines = { table.concat(parts, " ") }
  end
  return "Usage: " .. table.concat(lines, "\n       ")
end

local function add_option(parser, option, on_help)
  local made = parser:option(table.concat(option.flags, " "))
    :description(option.description):target(option_of.target(option)):args(option.argname and 1 or 0)
  if option.argname then made:argname(option.argname) end
  if option.count then made:count(option.count) end
  if option == option_of.help and on_help then made:action(on_help) end
  -- The usual one line, "-C, --workspace DIR", instead of one for each flag.
  local label = table.concat(option.flags, ", ") .. (option.argname and " " .. option.argname or "")
  if #option.flags == 1 and label:sub(1, 2) == "--" then label = "    " .. label end
  made._get_label_lines = function() return { label } end
end

-- Every argument is optional for argparse: --help must work without them, and
-- our own messages name what is missing.
local function add_arguments(parser, spec)
  local many = false
  for _, argument in ipairs(spec.arguments or {}) do
    local made = parser:argument(argument.name):args(argument.many and "*" or "?")
      :description(argument.description)
    made._get_label_lines = function() return { argument.argname } end
    many = many or argument.many == true
  end
  if not many then parser:argument("extra"):args("*"):hidden(true) end
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
    :help_max_width(HELP_WIDTH):help_usage_margin(2):help_description_margin(30)
  for _, option in ipairs(option_of.list(spec)) do add_option(parser, option, on_help) end
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

-- One paragraph in lines as wide as argparse makes them.
local function wrapped(text)
  local lines = { "" }
  for word in text:gmatch("%S+") do
    local line = lines[#lines]
    if line ~= "" and utf8.len(line) + utf8.len(word) >= HELP_WIDTH then
      lines[#lines + 1] = word
    else
      lines[#lines] = line == "" and word or line .. " " .. word
    end
  end
  return table.concat(lines, "\n")
end

local function group_help(spec, name)
  local blocks = { M.usage(spec, name), wrapped(spec.description or spec.summary) }
  blocks[#blocks + 1] = M.command_list(group_of.all(spec))
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
  for _, option in ipairs(option_of.list(spec)) do
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

--- Reads words as argparse does.
---@param spec wrapix.CliCommand
---@param name string full name
---@param words string[]
---@return table? values `help = true` alone when asked for
---@return string? message
function M.run(spec, name, words)
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

return M
