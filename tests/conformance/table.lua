-- SPDX-License-Identifier: MIT
-- Results of the suite → the text of docs/conformance.md, and back as far as a test wants
-- to know. Pure; document.lua reads and writes.

local targets = require("conformance.targets")

local M = {}

local MARKS = { passed = "yes", refused = "says so", failed = "**no**" }

local function first_words(column) return table.concat(column.title, " ") end

-- The columns of the document: those of a full run, then Macs that sent their results.
local function columns_of(results)
  local columns = table.move(targets.columns, 1, #targets.columns, 1, {})
  for _, one in ipairs(results) do
    if one.host == "here" and not one.double then
      columns[#columns + 1] = { key = one.key, title = { one.engine:match("^%S+"), one.version .. ", a Mac" } }
    end
  end
  return columns
end

local function by_key(results)
  local map = {}
  for _, one in ipairs(results) do
    local outcomes = {}
    for _, outcome in ipairs(one.results) do outcomes[outcome.id] = outcome end
    map[one.key] = { outcomes = outcomes, result = one }
  end
  return map
end

local function row(cells) return "| " .. table.concat(cells, " | ") .. " |" end

-- `found` of each column, or nothing when there is no result of it.
local function cells_of(behaviour, columns, found)
  local cells = { ("`%s`<br>%s"):format(behaviour.id, (behaviour.says:gsub("|", "\\|"))) }
  for _, column in ipairs(columns) do
    local outcome = found[column.key] and found[column.key].outcomes[behaviour.id]
    cells[#cells + 1] = outcome and MARKS[outcome.outcome] or "not run"
  end
  return cells
end

local function add_area(lines, area, columns, found)
  local head, rule = { "behaviour" }, { "---" }
  for _, column in ipairs(columns) do
    head[#head + 1], rule[#rule + 1] = table.concat(column.title, "<br>"), ":-:"
  end
  table.move({ "", "## " .. area.title, "", row(head), row(rule) }, 1, 5, #lines + 1, lines)
  for _, behaviour in ipairs(area.behaviours) do
    lines[#lines + 1] = row(cells_of(behaviour, columns, found))
  end
end

local function where(lack)
  local name = lack.runtime == "podman" and "Podman" or "`container`"
  if lack.before then name = ("%s before %s"):format(name, lack.before) end
  if lack.hosts then name = name .. ", rootless, without delegated cgroups" end
  return name
end

local function add_lacks(lines, list)
  table.move({ "", "## What says that it cannot be had", "",
    "An error names the field and the sandbox does not start; where it says *warning*, it starts without.", "",
    "| behaviour | where | why | what comes |", "|---|---|---|---|" }, 1, 7, #lines + 1, lines)
  for _, behaviour in ipairs(list.all) do
    for _, lack in ipairs(behaviour.lacks or {}) do
      lines[#lines + 1] = row({ ("`%s`"):format(behaviour.id), where(lack), lack.reason,
        lack.warns and "warning" or "error" })
    end
  end
end

local INTRO = [[
# What was seen to work where

Made by `tests/conformance/run --all`; each row is a behaviour that is checked from outside with the
real program, on each runtime and version. Change the list in `tests/conformance/areas`, not this file.

- *yes*: seen to work. *says so*: cannot be had there, and the error or the warning that says so was
  seen (the last table has the reasons). **no**: does not work. *not run*: has not been tried.
- Podman is the real one, on three Linux hosts (`tests/host`).
- `container` in these versions is not Apple's program but `tests/support/container`: it takes the
  documented words of that version, gives its answers and its known faults, and carries a run out
  with Podman. It shows that wrapix says the right things to it, and that the guest's programs make
  the right sandbox of what they find; not that a Mac's virtual machine does what is documented.
  `tests/macos.sh` runs this same list on a Mac, whose column then stands beside these.
]]

local function add_runs(lines, columns, found)
  table.move({ "| column | engine | system | behaviours | seconds |", "|---|---|---|---|---|" }, 1, 2,
    #lines + 1, lines)
  for _, column in ipairs(columns) do
    local run = found[column.key] and found[column.key].result
    local good, all = 0, run and #run.results or 0
    for _, outcome in ipairs(run and run.results or {}) do
      if outcome.outcome ~= "failed" then good = good + 1 end
    end
    lines[#lines + 1] = row(run
      and { first_words(column), run.double and "double of " .. run.version or run.engine, run.system,
        ("%d of %d"):format(good, all), ("%.0f"):format(run.seconds) }
      or { first_words(column), "not run", "", "", "" })
  end
end

--- The document.
---@param list table conformance.list
---@param results table[] what main.lua wrote, of full runs
---@return string
function M.document(list, results)
  local columns, found = columns_of(results), by_key(results)
  local lines = { INTRO }
  add_runs(lines, columns, found)
  for _, area in ipairs(list.areas) do add_area(lines, area, columns, found) end
  add_lacks(lines, list)
  return table.concat(lines, "\n") .. "\n"
end

--- The cells of a document's rows of behaviours, by id, and its titles of columns.
---@param text string
---@return table<string, string[]> rows words of the behaviour, then a mark for each column
---@return string[][] headers of each table, without the first cell
function M.parse(text)
  local rows, headers = {}, {}
  for line in text:match("^(.-)\n## What says"):gmatch("[^\n]+") do
    local id, says, rest = line:match("^| `([%l%d.-]+)`<br>(.-) |(.*)$")
    local cells, header = {}, line:match("^| behaviour |(.*)$")
    for cell in (rest or header or ""):gmatch(" ([^|]+) |") do cells[#cells + 1] = cell end
    if id then
      assert(not rows[id], id .. " has two rows")
      table.insert(cells, 1, says)
      rows[id] = cells
    elseif header then
      headers[#headers + 1] = cells
    end
  end
  return rows, headers
end

return M
