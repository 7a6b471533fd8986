-- SPDX-License-Identifier: MIT
-- What waits to be decided upon: a short queue for each session, bounded as a whole
-- too. When one is full its oldest messages become one with a count, so a flood costs
-- its own session and no memory. Pure state.

local M = {}

local LONGEST_LANE = 64
local MOST_BYTES = 4 << 20
-- What an entry costs besides its texts, and what its unknown fields do.
local OVERHEAD, VALUE, TABLE = 200, 16, 64
local DEEPEST = 128

---@class wrapix.NotifyLane
---@field key string
---@field first integer
---@field last integer
---@field joined table? the oldest messages as one
---@field bytes integer
---@field sizes integer[] of each message

---@class wrapix.NotifyLanes
---@field bytes integer
---@field _lanes table<string, wrapix.NotifyLane>
local Lanes = {}
Lanes.__index = Lanes

---@return wrapix.NotifyLanes
function M.new() return setmetatable({ bytes = 0, _lanes = {} }, Lanes) end

-- What a value of an unknown field takes, about. A line of 64 KiB may hold 20,000 empty
-- tables. A hook's may lead back to itself.
local function weigh(value, size, depth)
  size = size + VALUE
  if type(value) == "string" then return size + #value end
  if type(value) ~= "table" or depth >= DEEPEST then return size end
  size = size + TABLE
  for key, inner in next, value do
    if size > MOST_BYTES then break end
    size = weigh(inner, size + (type(key) == "string" and #key or 0), depth + 1)
  end
  return size
end

local function size_of(message)
  local extra = message.extra
  local size = #message.title + #(message.message or "") + OVERHEAD
  return extra and next(extra) ~= nil and weigh(extra, size, 0) or size
end

local function add_bytes(self, lane, bytes)
  lane.bytes, self.bytes = lane.bytes + bytes, self.bytes + bytes
end

local function pop(self, lane)
  if lane.first > lane.last then return nil end
  local message, size = lane[lane.first], lane.sizes[lane.first]
  lane[lane.first], lane.sizes[lane.first] = nil, nil
  lane.first = lane.first + 1
  add_bytes(self, lane, -size)
  return message, size
end

-- The newest text stands for all that were joined.
local function join_oldest(self, lane)
  local message, size = pop(self, lane)
  if not message then return false end
  local count = message.count or 1
  if lane.joined then
    count = count + lane.joined.count
    add_bytes(self, lane, -lane.joined.size)
  end
  lane.joined = { message = message, count = count, size = size }
  add_bytes(self, lane, size)
  return true
end

local function loudest(self)
  local found
  for _, lane in pairs(self._lanes) do
    if lane.first < lane.last and (not found or lane.bytes > found.bytes) then found = lane end
  end
  return found
end

---Adds a message.
---@param key string
---@param message table
---@return wrapix.NotifyLane lane
---@return boolean is_new nobody works on this lane yet
function Lanes:push(key, message)
  local lane = self._lanes[key]
  local is_new = not lane
  if is_new then
    lane = { key = key, first = 1, last = 0, bytes = 0, sizes = {} }
    self._lanes[key] = lane
  end
  if lane.last - lane.first + 1 >= LONGEST_LANE then join_oldest(self, lane) end
  lane.last = lane.last + 1
  local size = size_of(message)
  lane[lane.last], lane.sizes[lane.last] = message, size
  add_bytes(self, lane, size)
  while self.bytes > MOST_BYTES do
    local loud = loudest(self)
    if not loud or not join_oldest(self, loud) then break end
  end
  return lane, is_new
end

---Takes the oldest message; nil when the lane is empty, which is gone then.
---@param lane wrapix.NotifyLane
---@return table? message
---@return integer? count how many it stands for
function Lanes:take(lane)
  local joined = lane.joined
  if joined then
    lane.joined = nil
    add_bytes(self, lane, -joined.size)
    return joined.message, joined.count
  end
  local message = pop(self, lane)
  if message then return message, message.count or 1 end
  self._lanes[lane.key] = nil
end

return M
