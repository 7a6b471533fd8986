-- SPDX-License-Identifier: MIT
-- A project in memory for specs of steps and loops: a list of issues, a repository of
-- trees by name, and effects that do as a spec says. Starts nothing.

local displays = require("ralph.display")
local fs = require("wrapix.fs")

local M = {}

local Tracker = {}
Tracker.__index = Tracker

local function note(self, ...) self.calls[#self.calls + 1] = table.concat({ ... }, " ") end

function Tracker:get(id)
  if self.issues[id] then return self.issues[id] end
  return nil, "tracker: " .. id .. ": is not there", "ENOENT"
end

function Tracker:ready(opts)
  local list = {}
  for _, id in ipairs(self.order) do
    local issue = self.issues[id]
    if issue.status == "open" and not issue.waiting and not issue.blocked then list[#list + 1] = issue end
  end
  return table.move(list, 1, math.min(#list, opts and opts.limit or #list), 1, {})
end

function Tracker:counts()
  local counts = { open = 0, in_progress = 0, blocked = 0, closed = 0, ready = 0, waiting = 0 }
  for _, issue in pairs(self.issues) do
    counts[issue.status] = counts[issue.status] + 1
    if issue.waiting then counts.waiting = counts.waiting + 1 end
  end
  return counts
end

function Tracker:claim(id)
  note(self, "claim", id)
  local issue = self.issues[id]
  if self.taken and self.taken[id] then
    issue.status = "in_progress"
    return nil, "tracker: " .. id .. ": another has it", "ECLAIMED"
  end
  if issue.blocked then return nil, "tracker: " .. id .. ": is not ready", "ENOTREADY" end
  issue.status = "in_progress"
  return issue
end

local function change(name, status, waiting)
  return function(self, id, text)
    note(self, name, id, type(text) == "table" and (text.text or "") or text or "")
    local issue = self.issues[id]
    issue.status, issue.waiting = status or issue.status, waiting
    return issue
  end
end

Tracker.release = change("release", "open")
Tracker.close = change("close", "closed")
Tracker.park = change("park", "open", true)
Tracker.ask = change("ask", "open", true)
Tracker.comment = change("comment")
function Tracker:orphans() return self.dead or {} end
function Tracker:guard()
  return { check = function()
    if self.foreign then return nil, self.foreign, "EFOREIGN" end
    return true
  end }
end

--- Whether a call was made, by its beginning.
function Tracker:was(text)
  for _, call in ipairs(self.calls) do
    if call:sub(1, #text) == text then return call end
  end
end

local Repo = {}
Repo.__index = Repo

function Repo:tree() return self.now end
function Repo:head() return { id = self.at } end
function Repo:changes(from, to)
  if from == to or from == "head" and to == self.committed then return {} end
  return { { path = "src/a.c", status = "M", added = 1, removed = 0 } }
end
function Repo.commits(_, from, to) return from == to and {} or { { id = to, subject = "x" } } end
function Repo:rescue(id, n, message)
  self.rescued = { id = id, n = n, message = message }
  return { ref = ("refs/wrapix/rescue/%s/%d"):format(id, n), commit = ("c"):rep(40) }
end

--- What an agent's run ends with, unless a spec says otherwise.
function M.outcome(more)
  local outcome = { kind = "done", ok = true, text = "RALPH_COMPLETE", seconds = 1, usage = {}, denials = 0 }
  for key, value in pairs(more or {}) do outcome[key] = value end
  if outcome.kind ~= "done" then outcome.ok = false end
  return outcome
end

--- A project with issues a-1, a-2 …; `agent` and `verify` are effects.
---@param opts { issues: integer?, config: table?, agent: function?, verify: function? }?
function M.new(opts)
  opts = opts or {}
  local dir = assert(fs.temp_dir("wrapix-desk-"))
  local desk = { dir = dir, shown = {}, log = {}, told = {}, limits = {} }
  assert(fs.mkdir(dir .. "/tree"))
  assert(fs.mkdir(dir .. "/state"))
  local config = { verify = {}, protect = {}, context = {}, retries = 2, hooks = {}, baseline = true,
    commit = true, notify = true, keep_logs = false, agent = "play", max_iterations = 100 }
  for key, value in pairs(opts.config or {}) do config[key] = value end
  local log = { warn = function(_, text) desk.log[#desk.log + 1] = text end, note = function() end }
  desk.project = {
    root = dir .. "/tree", name = "work", config = config, log = log,
    dirs = { state = dir .. "/state", wrapix = dir .. "/tree/.wrapix" },
    paths = { specs = dir .. "/state/specs", base = dir .. "/state/base",
      kept = dir .. "/state/kept", git = dir .. "/state/git",
      attempts = dir .. "/state/attempts", verify = dir .. "/state/verify.json",
      work_lock = dir .. "/state/work.lock" },
    sandbox = function() return { agent = function() return "play" end,
      login = function() return "default" end } end,
    lock_work = function(_, options)
      return fs.lock(dir .. "/state/work.lock", { wait = options and options.wait })
    end,
  }
  desk.tracker = setmetatable({ issues = {}, order = {}, calls = {} }, Tracker)
  for i = 1, opts.issues or 1 do
    local id = "a-" .. i
    desk.tracker.issues[id] = { id = id, title = "Issue " .. i, status = "open", spec_id = "shop" }
    desk.tracker.order[i] = id
  end
  desk.repo = setmetatable({ now = "t0", at = "head" }, Repo)
  desk.effects = {
    agent = function(_, args)
      desk.prompt = args.prompt
      desk.repo.now = desk.repo.now .. "+"
      return (opts.agent or M.outcome)(args, desk)
    end,
    verify = function(_, args)
      return opts.verify and opts.verify(args, desk) or { results = {}, cached = true }
    end,
    commit = function(_, args)
      desk.commit = args
      if opts.commit then return opts.commit(args, desk) end
      desk.repo.at, desk.repo.committed = "head2", desk.repo.now
      return { committed = true }
    end,
    reap = function()
      desk.reaped = { rescued = desk.repo.rescued }
      return { count = 0 }
    end,
    unlock = function(_, args)
      desk.unlocked = args.since
      return { removed = {} }
    end,
    notify = function(_, args)
      desk.told[#desk.told + 1] = args.title
      return {}
    end,
    limit = function(_, args)
      desk.limits[#desk.limits + 1] = args
      return {}
    end,
  }
  desk.display = displays.new({ clock = function() return 0 end,
    out = function(text) desk.shown[#desk.shown + 1] = text end })
  function desk.options(more)
    local all = { effects = desk.effects, tracker = desk.tracker, repo = desk.repo, display = desk.display }
    for key, value in pairs(more or {}) do all[key] = value end
    return all
  end
  function desk.close() fs.remove_tree(dir) end
  return desk
end

return M
