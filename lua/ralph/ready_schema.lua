-- SPDX-License-Identifier: MIT
-- The file of issues that an agent writes: what it has to look like, told to the agent and
-- checked here, every mistake named so that it can mend them all at once. Pure; what is
-- known of profiles and of issues comes in by the context.

local wrapix = require "wrapix"

local M = {}

--- The largest file, in bytes, and the most issues in it.
M.LARGEST, M.MOST = 512 << 10, 50

local LONGEST = { key = 40, title = 500, description = 16 << 10, acceptance_criteria = 8 << 10 }
local MOST_CRITERIA, MOST_NEEDS, MOST_ERRORS = 40, 50, 30
local TYPES = { task = true, bug = true, feature = true, chore = true }
local FIELDS = {
  key = true, title = true, description = true, acceptance_criteria = true, needs = true,
  profile = true, priority = true, type = true,
}

--- What a prompt says of the file.
M.FORMAT = [[
The list is one JSON file: `{ "issues": [ … ] }`. Each issue is an object with these fields and no others:

- "key": a short name of your own, a-z, 0-9 and "-"; unique in the file.
- "title": one line of at most 100 characters that says what is to be done.
- "description": what is to be done, where, and why; what of the spec it comes from; what to beware of.
- "acceptance_criteria": a list of texts, one check each. At least one.
- "needs": a list of keys of this file, or of ids of issues there are already, that have to be done before.
  No circles. Only what really has to come before: the order of the list is none.
- "profile": the name of a profile, only where the usual one lacks something.
- "priority": 0 (first) to 4; 2 where you leave it out.
- "type": "task", "bug", "feature" or "chore"; "task" where you leave it out.]]

---@class ralph.ReadyContext
---@field profiles table<string, any> names of the profiles a sandbox can have
---@field ids table<string, any> ids of the issues there are
---@field most integer? the most issues

-- One issue -------------------------------------------------------------------------

local Checker = {}
Checker.__index = Checker

function Checker:add(text, ...)
  self.count = self.count + 1
  if self.count <= MOST_ERRORS then self.errors[self.count] = text:format(...) end
end

local function show(value)
  if type(value) == "string" then return "'" .. wrapix.path.show(value:sub(1, 60)) .. "'" end
  return type(value) == "table" and "a table" or tostring(value)
end

