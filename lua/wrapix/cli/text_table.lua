-- SPDX-License-Identifier: MIT
-- Rows as aligned columns for people, and the times in them. Pure; texts must
-- be safe for a terminal already.

local M = {}

-- A last column that is cut keeps so many characters, however narrow the terminal.
local LEAST = 20

local function width(text) return utf8.len(text) or #text end

local function widths_of(rows)
  local widths = {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 0, width(cell)) end
  end
  return widths
end

--- A text with at most so many characters; a longer one ends with "…".
---@param text string
---@param most integer
---@return string
function M.cut(text, most)
  if width(text) <= most then return text end
  local last = utf8.len(text) and utf8.offset(text, most) or most
  return text:sub(1, last - 1) .. "…"
end

-- What the last of these columns may take of a line.
local function last_width(widths, columns)
  local taken = 0
  for i = 1, #widths - 1 do taken = taken + widths[i] + 2 end
  return math.max(LEAST, columns - taken)
end

--- Rows as lines; the first row is the heading. The last column is not padded.
---@param rows string[][]
---@param opts { color: boolean?, columns: integer? }? columns of the terminal: the last
---  cell is cut there
---@return string
function M.render(rows, opts)
  local widths, lines = widths_of(rows), {}
  local most = opts and opts.columns and last_width(widths, opts.columns)
  for i, row in ipairs(rows) do
    local cells = {}
    for j, cell in ipairs(row) do
      cells[j] = j < #widths and cell .. (" "):rep(widths[j] - width(cell))
        or most and M.cut(cell, most) or cell
    end
    local line = table.concat(cells, "  "):gsub("%s+$", "")
    lines[i] = i == 1 and opts and opts.color and "\27[1m" .. line .. "\27[0m" or line
  end
  return table.concat(lines, "\n") .. "\n"
end

--- Seconds in the two largest units that are not zero: "3d 4h", "5m 12s", "0.4s".
---@param seconds number
---@return string
function M.duration(seconds)
  if seconds < 10 then return ("%.1fs"):format(seconds) end
  local whole = seconds // 1
  for _, unit in ipairs({ { 86400, "d", 3600, "h" }, { 3600, "h", 60, "m" }, { 60, "m", 1, "s" } }) do
    if whole >= unit[1] then
      return ("%d%s %d%s"):format(whole // unit[1], unit[2], whole % unit[1] // unit[3], unit[4])
    end
  end
  return ("%ds"):format(whole)
end

--- A moment in local time.
---@param time number? seconds since 1970; of a file, so it may be any number
---@return string "-" when there is none, or no calendar has it
function M.moment(time)
  local whole = type(time) == "number" and math.tointeger(time // 1)
  local ok, text = pcall(os.date, "%Y-%m-%d %H:%M:%S", whole or 0)
  return whole and ok and text or "-"
end

return M
