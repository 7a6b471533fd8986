-- SPDX-License-Identifier: MIT
-- Bounded pieces of what programs wrote: head and tail, because compilers say what is
-- wrong first and test runners last. Pure; what is cut is counted, never hidden.

local M = {}

-- Steps back to the beginning of a character, so that no half of one is left.
local function boundary(text, at)
  while at > 1 and at <= #text and text:byte(at) & 0xC0 == 0x80 do at = at - 1 end
  return at
end

--- Takes out what only steers a terminal: colours, titles, backspaces, bells.
---@param text string
---@return string
function M.plain(text)
  text = text:gsub("\27%[[%d;?]*[ -/]*[@-~]", ""):gsub("\27%][^\7\27]*[\7\27]\\?", "")
  text = text:gsub("\27.", ""):gsub("\r\n", "\n")
  -- What a line was before it was written over. Only lines with a return are looked into:
  -- a pattern over all of them would try each byte of a long one.
  if text:find("\r", 1, true) then
    text = text:gsub("[^\n]+", function(line) return line:match("^.*\r(.*)$") end)
  end
  text = text:gsub("[\0-\8\11-\31\127]", "")
  return (text:gsub("\xC2[\x80-\x9F]", ""))
end

--- The name of a file as a list or JSON can take it: bytes that are no UTF-8 as %XX.
---@param path string any bytes
---@return string
function M.name(path)
  if utf8.len(path) then return path end
  return (path:gsub("[\x80-\xFF]", function(byte) return ("%%%02X"):format(byte:byte()) end))
end

local function joined(head, lost, tail)
  return ("%s\n[… %d bytes left out …]\n%s"):format(head, lost, tail)
end

--- The text, or its head and tail with the number of bytes left out between them.
---@param text string
---@param limit integer bytes of the text that are kept
---@return string
function M.both(text, limit)
  if #text <= limit then return text end
  local half = limit // 2
  local head_end = boundary(text, half + 1) - 1
  local tail_start = boundary(text, #text - half + 1)
  return joined(text:sub(1, head_end), tail_start - head_end - 1, text:sub(tail_start))
end

local function valid(text)
  text = M.plain(text)
  local out, at = {}, 1
  while at <= #text do
    local _, bad = utf8.len(text, at)
    out[#out + 1] = text:sub(at, (bad or #text + 1) - 1)
    if bad then out[#out + 1] = "?" end
    at = (bad or #text) + 1
  end
  return table.concat(out)
end

--- A text that a list or a prompt can take, whatever came out of a sandbox: whole
--- characters, no control but newline and tab, bounded.
---@param text string
---@param limit integer
---@return string
function M.fit(text, limit) return M.both(valid(text), limit) end

--- The beginning of a text as one line of at most `limit` bytes.
---@param text string
---@param limit integer
---@return string
function M.line(text, limit)
  local line = text:gsub("^%s+", ""):match("^[^\n]*"):gsub("%s+$", "")
  if #line <= limit then return line end
  return line:sub(1, boundary(line, limit + 1) - 1) .. "…"
end

---@class ralph.Keeper
local Keeper = {}
Keeper.__index = Keeper

--- Takes more of the output.
---@param chunk string
function Keeper:take(chunk)
  self.size = self.size + #chunk
  local room = self.half - #self.head
  if room > 0 then
    self.head = self.head .. chunk:sub(1, room)
    chunk = chunk:sub(room + 1)
  end
  if chunk == "" then return end
  self.tail = self.tail .. chunk
  if #self.tail > 2 * self.half then self.tail = self.tail:sub(-self.half) end
end

--- What was kept of it.
---@return string
function Keeper:text()
  local tail = self.tail:sub(-self.half)
  local lost = self.size - #self.head - #tail
  if lost <= 0 then return self.head .. tail end
  return joined(self.head, lost, tail)
end

--- The same as a list or a prompt can take it; see `fit`.
---@param limit integer bytes
---@return string
function Keeper:fit(limit)
  local tail = self.tail:sub(-self.half)
  local lost = self.size - #self.head - #tail
  if lost <= 0 then return M.fit(self.head .. tail, limit) end
  local head, half = valid(self.head), limit // 2
  tail = valid(tail)
  local first = head:sub(1, boundary(head, half + 1) - 1)
  local last = tail:sub(boundary(tail, math.max(1, #tail - half + 1)))
  return joined(first, lost + #head - #first + #tail - #last, last)
end

--- Keeps head and tail of output that comes in pieces, whatever its size.
---@param limit integer bytes
---@return ralph.Keeper
function M.keeper(limit)
  return setmetatable({ half = limit // 2, head = "", tail = "", size = 0 }, Keeper)
end

return M
