-- SPDX-License-Identifier: MIT
-- The program's first function: which command the words mean, its options, and
-- its exit status. The commands are one file each; nothing of what they do is
-- here. Ends the program only by returning a status.

local group_of = require("wrapix.cli.group")
local lazy = require("wrapix.lazy")
local path = require("wrapix.path")
local report = require("wrapix.cli.report")
local spec = require("wrapix.cli.spec")
local words_of = require("wrapix.cli.words")

local nearest = lazy("wrapix.nearest")
local script = lazy("wrapix.cli.script")
-- Every command is known without it.
local function run() return require("wrapix.cli.run") end

local M = {}

local USAGE_STATUS = 2

-- Each name is a file of this directory; loaded when it is wanted.
local COMMANDS = {
  "init", "trust", "explain", "profile", "image", "ps", "exec", "attach", "stop", "logs", "gc",
  "login", "deploy-key", "notify", "notifyd", "builder", "ralph", "doctor", "completion",
  "version", "help",
}

-- A program started by one of these names is that command.
local PROGRAMS = { ["wrapix-notifyd"] = "notifyd", ["wrapix-builder"] = "builder", ralph = "ralph" }

local function is_in(list, word)
  for _, entry in ipairs(list) do
    if entry == word then return true end
  end
  return false
end

-- A command whose file cannot have its name, because this one has it.
local FILES = { init = "new_project" }

local function load_command(name)
  return name == "run" and run() or require("wrapix.cli." .. (FILES[name] or name:gsub("%-", "_")))
end

--- The tables of all commands, `run` first; what help, completion and the man
--- page are made from.
---@return wrapix.CliCommand[]
function M.commands()
  local list = { run() }
  for i, name in ipairs(COMMANDS) do list[i + 1] = load_command(name) end
  return list
end

-- Help ---------------------------------------------------------------------------

local function full_name(name) return name == "run" and "wrapix" or "wrapix " .. name end

