-- SPDX-License-Identifier: MIT
-- The settings of the builder: which there are, what each may hold, and what holds
-- without them. Pure: the file is read by life.lua. A mistake is named with its field,
-- and with the nearest field there is.

local check = require("wrapix.schema.check")
local nearest = require("wrapix.nearest")
local units = require("wrapix.plan.units")

local M = {}

--- The file's name below wrapix's configuration directory.
M.file = "builder.lua"

M.port = 2222

local GIB = 1 << 30
local MOST_CPUS = 4
local DEFAULT_MEMORY = 4 * GIB
-- As many users for builds as the image has.
M.most_jobs = 32

---@class wrapix.BuilderSettings
---@field cpus integer
---@field memory integer bytes
---@field port integer on 127.0.0.1
---@field max_jobs integer builds at once
---@field speed_factor integer what Nix compares builders by
---@field features string[]
---@field systems string[] what it builds for, as Nix names them
---@field gc { min_free: integer, max_free: integer } bytes; below the first, up to the second
---@field image string? a reference, in place of wrapix's own image
---@field sandbox boolean? Nix's own; nil: where the engine lets it
---@field nix table<string, string> more lines of the container's nix.conf
---@field ready_within number seconds without progress after which a start gives up
---@field path string? the file they come from

local ARCHS = { x86_64 = "x86_64-linux", amd64 = "x86_64-linux", aarch64 = "aarch64-linux",
  arm64 = "aarch64-linux", i686 = "i686-linux" }

--- What holds without a file.
---@param host { cpus: integer?, memory_bytes: integer?, arch: string }
---@return wrapix.BuilderSettings
function M.defaults(host)
  local cpus = math.max(1, math.min(MOST_CPUS, host.cpus or MOST_CPUS))
  local half = host.memory_bytes and host.memory_bytes // 2 or DEFAULT_MEMORY
  return {
    cpus = cpus, memory = math.min(DEFAULT_MEMORY, half), port = M.port, max_jobs = cpus,
    speed_factor = 1, features = { "big-parallel", "benchmark" },
    systems = { ARCHS[host.arch] or host.arch .. "-linux" },
    gc = { min_free = GIB, max_free = 3 * GIB }, nix = {}, ready_within = 120,
  }
end

local function integer(value, from, to)
  return math.type(value) == "integer" and value >= from and value <= to
end

local function integer_field(from, to)
  return function(value, add)
    if not integer(value, from, to) then
      return add(check.expected(("a whole number from %d to %d"):format(from, to), value))
    end
    return value
  end
end

local function size(value, add)
  local bytes, reason = units.size(value)
  if not bytes then return add(("%s %s"):format(check.show(value), reason)) end
  return bytes
end

