-- SPDX-License-Identifier: MIT
-- Where a project stands: counts of each spec, what is in work, what waits for a person,
-- what was tried last and what it cost. Changes nothing.

local attempts = require "ralph.attempts"
local choose = require "ralph.choose"
local displays = require "ralph.display"
local excerpt = require "ralph.excerpt"
local wrapix = require "wrapix"

local M = {}

local LAST = 5
local BAR = 20

local function own_of(issue)
  local metadata = type(issue.metadata) == "table" and issue.metadata
  local own = metadata and metadata.wrapix
  return type(own) == "table" and own or {}
end

local function waits(issue)
  for _, label in ipairs(issue.labels or {}) do
    if label == "ralph:waiting" then return true end
  end
  return false
end

-- Whoever works on it, if that can be known.
local function owner_state(own)
  local owner = type(own.owner) == "string" and wrapix.owner.decode(own.owner)
  if not owner then return "unknown" end
  return wrapix.owner.state(owner), owner.pid
end

local function specs_of(issues)
  local names, seen = {}, {}
  for _, issue in ipairs(issues) do
    local name = issue.spec_id or ""
    if not seen[name] then
      seen[name] = true
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

local function rows_of(issues)
  local working, waiting = wrapix.json.array(), wrapix.json.array()
  for _, issue in ipairs(issues) do
    local own = own_of(issue)
    if issue.status == "in_progress" then
      local state, pid = owner_state(own)
      working[#working + 1] = { id = issue.id, title = issue.title, owner = state, pid = pid }
    elseif issue.status == "open" and waits(issue) then
      local question = type(own.question) == "table" and own.question or {}
      waiting[#waiting + 1] = { id = issue.id, title = issue.title, question = question.text,
        options = question.options, why = own.parked }
    end
  end
  return working, waiting
end

-- The newest attempts of the issues that are shown, and what all of theirs have cost.
local function history(project, issues)
  local shown, list, usd, seconds = {}, {}, 0, 0
  for _, issue in ipairs(issues) do shown[issue.id] = true end
  for id, record in pairs(attempts.all(project)) do
    for _, entry in ipairs(shown[id] and record.list or {}) do
      usd, seconds = usd + (tonumber(entry.usd) or 0), seconds + (tonumber(entry.seconds) or 0)
      list[#list + 1] = { id = id, attempt = entry.attempt, verdict = entry.verdict, reason = entry.reason,
        time = tonumber(entry.time) or 0, usd = entry.usd, seconds = entry.seconds, rescue = entry.rescue }
    end
  end
  table.sort(list, function(a, b)
    if a.time ~= b.time then return a.time > b.time end
    return a.id < b.id
  end)
  return table.move(list, 1, math.min(LAST, #list), 1, wrapix.json.array()), usd, seconds
end

---@class ralph.Status
---@field project string
---@field current string?
---@field specs { name: string, counts: table }[]
---@field working table[]
---@field waiting table[]
---@field last table[]
---@field usd number of the attempts that are remembered
---@field seconds number

--- Looks at a project.
---@param project ralph.Project
---@param opts { spec: string?, all: boolean? }? spec: only this one
---@return ralph.Status?
---@return string? message
---@return string? code
---@return string? hint
function M.read(project, opts)
  opts = opts or {}
  local tracker, message, code, hint = project:tracker()
  if not tracker then return nil, message, code, hint end
  local state = require("ralph.state").read(project)
  local current = state and state.current
  local only = opts.spec or (not opts.all and current) or nil
  local issues
  issues, message, code, hint = tracker:all({ spec = only })
  if not issues then return nil, message, code, hint end
  local specs = wrapix.json.array()
  for _, name in ipairs(only and { only } or specs_of(issues)) do
    local counts
    counts, message, code, hint = tracker:counts({ spec = name })
    if not counts then return nil, message, code, hint end
    specs[#specs + 1] = { name = name, counts = counts }
  end
  local working, waiting = rows_of(issues)
  local last, usd, seconds = history(project, issues)
  return { project = project.name, current = current, specs = specs, working = working,
    waiting = waiting, last = last, usd = usd, seconds = seconds }
end

-- As text ------------------------------------------------------------------------------------

local function clean(value) return wrapix.log.clean(tostring(value)) end

local function progress(counts)
  local closed = counts.closed or 0
  local all = closed + choose.left(counts)
  local share = all > 0 and closed / all or 0
  local full = math.floor(share * BAR + 0.5)
  return ("[%s%s] %d of %d"):format(("#"):rep(full), ("-"):rep(BAR - full), closed, all)
end

local function spec_lines(status, out)
  for _, spec in ipairs(status.specs) do
    local counts = spec.counts
    out[#out + 1] = ("%s%s  %s"):format(spec.name == "" and "(no spec)" or clean(spec.name),
      spec.name == status.current and " *" or "", progress(counts))
    out[#out + 1] = ("  ready %d, in progress %d, blocked %d, waiting for a person %d"):format(
      counts.ready or 0, counts.in_progress or 0, counts.blocked or 0, counts.waiting or 0)
  end
end

local function waiting_lines(status, out)
  if #status.waiting > 0 then out[#out + 1] = "waiting for a person:" end
  for _, one in ipairs(status.waiting) do
    out[#out + 1] = ("  %s  %s"):format(clean(one.id), clean(one.title or ""))
    local text = one.question or one.why
    if text then out[#out + 1] = "    " .. clean(excerpt.line(tostring(text), 200)) end
    for i, option in ipairs(one.options or {}) do
      out[#out + 1] = ("      %d. %s"):format(i, clean(excerpt.line(tostring(option), 100)))
    end
  end
end

local function last_lines(status, out)
  if #status.last > 0 then out[#out + 1] = "last attempts:" end
  for _, one in ipairs(status.last) do
    local cost = displays.cost(tonumber(one.usd))
    out[#out + 1] = ("  %s  attempt %s  %s  %s%s%s"):format(clean(one.id), clean(one.attempt),
      clean(one.verdict), displays.duration(tonumber(one.seconds) or 0), cost ~= "" and " " .. cost or "",
      one.reason and ": " .. clean(excerpt.line(tostring(one.reason), 120)) or "")
  end
end

--- The status as lines for a person.
---@param status ralph.Status
---@param called string? how the commands are called: "ralph"
---@return string
function M.render(status, called)
  local out = {}
  spec_lines(status, out)
  if #out == 0 then
    out[1] = ("no issues yet: `%s ready` makes them from a spec"):format(called or "ralph")
  end
  for _, one in ipairs(status.working) do
    local who = one.owner == "dead" and "its process is dead; the next step settles it"
      or one.pid and ("process %d"):format(one.pid) or "somebody"
    out[#out + 1] = ("in progress: %s  %s (%s)"):format(clean(one.id), clean(one.title or ""), who)
  end
  waiting_lines(status, out)
  last_lines(status, out)
  if status.usd > 0 then
    out[#out + 1] = ("spent: %s in %s"):format(displays.cost(status.usd), displays.duration(status.seconds))
  end
  return table.concat(out, "\n") .. "\n"
end

return M
