-- SPDX-License-Identifier: MIT
-- The person's rules: $XDG_CONFIG_HOME/wrapix/notify.lua, which returns a table. A
-- mistake in it is told with the field's name, and what is right without the file
-- goes on: a broken file must not swallow messages. Runs the file, which is the
-- person's own; nothing of a workspace is read.

local check = require("wrapix.schema.check")
local chunk = require("wrapix.profile.chunk")
local fs = require("wrapix.fs")
local guard = require("wrapix.notify.guard")
local nearest = require("wrapix.nearest")
local path = require("wrapix.path")
local units = require("wrapix.plan.units")

local M = {}

local FILE = "notify.lua"
local FILE_LIMIT = 1 << 20
local DAY = 24 * 60

---@class wrapix.NotifySinkEntry
---@field name string
---@field opts table
---@field show function? the person's own

---@class wrapix.NotifyConfig
---@field sinks wrapix.NotifySinkEntry[] all of them show a message
---@field on_message (fun(message: table, ctx: table): any)?
---@field quiet { from: integer, to: integer }|false minutes since midnight
---@field min_age number seconds; 0: any
---@field join number seconds
---@field rate { count: integer, per: number }|false
---@field focus boolean
---@field always boolean
---@field tcp { host: string, port: integer }|false
---@field path string? where it was read from

---What holds without a file.
---@return wrapix.NotifyConfig
function M.defaults()
  return {
    sinks = { { name = "desktop", opts = {} } }, quiet = false, min_age = 0, join = 10,
    rate = { count = 10, per = 60 }, focus = true, always = false, tcp = false,
  }
end

-- --- options of sinks ----------------------------------------------------------------

local function is_text(value) return type(value) == "string" and value ~= "" and not value:find("%z") end

local function is_url(value)
  return is_text(value) and value:find("^https?://[^%s\"\\%c]+$") ~= nil
end

local function is_argv(value)
  if type(value) ~= "table" or #value == 0 or not check.is_list(value) then return false end
  for _, word in ipairs(value) do
    if type(word) ~= "string" or word:find("%z") then return false end
  end
  return is_text(value[1])
end

local function is_headers(value)
  if type(value) ~= "table" then return false end
  for name, text in pairs(value) do
    local fits = type(name) == "string" and name:find("^[%w-]+$") and type(text) == "string"
      and not text:find("%c")
    if not fits then return false end
  end
  return true
end

local function is_seconds(value) return type(value) == "number" and value > 0 and value <= 3600 end

local URL = { "an address such as \"https://…\"", is_url, true }
local TOKEN = { "the path of a file", is_text }

-- Option → what it has to be, its check, whether it has to be there.
local SINKS = {
  desktop = {}, notify_send = {}, terminal_notifier = {}, osascript = {}, bell = {}, log = {},
  osc = { code = { "9, 99 or 777", function(value)
    return value == 9 or value == 99 or value == 777
  end } },
  command = {
    argv = { "a list of words, the program first", is_argv, true },
    timeout = { "seconds, at most 3600", is_seconds },
  },
  ntfy = { url = URL, token_file = TOKEN },
  webhook = { url = URL, token_file = TOKEN,
    headers = { "a table of names and texts", is_headers } },
}
SINKS.desktop.click = { "seconds, at most 3600", is_seconds }
SINKS.notify_send.click = SINKS.desktop.click

local function names_of(map)
  local names = {}
  for name in pairs(map) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function check_sink_options(name, given, add)
  local known = SINKS[name]
  for key, value in pairs(given) do
    if key ~= 1 then
      local rule = known[key]
      if not rule then
        add(("%s has no option %s%s"):format(name, check.show(key), nearest.hint(key, known)))
      elseif not rule[2](value) then
        add(("%s: %s: %s"):format(name, key, check.expected(rule[1], value)))
      end
    end
  end
  for _, key in ipairs(names_of(known)) do
    if known[key][3] and given[key] == nil then add(("%s needs %s"):format(name, key)) end
  end
end

local function read_sink(entry, add)
  if type(entry) == "function" then return { name = "function", opts = {}, show = entry } end
  local given = type(entry) == "table" and entry or { entry }
  local name = given[1]
  if type(name) ~= "string" then
    return add(check.expected("the name of a sink or { \"NAME\", … }", entry))
  elseif not SINKS[name] then
    return add(("no sink %s%s; there are: %s"):format(check.show(name),
      nearest.hint(name, SINKS), table.concat(names_of(SINKS), ", ")))
  end
  check_sink_options(name, given, add)
  local opts = {}
  for key, value in pairs(given) do
    if key ~= 1 then opts[key] = value end
  end
  return { name = name, opts = opts }
end

local function find(entries, name)
  for _, entry in ipairs(entries) do
    if entry.name == name and not entry.show then return entry end
  end
end

---Reads a list of sinks as `sinks = { … }` and the answer of on_message have it.
---@param value any
---@param known wrapix.NotifySinkEntry[]? a name alone means the one of these, with its options
---@return wrapix.NotifySinkEntry[]|nil
---@return string? message
function M.sinks(value, known)
  if type(value) ~= "table" or not check.is_list(value) then
    return nil, check.expected("a list such as { \"desktop\", { \"ntfy\", url = \"…\" } }", value)
  end
  local list, problem = {}, nil
  local function add(text) problem = problem or text end
  for i, entry in ipairs(value) do
    list[i] = known and find(known, entry) or read_sink(entry, add)
  end
  if problem then return nil, problem end
  return list
