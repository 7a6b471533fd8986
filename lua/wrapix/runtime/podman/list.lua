-- SPDX-License-Identifier: MIT
-- What Podman answers about the containers there are. Pure: it starts nothing.

local json = require("wrapix.json")

local M = {}

-- Later than any start; what the engine gives for "never" is long before 1970.
local function time_of(value) return type(value) == "number" and value > 0 and value or nil end

local function string_of(value) return type(value) == "string" and value or nil end

local function table_of(value) return type(value) == "table" and value or {} end

-- The words for a container with a program in it, and for one before that.
local PHASES = {
  running = "running", paused = "paused", stopping = "ending", removing = "ending",
  created = "created", initialized = "created", configured = "created",
}

local function read_one(one)
  local labels, names = table_of(one.Labels), table_of(one.Names)
  local session = string_of(labels["wrapix.session"])
  if not session or not string_of(names[1]) then return nil end
  local state = (string_of(one.State) or "unknown"):lower()
  return {
    session = session, id = string_of(one.Id), name = names[1], image = string_of(one.Image),
    state = PHASES[state] or "ended", exit = math.tointeger(one.ExitCode),
    started = time_of(one.StartedAt), created = time_of(one.Created),
    profile = string_of(labels["wrapix.profile"]),
    workspace = string_of(labels["wrapix.workspace"]),
    owner = string_of(labels["wrapix.owner"]), keep = labels["wrapix.keep"] and true,
  }
end

---@class wrapix.Container
---@field session string
---@field id string?
---@field name string
---@field image string?
---@field state "created"|"running"|"paused"|"ending"|"ended"
---@field exit integer? of one that has ended
---@field started number? seconds since 1970
---@field created number?
---@field profile string?
---@field workspace string?
---@field owner string? see owner.lua
---@field keep boolean?

---Reads what `podman ps --format json` prints.
---@param stdout string
---@return table<string, wrapix.Container>|nil containers by session
---@return string? reason
function M.containers(stdout)
  local answer, message = json.decode(stdout)
  if answer == nil then return nil, "its answer is no JSON: " .. tostring(message) end
  local out = {}
  for _, one in ipairs(table_of(answer)) do
    local container = read_one(table_of(one))
    if container then out[container.session] = container end
  end
  return out
end

---Reads what `podman ps --quiet` prints.
---@param stdout string
---@return string[] ids
function M.session_ids(stdout)
  local ids = {}
  for id in stdout:gmatch("%x+") do ids[#ids + 1] = id end
  return ids
end

return M
