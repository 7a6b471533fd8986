-- SPDX-License-Identifier: MIT
-- The interview: an agent asks the person at the terminal, or reads prepared answers, and
-- writes the spec. Success is a spec whose sections are filled, whatever the agent says.
-- Nothing that was there is lost: the earlier text is kept on the host before an agent is
-- started, and an interrupted interview leaves the spec as it was.

local onlooker = require "ralph.onlooker"
local phase = require "ralph.phase"
local render = require "ralph.render"
local specs = require "ralph.specs"
local start = require "ralph.start"
local wrapix = require "wrapix"

local M = {}

--- The most that prepared answers may have, in bytes: as much as a prompt takes whole.
M.LARGEST_ANSWERS = 24 << 10

local OUT = "spec.md"

local NEW = "The spec has its headings and no content yet."
local CHANGE = "The spec is written already, and is to be changed. Keep, word by word, what the "
  .. "change does not concern."
local INTERVIEW = "Interview the person at this terminal until you could hand the spec to a "
  .. "programmer whom nobody can ask anything. Ask one question at a time, offer the likely answers, "
  .. "and begin with what matters most. Read the project first, so that you ask nothing it answers."
local PREPARED = "Nobody is there to answer. What the person has to say stands in the prepared "
  .. "answers below. Where they leave something open, take the simplest that fits, and write it "
  .. "under Notes as an assumption."

---@class ralph.PlanOptions
---@field update boolean? the spec is filled and is to change
---@field hidden boolean? a new spec is to lie outside of the work tree
---@field answers string? prepared answers; with them nobody is asked
---@field on_event fun(event: wrapix.AgentEvent)? of a run with prepared answers

---@class ralph.PlanResult
---@field spec ralph.Spec as it is now
---@field ok boolean filled, and changed where that was asked for
---@field reason string? why it is not ok
---@field hint string?
---@field check { filled: boolean, missing: string[], empty: string[] }
---@field changed boolean
---@field kept string? file with the text that was there before, if that changed
---@field started boolean the spec is new
---@field others string[] files that changed meanwhile and were not to
---@field outcome table of the agent's run

-- Before ----------------------------------------------------------------------------

local function fail(spec, reason, code, hint)
  return nil, ("plan: %s: %s"):format(wrapix.path.show(spec.rel or spec.name), reason), code, hint
end

local function ensure_spec(project, name, opts)
  local spec, message, code, hint = specs.read(project, name)
  local is_new = not spec and code == "ENOENT" and not opts.update
  if spec and not (opts.hidden and not spec.hidden) then return spec, false end
  if not spec and not is_new then return nil, message, code, hint end
  local result
  result, message, code, hint = start.run(project, name, { hidden = opts.hidden })
  if not result then return nil, message, code, hint end
  return result.spec, result.created
end

-- As root the sandbox has the ids of the workspace's owner, who may not write to our files.
local function is_foreign(project)
  return wrapix.sys.euid() == 0 and wrapix.fs.stat(project.root).uid ~= 0
end

-- Where the agent finds the text and leaves the new one. A hidden spec is handed over and
-- collected, so that it is in the work tree at no moment.
local function places(project, spec)
  if not spec.hidden and not is_foreign(project) then
    return { read = "/workspace/" .. spec.rel, write = "/workspace/" .. spec.rel }
  end
  local path, files = specs.handed(spec)
  return { read = path, write = "/run/wrapix/out/" .. OUT, files = files,
    collect = { [OUT] = specs.LARGEST } }
end

