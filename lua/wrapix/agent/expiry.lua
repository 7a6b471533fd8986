-- SPDX-License-Identifier: MIT
-- How long a stored login lasts, in words that hold nothing of its tokens. What is
-- read here a sandbox may have written: a time that is none counts as not there.

local json = require "wrapix.json"
local known_hosts = require "wrapix.lazy" "wrapix.known_hosts"
local lenient = require "wrapix.agent.lenient"

local M = {}

-- The end of the year 9999: what is later is no time, and no calendar takes it.
local LATEST = 253402300799
local LONGEST_TOKEN = 32 << 10

--- A time in seconds since 1970, if the value is one.
---@param value any
---@param unit integer? how many of it make a second; default: 1
---@return integer?
function M.time(value, unit)
  local number = lenient.number(value)
  local seconds = number and number / (unit or 1)
  if seconds and seconds > 0 and seconds <= LATEST then return math.floor(seconds) end
end

--- When a JSON web token ends, as it says itself (RFC 7519, 4.1.4). Its signature is
--- not looked at: this only tells people.
---@param token string?
---@return integer? seconds since 1970; nil for what is no such token
function M.of_token(token)
  local body = token and #token <= LONGEST_TOKEN and token:match("^[%w_-]+%.([%w_-]+)%.[%w_-]*$")
  if not body then return nil end
  body = body:gsub("-", "+"):gsub("_", "/")
  local text = known_hosts.decode(body .. ("="):rep(-#body % 4))
  local data = text and json.decode(text, { max_depth = 16, max_size = LONGEST_TOKEN })
  return M.time(lenient.table(data).exp)
end

--- Whether a login counts, and how long it lasts.
---@param expires integer? seconds since 1970, of its token
---@param renews boolean whether the agent can get a new token by itself
---@param now number? default: now
---@return "there"|"expired" state
---@return string? detail nil when nothing is known
function M.state(expires, renews, now)
  if not expires then return "there" end
  local date = os.date("%Y-%m-%d %H:%M", expires)
  if expires > (now or os.time()) then
    return "there", ("until %s%s"):format(date, renews and ", then renewed" or "")
  end
  if renews then return "there", "renewed when it is next used" end
  return "expired", "since " .. date
end

return M
