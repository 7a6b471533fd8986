-- SPDX-License-Identifier: MIT
-- Everything a step or a loop works with, as one object: project, list, repository,
-- budgets, who is told, how it is ended, and which effects are the user's own. Made from
-- what a caller gives; the rest is opened when it is first needed. Decides nothing.

local budgets = require "ralph.budget"
local displays = require "ralph.display"
local effects = require "ralph.effects"
local halts = require "ralph.halt"
local lazy = require "ralph.lazy"
local wrapix = require "wrapix"

local verifyings = lazy "ralph.verifying"

local M = {}

---@class ralph.StepContext
---@field project ralph.Project
---@field config table
---@field tracker table
---@field repo table? none outside of a repository
---@field budget ralph.Budget
---@field display ralph.Display
---@field halt ralph.Halt
---@field effects table<string, ralph.Effect>?
---@field limits_dir string what loops of this host know of limits
---@field issue table? the one in work
---@field left table[]? what differed from HEAD after the attempt, by whomever
---@field committed table[]? what the attempt's commits changed, where that may be something else
---@field guard table? of the list, since the claim
local Context = {}
Context.__index = Context

--- Carries out an effect.
---@param name string
---@param args table
---@return table|nil, string?, string?, string?
function Context:perform(name, args) return effects.perform(self, name, args) end

--- Verification in this step's own sandbox.
---@return ralph.Verifying
function Context:verifying()
  self._verifying = self._verifying or verifyings.new(self)
  return self._verifying
end

--- What answers the agent inside.
---@param args { issue: table, attempt: integer }
---@return table? inside
---@return string? message
---@return string? code
---@return string? hint
function Context:open_inside(args)
  return require("ralph.inside").new({
    project = self.project, tracker = self.tracker, issue = args.issue, attempt = args.attempt,
    log = self.project.log, on_note = function(text) self.display:say("  note: " .. text) end,
    add = function(fields, blocks) return self:perform("add", { fields = fields, blocks = blocks }) end,
    note = function(text) return self:perform("note", { id = args.issue.id, text = text }) end,
  })
end

--- The same context for one issue.
---@param issue table
---@return ralph.StepContext
function Context:with(issue)
  local inner = {}
  for key, value in pairs(self) do inner[key] = value end
  inner.issue, inner._verifying = issue, nil
  return setmetatable(inner, Context)
end

--- Ends what it opened.
function Context:close()
  if self._verifying then self._verifying:close() end
end

Context.__close = Context.close

local function stdout_display(clock)
  return displays.new({
    out = function(text) io.stdout:write(text) end,
    color = wrapix.sys.isatty(1) and (wrapix.sys.environ().NO_COLOR or "") == "", clock = clock,
  })
end

-- The repository is looked at without any of its configuration; a directory that is
-- none can be worked in, but nothing of it can be rescued or committed.
local function open_repo(project)
  local repo, message, code, hint = require("ralph.git").open(project.root, project.paths.git)
  if repo then return repo end
  if code ~= "ENOTGIT" then return nil, message, code, hint end
  local known = project.paths.git
  if not wrapix.fs.exists(known .. "/base") then return false end
  return nil, ("git: %s: was in a repository, and is in none any more"):format(
    wrapix.path.show(project.root)), "EUNSAFE",
    "bring .git back; or, to go on without, rm -r " .. wrapix.path.show(known)
end

--- A project from what a caller gave first: one that is open, or options that may name it.
---@param first ralph.Project|table|nil
---@param second table?
---@param what string for the message of misuse
---@return ralph.Project? project
---@return table|string opts or the message
---@return string? code
---@return string? hint
function M.arguments(first, second, what)
  if type(first) == "table" and first.root and first.paths then return first, second or {} end
  if first ~= nil and type(first) ~= "table" then
    error(("%s: a project or a table of options expected"):format(what), 3)
  end
  local opts = first or {}
  if opts.project then return opts.project, opts end
  local project, message, code, hint = require("ralph.project").open(nil, { config = opts.config })
  if not project then return nil, message, code, hint end
  return project, opts
end

local function merged(config, more)
  local all = {}
  for key, value in pairs(config) do all[key] = value end
  for key, value in pairs(more or {}) do all[key] = value end
  return all
end

--- Makes one.
---@param project ralph.Project
---@param opts { config: table?, effects: table?, policy: any, budget: ralph.Budget?,
--- halt: ralph.Halt?, display: ralph.Display?, tracker: table?, repo: table? }
---@return ralph.StepContext?
---@return string? message
---@return string? code
---@return string? hint
function M.new(project, opts)
  effects.check(opts.effects, 3)
  local clock = wrapix.sys.clock
  local tracker, message, code, hint = opts.tracker, nil, nil, nil
  if not tracker then tracker, message, code, hint = project:tracker() end
  if not tracker then return nil, message, code, hint end
  local repo = opts.repo
  if repo == nil then repo, message, code, hint = open_repo(project) end
  if repo == nil then return nil, message, code, hint end
  local config = merged(project.config, opts.config)
  if opts.policy ~= nil then config.policy = opts.policy end
  return setmetatable({
    project = project, config = config, tracker = tracker, repo = repo or nil,
    budget = opts.budget or budgets.new({}, { clock = clock, rate = require("ralph.attempts").rate(project) }),
    display = opts.display or stdout_display(clock), halt = opts.halt or halts.new(),
    effects = opts.effects, limits_dir = wrapix.dirs().state .. "/ralph",
  }, Context)
end

return M
