-- SPDX-License-Identifier: MIT
-- Screens of a terminal as a picture: the text `tmux capture-pane -e` gives, with its
-- colours, → SVG. Pure. It knows the attributes tmux writes and skips all else.

local M = {}

local CELL_WIDTH, CELL_HEIGHT, MARGIN, SIZE, GAP = 8.4, 18, 14, 14, 8
local GROUND, INK = "#16181d", "#d8dbe2"
-- The sixteen colours of a terminal, as many terminals have them by default.
local NAMED = {
  [0] = "#2e3440", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d8dbe2",
  "#6b7280", "#ff8b94", "#b5e890", "#ffd98a", "#8ac6ff", "#e2a1f4", "#7fd8e2", "#ffffff",
}
local LEVELS = { [0] = 0, 95, 135, 175, 215, 255 }

local function indexed(n)
  if n < 16 then return NAMED[n] end
  if n >= 232 then
    local grey = 8 + (n - 232) * 10
    return ("#%02x%02x%02x"):format(grey, grey, grey)
  end
  n = n - 16
  return ("#%02x%02x%02x"):format(LEVELS[n // 36], LEVELS[n // 6 % 6], LEVELS[n % 6])
end

-- What stands behind 38 or 48: a colour, and how many numbers it took.
local function extended(codes, at)
  if codes[at + 1] == 5 then return indexed(codes[at + 2] or 7), 2 end
  local r, g, b = table.unpack(codes, at + 2, at + 4)
  return ("#%02x%02x%02x"):format(r or 0, g or 0, b or 0), 4
end

local FLAGS = {
  [1] = { "bold", true }, [2] = { "dim", true }, [3] = { "italic", true },
  [4] = { "underline", true }, [7] = { "reverse", true },
  [22] = { "bold", false, "dim" }, [23] = { "italic", false }, [24] = { "underline", false },
  [27] = { "reverse", false },
}

local function colour_of(code)
  local base = code % 10
  if code >= 30 and code <= 47 and base < 8 then return NAMED[base], code < 40 end
  if code >= 90 and code <= 107 and base < 8 then return NAMED[base + 8], code < 100 end
end

local function apply(style, codes)
  local at = 1
  while at <= #codes do
    local code = codes[at]
    local flag, colour, is_ink = FLAGS[code], colour_of(code)
    if code == 0 then
      for key in pairs(style) do style[key] = nil end
    elseif flag then
      style[flag[1]] = flag[2]
      if flag[3] then style[flag[3]] = flag[2] end
    elseif code == 38 or code == 48 then
      local value, used = extended(codes, at)
      style[code == 38 and "ink" or "ground"] = value
      at = at + used
    elseif code == 39 or code == 49 then
      style[code == 39 and "ink" or "ground"] = nil
    elseif colour then
      style[is_ink and "ink" or "ground"] = colour
    end
    at = at + 1
  end
end

local function copy(style)
  local out = {}
  for key, value in pairs(style) do out[key] = value end
  return out
end

-- A line as runs of one style each; the style goes on to the next line.
local function runs_of(line, style)
  local runs, column, at = {}, 0, 1
  local function put(text)
    local length = utf8.len(text) or #text
    if length > 0 then
      runs[#runs + 1] = { text = text, at = column, length = length, style = copy(style) }
      column = column + length
    end
  end
  while at <= #line do
    local from, to, codes = line:find("\27%[([%d;:]*)m", at)
    put(line:sub(at, (from or #line + 1) - 1):gsub("[%c]", ""))
    if not from then break end
    local numbers = {}
    for number in codes:gmatch("%d+") do numbers[#numbers + 1] = tonumber(number) end
    apply(style, #numbers > 0 and numbers or { 0 })
    at = to + 1
  end
  return runs, column
end

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }

-- Few fonts have these; what stands in for them has the same place and meaning.
local RARE = { ["⏵"] = "▸", ["⎿"] = "└" }

local function attributes(style)
  local out = {}
  if style.bold then out[#out + 1] = ' font-weight="bold"' end
  if style.italic then out[#out + 1] = ' font-style="italic"' end
  if style.underline then out[#out + 1] = ' text-decoration="underline"' end
  if style.dim then out[#out + 1] = ' opacity="0.65"' end
  return table.concat(out)
end

local function draw(run, top, row, add)
  local style = run.style
  local ink, ground = style.ink or INK, style.ground
  if style.reverse then ink, ground = ground or GROUND, ink end
  local x, y = MARGIN + run.at * CELL_WIDTH, top + MARGIN + row * CELL_HEIGHT
  local width = run.length * CELL_WIDTH
  if ground then
    add(('<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/>')
      :format(x, y, width, CELL_HEIGHT, ground))
  end
  if run.text:find("%S") then
    local text = run.text:gsub("[&<>]", ENTITIES):gsub(utf8.charpattern, RARE)
    add(('<text x="%.1f" y="%.1f" textLength="%.1f" fill="%s"%s>%s</text>')
      :format(x, y + 13.5, width, ink, attributes(style), text))
  end
end

-- Words that stand apart are drawn apart: then a font of another width moves none far.
local function words_of(run)
  local words = {}
  if run.style.ground or run.style.reverse or run.style.underline then return { run } end
  for from, word in run.text:gmatch("()(%S+ ?%S*)") do
    local before = utf8.len(run.text:sub(1, from - 1)) or 0
    words[#words + 1] = { text = word, at = run.at + before, length = utf8.len(word) or #word,
      style = run.style }
  end
  return words
end

-- One screen from a height on; returns its width in columns and its rows.
local function draw_frame(text, top, add)
  local style, widest, row = {}, 0, 0
  for line in (text:gsub("%s*$", "") .. "\n"):gmatch("([^\n]*)\n") do
    local runs, width = runs_of(line, style)
    widest = math.max(widest, width)
    for _, run in ipairs(runs) do
      for _, word in ipairs(words_of(run)) do draw(word, top, row, add) end
    end
    row = row + 1
  end
  return widest, row
end

local BEGIN = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" '
  .. 'role="img" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="%d" '
  .. 'xml:space="preserve">'

---Screens, one below the other, as SVG.
---@param frames string[] each lines with SGR sequences
---@param title string for who cannot see it
---@return string
function M.svg(frames, title)
  local body, grounds, widest, top = {}, {}, 0, 0
  for i, text in ipairs(frames) do
    local width, rows = draw_frame(text, top, function(line) body[#body + 1] = line end)
    local height = 2 * MARGIN + rows * CELL_HEIGHT
    grounds[i] = ('<rect y="%d" width="100%%" height="%d" rx="8" fill="%s"/>')
      :format(top, height, GROUND)
    widest, top = math.max(widest, width), top + height + GAP
  end
  local width, height = math.ceil(2 * MARGIN + widest * CELL_WIDTH), top - GAP
  return table.concat({
    BEGIN:format(width, height, width, height, SIZE),
    ("<title>%s</title>"):format((title:gsub("[&<>]", ENTITIES))),
    table.concat(grounds, "\n"), table.concat(body, "\n"), "</svg>", "",
  }, "\n")
end

return M
