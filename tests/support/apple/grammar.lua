-- SPDX-License-Identifier: MIT
-- The words of a command line as Apple's argument parser takes them: which command
-- of which version, its options and its arguments. Whatever is not known is refused
-- with status 64 (facts A2, A3, A6, corrections 7, 11). Values are looked at elsewhere.

local fail = require("support.apple.fail")
local options = require("support.apple.options")

local M = {}

local function bounds(since, before) return { since = since, before = before } end

-- Facts A2. `true`: known to the grammar, not carried out by the double.
local TREE = {
  run = {}, create = {}, start = {}, stop = {}, kill = {}, delete = {}, exec = {}, logs = {},
  inspect = {}, list = {}, prune = {}, build = {}, copy = bounds("1.0.0"),
  export = { absent = true, since = "0.10.0" }, stats = { absent = true },
  help = { absent = true, since = "0.12.0" }, clean = { absent = true, since = "1.4.1" },
  image = { list = {}, pull = {}, push = { absent = true }, save = {}, load = {}, tag = {},
    delete = {}, prune = {}, inspect = {} },
  builder = { absent = true }, registry = { absent = true },
  machine = { absent = true, since = "1.0.0" }, k8s = { absent = true, since = "1.2.0" },
  volume = { create = {}, delete = {}, prune = {}, list = {}, inspect = {} },
  network = { create = {}, delete = {}, prune = { absent = true }, list = {}, inspect = {} },
  system = { start = {}, stop = {}, status = {}, version = {}, logs = { absent = true },
    df = { absent = true }, dns = { absent = true }, kernel = { absent = true },
    property = { absent = true } },
}
local GROUPS = { image = true, volume = true, network = true, system = true }
local ALIASES = { ls = "list", rm = "delete", cp = "copy", m = "machine" }
-- An alias of the top level that a group has not got.
local TOP_ONLY = { cp = true, m = true }

-- What stands after the options: a name, one or more ("+"), any number ("*"), or
-- everything that follows, unparsed (">").
local ARGUMENTS = {
  run = { "image", ">arguments" }, create = { "image", ">arguments" },
  exec = { "container-id", ">arguments" }, start = { "container-id" },
  stop = { "*container-ids" }, kill = { "*container-ids" }, delete = { "*container-ids" },
  list = {}, prune = {}, logs = { "container-id" }, inspect = { "+container-ids" },
  copy = { "source", "destination" }, build = { "?context-dir" },
  ["image list"] = {}, ["image inspect"] = { "+images" }, ["image tag"] = { "source", "target" },
  ["image load"] = {}, ["image save"] = { "+references" }, ["image delete"] = { "*images" },
  ["image prune"] = {}, ["image pull"] = { "reference" },
  ["volume create"] = { "name" }, ["volume delete"] = { "*names" }, ["volume list"] = {},
  ["volume inspect"] = { "+names" }, ["volume prune"] = {},
  ["network create"] = { "name" }, ["network delete"] = { "*network-names" },
  ["network list"] = {}, ["network inspect"] = { "+networks" },
  ["system start"] = {}, ["system stop"] = {}, ["system status"] = {}, ["system version"] = {},
}

