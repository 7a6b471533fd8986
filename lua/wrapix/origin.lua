-- SPDX-License-Identifier: MIT
-- Where in a Lua source a field or list entry of a table stands. Lua keeps no
-- line for a field of a table constructor, so the text is tokenised and every
-- constructor's fields are noted, then matched with the table it made.
-- Never runs the text, never raises over it, takes time linear in its size.

local M = {}

-- A profile is a page long. A larger text is not worth the memory of its tokens.
local LARGEST = 4 * 1024 * 1024

---@class wrapix.origin.Node a field or entry of a constructor
---@field line integer
---@field value string|number|boolean|nil its value, when it is one plain literal
---@field table wrapix.origin.Constructor|nil its value, when that is a constructor

---@class wrapix.origin.Constructor
---@field line integer of the opening brace
---@field last_line integer of the closing brace
---@field fields table<string|number, wrapix.origin.Node>
---@field items wrapix.origin.Node[]

-- Tokens -------------------------------------------------------------------

--- The line of a position. Positions must not decrease from call to call: the
--- next line break is remembered, so that a text of one line is not searched
--- to its end for each token.
local function line_at(lexer, pos)
  local source = lexer.source
  while lexer.line_break and lexer.line_break < pos do
    lexer.line = lexer.line + 1
    local _, last = source:find("^\r?\n?", lexer.line_break)
    if source:find("^\n\r", lexer.line_break) then last = lexer.line_break + 1 end
    lexer.line_break = source:find("[\r\n]", last + 1)
  end
  return lexer.line
end

--- The end of `[[...]]` or `[==[...]==]` at a position and the text inside;
--- nil when no long bracket opens there. An open one reaches to the end.
local function long_bracket(source, pos)
  local level, first = source:match("^%[(=*)%[()", pos)
  if not level then return nil end
  local close = source:find("]" .. level .. "]", first, true)
  if not close then return #source + 1, nil end
  local text = source:sub(first, close - 1)
  return close + #level + 2, (not text:find("\r", 1, true)) and text:gsub("^\n", "") or nil
end

local function skip_blanks(source, pos)
  while true do
    pos = source:find("[^ \t\r\n\v\f]", pos) or #source + 1
    if source:sub(pos, pos + 1) ~= "--" then return pos end
    pos = long_bracket(source, pos + 2) or source:find("[\r\n]", pos) or #source + 1
  end
end

--- The end of a quoted string and its text; no text when it holds an escape,
--- whose meaning nobody needs here, or is not closed on its line.
local function quoted(source, pos)
  local quote = source:sub(pos, pos)
  local stop = quote == '"' and '[\\"\r\n]' or "[\\'\r\n]"
  local at, plain = pos + 1, true
  while true do
    at = source:find(stop, at)
    if not at then return #source + 1, nil end
    local byte = source:sub(at, at)
    if byte == quote then
      return at + 1, plain and source:sub(pos + 1, at - 1) or nil
    elseif byte ~= "\\" then
      return at, nil
    end
    plain = false
    if source:sub(at + 1, at + 1) == "z" then
      at = source:find("[^ \t\r\n\v\f]", at + 2) or #source + 1
    else
      local is_pair = source:find("^\r\n", at + 1) or source:find("^\n\r", at + 1)
      at = at + (is_pair and 3 or 2)
    end
  end
end

local function number(source, pos)
  local exponent = source:find("^0[xX]", pos) and "[pP]" or "[eE]"
  local at = pos
  while true do
    at = source:match("^[%w_.]*()", at)
    if not (source:find("^[+-]", at) and source:find(exponent, at - 1) == at - 1) then break end
    at = at + 1
  end
  return at, tonumber(source:sub(pos, at - 1))
end

--- Reads one token: its end, kind and text or value.
local function read_token(source, pos)
  local char = source:sub(pos, pos)
  if char:find("[A-Za-z_]") then
    local last = source:match("^[A-Za-z0-9_]+()", pos)
    return last, "name", source:sub(pos, last - 1)
  elseif source:find("^%.?[0-9]", pos) then
    local last, value = number(source, pos)
    return last, "number", value
  elseif char == '"' or char == "'" then
    local last, text = quoted(source, pos)
    return last, "string", text
  elseif char == "[" then
    local last, text = long_bracket(source, pos)
    if last then return last, "string", text end
  end
  local pair = source:match("^[=~<>]=", pos)
  return pos + #(pair or char), "op", pair or char
