-- SPDX-License-Identifier: MIT
-- Whether the person looks at a session: asks the detectors that apply, at the same time
-- and within one limit, and combines what they say. Knows no program by name.
--
-- Theory of operation. First what runs in a terminal is asked (tmux, zellij, screen): it
-- knows the pane and the processes that show it. Then, for each of those processes (or
-- for the launcher, where it is at the terminal itself), the terminal and the desktop
-- are asked about the window. An answer that rests on an assumption counts only as far
-- as nobody who could know better shrugs.

local processes = require("wrapix.notify.focus.processes")
local screens = require("wrapix.notify.screen")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

-- Seconds for all together.
local LIMIT = 1
-- Clients of tmux that are followed to their windows.
local MOST_VIEWERS = 8

local PANES = { "tmux", "zellij", "gnu_screen" }
local WINDOWS = {
  "kitty", "wezterm", "niri", "sway", "hyprland", "i3", "x11", "kde", "gnome", "macos",
}
-- Of a program that was started elsewhere these say nothing.
local PANE_FIELDS = { "tmux", "zellij", "gnu_screen" }

---@class wrapix.FocusAnswer
---@field name string of the detector
---@field level "pane"|"terminal"|"window"
---@field answer "focused"|"away"|"unknown"
---@field detail string?
---@field more wrapix.FocusMore? for combining

local ANSWERS = { focused = true, away = true, unknown = true }

local function ask_one(detector, screen, opts)
  local ok, answer, detail, more = pcall(detector.ask, screen, opts.run, opts.env)
  if task.is_cancelled() then return nil end -- too late, whatever it says
  if not ok then
    answer, detail, more = "unknown", tostring(answer):match("[^\n]*"), nil
  elseif not ANSWERS[answer] then
    answer, detail, more = "unknown", "the detector gave no answer", nil
  end
  return { name = detector.name, level = detector.level, answer = answer, detail = detail, more = more }
end

-- Asks all of `jobs` at once; who has not answered by the deadline is unknown.
local function ask_all(jobs, opts, deadline)
  local answers = {}
  task.timeout(math.max(0, deadline - sys.clock()), function()
    return task.scope(function(scope)
      for i, job in ipairs(jobs) do
        scope:spawn(function()
          answers[i] = ask_one(job.detector, job.screen, opts)
          return true
        end)
      end
      return true
    end)
  end)
  local list = {}
  for i, job in ipairs(jobs) do
    list[i] = answers[i] or {
      name = job.detector.name, level = job.detector.level, answer = "unknown",
      detail = "gave no answer in time",
    }
  end
  return list
end