function Checker:text(where, value, field, is_line)
  local longest = LONGEST[field]
  if type(value) ~= "string" or not value:find("%S") then
    return self:add("%s: %s: a text is wanted", where, field)
  end
  if #value > longest then
    return self:add("%s: %s: has %d bytes, at most %d may be", where, field, #value, longest)
  end
  if value:find("\0", 1, true) or is_line and value:find("%c") then
    return self:add("%s: %s: one line is wanted", where, field)
  end
  return is_line and value:match("^%s*(.-)%s*$") or value
end

local function is_list(value)
  return type(value) == "table" and (wrapix.json.is_array(value) or #value > 0)
end

function Checker:criteria(where, value)
  local field = "acceptance_criteria"
  if type(value) == "string" then return self:text(where, value, field) end
  if not is_list(value) or #value == 0 then
    return self:add("%s: %s: a list of texts, at least one, is wanted", where, field)
  end
  if #value > MOST_CRITERIA then
    return self:add("%s: %s: %d entries, at most %d may be", where, field, #value, MOST_CRITERIA)
  end
  local lines = {}
  for i, entry in ipairs(value) do
    local text = self:text(("%s: %s"):format(where, field), entry, field)
    lines[i] = text and "- " .. text:gsub("%s*[\r\n]+%s*", " ") or ""
  end
  return self:text(where, table.concat(lines, "\n"), field)
end

function Checker:needs(where, value)
  if value == nil then return {} end
  if not is_list(value) and not (type(value) == "table" and next(value) == nil) then
    self:add("%s: needs: a list of keys is wanted", where)
    return {}
  end
  if #value > MOST_NEEDS then self:add("%s: needs: more than %d entries", where, MOST_NEEDS) end
  local list, seen = {}, {}
  for _, entry in ipairs(value) do
    if type(entry) ~= "string" then
      self:add("%s: needs: %s is no key", where, show(entry))
    elseif not seen[entry] then
      seen[entry] = true
      list[#list + 1] = entry
    end
  end
  return list
end

function Checker:choices(where, item, entry)
  local priority = item.priority
  if priority ~= nil then
    priority = type(priority) == "number" and math.tointeger(priority)
    if not priority or priority < 0 or priority > 4 then
      self:add("%s: priority: a number from 0 to 4 is wanted, not %s", where, show(item.priority))
    end
  end
  if item.type ~= nil and not TYPES[item.type] then
    self:add("%s: type: 'task', 'bug', 'feature' or 'chore' is wanted, not %s", where, show(item.type))
  end
  local profile = item.profile
  if profile ~= nil and not (type(profile) == "string" and self.context.profiles[profile]) then
    local known = self.context.profiles
    local near = type(profile) == "string" and wrapix.nearest.hint(profile, known) or ""
    self:add("%s: profile: %s is none that is known here%s", where, show(profile), near)
  end
  entry.priority, entry.issue_type = priority or nil, item.type
  entry.labels = profile and { "profile:" .. tostring(profile) } or nil
end

-- What null stands for is what was left out.
local function without_null(item)
  local copy = {}
  for key, value in pairs(item) do
    if value ~= wrapix.json.null then copy[key] = value end
  end
  return copy
end

function Checker:issue(number, raw)
  local where = ("issue %d"):format(number)
  if type(raw) ~= "table" or wrapix.json.is_array(raw) then
    return self:add("%s: an object is wanted", where)
  end
  local item = without_null(raw)
  if type(item.key) == "string" then
    where = ("%s (%s)"):format(where, wrapix.path.show(item.key:sub(1, 40)))
  end
  for key in pairs(item) do
    if not FIELDS[key] then
      self:add("%s: unknown field %s%s", where, show(key), wrapix.nearest.hint(key, FIELDS))
    end
  end
  local key = item.key
  if type(key) ~= "string" or #key > LONGEST.key or not key:find("^[a-z0-9][a-z0-9-]*$") then
    key = self:add("%s: key: a name of a-z, 0-9 and - of at most %d is wanted", where, LONGEST.key)
  elseif self.by_key[key] then
    key = self:add("%s: key: is there already", where)
  elseif self.context.ids[key] then
    key = self:add("%s: key: is the id of an issue there is", where)
  end
  local entry = {
    key = key, title = self:text(where, item.title, "title", true),
    description = self:text(where, item.description, "description"),
    acceptance_criteria = self:criteria(where, item.acceptance_criteria),
    needs = self:needs(where, item.needs), where = where,
  }
  self:choices(where, item, entry)
  if key then self.by_key[key] = entry end
  self.list[#self.list + 1] = entry
end

-- All of them -----------------------------------------------------------------------

function Checker:titles()
  local seen = {}
  for _, entry in ipairs(self.list) do
    local title = entry.title and M.normal_title(entry.title)
    if title and seen[title] then
      self:add("%s: title: is that of %s as well", entry.where, seen[title])
    end
    if title then seen[title] = seen[title] or entry.where end
  end
end

function Checker:references()
  for _, entry in ipairs(self.list) do
    for _, need in ipairs(entry.needs) do
      if need == entry.key then
        self:add("%s: needs: itself", entry.where)
      elseif not self.by_key[need] and not self.context.ids[need] then
        self:add("%s: needs: %s is neither a key of this file nor the id of an issue%s", entry.where,
          show(need), wrapix.nearest.hint(need, self.by_key))
      end
    end
  end
end

-- A circle of needs as the keys along it.
local function circle_from(by_key, entry, state, trail)
  state[entry] = "open"
  trail[#trail + 1] = entry.key
  for _, need in ipairs(entry.needs) do
    local target = by_key[need]
    if target and state[target] == "open" and target ~= entry then
      trail[#trail + 1] = need
      return trail
    elseif target and not state[target] and circle_from(by_key, target, state, trail) then
      return trail
    end
  end
  state[entry], trail[#trail] = "done", nil
end

function Checker:circles()
  local state = {}
  for _, entry in ipairs(self.list) do
    local trail = entry.key and not state[entry] and circle_from(self.by_key, entry, state, {})
    if trail then
      local first = 1
      while trail[first] ~= trail[#trail] do first = first + 1 end
      return self:add("needs: a circle: %s", table.concat(trail, " → ", first))
    end
  end
end

--- A title as it is compared with others.
---@param title string
---@return string
function M.normal_title(title)
  return (title:lower():gsub("%s+", " "):gsub("^ ", ""):gsub("[ .!]+$", ""))
end

local function parse(text)
  if #text > M.LARGEST then
    return nil, ("the file has %d KiB, at most %d may be"):format(#text >> 10, M.LARGEST >> 10)
  end
  local data, message = wrapix.json.decode(text:gsub("^\xef\xbb\xbf", ""), { max_depth = 8 })
  if message then return nil, "the file is not valid JSON: " .. message end
  local list = data
  if type(data) == "table" and not wrapix.json.is_array(data) then
    for key in pairs(data) do
      if key ~= "issues" then return nil, ("unknown field %s beside 'issues'"):format(show(key)) end
    end
    list = data.issues
  end
  if not is_list(list) then return nil, "an object with a list \"issues\" is wanted" end
  return list
end

--- Checks a file.
---@param text string
---@param context ralph.ReadyContext
---@return table[]? entries as a tracker's add_all takes them, with `key` and `needs`
---@return string[]? errors
function M.check(text, context)
  local list, message = parse(text)
  if not list then return nil, { message } end
  local most = context.most or M.MOST
  if #list > most then
    return nil, { ("the list has %d issues, at most %d may be"):format(#list, most) }
  end
  local checker = setmetatable({
    context = context, errors = {}, count = 0, list = {}, by_key = {},
  }, Checker)
  for i, item in ipairs(list) do checker:issue(i, item) end
  checker:titles()
  checker:references()
  if checker.count == 0 then checker:circles() end
  if checker.count > MOST_ERRORS then
    checker.errors[#checker.errors + 1] = ("and %d more"):format(checker.count - MOST_ERRORS)
  end
  if checker.count > 0 then return nil, checker.errors end
  for _, entry in ipairs(checker.list) do entry.where = nil end
  return checker.list
end

return M
