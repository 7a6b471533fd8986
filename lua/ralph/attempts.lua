-- SPDX-License-Identifier: MIT
-- What is remembered of an issue's attempts on the host: how many there were and how
-- each ended, and the one that runs. No sandbox sees it. Judges nothing.

local excerpt = require "ralph.excerpt"
local wrapix = require "wrapix"

local M = {}

local FILE_LIMIT = 4 << 20
local PRIVATE, PRIVATE_DIR = tonumber("600", 8), tonumber("700", 8)
local KEPT = 20

---@class ralph.Attempts
---@field number integer of the newest attempt
---@field counted integer attempts that counted since a person last gave the issue back
---@field aborted integer times in a row that the process died over it
---@field settled string? the owner whose death was counted last
---@field base { head: string?, tree: string? }? what the first attempt began with, as long as
--- nothing but attempts at this issue has changed the tree since
---@field paths string[]? that attempts since the issue was last done have changed; what of them is
--- uncommitted is its work. False: too many to tell
---@field left string? the tree as the last attempt and its verifying left it
---@field running { attempt: integer, time: number, before: { head: string?, tree: string? } }?
---@field list table[] the newest of them, the oldest first

-- An id is a name for files as well; what is none is no issue's.
local function place(project, id)
  if type(id) ~= "string" or not id:find("^[%w][%w._-]*$") or #id > 128 then
    error(("attempts: %q is not the id of an issue"):format(tostring(id)), 3)
  end
  return project.paths.attempts .. "/" .. id .. ".json"
end

--- What is known of an issue's attempts.
---@param project ralph.Project
---@param id string
---@return ralph.Attempts
function M.read(project, id)
  local text = wrapix.fs.read(place(project, id), FILE_LIMIT)
  local record = text and wrapix.json.decode(text)
  if type(record) ~= "table" then record = {} end
  record.number = math.tointeger(record.number) or 0
  record.counted = math.tointeger(record.counted) or 0
  record.aborted = math.tointeger(record.aborted) or 0
  record.list = type(record.list) == "table" and record.list or {}
  if type(record.running) ~= "table" then record.running = nil end
  return record
end

-- A record that is too large to be read would be one that was never written, and counting
-- would begin anew: what is old goes first, then the names of files.
local function encode(record)
  while true do
    local text, message = wrapix.json.encode(record)
    if not text or #text < FILE_LIMIT then return text, message end
    if #record.list > 1 then
      table.remove(record.list, 1)
    elseif record.paths then
      record.paths = false
    else
      return nil, "is too large"
    end
  end
end

--- Writes it back. Not synced: what a power cut takes of it is found out again, or counted
--- once less.
---@param project ralph.Project
---@param id string
---@param record ralph.Attempts
---@return true|nil
---@return string? message
---@return string? code
function M.write(project, id, record)
  local file = place(project, id)
  while #record.list > KEPT do table.remove(record.list, 1) end
  local ok, message, code = wrapix.fs.ensure_dir(project.paths.attempts, PRIVATE_DIR)
  if not ok then return nil, "attempts: " .. message, code end
  wrapix.json.array(setmetatable(record.list, nil))
  local text
  text, message = encode(record)
  if not text then return nil, "attempts: " .. message, "EINVAL" end
  ok, message, code = wrapix.fs.write_atomic(file, text .. "\n", { mode = PRIVATE, sync = false })
  if not ok then return nil, "attempts: " .. message, code end
  return true
end

--- What all attempts at an issue that follow each other began with: work of an earlier one
--- that is still in the tree counts for the issue, for better and worse.
---@param record ralph.Attempts
---@param before { head: string?, tree: string? }
---@return { head: string?, tree: string? }
function M.base(record, before)
  local base = record.base
  if type(base) == "table" and type(base.tree) == "string" and record.left == before.tree then
    return { head = base.head, tree = base.tree }
  end
  return before
end

--- Forgets what the attempts so far began with: the next one counts from what is there.
---@param project ralph.Project
---@param id string
---@return true|nil
---@return string? message
---@return string? code
function M.forget_base(project, id)
  local record = M.read(project, id)
  if not record.base then return true end
  record.base = nil
  return M.write(project, id, record)
end

--- Notes that an attempt begins, with what it begins from: after a crash nothing else
--- tells what was the agent's.
---@param project ralph.Project
---@param id string
---@param running { attempt: integer, time: number, before: table, base: table? }
---@return true|nil
---@return string? message
---@return string? code
function M.begin(project, id, running)
  local record = M.read(project, id)
  record.base, record.left = running.base or M.base(record, running.before), nil
  record.running = running
  record.number = math.max(record.number, running.attempt)
  return M.write(project, id, record)