local function jobs_of(names, screen, opts, jobs)
  for _, name in ipairs(names) do
    local detector = opts.detectors and opts.detectors[name]
      or require("wrapix.notify.focus." .. name)
    if detector.applies(screen, opts.env) then
      jobs[#jobs + 1] = { detector = detector, screen = screen }
    end
  end
  return jobs
end

-- --- whom to ask ---------------------------------------------------------------------

-- What the variables say of a window was true when the server of tmux began, perhaps
-- days ago in another terminal. On macOS it is all there is, and the program mostly
-- the same.
local function without_window(screen)
  return { version = screen.version, at_terminal = true, chain = screen.chain,
    desktop = screen.desktop, wayland = screen.wayland, bundle = screen.bundle }
end

-- Clients of tmux whose terminals can be described; of another user's nothing is told.
local function clients_of(panes, opts)
  local found, count = {}, 0
  for _, one in ipairs(panes) do
    for _, pid in ipairs(one.more and one.more.viewers or {}) do
      count = count + 1
      local env = count <= MOST_VIEWERS and opts.processes.environ(pid)
      if env then
        local viewer = screens.describe(env, { pid = pid, processes = opts.processes })
        for _, name in ipairs(PANE_FIELDS) do viewer[name] = nil end
        found[#found + 1] = viewer
      end
    end
  end
  return found, count
end

local BLIND = { name = "client", level = "window", answer = "unknown",
  detail = "the process that shows the pane cannot be looked into" }

-- The screens to look for windows with; and an answer, where that is known to fail.
local function viewers_of(screen, panes, opts)
  if not panes[1] then return { screen } end
  local found, count = clients_of(panes, opts)
  if found[1] then return found end
  if count > 0 and sys.platform() == "linux" then return {}, BLIND end
  for _, one in ipairs(panes) do
    -- It named nobody who looks: there is no window to ask about.
    if one.more and one.more.viewers and count == 0 then return {} end
  end
  return { without_window(screen) }
end

-- --- combining -----------------------------------------------------------------------

-- Several viewers: one that looks is enough.
local RANK = { focused = 3, away = 2, unknown = 1 }

local function merge(answers)
  local list, by_name = {}, {}
  for _, one in ipairs(answers) do
    local known = by_name[one.name]
    if not known then
      list[#list + 1], by_name[one.name] = one, one
    else
      local in_front = known.more and known.more.in_front or one.more and one.more.in_front
      if RANK[one.answer] > RANK[known.answer] then
        known.answer, known.detail, known.more = one.answer, one.detail, one.more
      end
      if in_front then
        known.more = known.more or {}
        known.more.in_front = true
      end
    end
  end
  return list
end

local function doubt(one)
  one.answer = "unknown"
  one.detail = (one.detail or "") .. "; nobody knows whether its window has the focus"
end

-- That the terminal is in front is enough for a terminal that knows its panes. For what
-- runs inside one it is not: another tab may be in view.
local function weigh_terminals(answers)
  local in_front = false
  for _, one in ipairs(answers) do
    in_front = in_front or one.level == "window" and one.more ~= nil and one.more.in_front == true
  end
  for _, one in ipairs(answers) do
    if one.answer == "focused" and one.more and one.more.needs_window and not in_front then doubt(one) end
  end
end

---Takes back what rests on an assumption that nobody confirms. Pure but for changing
---the answers.
---@param answers wrapix.FocusAnswer[]
---@return wrapix.FocusAnswer[] the same
function M.weigh(answers)
  weigh_terminals(answers)
  local confirmed, shrugged = false, false
  for _, one in ipairs(answers) do
    if one.level ~= "pane" then
      confirmed = confirmed or one.answer == "focused"
      shrugged = shrugged or one.answer == "unknown" and not (one.more and one.more.no_desktop)
    end
  end
  for _, one in ipairs(answers) do
    local assumed = one.answer == "focused" and one.more and one.more.assumed
    if assumed and shrugged and not confirmed then doubt(one) end
  end
  return answers
end

---Combines the answers: one that says away shows the message, and only where one says
---focused and none says away it is held back. What nobody knows is shown.
---@param answers { name: string, answer: string }[]
---@return "hold"|"show"
---@return string why
function M.decide(answers)
  local focused
  for _, one in ipairs(answers) do
    if one.answer == "away" then return "show", one.name .. ": away" end
    if one.answer == "focused" then focused = focused or one.name end
  end
  if focused then return "hold", focused .. ": focused" end
  return "show", "nobody knows"
end

---Asks all detectors that apply; takes a second at most. In a task.
---@param screen wrapix.Screen checked here: it may come from another process
---@param opts { run: function?, env: table?, processes: table?, detectors: table?, seconds: number? }?
---@return wrapix.FocusAnswer[] empty where no detector applies
function M.ask(screen, opts)
  opts = opts or {}
  local own = {
    run = opts.run or require("wrapix.proc").run, env = opts.env or sys.environ(),
    processes = opts.processes or processes, detectors = opts.detectors,
  }
  screen = screens.check(screen)
  -- Without a terminal nobody sees it, whatever is in front: a detached sandbox.
  if not screen.at_terminal then
    return { { name = "terminal", level = "pane", answer = "unknown", detail = "it has no terminal" } }
  end
  local deadline = sys.clock() + (opts.seconds or LIMIT)
  local panes = ask_all(jobs_of(PANES, screen, own, {}), own, deadline)
  local viewers, blind = viewers_of(screen, panes, own)
  local jobs = {}
  for _, viewer in ipairs(viewers) do jobs_of(WINDOWS, viewer, own, jobs) end
  local answers = merge(ask_all(jobs, own, deadline))
  table.move(answers, 1, #answers, #panes + 1, panes)
  panes[#panes + 1] = blind
  return M.weigh(panes)
end

return M
