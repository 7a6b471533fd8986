-- SPDX-License-Identifier: MIT
-- What `container list` and `container network inspect` answer as JSON, in the form up
-- to 0.12.3 and the one from 1.0.0 on. An answer of another form is an error that says
-- so; one container of another form is left out, for it may be anybody's. Pure.

local json = require("wrapix.json")

local M = {}

local MOST_BYTES = 16 << 20
-- Swift counts from 2001 where it is not told otherwise, which was so up to 0.12.3.
local SWIFT_EPOCH = 978307200

local function table_or_empty(value) return type(value) == "table" and value or {} end

local function text_or_nil(value) return type(value) == "string" and value or nil end

local function fail(what, reason)
  return nil, ("%s: container's answer: %s"):format(what, reason), "EENGINE"
end

local function decode_list(stdout, what)
  if type(stdout) ~= "string" then return fail(what, "is none") end
  local value, problem = json.decode(stdout, { max_size = MOST_BYTES, max_depth = 64 })
  if value == nil then return fail(what, "is no JSON: " .. tostring(problem)) end
  if type(value) ~= "table" or (next(value) ~= nil and value[1] == nil) then
    return fail(what, "is no list")
  end
  return value
end

-- Days of the calendar since 1970; of the proleptic Gregorian one.
local function days(year, month, day)
  local y = month <= 2 and year - 1 or year
  local era = y // 400
  local of_era = y - era * 400
  local of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
  return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
end

--- A moment as either form writes it, in seconds since 1970.
---@param value any seconds since 2001, or "2026-08-07T18:36:01Z"
---@return number?
function M.time(value)
  if type(value) == "number" then
    if value ~= value or value < 0 or value > 1e11 then return nil end
    return value + SWIFT_EPOCH
  end
  local year, month, day, hour, minute, second, rest =
    tostring(value):match("^(%d%d%d%d)%-(%d%d)%-(%d%d)T(%d%d):(%d%d):(%d%d)(.*)$")
  if not year then return nil end
  local fraction, zone = rest:match("^(%.?%d*)(.*)$")
  local sign, hours, minutes = zone:match("^([+-])(%d%d):?(%d%d)$")
  if zone ~= "Z" and not sign then return nil end
  local offset = sign and (tonumber(hours) * 3600 + tonumber(minutes) * 60) or 0
  local y, m, d = math.tointeger(tonumber(year)), math.tointeger(tonumber(month)),
    math.tointeger(tonumber(day))
  if m < 1 or m > 12 or d < 1 or d > 31 then return nil end
  return days(y, m, d) * 86400 + tonumber(hour) * 3600 + tonumber(minute) * 60 + tonumber(second)
    + (tonumber("0" .. fraction) or 0) - (sign == "-" and -offset or offset)
end

--- A label's value as it was before apple.label_value.
---@param text any
---@return string?
function M.label(text)
  if type(text) ~= "string" then return nil end
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- Its words → those of live.lua.
local PHASES = { running = "running", stopping = "ending", created = "created" }

local function state_of(one)
  local status = one.status
  local word = text_or_nil(status) or text_or_nil(table_or_empty(status).state) or "unknown"
  return PHASES[word:lower()] or "ended"
end

local function started_of(one)
  local value = one.startedDate
  if value == nil then value = table_or_empty(one.status).startedDate end
  return M.time(value)
end

-- One container of ours, as live.lua has them. The CLI tells no exit status.
local function read(one)
  local config = table_or_empty(one.configuration)
  local labels = table_or_empty(config.labels)
  local id, session = text_or_nil(config.id) or text_or_nil(one.id), M.label(labels["wrapix.session"])
  if not id or id == "" or not session or session == "" then return nil end
  return {
    session = session, id = id, name = id, state = state_of(one),
    image = text_or_nil(table_or_empty(config.image).reference),
    started = started_of(one), created = M.time(config.creationDate),
    profile = M.label(labels["wrapix.profile"]), workspace = M.label(labels["wrapix.workspace"]),
    owner = M.label(labels["wrapix.owner"]), keep = labels["wrapix.keep"] and true or nil,
  }
end

--- Reads the answer of `container list --all --format json`.
---@param stdout string
---@return table<string, table>|nil containers by session
---@return string? message
---@return string? code "EENGINE"
function M.containers(stdout)
  local answer, message, code = decode_list(stdout, "list sandboxes")
  if not answer then return nil, message, code end
  local out = {}
  for _, one in ipairs(answer) do
    local container = type(one) == "table" and read(one)
    if container then out[container.session] = container end
  end
  return out
end

--- The ids of the containers of one session.
---@param stdout string
---@param session string
---@return string[]|nil ids
---@return string? message
---@return string? code "EENGINE"
function M.session_ids(stdout, session)
  local found, message, code = M.containers(stdout)
  if not found then return nil, message, code end
  return found[session] and { found[session].id } or {}
end

--- The references of the images that containers are made of, whoever's they are.
---@param stdout string of `container list --all --format json`
---@return table<string, boolean>|nil used by reference and by digest
---@return string? message
---@return string? code "EENGINE"
function M.used_images(stdout)
  local answer, message, code = decode_list(stdout, "list containers")
  if not answer then return nil, message, code end
  local used = {}
  for _, one in ipairs(answer) do
    local image = table_or_empty(table_or_empty(table_or_empty(one).configuration).image)
    local digest = text_or_nil(table_or_empty(image.descriptor).digest)
    if text_or_nil(image.reference) then used[image.reference] = true end
    if digest then used[digest] = true end
  end
  return used
end

local function is_address(text)
  if type(text) ~= "string" then return false end
  local parts = { text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$") }
  for _, part in ipairs(parts) do
    if #part > 3 or tonumber(part) > 255 then return false end
  end
  return #parts == 4
end

--- The host's address in a network, from `container network inspect NAME`. It is where
--- the launcher listens, so nothing that is not an address is taken for one.
---@param stdout string
---@return string|nil gateway
---@return string? message
---@return string? code "EENGINE"
function M.gateway(stdout)
  local answer, message, code = decode_list(stdout, "network")
  if not answer then return nil, message, code end
  local status = table_or_empty(table_or_empty(answer[1]).status)
  -- "gateway" and "address" were their names in the first releases.
  local gateway = text_or_nil(status.ipv4Gateway) or text_or_nil(status.gateway)
  gateway = gateway and gateway:match("^([^/]*)")
  if not is_address(gateway) then
    return fail("network", answer[1] and "names no gateway" or "knows no such network")
  end
  return gateway
end

return M
