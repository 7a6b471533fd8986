-- SPDX-License-Identifier: MIT
-- One issue as one canonical line and back, and a whole list as text. A list that git has
-- merged is valid when each of its lines is; what nobody could have meant is refused with
-- the number of its line. Pure.

local entries = require "ralph.tracker.entries"
local issues = require "ralph.tracker.issue"
local wrapix = require "wrapix"

local M = {}

local LONGEST_LINE = 4 << 20

-- Written ahead of time: the names of keys are the same on each line.
local QUOTED, IS_KNOWN = {}, {}
for _, key in ipairs(issues.KEYS) do QUOTED[key], IS_KNOWN[key] = ('"%s":'):format(key), true end

local function foreign_keys(issue)
  local keys
  for key in pairs(issue) do
    if not IS_KNOWN[key] then
      keys = keys or {}
      keys[#keys + 1] = key
    end
  end
  if keys then table.sort(keys) end
  return keys or {}
end

-- Most values are words and numbers, which need no escape; for these alone a call of the
-- encoder would cost more than looking.
local function encode_value(value)
  if type(value) == "string" and #value < 48 and not value:find('[%c"\\\127-\255]') then
    return '"' .. value .. '"'
  end
  if math.type(value) == "integer" then return ("%d"):format(value) end
  return wrapix.json.encode(value)
end

--- An issue as its line: known keys in the order of beads, then others by name.
---@param issue table
---@return string? line without its end
---@return string? message
---@return string? code "EINVAL" for what JSON cannot say
function M.encode(issue)
  issues.arrange(issue)
  local encode, parts = wrapix.json.encode, {}
  for _, key in ipairs(issues.KEYS) do
    local value = issue[key]
    if value ~= nil and not issues.is_empty(key, value) then
      local text, message = encode_value(value)
      if not text then return nil, ("%s: %s"):format(key, message), "EINVAL" end
      parts[#parts + 1] = QUOTED[key] .. text
    end
  end
  for _, key in ipairs(foreign_keys(issue)) do
    local name, text = encode(key), encode(issue[key])
    if not name or not text then return nil, ("%s: is no JSON"):format(tostring(key)), "EINVAL" end
    parts[#parts + 1] = name .. ":" .. text
  end
  local line = "{" .. table.concat(parts, ",") .. "}"
  if #line > LONGEST_LINE then
    return nil, ("the issue is longer than %d bytes"):format(LONGEST_LINE), "EFBIG"
  end
  return line
end

-- A number that neither an integer nor a float can hold would come back another one.
local function has_unkept_number(text)
  if not text:find("%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d%d") then return false end
  local bare = text:gsub('\\.', ""):gsub('"[^"]*"', '""')
  for number in bare:gmatch("[%d.eE+-]+") do
    if #number >= 18 then
      local value = tonumber(number)
      local digits = number:gsub("^%-", "")
      if math.type(value) == "float" and (digits:find("^%d+$") or #digits > 18) then return true end
    end
  end
  return false
end

--- Reads one line.
---@param text string
---@return table? issue nil without a reason for a line of another `_type`
---@return string? reason
function M.decode(text)
  local value, message = wrapix.json.decode(text, { max_size = LONGEST_LINE })
  if message then return nil, (message:gsub("^json: line %d+, ", "")) end
  if type(value) ~= "table" or wrapix.json.is_array(value) then return nil, "is no issue" end
  if value._type ~= nil and value._type ~= "issue" then return nil end
  local ok, reason = issues.check(value)
  if not ok then return nil, reason end
  if reason and has_unkept_number(text) then return nil, "holds a number that cannot be kept exactly" end
  return value
end

-- Whole lists ---------------------------------------------------------------------------

---@class ralph.List
---@field ids string[] sorted
---@field lines table<string, string> id → canonical line
---@field entries table<string, ralph.Entry>
---@field tail string lines of another `_type`, as they were
---@field body string the canonical text of all issues
---@field is_canonical boolean whether the text is what would be written

local MARKERS = { "^<<<<<<< ", "^=======$", "^>>>>>>> ", "^||||||| " }
local SAME_HINT = "keep the line whose updated_at is later"
local OTHER_HINT = "these are two issues: give one another id, also where others depend on it"
local MERGE_HINT = "keep one line of each issue, take the markers out, then try again"

local function is_marker(line)
  for _, pattern in ipairs(MARKERS) do
    if line:find(pattern) then return true end
  end
  return false
end

-- What is wrong with a line, and what to do about it.
local function refusal(number, line, reason, is_last)
  if is_marker(line) then
    return number, "a conflict marker of git", MERGE_HINT
  elseif is_last then
    return number, "the line is torn: " .. reason,
      "take its beginning out, or the whole file back: `git checkout -- .wrapix/issues.jsonl`"
  end
  return number, reason, "mend the line, or take the file back: `git log -p .wrapix/issues.jsonl`"
end

local function add_line(list, line, number, is_last)
  local issue, reason = M.decode(line)
  if not issue then
    if reason then return nil, refusal(number, line, reason, is_last) end
    list.others[#list.others + 1] = line
    return true
  end
  local id = issue.id
  if list.numbers[id] then
    local is_same = assert(M.decode(list.lines[id])).created_at == issue.created_at
    return nil, number, ("the issue %s is on line %d already"):format(id, list.numbers[id]),
      is_same and SAME_HINT or OTHER_HINT
  end
  local canonical, message = M.encode(issue)
  if not canonical then return nil, number, message end
  local last = list.ids[#list.ids]
  if canonical ~= line or #list.others > 0 or last and last >= id then list.is_canonical = false end
  list.ids[#list.ids + 1] = id
  list.numbers[id], list.lines[id] = number, canonical
  list.entries[id] = entries.of(issue)
  return true
end

local function finish(list, text)
  list.tail = #list.others > 0 and table.concat(list.others, "\n") .. "\n" or ""
  if list.is_canonical then
    list.body = text:sub(1, #text - #list.tail)
  else
    table.sort(list.ids)
    local lines = {}
    for i, id in ipairs(list.ids) do lines[i] = list.lines[id] end
    list.body = #lines > 0 and table.concat(lines, "\n") .. "\n" or ""
  end
  list.others, list.numbers = nil, nil
  return list
end

--- Reads the text of a list. A last line without its end is taken when it is a whole
--- issue: an object ends where its brace does, so nothing of it can be missing.
---@param text string
---@return ralph.List?
---@return integer? line number of the line at fault
---@return string? reason
---@return string? hint
function M.parse(text)
  local list = { ids = {}, lines = {}, entries = {}, others = {}, numbers = {},
    is_canonical = true }
  local number, at = 0, 1
  while at <= #text do
    local stop = text:find("\n", at, true)
    local line = text:sub(at, (stop or #text + 1) - 1)
    number = number + 1
    if line:find("%S") then
      local ok, where, reason, hint = add_line(list, line, number, not stop)
      if not ok then return nil, where, reason, hint end
    else
      list.is_canonical = false
    end
    if not stop then
      list.is_canonical = false
      break
    end
    at = stop + 1
  end
  return finish(list, text)
end

return M