local function prompt_for(project, spec, where, opts)
  local task = { opts.update and CHANGE or NEW, opts.answers and PREPARED or INTERVIEW }
  if where.read ~= where.write then
    local line = "%s is read-only: write the whole new text to %s."
    task[#task + 1] = line:format(where.read, where.write)
  end
  return render.render("plan", {
    PROJECT = project.name, SPEC_NAME = spec.name, SPEC_PATH = where.read, OUT = where.write,
    TASK = table.concat(task, "\n"), SECTIONS = "## " .. table.concat(specs.SECTIONS, "\n## "),
    ANSWERS = opts.answers or "", CONTEXT = phase.context(project),
  }, phase.templates(project))
end

local function ask(project, box, spec, prompt, where, opts)
  local run = { prompt = prompt, files = where.files, collect = where.collect }
  if opts.answers then
    run.on_event = opts.on_event
    return phase.run(project, box, "plan: " .. spec.name, run)
  end
  run.agent, run.model, run.log = project.config.agent, project.config.model, project.log
  return phase.talk(phase.budget(project), box, run)
end

-- After -----------------------------------------------------------------------------

-- What the agent made of the spec. A file it removed or put a link in place of counts as
-- unreadable, and so does what is too large.
local function read_back(project, spec, outcome, where)
  if not where.collect then return specs.read(project, spec.name) end
  local text = outcome and outcome.collected and outcome.collected[OUT]
  local problem = outcome and outcome.collect_errors and outcome.collect_errors[OUT]
  if problem then return nil, ("plan: %s: %s"):format(spec.name, problem), "EINVAL" end
  local now = {}
  for key, value in pairs(spec) do now[key] = value end
  now.text = text or spec.text
  return now
end

-- Puts the earlier text back; what was written instead is kept beside it.
local function restore(project, spec, where)
  if where.collect then return end
  local now = specs.read(project, spec.name)
  if now and now.text == spec.text then return end
  if now then
    local file = specs.keep(project, spec.name, now.text)
    if file then project.log:note("what was written so far: " .. wrapix.path.show(file)) end
  end
  local ok, message = specs.write(project, spec, spec.text)
  if not ok then project.log:error(message) end
end

local function judge(result, opts)
  local missing = specs.explain(result.check)
  if missing then
    result.reason = missing
  elseif opts.update and not result.changed then
    result.reason = "is as it was"
  end
  if #result.others > 0 then
    result.reason = (result.reason and result.reason .. "; " or "")
      .. "other files changed meanwhile: " .. onlooker.text(result.others)
    result.hint = "the agent was to write the spec alone: look at them (`git status`), and take back what is not yours"
  elseif not result.reason then
    result.ok = true
  elseif result.outcome.ok == false then
    local why, hint = phase.reason(result.outcome)
    result.reason, result.hint = ("%s; the agent ended early: %s"):format(result.reason, why), hint
  else
    result.hint = ("`ralph plan %s%s` goes on"):format(opts.update and "-u " or "", result.spec.name)
  end
  return result
end

local function finish(project, spec, outcome, more, opts)
  local now, message, code = read_back(project, spec, outcome, more.where)
  if not now then
    restore(project, spec, more.where)
    return nil, message, code, "the spec was put back as it was"
  end
  local changed = now.text ~= spec.text
  if more.where.collect and changed then
    local ok, why, what = specs.write(project, spec, now.text)
    if not ok then return nil, why, what end
  end
  if not changed and more.kept then wrapix.fs.unlink(more.kept) end
  return judge({
    spec = now, check = specs.check(now.text), changed = changed, ok = false, others = more.others,
    kept = changed and more.kept or nil, started = more.started, outcome = outcome,
  }, opts)
end

local function check_wanted(spec, opts)
  local is_filled = specs.check(spec.text).filled
  if is_filled and not opts.update then
    local hint = ("`ralph plan -u %s` changes it"):format(spec.name)
    return fail(spec, "is filled already", "EEXIST", hint)
  end
  return true
end

-- The lock is held for as long as an agent may write to the work tree.
local function interview(project, spec, is_new, opts)
  local where = places(project, spec)
  local prompt, message, code, hint = prompt_for(project, spec, where, opts)
  if not prompt then return nil, message, code, hint end
  local box
  box, message, code, hint = project:sandbox()
  if not box then return nil, message, code, hint end
  local kept
  if not is_new then
    kept, message, code = specs.keep(project, spec.name, spec.text)
    if not kept then return nil, message, code end
  end
  local look
  look, message, code, hint = onlooker.new(project)
  if not look then return nil, message, code, hint end
  local outcome
  outcome, message, code, hint = ask(project, box, spec, prompt, where, opts)
  if not outcome then
    restore(project, spec, where)
    if kept then wrapix.fs.unlink(kept) end
    return nil, message, code, hint
  end
  local others, why, what, mend = look:changed(not where.collect and spec.rel or nil)
  if not others then return nil, why, what, mend end
  return finish(project, spec, outcome, { kept = kept, started = is_new, where = where, others = others }, opts)
end

--- Has a spec filled, or changed. One that is not there yet is started.
---@param project ralph.Project
---@param name string? default: the one in work
---@param opts ralph.PlanOptions?
---@return ralph.PlanResult?
---@return string? message
---@return string? code
---@return string? hint
function M.run(project, name, opts)
  opts = opts or {}
  local message, code, hint
  name, message, code, hint = start.name(project, name)
  if not name then return nil, message, code, hint end
  local ok
  ok, message, code, hint = render.check("plan", phase.templates(project))
  if not ok then return nil, message, code, hint end
  local spec, is_new
  spec, is_new, code, hint = ensure_spec(project, name, opts)
  if not spec then return nil, is_new, code, hint end
  ok, message, code, hint = check_wanted(spec, opts)
  if not ok then return nil, message, code, hint end
  local lock <close>, why, what, mend = project:lock_work()
  if not lock then return nil, why, what, mend end
  return interview(project, spec, is_new, opts)
end

return M
