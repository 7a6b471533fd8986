-- SPDX-License-Identifier: MIT
-- The little of Markdown that specs need: headings and what stands below them, outside
-- fenced code and comments, and rows of a table. Pure; texts of a workspace are read as
-- they are, so every line end and a byte order mark stay what they were.

local M = {}

local BOM = "\xef\xbb\xbf"

---@class ralph.Heading
---@field level integer 1 to 6
---@field title string
---@field line integer

---@class ralph.Line
---@field text string without its end
---@field eol string
---@field is_code boolean in a fence, or one
---@field heading ralph.Heading?
---@field plain string the text without comments

-- Lines -----------------------------------------------------------------------------

local function split(text)
  local list, at = {}, 1
  while at <= #text do
    local from, to = text:find("\r?\n", at)
    local last = from and from - 1 or #text
    list[#list + 1] = { text = text:sub(at, last), eol = from and text:sub(from, to) or "" }
    at = (to or #text) + 1
  end
  return list
end

-- The character and length of a fence that opens here; with an info string of
-- backquotes it is none.
local function fence_of(text)
  local run, rest = text:match("^ ? ? ?(```+)(.*)$")
  if run and not rest:find("`", 1, true) then return "`", #run end
  run = text:match("^ ? ? ?(~~~+)")
  if run then return "~", #run end
end

local function closes(text, fence)
  local run = text:match("^ ? ? ?([`~]+)%s*$")
  return run and #run >= fence.length and run == fence.char:rep(#run)
end

local function heading_of(text)
  local marks, rest = text:match("^ ? ? ?(#+)(.*)$")
  if not marks or #marks > 6 or rest ~= "" and not rest:find("^[ \t]") then return nil end
  local title = rest:gsub("^%s+", ""):gsub("%s+$", "")
  title = title:gsub("%s+#+$", ""):gsub("^#+$", "")
  return #marks, title
end

-- A line without what is in comments; second, whether one goes on after it.
local function without_comments(text, is_open)
  local out, at = {}, 1
  while at <= #text do
    if is_open then
      local _, stop = text:find("-->", at, true)
      if not stop then return table.concat(out), true end
      at, is_open = stop + 1, false
    else
      local start = text:find("<!--", at, true)
      out[#out + 1] = text:sub(at, (start or #text + 1) - 1)
      if not start then break end
      at, is_open = start + 4, true
    end
  end
  return table.concat(out), is_open
end

-- Lines of a text, each with what it is.
---@return ralph.Line[]
local function scan(text)
  local list = split(text:sub(1, 3) == BOM and text:sub(4) or text)
  local fence, is_comment = nil, false
  for number, line in ipairs(list) do
    line.is_code, line.plain = fence ~= nil, line.text
    if fence then
      if closes(line.text, fence) then fence = nil end
    else
      line.plain, is_comment = without_comments(line.text, is_comment)
      local char, length = fence_of(line.plain)
      if char then
        fence, line.is_code = { char = char, length = length }, true
      else
        local level, title = heading_of(line.plain)
        line.heading = level and { level = level, title = title, line = number } or nil
      end
    end
  end
  return list
end

-- Sections --------------------------------------------------------------------------

--- The headings of a text, in order.
---@param text string
---@return ralph.Heading[]
function M.headings(text)
  local found = {}
  for _, line in ipairs(scan(text)) do found[#found + 1] = line.heading end
  return found
end

--- The first heading of the first level.
---@param text string
---@return string? title
function M.title(text)
  for _, heading in ipairs(M.headings(text)) do
    if heading.level == 1 and heading.title ~= "" then return heading.title end
  end
end

--- What stands below the headings of exactly this title, down to the next one of the same
--- or a higher level; several of them are joined. Comments are left out.
---@param text string
---@param title string
---@param level integer? only of this one
---@return string? body nil when there is no such heading
function M.section(text, title, level)
  local out, open
  for _, line in ipairs(scan(text)) do
    local heading = line.heading
    if heading and open and heading.level <= open then open = nil end
    if heading and not open and heading.title == title and (not level or heading.level == level) then
      open, out = heading.level, out or {}
    elseif open then
      out[#out + 1] = line.plain
    end
  end
  if not out then return nil end
  return (table.concat(out, "\n"):gsub("^%s*\n", ""):gsub("%s+$", ""))
end

-- Tables ----------------------------------------------------------------------------

local function cells_of(text)
  local inner = text:match("^%s*|(.*)$")
  if not inner then return nil end
  inner = inner:gsub("\\|", "\0"):gsub("|%s*$", "")
  local cells = {}
  for cell in (inner .. "|"):gmatch("([^|]*)|") do
    cells[#cells + 1] = cell:gsub("%z", "|"):gsub("^%s+", ""):gsub("%s+$", "")
  end
  return cells
end

local function is_rule(text)
  local cells = cells_of(text)
  if not cells then return false end
  for _, cell in ipairs(cells) do
    if not cell:find("^:?%-+:?$") then return false end
  end
  return true
end

local function has_column(cells, wanted)
  for _, cell in ipairs(cells or {}) do
    if cell == wanted then return true end
  end
  return false
end

-- The table with a column of this name: its cells of the head, first and last line.
local function find_table(lines, column)
  for i = 1, #lines - 1 do
    local head = not lines[i].is_code and cells_of(lines[i].plain)
    if head and has_column(head, column) and is_rule(lines[i + 1].plain) then
      local last = i + 1
      while lines[last + 1] and not lines[last + 1].is_code and cells_of(lines[last + 1].plain) do
        last = last + 1
      end
      return head, i, last
    end
  end
end

local function row_text(cells)
  local out = {}
  for i, cell in ipairs(cells) do out[i] = cell:gsub("[\r\n]+", " "):gsub("|", "\\|") end
  return "| " .. table.concat(out, " | ") .. " |"
end

local function eol_of(lines)
  for _, line in ipairs(lines) do
    if line.eol ~= "" then return line.eol end
  end
  return "\n"
end

local function join(text, lines)
  local out = { text:sub(1, 3) == BOM and BOM or "" }
  for _, line in ipairs(lines) do out[#out + 1] = line.text .. line.eol end
  return table.concat(out)
end

local function append_table(lines, head, cells, eol)
  local last = lines[#lines]
  if last and last.eol == "" then last.eol = eol end
  local function add(text) lines[#lines + 1] = { text = text, eol = eol } end
  if last and last.text:find("%S") then add("") end
  local rule = {}
  for i = 1, #head do rule[i] = "---" end
  add(row_text(head))
  add("|" .. table.concat(rule, "|") .. "|")
  add(row_text(cells))
end

--- Adds a row to the table that has the first column, or such a table at the end. No
--- other line is changed. Columns of the table that `row` does not name stay empty.
---@param text string
---@param head string[] columns of a table of our own
---@param row table<string, string> column → cell
---@return string text
---@return boolean is_added false: a row with this first cell is there
function M.add_row(text, head, row)
  local lines = scan(text)
  local eol, cells = eol_of(lines), {}
  local columns, first, last = find_table(lines, head[1])
  for i, column in ipairs(columns or head) do cells[i] = row[column] or "" end
  if not columns then
    append_table(lines, head, cells, eol)
    return join(text, lines), true
  end
  local key
  for i, column in ipairs(columns) do key = key or column == head[1] and i end
  for i = first + 2, last do
    if cells_of(lines[i].plain)[key] == row[head[1]] then return text, false end
  end
  if lines[last].eol == "" then lines[last].eol = eol end
  table.insert(lines, last + 1, { text = row_text(cells), eol = eol })
  return join(text, lines), true
end

return M