local function usage_of(command)
  if command == "" then return "container [--debug] <subcommand>" end
  local words = { "container " .. command }
  if #(options.COMMANDS[command] or {}) > 0 then words[#words + 1] = "[<options>]" end
  words[#words + 1] = "[--debug]"
  for _, argument in ipairs(ARGUMENTS[command] or {}) do
    local mark, name = argument:match("^([%p]?)(.*)$")
    local shape = mark == ">" and "[<%s> ...]" or mark == "*" and "[<%s> ...]"
      or mark == "+" and "<%s> ..." or mark == "?" and "[<%s>]" or "<%s>"
    words[#words + 1] = shape:format(name)
  end
  return table.concat(words, " ")
end

local function refuse(command, message, ...)
  fail.usage(command, message:format(...), usage_of(command))
end

-- Commands -------------------------------------------------------------------------

local function unknown_command(cx, word)
  if word:sub(1, 1) == "-" then refuse("", "unknown option '%s'", word) end
  local place = "/usr/local/libexec/container-plugins/" .. word
  if not cx.system:is_up() then
    refuse("", "Plugins are unavailable. Start the container system services and retry:\n\n"
      .. "    container system start\n\nCheck to see that the plugin exists under:\n  - %s\n", place)
  end
  refuse("", "Plugin 'container-%s' not found.\n\nCheck to see that the plugin exists under:\n  - %s\n",
    word, place)
end

local function lookup(cx, nodes, word, is_top)
  local alias = (is_top or not TOP_ONLY[word]) and ALIASES[word]
  local name = alias or word
  local node = nodes[name]
  if type(node) ~= "table" or not cx.version:has(node) then return nil end
  return node, name
end

local function find_command(cx, words)
  local node, name = lookup(cx, TREE, words[1], true)
  if not node then unknown_command(cx, words[1]) end
  if GROUPS[name] then
    local word = words[2]
    local inner, inner_name = lookup(cx, node, word or "", false)
    if not inner then
      if word and word:sub(1, 1) ~= "-" then refuse(name, "Unexpected argument '%s'", word) end
      if word and word ~= "-h" and word ~= "--help" then refuse(name, "Unknown option '%s'", word) end
      return name, 2, true
    end
    node, name = inner, name .. " " .. inner_name
  end
  if node.absent then
    fail.unknown("A2", ("`%s` is there in %s, but the double does not act it out"):format(
      name, cx.version.text))
  end
  return name, name:find(" ") and 3 or 2
end

-- Options ---------------------------------------------------------------------------

local function index(cx, command)
  local by_name = {}
  for _, one in ipairs(options.COMMANDS[command]) do
    if cx.version:has(one) then
      for _, name in ipairs(one.names) do by_name[name] = one end
    end
  end
  return by_name
end

local function shown(option, name) return ("%s <%s>"):format(name, option.value) end

local function check_choice(cx, parse, option, name, value)
  local names = {}
  for _, choice in ipairs(option.choices) do
    if cx.version:has(choice) then
      if choice[1] == value then return end
      names[#names + 1] = ("'%s'"):format(choice[1])
    end
  end
  refuse(parse.command, "The value '%s' is invalid for '%s'. Please provide one of %s.", value,
    shown(option, name), table.concat(names, ", "))
end

local function store(cx, parse, option, name, value)
  if option.kind == "int" and not (value:match("^%-?%d+$") and math.tointeger(tonumber(value))) then
    refuse(parse.command, "The value '%s' is invalid for '%s'", value, shown(option, name))
  end
  if option.choices then check_choice(cx, parse, option, name, value) end
  if option.kind == "many" then
    local list = parse.opts[option.key] or {}
    list[#list + 1] = value
    parse.opts[option.key] = list
  else
    parse.opts[option.key] = option.kind == "int" and math.tointeger(tonumber(value)) or value
  end
end

local function is_option(word) return word ~= "-" and word:sub(1, 1) == "-" end

local function take_value(cx, parse, option, name)
  local value = parse.words[parse.at]
  if value == nil or is_option(value) then
    refuse(parse.command, "Missing value for '%s'", shown(option, name))
  end
  parse.at = parse.at + 1
  store(cx, parse, option, name, value)
end

local function take_one(cx, parse, name)
  local option = parse.index[name]
  if not option then refuse(parse.command, "Unknown option '%s'", name) end
  if option.kind == "flag" then
    parse.opts[option.key] = true
  else
    take_value(cx, parse, option, name)
  end
end

-- -it is two flags; -eA=b, a value without a blank, is no option at all.
local function take_cluster(cx, parse, word)
  local letters = word:sub(2)
  for letter in letters:gmatch(".") do
    if not parse.index["-" .. letter] then refuse(parse.command, "Unknown option '%s'", word) end
  end
  for i = 1, #letters do
    local name = "-" .. letters:sub(i, i)
    if parse.index[name].kind ~= "flag" and i < #letters then
      refuse(parse.command, "Unknown option '%s'", word)
    end
    take_one(cx, parse, name)
  end
end

local function take_long(cx, parse, word)
  local name, value = word:match("^(%-%-[^=]*)=(.*)$")
  if not name then return take_one(cx, parse, word) end
  local option = parse.index[name]
  if not option then refuse(parse.command, "Unknown option '%s'", name) end
  if option.kind == "flag" then
    refuse(parse.command, "The option '%s' does not take any value, but '%s' was specified.", name, value)
  end
  if value == "" then refuse(parse.command, "Missing value for '%s'", shown(option, name)) end
  store(cx, parse, option, name, value)
end

local function take_option(cx, parse, word)
  if word == "-h" or word == "--help" then
    parse.help = true
  elseif word == "--debug" then
    refuse(parse.command, "Unknown option '--debug'") -- correction 11: only before the command
  elseif word:sub(1, 2) == "--" then
    take_long(cx, parse, word)
  elseif #word == 2 then
    take_one(cx, parse, word)
  else
    take_cluster(cx, parse, word)
  end
end

-- Arguments -------------------------------------------------------------------------

local function passes_on(arguments)
  local last = arguments[#arguments]
  return last ~= nil and last:sub(1, 1) == ">"
end

local function collect(cx, parse, arguments)
  local free, passthrough, only_values = {}, passes_on(arguments), false
  while parse.at <= #parse.words do
    local word = parse.words[parse.at]
    parse.at = parse.at + 1
    if word == "--" and not only_values then
      only_values = true
    elseif not only_values and is_option(word) then
      take_option(cx, parse, word)
    else
      free[#free + 1] = word
      if passthrough and #free == #arguments - 1 then
        return table.move(parse.words, parse.at, #parse.words, #free + 1, free)
      end
    end
  end
  return free
end

local function assign(parse, arguments, free)
  local at = 1
  for _, argument in ipairs(arguments) do
    local mark, name = argument:match("^([%p]?)(.*)$")
    local key = name:gsub("%-", "_")
    if mark == "" or mark == "?" then
      if free[at] == nil and mark == "" then
        refuse(parse.command, "Missing expected argument '<%s>'", name)
      end
      parse.args[key], at = free[at], at + 1
    else
      parse.args[key] = table.move(free, at, #free, 1, {})
      at = #free + 1
      if mark == "+" and #parse.args[key] == 0 then
        refuse(parse.command, "Missing expected argument '<%s> ...'", name)
      end
    end
  end
  if free[at] then refuse(parse.command, "Unexpected argument '%s'", free[at]) end
end

---@class apple.Parse
---@field command string such as "run" or "image load"; "" with nothing but root options
---@field opts table<string, any> by the last long name, "_" for "-"
---@field args table<string, any> by the name of the argument
---@field help boolean?
---@field version boolean?

---Parses a command line; raises what fail makes when it is not one.
---@param cx apple.Context
---@param words string[]
---@return apple.Parse
function M.parse(cx, words)
  local at = 1
  while words[at] == "--debug" do at = at + 1 end
  words = table.move(words, at, #words, 1, {})
  if words[1] == nil or words[1] == "-h" or words[1] == "--help" then
    return { command = "", opts = {}, args = {}, help = true }
  elseif words[1] == "--version" then
    return { command = "", opts = {}, args = {}, version = true }
  end
  local command, from, only_help = find_command(cx, words)
  if only_help then return { command = command, opts = {}, args = {}, help = true } end
  local parse = {
    command = command, words = words, at = from, opts = {}, args = {}, index = index(cx, command),
  }
  local free = collect(cx, parse, ARGUMENTS[command])
  if not parse.help then assign(parse, ARGUMENTS[command], free) end
  return parse
end

---The usage line of a command.
---@param command string
---@return string
function M.usage(command) return usage_of(command) end

return M