local function help_of(command, name)
  if command ~= run() then return spec.help(command, name) end
  local list = table.move(M.commands(), 2, #COMMANDS + 1, 1, {})
  local more = spec.command_list(list) .. "\n\n`wrapix COMMAND --help` tells more about one."
  return spec.help(run(), name, more)
end

-- The help of what the words from an index on name below a command.
local function help_below(command, name, words, from)
  for i = from, #words do
    local sub = group_of.find(command, words[i])
    if not sub then
      local known = command.commands and nearest.hint(words[i], group_of.names(command)) or ""
      local said = name:gsub("^wrapix ", "") .. " " .. path.show(words[i])
      return nil, ("help: %s: no such command%s"):format(said, known)
    end
    command, name = sub, name .. " " .. sub.name
  end
  return help_of(command, name)
end

--- The help of the command the words name; without words, of the program.
---@param words string[]
---@return string? text
---@return string? message
---@return string? hint
function M.help(words)
  local name = words[1] or "run"
  if name ~= "run" and not is_in(COMMANDS, name) then
    local known = nearest.hint(name, COMMANDS)
    return nil, ("help: %s: no such command%s"):format(path.show(name), known),
      "`wrapix help` lists the commands"
  end
  return help_below(load_command(name), full_name(name), words, 2)
end

-- Dispatch -----------------------------------------------------------------------

local function usage_error(deps, name, message, hint)
  deps.report:error("usage: " .. message, hint or ("`%s --help` shows how"):format(name))
  return USAGE_STATUS
end

--- Parses the words of a command and runs it.
local function start(command, name, words, deps, more)
  local args, message, hint = spec.parse(command, name, words)
  if not args then return usage_error(deps, name, message, hint) end
  if args.help then
    deps.out(help_of(command, name))
    return 0
  end
  deps.report:choose(args)
  for key, value in pairs(more or {}) do args[key] = value end
  return command.run(args, deps)
end

-- The index of the word that names a command of the group.
local function find_word(group, words)
  local first = words[1]
  if first and (first:sub(1, 1) ~= "-" or first == "-") then return 1 end
  return (words_of.scan(words, spec.takes_value(group, {})))
end

-- `GROUP help COMMAND...`, where no command has that name.
local function help_in_group(group, name, words, deps)
  local text, message, hint = help_below(group, name, words, 1)
  if not text then return usage_error(deps, name, message, hint) end
  deps.out(text)
  return 0
end

local function refuse_in_group(group, name, word, deps)
  local names = group_of.names(group)
  local list = ("its commands are %s"):format(table.concat(names, ", "))
  if not word then return usage_error(deps, name, name .. ": a command is missing", list) end
  local message = ("%s: no command '%s'%s"):format(name, word, nearest.hint(word, names))
  return usage_error(deps, name, message, list)
end

local function start_group(group, name, words, deps)
  local plain = find_word(group, words)
  local word = plain and words[plain]
  local sub = word and group_of.find(group, word)
  if sub then
    local go = sub.commands and start_group or start
    return go(sub, name .. " " .. word, words_of.without(words, plain), deps)
  end
  local wants_help = is_in(words, "-h") or is_in(words, "--help")
  if not word and group.default and not wants_help then
    local default = group_of.find(group, group.default)
    return start(default, name .. " " .. group.default, words, deps)
  end
  if wants_help then
    deps.out(spec.help(group, name))
    return 0
  end
  if word == "help" then
    return help_in_group(group, name, words_of.without(words, plain), deps)
  end
  return refuse_in_group(group, name, word, deps)
end

local function start_command(word, words, deps, program)
  local command = load_command(word)
  local go = command.commands and start_group or start
  deps.called = program or full_name(word)
  if PROGRAMS[word] == word then deps.report:rename(word, deps.called) end
  return go(command, deps.called, words, deps)
end

-- A file decides itself whether it is a script, to which the words after it
-- belong, or a profile, after which options may follow.
local function start_file(words, plain, deps)
  local before = table.move(words, 1, plain, 1, {})
  local args, message, hint = spec.parse(run(), "wrapix", before)
  if not args then return usage_error(deps, "wrapix", message, hint) end
  if args.help or args.version then return start(run(), "wrapix", before, deps) end
  deps.report:choose(args)
  local after = table.move(words, plain + 1, #words, 1, {})
  local profile, status = script.load(args, after, deps)
  if not profile then return status end
  return start(run(), "wrapix", words, deps, { loaded = profile })
end

local function dispatch(argv0, words, deps)
  local program = path.basename(argv0)
  if PROGRAMS[program] then return start_command(PROGRAMS[program], words, deps, program) end
  -- Its options take values exactly where those of any command do.
  local is_first = words[1] and words[1]:sub(1, 1) ~= "-"
  local plain = is_first and 1 or words_of.scan(words, spec.takes_value(run(), {}))
  local word = plain and words[plain]
  if word and is_in(COMMANDS, word) then
    return start_command(word, words_of.without(words, plain), deps)
  elseif word and word:find("%.lua$") then
    return start_file(words, plain, deps)
  end
  return start(run(), "wrapix", words, deps)
end

--- Runs the command a command line means, with the given dependencies.
---@param deps table see wrapix.cli.deps
---@param argv0 string
---@param ... string
---@return integer status
function M.main_with(deps, argv0, ...)
  deps.report = deps.report or report.new()
  deps.help = deps.help or M.help
  deps.commands, deps.programs = M.commands, PROGRAMS
  deps.command_words, deps.words = COMMANDS, { ... }
  local status = dispatch(argv0, { ... }, deps)
  local ok, message = deps.flush()
  if ok or status ~= 0 then return status end
  -- Whoever read the other end of a pipe has seen enough.
  if message ~= "Broken pipe" then deps.report:error(("write: stdout: %s"):format(message)) end
  return 1
end

--- The root task of the program.
---@param argv0 string
---@param ... string
---@return integer status
function M.main(argv0, ...)
  return M.main_with(require("wrapix.cli.deps").new(), argv0, ...)
end

return M
