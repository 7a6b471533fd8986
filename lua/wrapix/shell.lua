-- SPDX-License-Identifier: MIT
-- An argv as a POSIX shell would take it: for showing a command line to a
-- person who may paste it. Nothing of wrapix itself ever runs through a shell.
--
-- What comes out holds no control byte but newline and tab, so that printing it
-- cannot move the cursor or hide a word.

local M = {}

-- Words a shell would not take for a command name, standing first.
local KEYWORDS = {}
local NAMES = "case do done elif else esac fi for function if in select then time until while"
for word in NAMES:gmatch("%a+") do KEYWORDS[word] = true end

local function octal(bytes)
  local codes = bytes:gsub(".", function(c) return ("\\%03o"):format(c:byte()) end)
  return ("'\"$(printf '%s')\"'"):format(codes)
end

-- A newline stays as it is: `$(…)` would drop one at its end.
local function quote_hard(word)
  local body = word:gsub("'", "'\\''"):gsub("[\1-\8\11-\31\127]+", octal)
  if utf8.len(word) then
    body = body:gsub("\xc2[\x80-\x9f]", octal)
  else
    body = body:gsub("[\x80-\xff]+", octal)
  end
  return "'" .. body .. "'"
end

--- One word for a POSIX shell: as it is where that is safe, else in quotes.
---@param word string without NUL, which no argv can hold
---@return string
function M.quote(word)
  if type(word) ~= "string" then error("word: string expected", 2) end
  if word:find("\0", 1, true) then error("word: holds a NUL byte", 2) end
  if word:find("^[%w_@%%+=:,./-]+$") then return word end
  return quote_hard(word)
end

--- A whole command line for a POSIX shell.
---@param argv string[]
---@return string
function M.join(argv)
  if type(argv) ~= "table" then error("argv: table expected", 2) end
  local words = {}
  for i, word in ipairs(argv) do
    words[i] = M.quote(word)
    -- Unquoted, the first word could be an assignment or a keyword.
    if i == 1 and words[1] == word and (word:find("=", 1, true) or KEYWORDS[word]) then
      words[1] = "'" .. word .. "'"
    end
  end
  return table.concat(words, " ")
end

return M
