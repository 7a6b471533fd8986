-- SPDX-License-Identifier: MIT
-- JSON with comments and trailing commas, as settings files of editors are
-- written. Both become blanks of the same length, so that a position in a
-- message of the strict decoder is one in the file. Pure; the text is hostile.

local json = require "wrapix.json"

local M = {}

local LARGEST = 1 << 20
local DEEPEST = 64

local function place(text, at)
  local before = text:sub(1, at - 1)
  local _, line = before:gsub("\n", "")
  return ("line %d, column %d"):format(line + 1, at - #(before:match("^.*\n") or ""))
end

local function blank(text) return (text:gsub("[^\r\n]", " ")) end

-- Where a string ends. One that is not closed runs to the end of the text; the
-- decoder says what is wrong with it.
local function string_end(text, at)
  local from = at + 1
  while true do
    local hit = text:find('["\\]', from)
    if not hit then return #text end
    if text:byte(hit) == 0x22 then return hit end
    from = hit + 2
  end
end

local function blank_comments(text)
  local out, from, at = {}, 1, 1
  while true do
    local hit = text:find('["/]', at)
    if not hit then break end
    local stop
    if text:byte(hit) == 0x22 then
      at = string_end(text, hit) + 1
    elseif text:find("^//", hit) then
      stop = text:find("[\r\n]", hit) or #text + 1
    elseif text:find("^/%*", hit) then
      local _, last = text:find("*/", hit + 2, true)
      if not last then return nil, place(text, hit) .. ": a comment without an end" end
      stop = last + 1
    else
      at = hit + 1
    end
    if stop then
      out[#out + 1] = text:sub(from, hit - 1)
      out[#out + 1] = blank(text:sub(hit, stop - 1))
      from, at = stop, stop
    end
  end
  out[#out + 1] = text:sub(from)
  return table.concat(out)
end

-- A comma that follows a value and precedes a closing bracket; `[,]` stays wrong.
local function blank_commas(text)
  local out, from, at, opener = {}, 1, 1, 0
  while true do
    local hit = text:find('["%[{,:]', at)
    if not hit then break end
    local char = text:sub(hit, hit)
    if char == '"' then
      hit = string_end(text, hit)
    else
      local follows_value = text:match("^%s*()", opener + 1) < hit
      if char == "," and follows_value and text:find("^%s*[%]}]", hit + 1) then
        out[#out + 1] = text:sub(from, hit - 1) .. " "
        from = hit + 1
      end
      opener = hit
    end
    at = hit + 1
  end
  out[#out + 1] = text:sub(from)
  return table.concat(out)
end

--- The text with its comments, trailing commas and byte order mark as blanks.
---@param text string
---@return string? clean of the same length
---@return string? message with line and column
function M.clean(text)
  text = text:gsub("^\xef\xbb\xbf", "   ")
  local clean, message = blank_comments(text)
  if not clean then return nil, message end
  return blank_commas(clean)
end

--- Reads a text.
---@param text string
---@return any value nil when the text is not taken
---@return string? message with line and column
---@return string? code "EINVAL"
function M.decode(text)
  if #text > LARGEST then return nil, "longer than 1 MiB", "EINVAL" end
  local clean, message = M.clean(text)
  if not clean then return nil, message, "EINVAL" end
  local value
  value, message = json.decode(clean, { max_depth = DEEPEST })
  if message then return nil, (message:gsub("^json: ", "")), "EINVAL" end
  return value
end

return M