end

--- Three lists of the same length: kinds, values (false for none), lines.
local function tokenise(source)
  local lexer = { source = source, line = 1, line_break = source:find("[\r\n]") }
  local kinds, values, lines, n = {}, {}, {}, 0
  local pos = source:find("^\xef\xbb\xbf") and 4 or 1
  if source:find("^#", pos) then pos = source:find("[\r\n]", pos) or #source + 1 end
  while true do
    pos = skip_blanks(source, pos)
    if pos > #source then return kinds, values, lines end
    n = n + 1
    lines[n] = line_at(lexer, pos)
    local value
    pos, kinds[n], value = read_token(source, pos)
    values[n] = value == nil and false or value
  end
end

-- Constructors ---------------------------------------------------------------

local OPENS = {
  ["{"] = "{", ["("] = "(", ["["] = "[",
  ["function"] = "block", ["if"] = "block", ["do"] = "block", ["repeat"] = "block",
}
local CLOSES = { ["}"] = "{", [")"] = "(", ["]"] = "[", ["end"] = "block", ["until"] = "block" }
local SEPARATES = { [","] = true, [";"] = true }
local LITERAL = { ["true"] = true, ["false"] = true }

local Reader = {}
Reader.__index = Reader

function Reader:is_op(i, text) return self.kinds[i] == "op" and self.values[i] == text end

