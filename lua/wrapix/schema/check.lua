-- SPDX-License-Identifier: MIT
-- What the checks of a profile's fields are made of: what a value looks like in
-- a message, and checks of words, versions, lists, maps and data. Pure; knows no field.

local nearest = require "wrapix.lazy" "wrapix.nearest"
local path = require "wrapix.path"

local M = {}

--- A value as it may stand in a message.
---@param value any
---@return string
function M.show(value)
  if type(value) == "string" then
    local is_long = #value > 60
    local text = path.show(is_long and value:sub(1, utf8.offset(value, 0, 58) - 1) or value)
    if text:sub(1, 1) ~= '"' then text = "'" .. text .. "'" end
    return is_long and text .. "…" or text
  elseif type(value) == "number" or type(value) == "boolean" then
    return tostring(value)
  end
  return "a " .. type(value)
end

--- The text of a problem: what should be there, and what is.
---@param what string
---@param value any
---@return string
function M.expected(what, value) return ("%s expected, got %s"):format(what, M.show(value)) end

--- Tells whether a table is a list: exactly the keys 1 to n.
---@param tbl table
---@return boolean
---@return any stray a key that does not belong to a list
function M.is_list(tbl)
  local length = rawlen(tbl)
  local count = 0
  for key in next, tbl do
    if math.type(key) ~= "integer" or key < 1 or key > length then return false, key end
    count = count + 1
  end
  return count == length, nil
end

--- Whether a text is the name of an environment variable.
---@param text any
---@return boolean
function M.is_env_name(text)
  return type(text) == "string" and text:find("^[A-Za-z_][A-Za-z0-9_]*$") ~= nil
end

--- Whether a text is a word: a name of an agent, a login, a server.
---@param text any
---@return boolean
function M.is_word(text)
  return type(text) == "string" and #text <= 64 and text:find("^[a-z0-9][a-z0-9_-]*$") ~= nil
end

--- Whether a text is a version that can be pinned: it becomes a word of a command.
---@param text any
---@return boolean
function M.is_version(text)
  return type(text) == "string" and #text <= 64 and text:find("^%d[%w.+_-]*$") ~= nil
end

--- The parts of an entry of `agents`.
---@param entry any "name" or "name@version"
---@return string? name nil when it is none
---@return string? version
function M.agent(entry)
  if type(entry) ~= "string" then return nil end
  local name, version = entry:match("^([^@]*)@(.*)$")
  name = name or entry
  if M.is_word(name) and (version == nil or M.is_version(version)) then return name, version end
end

--- Why a text cannot go into argv or the environment, or nil. Never shows it.
---@param text string
---@return string?
function M.bad_text(text)
  if text:find("\0", 1, true) then return "holds a NUL byte" end
  if not utf8.len(text) then return "is not valid UTF-8, which the engine cannot pass on" end
end

--- A check by a function that tells whether a value is right.
---@param what string
---@param test fun(value: any): any
---@return fun(value: any, add: wrapix.Add)
function M.matching(what, test)
  return function(value, add)
    if not test(value) then add(M.expected(what, value)) end
  end
end

--- A check for true or false.
---@param value any
---@param add wrapix.Add
function M.boolean(value, add)
  if type(value) ~= "boolean" then add(M.expected("true or false", value)) end
end

--- A check for one of these words.
---@param words string[]
---@return fun(value: any, add: wrapix.Add)
function M.one_of(words)
  return function(value, add)
    for _, word in ipairs(words) do
      if value == word then return end
    end
    local list = "'" .. table.concat(words, "' or '") .. "'"
    add(M.expected(list, value) .. nearest.hint(value, words))
  end
end

--- A check for a list of entries that pass another one.
---@param example string
---@param check_entry fun(value: any, add: wrapix.Add)
---@return fun(value: any, add: wrapix.Add)
function M.list_of(example, check_entry)
  return function(value, add)
    if type(value) ~= "table" then
      return add(M.expected(("a list such as { %s }"):format(example), value))
    end
    local is_list, stray = M.is_list(value)
    if stray ~= nil then
      return add(("a list has no key %s"):format(M.show(stray)), stray)
    elseif not is_list then
      return add("a list has no nil between its entries")
    end
    for i = 1, rawlen(value) do
      check_entry(rawget(value, i), function(text, ...) add(text, i, ...) end)
    end
  end
end

--- A check for a map of entries that pass another one.
---@param example string
---@param check_entry fun(key: any, value: any, add: wrapix.Add)
---@return fun(value: any, add: wrapix.Add)
function M.map_of(example, check_entry)
  return function(value, add)
    if type(value) ~= "table" then
      return add(M.expected(("a table such as { %s }"):format(example), value))
    end
    for key, entry in next, value do
      check_entry(key, entry, function(text, ...) add(text, key, ...) end)
    end
  end
end

--- A check of a variable and its value.
---@param name any
---@param value any
---@param add wrapix.Add
function M.env(name, value, add)
  if not M.is_env_name(name) then
    return add(("%s is not a variable name: letters, digits and _ only"):format(M.show(name)))
  elseif type(value) == "string" then
    local reason = M.bad_text(value)
    if reason then add("its value " .. reason) end
  elseif type(value) ~= "number" then
    add(("text expected, got a %s"):format(type(value)))
  end
end

return M