end

-- --- fields --------------------------------------------------------------------------

local function minute_of(text)
  if type(text) ~= "string" then return nil end
  local hour, minute = text:match("^(%d%d?):(%d%d)$")
  local at = hour and tonumber(hour) * 60 + tonumber(minute)
  if not at or tonumber(minute) > 59 or at > DAY then return nil end
  return at // 1
end

local function only(value, known, add)
  for key in pairs(value) do
    if not known[key] then
      add(("unknown field %s%s"):format(check.show(key), nearest.hint(key, known)))
    end
  end
end

local FIELDS = {}

function FIELDS.sinks(value, add)
  local list, problem = M.sinks(value)
  if not list then add(problem) end
  return list
end

function FIELDS.on_message(value, add)
  if type(value) ~= "function" then add(check.expected("a function", value)) end
  return value
end

function FIELDS.quiet(value, add)
  if value == false then return false end
  if type(value) ~= "table" then
    return add(check.expected("{ from = \"22:00\", to = \"07:00\" }", value))
  end
  only(value, { from = true, to = true }, add)
  local from, to = minute_of(value.from), minute_of(value.to)
  if not from or not to then
    return add(("from and to: times such as \"22:00\" expected, got %s and %s"):format(
      check.show(value.from), check.show(value.to)))
  end
  return { from = from % DAY, to = to }
end

local function seconds(value, add)
  if type(value) == "string" then
    local number, message = units.duration(value)
    if not number then return add(message) end
    return number
  elseif type(value) ~= "number" or not (value >= 0 and value < 1e9) then
    return add(check.expected("seconds, or a text such as \"20s\"", value))
  end
  return value
end

FIELDS.min_age, FIELDS.join = seconds, seconds

function FIELDS.rate(value, add)
  if value == false then return false end
  if type(value) ~= "table" then
    return add(check.expected("{ count = 10, per = 60 } or false", value))
  end
  only(value, { count = true, per = true }, add)
  local count, per = value.count, seconds(value.per or 60, add)
  if math.type(count) ~= "integer" or count < 1 or count > 100000 then
    return add("count: " .. check.expected("a number of messages", count))
  elseif per == 0 then
    return add("per: more than 0 seconds expected")
  end
  return { count = count, per = per }
end

local function switch(value, add)
  check.boolean(value, add)
  return value
end

FIELDS.always, FIELDS.focus = switch, switch

-- Every interface of the machine would be reached by these.
local OPEN = { ["0.0.0.0"] = true, ["::"] = true, ["0"] = true, ["*"] = true, [""] = true }

function FIELDS.tcp(value, add)
  if value == false then return false end
  if type(value) ~= "table" then
    return add(check.expected("{ host = \"192.168.64.1\", port = 5959 }", value))
  end
  only(value, { host = true, port = true }, add)
  local host, port = value.host, value.port or 5959
  if type(host) ~= "string" or host:find("[^%x.:]") or OPEN[host] or not host:find("[1-9a-fA-F]") then
    return add("host: the address of one interface expected, got " .. check.show(host))
  elseif math.type(port) ~= "integer" or port < 1 or port > 65535 then
    return add("port: " .. check.expected("a port number", port))
  end
  return { host = host, port = port }
end

---Checks the table a file returned and fills in what it leaves out.
---@param given any
---@return wrapix.NotifyConfig|nil
---@return string? message all that is wrong, separated by "; "
function M.check(given)
  if type(given) ~= "table" then
    return nil, "it has to return a table, " .. check.expected("a table", given)
  end
  local config, problems = M.defaults(), {}
  for name, value in pairs(given) do
    local read = FIELDS[name]
    if not read then
      problems[#problems + 1] = ("unknown field %s%s"):format(check.show(name),
        nearest.hint(name, FIELDS))
    else
      config[name] = read(value, function(text)
        problems[#problems + 1] = ("%s: %s"):format(name, text)
      end)
    end
  end
  if #problems == 0 then return config end
  table.sort(problems)
  return nil, table.concat(problems, "; ")
end

-- --- the file ------------------------------------------------------------------------

local function refuse(file, reason, hint)
  return M.defaults(), { message = ("notify: %s: %s"):format(path.show(file), reason), hint = hint }
end

---Reads the rules. Always returns some: those of the file, or the defaults with what is
---wrong with the file.
---@param dirs { config: string }
---@return wrapix.NotifyConfig
---@return { message: string, hint: string? }? problem
function M.load(dirs)
  local file = dirs.config .. "/" .. FILE
  local text, message, code = fs.read(file, FILE_LIMIT)
  if not text then
    if code == "ENOENT" or code == "ENOTDIR" then return M.defaults() end
    return refuse(file, message)
  end
  local hint = "until it is mended, the defaults hold"
  local is_done, results, why = guard.call(chunk.run,
    { source = file, text = text, globals = guard.globals() })
  if not is_done then results, why = nil, tostring(results) end
  if not results then return refuse(file, (why:gsub("^profile: ", "")), hint) end
  local config
  config, why = M.check(results[1])
  if not config then return refuse(file, why, hint) end
  config.path = file
  return config
end

return M