function Reader:top() return self.stack[#self.stack] end

function Reader:open(kind, i)
  local frame = { kind = kind }
  if kind == "{" then
    frame.constructor = { line = self.lines[i], last_line = self.lines[i], fields = {}, items = {} }
    frame.expects_field = true
    self.found[#self.found + 1] = frame.constructor
  end
  self.open_count[kind] = (self.open_count[kind] or 0) + 1
  self.stack[#self.stack + 1] = frame
  return frame
end

--- Closes the innermost frame of a kind and what broken text left open in it.
function Reader:close(kind, i)
  while (self.open_count[kind] or 0) > 0 do
    local frame = table.remove(self.stack)
    self.open_count[frame.kind] = self.open_count[frame.kind] - 1
    if frame.constructor then frame.constructor.last_line = self.lines[i] end
    if frame.kind == kind then return end
  end
end

--- The literal that is the whole of a field's value, or nil.
function Reader:literal(i)
  local kind, value = self.kinds[i], self.values[i]
  if self.kinds[i + 1] ~= "op" then return nil end
  local after = self.values[i + 1]
  if not (SEPARATES[after] or after == "}") then return nil end
  if kind == "name" and LITERAL[value] then return value == "true" end
  if (kind == "string" or kind == "number") and value ~= false then return value end
end

--- Notes the field that starts at a token; returns its node and where the
--- value starts, or nil for a computed key.
function Reader:field(constructor, i)
  local node = { line = self.lines[i] }
  if self.kinds[i] == "name" and self:is_op(i + 1, "=") then
    constructor.fields[self.values[i]] = node
    return node, i + 2
  elseif self:is_op(i, "[") then
    local key = self.values[i + 1]
    local is_plain = (self.kinds[i + 1] == "string" or self.kinds[i + 1] == "number")
      and key and self:is_op(i + 2, "]") and self:is_op(i + 3, "=")
    if not is_plain then return nil, i end
    constructor.fields[key] = node
    return node, i + 4
  end
  constructor.items[#constructor.items + 1] = node
  return node, i
end

--- Takes the token at i, which may open, close or separate.
function Reader:step(i)
  local kind, value = self.kinds[i], self.values[i]
  if kind ~= "op" and kind ~= "name" then return nil end
  local top = self:top()
  if kind == "op" and SEPARATES[value] then
    if top and top.constructor then top.expects_field = true end
  elseif OPENS[value] then
    return self:open(OPENS[value], i)
  elseif CLOSES[value] then
    self:close(CLOSES[value], i)
  end
end

function Reader:read()
  local i, count = 1, #self.kinds
  while i <= count do
    local top, node = self:top(), nil
    local starts = top and top.expects_field
      and not (self.kinds[i] == "op" and (SEPARATES[self.values[i]] or self.values[i] == "}"))
    if starts then
      top.expects_field = false
      node, i = self:field(top.constructor, i)
      if node then node.value = self:literal(i) end
    end
    local opened = i <= count and self:step(i)
    if node and opened then node.table = opened.constructor end
    i = i + 1
  end
end

--- Finds every table constructor of a Lua text, in the order of their opening
--- braces. Broken text gives what could be made of it.
---@param source string
---@return wrapix.origin.Constructor[]
function M.scan(source)
  if type(source) ~= "string" then error("source: string expected", 2) end
  if #source > LARGEST then return {} end
  local reader = setmetatable({ stack = {}, open_count = {}, found = {} }, Reader)
  reader.kinds, reader.values, reader.lines = tokenise(source)
  reader:read()
  return reader.found
end

-- Matching -------------------------------------------------------------------

--- How well one field of the text fits the value a table has there.
local function fit(node, value)
  if value == nil then return -2 end
  if node.value ~= nil then return node.value == value and 4 or -6 end
  if node.table then return type(value) == "table" and 2 or -4 end
  return 1
end

--- The score of a constructor for a table, and whether it is sure: something
--- speaks for it and nothing against it.
local function score(constructor, tbl)
  local total, has_proof, has_doubt = 0, false, false
  local function add(points)
    total = total + points
    has_proof = has_proof or points > 1
    has_doubt = has_doubt or points < 0
  end
  for key, node in pairs(constructor.fields) do add(fit(node, rawget(tbl, key))) end
  for index, node in ipairs(constructor.items) do add(fit(node, rawget(tbl, index))) end
  for key in next, tbl do
    if not (constructor.fields[key] or constructor.items[key]) then add(-1) end
  end
  return total, has_proof and not has_doubt
end

--- Finds the constructor that most likely made a table: the one whose keys and
--- literal values agree best; of equals the one nearest to a line, else the first.
---@param scan wrapix.origin.Constructor[]
---@param tbl table
---@param near integer? a line
---@param sure boolean? take only a constructor nothing speaks against
---@return wrapix.origin.Constructor?
function M.match(scan, tbl, near, sure)
  local best, best_score, best_distance
  for _, constructor in ipairs(scan) do
    local points, is_sure = score(constructor, tbl)
    local distance = near and math.abs(constructor.line - near) or 0
    local is_better = points > 0 and (is_sure or not sure)
      and (not best or points > best_score
        or (points == best_score and distance < best_distance))
    if is_better then best, best_score, best_distance = constructor, points, distance end
  end
  return best
end

--- Follows a path of keys from a constructor and the table it made.
---@param scan wrapix.origin.Constructor[]
---@param constructor wrapix.origin.Constructor
---@param tbl table
---@param ... string|integer keys, outermost first
---@return integer? line of the last key that could be followed
---@return boolean complete whether that was the whole path
function M.trace(scan, constructor, tbl, ...)
  local line, value = nil, tbl
  for i = 1, select("#", ...) do
    local key = select(i, ...)
    local node = constructor and (constructor.fields[key] or constructor.items[key])
    if not node then return line, false end
    line = node.line
    value = type(value) == "table" and rawget(value, key) or nil
    constructor = node.table
      or (type(value) == "table" and M.match(scan, value, line, true) or nil)
  end
  return line, true
end

--- The line of a field of a table, or of the innermost field around it that
--- stands in the text.
---@param scan wrapix.origin.Constructor[]
---@param tbl table the table as it is at run time
---@param ... string|integer keys, outermost first; none asks for the table itself
---@return integer? line nil when the text does not show it
function M.lookup(scan, tbl, ...)
  local constructor = M.match(scan, tbl)
  if not constructor then return nil end
  if select("#", ...) == 0 then return constructor.line end
  return (M.trace(scan, constructor, tbl, ...))
end

return M
