-- SPDX-License-Identifier: MIT
-- From a spec to issues: an agent writes a file in the exchange directory, it is checked,
-- sent back with its errors up to twice, shown, and added as a whole or not at all. On
-- later runs it is about what changed in the spec since then. Until somebody has agreed
-- nothing is changed, so an interrupted run leaves everything as it was.

local base = require "ralph.ready_base"
local changes = require "ralph.changes"
local excerpt = require "ralph.excerpt"
local onlooker = require "ralph.onlooker"
local phase = require "ralph.phase"
local render = require "ralph.render"
local schema = require "ralph.ready_schema"
local specs = require "ralph.specs"
local start = require "ralph.start"
local wrapix = require "wrapix"

local M = {}

local OUT, TRIES = "issues.json", 3
local MOST_LISTED, LONGEST_TITLE = 300, 160

local WHOLE = "Cover the whole spec: when all issues are done, everything it asks for holds."
local REST = "The spec as it stood before has its issues already. Below is what changed in it since "
  .. "then: write issues for that alone, and none for what the issues that are there cover. Where a "
  .. "change asks for no work, write an empty list."
local ALREADY = "Some issues of this spec are there already: write none for what they cover."

---@class ralph.ReadyOptions
---@field since string? a commit: what changed in the spec since that one
---@field most integer? the most issues; 50
---@field on_event fun(event: wrapix.AgentEvent)?

---@class ralph.Proposal closable: it holds the lock against a second run
---@field spec ralph.Spec
---@field entries table[] for a tracker's add_all
---@field skipped { title: string, id: string }[] that are there already
---@field unchanged boolean nothing changed in the spec: there is nothing to add
---@field recovered integer issues of an interrupted run that were there
---@field tries integer runs of the agent
---@field usd number?
---@field others string[] files that changed while the agent worked, which was to change none
---@field is_watched boolean false: another agent worked there as well, so nobody can tell
---@field project ralph.Project
---@field tracker table
local Proposal = {}
Proposal.__index = Proposal

function Proposal:close()
  local lock = self._lock
  self._lock = nil
  if lock then lock:close() end
end

Proposal.__close = Proposal.close

local function fail(spec, reason, code, hint)
  return nil, ("ready: %s: %s"):format(wrapix.path.show(spec.rel or spec.name), reason), code, hint
end

-- What is known -----------------------------------------------------------------------

local function read_filled(project, name)
  local spec, message, code, hint = specs.read(project, name)
  if not spec then return nil, message, code, hint end
  local missing = specs.explain(specs.check(spec.text))
  if missing then return fail(spec, missing, "EINVAL", ("`ralph plan %s` fills it"):format(name)) end
  return spec
end

