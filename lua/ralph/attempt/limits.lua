-- SPDX-License-Identifier: MIT
-- How long to wait for a service that is used up or overloaded, and what the host knows
-- of that: a limit belongs to the account, so one loop that has met it tells the others.
-- When it ends is the word of a stream that a sandbox wrote: it holds for so long, and no
-- longer, as each loop's own `max_wait` lets it.

local wrapix = require "wrapix"

local M = {}

--- Seconds: never shorter (a clock may be off), never longer (a date may be wrong).
M.SHORTEST, M.LONGEST = 30, 24 * 3600
-- Without a time for the reset, or with one that was none: doubled each time up to an hour.
local UNKNOWN, LONGEST_UNKNOWN = { limit = 300, overloaded = 60 }, 3600
-- So that several loops do not all return in the same second.
local JITTER, LONGEST_JITTER = 0.1, 60
local FILE_LIMIT = 64 << 10
local PRIVATE = tonumber("600", 8)

local function longest(seconds)
  return seconds and math.max(M.SHORTEST, math.min(M.LONGEST, seconds)) or M.LONGEST
end

--- What a limit is of: two logins of one agent are two accounts.
---@param agent string
---@param login string
---@return string
function M.account(agent, login) return agent .. "/" .. login end

--- When to try again.
---@param limit { reset: number?, kind: string? }
---@param now number seconds since 1970
---@param opts { jitter: number, times: integer?, longest: number|false|nil } jitter: 0 to 1; times: how
--- often in a row before; longest: seconds, at most a day
---@return number at seconds since 1970
function M.until_when(limit, now, opts)
  local times = 2 ^ math.min(opts.times or 0, 10)
  local first = limit.reset and M.SHORTEST or UNKNOWN[limit.kind] or UNKNOWN.limit
  local wait = math.min(LONGEST_UNKNOWN, first * times)
  if limit.reset then wait = math.max(wait, limit.reset - now) end
  wait = math.min(longest(opts.longest), wait)
  wait = wait + math.min(LONGEST_JITTER, wait * JITTER) * opts.jitter
  return now + math.min(M.LONGEST, wait)
end

local function read(dir)
  local text = wrapix.fs.read(dir .. "/limits.json", FILE_LIMIT)
  local known = text and wrapix.json.decode(text)
  return type(known) == "table" and known or {}
end

--- The limit that is known of an account, as long as it is to come.
---@param dir string of this user's state of Ralph
---@param account string
---@param now number
---@param most number|false|nil seconds that it may hold work up, from when it was told
---@return { reset: number, kind: string }?
function M.known(dir, account, now, most)
  local entry = read(dir)[account]
  if type(entry) ~= "table" or type(entry.reset) ~= "number" or type(entry.time) ~= "number" then return nil end
  if entry.time > now then return nil end
  local reset = math.min(entry.reset, entry.time + longest(most))
  if reset <= now then return nil end
  return { reset = reset, kind = type(entry.kind) == "string" and entry.kind or "limit" }
end

--- Tells the other loops of this host. What cannot be told is no failure: they find out.
---@param dir string
---@param account string
---@param limit { reset: number, kind: string }
---@param now number
---@return true|nil
---@return string? message
---@return string? code
function M.note(dir, account, limit, now)
  local ok, message, code = wrapix.fs.ensure_dir(dir, tonumber("700", 8))
  if not ok then return nil, message, code end
  local lock <close>, why, what = wrapix.fs.lock(dir .. "/limits.lock", { wait = 5 })
  if not lock then return nil, why, what end
  local known = read(dir)
  for name, entry in pairs(known) do
    if type(entry) ~= "table" or type(entry.reset) ~= "number" or entry.reset <= now then known[name] = nil end
  end
  known[account] = { reset = limit.reset, kind = limit.kind, time = now }
  return wrapix.fs.write_atomic(dir .. "/limits.json", wrapix.json.encode(known) .. "\n",
    { mode = PRIVATE })
end

return M
