-- SPDX-License-Identifier: MIT
-- Foreign text as it may be stored and shown: valid UTF-8 without what steers a
-- terminal, forges lines or turns the direction of writing. Pure.

local M = {}

local REPLACEMENT = "\u{FFFD}"

-- What turns the direction of writing, is invisible and joins or hides: U+00AD,
-- U+061C, U+180E, U+200B, U+200E, U+200F, U+202A to U+202E, U+2060 to U+206F, U+FEFF
-- and the tags U+E0000 to U+E007F. The joiners U+200C and U+200D belong to scripts.
local HIDDEN = {
  { 0xAD, 0xAD }, { 0x61C, 0x61C }, { 0x180E, 0x180E }, { 0x200B, 0x200B }, { 0x200E, 0x200F },
  { 0x202A, 0x202E }, { 0x2060, 0x206F }, { 0xFEFF, 0xFEFF }, { 0xFFF9, 0xFFFB },
  { 0xE0000, 0xE007F },
}

local function is_hidden(code)
  for _, range in ipairs(HIDDEN) do
    if code >= range[1] and code <= range[2] then return true end
  end
  return false
end

local function clean_character(char)
  local code = utf8.codepoint(char)
  if code >= 0x80 and code <= 0x9F then return "" end
  if code == 0x2028 or code == 0x2029 then return " " end
  return is_hidden(code) and "" or char
end

-- Bytes that are no UTF-8 become a sign that something was there.
local function valid(text)
  local parts, at = {}, 1
  while true do
    local _, bad = utf8.len(text, at)
    if not bad then
      parts[#parts + 1] = text:sub(at)
      return table.concat(parts)
    end
    parts[#parts + 1] = text:sub(at, bad - 1)
    parts[#parts + 1] = REPLACEMENT
    at = bad + 1
  end
end

-- As long as it may be, cut between two characters.
local function cut(text, limit)
  if #text <= limit then return text end
  local at = limit - 3
  while at > 0 and text:byte(at + 1) & 0xC0 == 0x80 do at = at - 1 end
  return text:sub(1, at) .. "…"
end

---Text of several lines: tabs and line ends stay.
---@param text string any bytes
---@param limit integer bytes of the result
---@return string
function M.block(text, limit)
  -- More than that cannot come into the result, and looking through it costs.
  text = valid(text:sub(1, limit * 4 + 64))
  text = text:gsub("\r\n?", "\n"):gsub("[\0-\8\11-\31\127]", "")
  text = text:gsub("[\xC2-\xF4][\x80-\xBF]+", clean_character)
  return cut(text, limit)
end

---Text of one line.
---@param text string any bytes
---@param limit integer bytes of the result
---@return string
function M.line(text, limit)
  text = M.block(text, #text + 64):gsub("[%s]+", " "):gsub("^ ", ""):gsub(" $", "")
  return cut(text, limit)
end

return M