local function issue_lines(issues)
  local lines = {}
  for i = 1, math.min(#issues, MOST_LISTED) do
    local issue = issues[i]
    local title = tostring(issue.title):gsub("%c+", " ")
    lines[i] = ("%s [%s] %s"):format(issue.id, tostring(issue.status), excerpt.line(title, LONGEST_TITLE))
  end
  if #issues > MOST_LISTED then lines[#lines + 1] = ("and %d more"):format(#issues - MOST_LISTED) end
  return table.concat(lines, "\n")
end

local function known_profiles(project)
  local set, list = {}, {}
  for i, one in ipairs(wrapix.profile_names(project.root)) do
    set[one.name], list[i] = true, one.name
  end
  return set, table.concat(list, ", ")
end

-- All that the prompts and the check are made of.
local function gather(project, spec, issues, difference, opts)
  local ids = {}
  for _, issue in ipairs(issues) do ids[issue.id] = issue end
  local profiles, names = known_profiles(project)
  local path, files = specs.handed(spec)
  local most = opts.most or schema.MOST
  local task = difference.is_whole and WHOLE or REST
  if difference.is_whole and #issues > 0 then task = WHOLE .. " " .. ALREADY end
  return {
    issues = issues, files = files,
    context = { profiles = profiles, ids = ids, most = most },
    values = {
      PROJECT = project.name, SPEC_NAME = spec.name, SPEC_PATH = path, TASK = task,
      FORMAT = schema.FORMAT, MOST = most, PROFILES = names, OUT = "/run/wrapix/out/" .. OUT,
      CHANGES = not difference.is_whole and difference.text or "", ISSUES = issue_lines(issues),
      CONTEXT = phase.context(project),
    },
  }
end

-- The agent ---------------------------------------------------------------------------

local function prompt_for(project, known, last)
  local values = {}
  for name, value in pairs(known.values) do values[name] = value end
  if last then
    values.ERRORS = "- " .. table.concat(last.errors, "\n- ")
    values.FILE = last.text or ""
  end
  return render.render(last and "ready_retry" or "ready", values, phase.templates(project))
end

-- What a run left in the exchange directory.
local function left_by(outcome)
  return outcome.collected and outcome.collected[OUT],
    outcome.collect_errors and outcome.collect_errors[OUT]
end

-- A session that cannot be gone on with is no reason to give up: the prompt has it all.
local function run_agent(project, spec, run, budget)
  local box, message, code, hint = project:sandbox()
  if not box then return nil, message, code, hint end
  local outcome
  outcome, message, code, hint = phase.run(project, box, "ready: " .. spec.name, run, budget)
  local text, problem
  if outcome then text, problem = left_by(outcome) end
  local is_lost = outcome and outcome.kind == "error" and not text and not problem
  if run.resume and (is_lost or code == "ENOTSUP") then
    run.resume = nil
    return run_agent(project, spec, run, budget)
  end
  return outcome, message, code, hint
end

-- One run, checked: entries, or what is wrong with what it wrote.
local function try(project, spec, known, last, opts)
  local prompt, message, code, hint = prompt_for(project, known, last)
  if not prompt then return nil, message, code, hint end
  local outcome
  outcome, message, code, hint = run_agent(project, spec, {
    prompt = prompt, files = known.files, collect = { [OUT] = schema.LARGEST },
    resume = last and last.session, on_event = opts.on_event,
  }, opts.budget)
  if not outcome then return nil, message, code, hint end
  local text, problem = left_by(outcome)
  if not text and not problem and not outcome.ok then
    local reason, mend = phase.reason(outcome)
    return fail(spec, "the agent ended early: " .. reason, "EAGENT", mend)
  end
  local result = { text = text, usd = outcome.usd, session = outcome.session }
  if text then
    result.entries, result.errors = schema.check(text, known.context)
  else
    result.errors = { problem and ("%s: %s"):format(OUT, problem)
      or ("there is no file %s"):format(known.values.OUT) }
  end
  return result
end

local function too_often(spec, last)
  return fail(spec, ("the agent's list cannot be taken, after %d tries:\n%s"):format(TRIES,
    table.concat(last.errors, "\n")), "EINVAL", "start it again, or make the spec smaller")
end

-- An empty list is an answer only where nothing has to be done.
local function check_empty(entries, is_whole)
  if #entries > 0 or not is_whole then return nil end
  return { "the list is empty, and the spec has no issues yet" }
end

local function ask(project, spec, known, difference, opts)
  local last, usd
  for number = 1, TRIES do
    local result, message, code, hint = try(project, spec, known, last, opts)
    if not result then return nil, message, code, hint end
    usd = result.usd and (usd or 0) + result.usd or usd
    if result.entries then
      local is_first = difference.is_whole and #known.issues == 0
      result.errors = check_empty(result.entries, is_first)
      if not result.errors then return { entries = result.entries, tries = number, usd = usd } end
    end
    last = result
    if number < TRIES then
      project.log:note(("ready: %s: the list has %d mistake%s and goes back"):format(spec.name,
        #last.errors, #last.errors == 1 and "" or "s"))
    end
  end
  return too_often(spec, last)
end

-- The proposal ------------------------------------------------------------------------

-- Entries that are there already under this title, and open, are left out; what needs
-- one of them needs the issue.
local function leave_out(entries, issues)
  local by_title, by_key, kept, skipped = {}, {}, {}, {}
  for _, issue in ipairs(issues) do
    local title = schema.normal_title(tostring(issue.title))
    if issue.status ~= "closed" then by_title[title] = issue.id end
  end
  for _, entry in ipairs(entries) do
    local id = by_title[schema.normal_title(entry.title)]
    if id then
      by_key[entry.key] = id
      skipped[#skipped + 1] = { title = entry.title, id = id }
    else
      kept[#kept + 1] = entry
    end
  end
  for _, entry in ipairs(kept) do
    for i, need in ipairs(entry.needs) do entry.needs[i] = by_key[need] or need end
  end
  return kept, skipped
end

-- The agent has the whole project, and is to change nothing in it. Another one that is at
-- work there would be taken for it: then nobody looks.
local function watched(project, spec, fn)
  local lock <close> = project:lock_work()
  if not lock then
    project.log:note("ready: another ralph works in this tree: what this agent changes there is not told apart")
    local result, message, code, hint = fn()
    return result, message, code, hint
  end
  local look, message, code, hint = onlooker.new(project)
  if not look then return nil, message, code, hint end
  local result
  result, message, code, hint = fn()
  if not result then return nil, message, code, hint end
  result.others, message, code, hint = look:changed(not spec.hidden and spec.rel or nil)
  if not result.others then return nil, message, code, hint end
  local now = specs.read(project, spec.name)
  if not now or now.text ~= spec.text then
    project.log:warn(("ready: %s: changed while the agent worked: the issues are of the text before"):format(
      wrapix.path.show(spec.rel or spec.name)), "`ralph ready` takes the difference the next time")
  end
  return result
end

local function compare(project, spec, since)
  local before, message, code, hint = base.text(project, spec, since)
  if not before then return nil, message, code, hint end
  return { is_whole = before == "", text = changes.diff(before, spec.text) }
end

local function propose(project, spec, lock, opts)
  local tracker, message, code, hint = project:tracker()
  if not tracker then return nil, message, code, hint end
  local proposal = setmetatable({
    project = project, spec = spec, tracker = tracker, entries = {}, skipped = {}, tries = 0,
    unchanged = false, others = {}, is_watched = true, _lock = lock,
  }, Proposal)
  local issues
  issues, message, code, hint = tracker:all({ spec = spec.name })
  if not issues then return nil, message, code, hint end
  proposal.recovered, message, code, hint = base.recover(project, spec, issues, tracker)
  if not proposal.recovered then return nil, message, code, hint end
  local difference
  difference, message, code, hint = compare(project, spec, opts.since)
  if not difference then return nil, message, code, hint end
  if not difference.text then
    proposal.unchanged = true
    return proposal
  end
  local known = gather(project, spec, issues, difference, opts)
  local result
  local inner = { on_event = opts.on_event, budget = phase.budget(project) }
  result, message, code, hint = watched(project, spec, function()
    return ask(project, spec, known, difference, inner)
  end)
  if not result then return nil, message, code, hint end
  proposal.entries, proposal.skipped = leave_out(result.entries, known.issues)
  proposal.tries, proposal.usd = result.tries, result.usd
  proposal.others, proposal.is_watched = result.others or {}, result.others ~= nil
  return proposal
end

--- Has issues proposed for a spec. Nothing is changed; close what comes back, or give it to
--- `accept`.
---@param project ralph.Project
---@param name string? default: the spec in work
---@param opts ralph.ReadyOptions?
---@return ralph.Proposal?
---@return string? message
---@return string? code
---@return string? hint
function M.propose(project, name, opts)
  opts = opts or {}
  local message, code, hint
  name, message, code, hint = start.name(project, name)
  if not name then return nil, message, code, hint end
  for _, template in ipairs({ "ready", "ready_retry" }) do
    local ok
    ok, message, code, hint = render.check(template, phase.templates(project))
    if not ok then return nil, message, code, hint end
  end
  local spec
  spec, message, code, hint = read_filled(project, name)
  if not spec then return nil, message, code, hint end
  local lock
  lock, message, code, hint = project:lock(project.paths.ready_lock,
    "another `ralph ready` runs here",
    { hint = "wait for it, or end it with Ctrl-C at its terminal: nothing is added then" })
  if not lock then return nil, message, code, hint end
  local out = table.pack(pcall(propose, project, spec, lock, opts))
  if not out[1] or not out[2] then lock:close() end
  if not out[1] then error(out[2], 0) end
  return table.unpack(out, 2, out.n)
end

local function with_batch(entries, spec, batch)
  local list = {}
  for i, entry in ipairs(entries) do
    local copy = { spec_id = spec.name, metadata = { wrapix = { batch = batch } } }
    for key, value in pairs(entry) do copy[key] = value end
    list[i] = copy
  end
  return list
end

--- Adds the issues of a proposal, all or none, and counts its text as done.
---@param proposal ralph.Proposal
---@param opts { anyway: boolean? }? anyway: somebody has seen which files changed meanwhile
---@return table[]? issues those that were added
---@return string? message
---@return string? code
---@return string? hint
function M.accept(proposal, opts)
  local project, spec = proposal.project, proposal.spec
  if not proposal._lock then error("ready.accept: the proposal is closed", 2) end
  if proposal.unchanged then return {} end
  if #proposal.others > 0 and not (opts and opts.anyway) then
    return fail(spec, "files of the project changed while the agent worked: " .. onlooker.text(proposal.others),
      "EFOREIGN", "it was to change none: look at them (`git status`), and begin again")
  end
  local batch, message, code, hint = base.begin(project, spec, #proposal.entries)
  if not batch then return nil, message, code, hint end
  local issues = {}
  if #proposal.entries > 0 then
    issues, message, code, hint = proposal.tracker:add_all(with_batch(proposal.entries, spec, batch))
    if not issues then
      base.abandon(project, spec)
      return nil, message, code, hint
    end
  end
  local ok
  ok, message, code, hint = base.finish(project, spec)
  if not ok then return nil, message, code, hint end
  return issues
end

--- Proposes, asks and adds: the phase as one call, for scripts.
---@param project ralph.Project
---@param name string?
---@param opts table? as of propose, and agree = fn(proposal) → true to add
---@return ralph.Proposal? proposal with `added`, the issues, where somebody agreed
---@return string? message
---@return string? code
---@return string? hint
function M.run(project, name, opts)
  opts = opts or {}
  local proposal <close>, message, code, hint = M.propose(project, name, opts)
  if not proposal then return nil, message, code, hint end
  if proposal.unchanged or opts.agree and not opts.agree(proposal) then return proposal end
  proposal.added, message, code, hint = M.accept(proposal, { anyway = opts.agree ~= nil })
  if not proposal.added then return nil, message, code, hint end
  return proposal
end

return M