end

local FIELDS = { "attempt", "verdict", "reason", "usd", "turns", "seconds", "tokens", "diffstat",
  "commits", "files", "protected", "transcript", "rescue", "signal", "outcome", "notes", "verify" }

local LISTS, MOST_LISTED = { "commits", "files", "protected" }, 100

-- What is kept of the evidence: without what may be large and is elsewhere.
local function entry_of(evidence, more)
  local entry = {}
  for _, name in ipairs(FIELDS) do entry[name] = evidence[name] end
  for _, name in ipairs(LISTS) do
    if #(evidence[name] or {}) > MOST_LISTED then entry[name] = nil end
  end
  for name, value in pairs(more) do entry[name] = value end
  return entry
end

---@class ralph.Ended
---@field counts boolean whether it uses up one of the tries
---@field failure string? text of it, for the next prompt
---@field time number
---@field given_up boolean? a person has it now; when it comes back, counting starts anew

local MOST_PATHS, MOST_PATH_BYTES = 5000, 1 << 20

--- Adds files that an attempt changed to those of the issue.
---@param known string[]|false|nil
---@param files { path: string, link: boolean? }[]
---@param truncated boolean?
---@return string[]|false
function M.add_paths(known, files, truncated)
  if known == false or truncated then return false end
  local list, have, size = {}, {}, 0
  local function add(path)
    local name = type(path) == "string" and excerpt.name(path)
    if name and not have[name] then
      have[name] = true
      list[#list + 1] = name
      size = size + #name
    end
  end
  for _, path in ipairs(known or {}) do add(path) end
  for _, file in ipairs(files) do
    if not file.link then add(file.path) end
  end
  if #list > MOST_PATHS or size > MOST_PATH_BYTES then return false end
  return wrapix.json.array(list)
end

--- Notes how an attempt ended.
---@param project ralph.Project
---@param evidence ralph.Evidence
---@param ended ralph.Ended
---@return true|nil
---@return string? message
---@return string? code
function M.finish(project, evidence, ended)
  local record = M.read(project, evidence.issue)
  record.running, record.aborted = nil, 0
  record.number = math.max(record.number, evidence.attempt)
  if ended.counts then record.counted = record.counted + 1 end
  if ended.given_up then record.counted = 0 end
  record.left = evidence.left or evidence.after and evidence.after.tree
  record.paths = M.add_paths(record.paths, evidence.files or {}, evidence.truncated)
  if evidence.verdict == "done" then record.base, record.left, record.paths = nil, nil, nil end
  record.list[#record.list + 1] = entry_of(evidence,
    { time = ended.time, failure = ended.failure, counts = ended.counts })
  return M.write(project, evidence.issue, record)
end

local RATE_LIMIT = 4096

--- What a token of input has cost in the last run that said a price; see ralph.budget.
---@param project ralph.Project
---@return number?
function M.rate(project)
  local text = wrapix.fs.read(project.dirs.state .. "/rate.json", RATE_LIMIT)
  local known = text and wrapix.json.decode(text)
  local rate = type(known) == "table" and known.rate
  return type(rate) == "number" and rate > 0 and rate < 1 and rate or nil
end

--- Keeps it. What cannot be kept is guessed again.
---@param project ralph.Project
---@param rate number?
function M.note_rate(project, rate)
  if not rate then return end
  wrapix.fs.write_atomic(project.dirs.state .. "/rate.json", wrapix.json.encode({ rate = rate }) .. "\n",
    { mode = PRIVATE, sync = false })
end

--- The counted failures since a person last gave the issue back.
---@param record ralph.Attempts
---@return ralph.Past
function M.past(record)
  local failures = {}
  for i = #record.list, 1, -1 do
    if #failures >= record.counted then break end
    local entry = record.list[i]
    if entry.counts and entry.failure then table.insert(failures, 1, entry.failure) end
  end
  return { counted = record.counted, failures = failures }
end

--- Every issue with attempts, by id.
---@param project ralph.Project
---@return table<string, ralph.Attempts>
function M.all(project)
  local found = {}
  for _, name in ipairs(wrapix.fs.list(project.paths.attempts) or {}) do
    local id = name:match("^([%w][%w._-]*)%.json$")
    if id then found[id] = M.read(project, id) end
  end
  return found
end

return M