-- Words of Nix: they become parts of lines that are split at blanks and commas.
local function words_field(pattern, what)
  return function(value, add)
    local is_right = type(value) == "table" and check.is_list(value)
    for _, word in ipairs(is_right and value or {}) do
      is_right = is_right and type(word) == "string" and #word <= 64 and word:find(pattern) ~= nil
    end
    if not is_right then return add(check.expected(what, value)) end
    return table.move(value, 1, #value, 1, {})
  end
end

local FIELDS = {}

FIELDS.cpus = integer_field(1, 1024)
FIELDS.port = integer_field(1, 65535)
FIELDS.max_jobs = integer_field(1, M.most_jobs)
FIELDS.speed_factor = integer_field(1, 1000000)
FIELDS.features = words_field("^[%w][%w+._-]*$", 'a list of names such as { "big-parallel" }')

function FIELDS.memory(value, add)
  local bytes = size(value, add)
  if not bytes or bytes >= 256 << 20 then return bytes end
  return add(("%s is less than 256m"):format(check.show(value)))
end

function FIELDS.systems(value, add)
  local what = 'a list of systems such as { "aarch64-linux" }'
  local list = words_field("^[%w_]+%-linux$", what)(value, add)
  if list and #list == 0 then return add("needs one at least") end
  return list
end

local GC = { min_free = true, max_free = true }

function FIELDS.gc(value, add, defaults)
  if type(value) ~= "table" then
    return add(check.expected('{ min_free = "1g", max_free = "3g" }', value))
  end
  local gc = { min_free = defaults.gc.min_free, max_free = defaults.gc.max_free }
  for key, given in pairs(value) do
    if not GC[key] then
      add(("unknown field %s%s"):format(check.show(key), nearest.hint(key, GC)))
    else
      gc[key] = given == 0 and 0 or size(given, function(text) add(key .. ": " .. text) end)
    end
  end
  if not value.max_free and gc.min_free and gc.max_free < gc.min_free then
    gc.max_free = 3 * gc.min_free
  end
  if gc.min_free and gc.max_free and gc.max_free < gc.min_free then
    return add("max_free is less than min_free")
  end
  return gc
end

function FIELDS.image(value, add)
  local is_right, reason = false, "is no text"
  if type(value) == "string" then is_right, reason = units.image_reference(value) end
  if not is_right then return add(("%s %s"):format(check.show(value), reason)) end
  return value
end

function FIELDS.sandbox(value, add)
  check.boolean(value, add)
  return value
end

-- What the builder's own lines say; a second one would win over them.
local OWN = {
  ["build-users-group"] = true, ["trusted-users"] = true, ["allowed-users"] = true,
  ["max-jobs"] = "max_jobs", sandbox = "sandbox", ["min-free"] = "gc.min_free",
  ["max-free"] = "gc.max_free", ["system-features"] = "features", ["extra-platforms"] = "systems",
}

function FIELDS.nix(value, add)
  if type(value) ~= "table" then
    return add(check.expected("a table of nix.conf's settings", value))
  end
  local lines = {}
  for name, text in pairs(value) do
    local shown = check.show(name)
    if type(name) ~= "string" or not name:find("^[a-z][a-z0-9-]*$") then
      add(shown .. " is no setting of Nix")
    elseif OWN[name] then
      add(OWN[name] == true and shown .. " is the builder's own"
        or ("%s: write %s"):format(shown, OWN[name]))
    elseif type(text) ~= "string" and type(text) ~= "number" and type(text) ~= "boolean"
      or tostring(text):find("%c") then
      add(("%s: %s"):format(shown, check.expected("one line of text", text)))
    else
      lines[name] = tostring(text)
    end
  end
  return lines
end

function FIELDS.ready_within(value, add)
  local seconds, reason = units.duration(value)
  if not seconds then return add(("%s %s"):format(check.show(value), reason)) end
  return seconds
end

--- The names of all fields; for documents and specs.
---@return string[]
function M.fields()
  local names = {}
  for name in pairs(FIELDS) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- Checks the table a file returned and fills in what it leaves out.
---@param given any
---@param host { cpus: integer?, memory_bytes: integer?, arch: string }
---@return wrapix.BuilderSettings|nil
---@return string? message all that is wrong, separated by "; "
function M.check(given, host)
  if type(given) ~= "table" then
    return nil, "it has to return a table: " .. check.expected("a table", given)
  end
  local settings, defaults, problems = M.defaults(host), M.defaults(host), {}
  for name, value in pairs(given) do
    local read = FIELDS[name]
    if not read then
      problems[#problems + 1] = ("unknown field %s%s"):format(check.show(name),
        nearest.hint(name, FIELDS))
    else
      settings[name] = read(value, function(text)
        problems[#problems + 1] = ("%s: %s"):format(name, text)
      end, defaults)
    end
  end
  if #problems == 0 then
    if given.cpus and not given.max_jobs then
      settings.max_jobs = math.min(settings.cpus, M.most_jobs)
    end
    return settings
  end
  table.sort(problems)
  return nil, table.concat(problems, "; ")
end

return M
