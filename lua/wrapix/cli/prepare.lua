-- SPDX-License-Identifier: MIT
-- From the parsed words of run and explain to a profile and a plan. What both
-- commands do before they differ is here, so that what is explained is what
-- runs. Starts nothing but the engine's (cached) probe.

local nearest = require("wrapix.lazy")("wrapix.nearest")
local path = require("wrapix.path")
local report = require("wrapix.cli.report")

local M = {}

local DEFAULT_PROFILE = "base"
local RUN = "run"

-- Parsed values that plan.make takes under the same name.
local PLAN_OPTIONS = {
  "image", "agent", "network", "runtime", "cpus", "memory", "pids", "timeout", "name",
  "workspace", "detach", "keep",
}

--- The workspace asked for: an absolute path, links not yet followed.
---@param args table
---@param deps table
---@return string
function M.workspace(args, deps) return path.join(deps.cwd(), args.workspace or "") end

--- The options of a plan from the parsed words.
---@param args table
---@return wrapix.PlanOptions
function M.options(args)
  local options = { command = args.rest }
  for _, name in ipairs(PLAN_OPTIONS) do options[name] = args[name] end
  for _, name in ipairs({ "env", "mounts" }) do
    if args[name] and #args[name] > 0 then options[name] = args[name] end
  end
  return options
end

-- A word that names nothing may be a mistyped profile or, where a command can stand as
-- well, a mistyped command.
local function unknown_word(word, deps, ctx, hint)
  local is_run = ctx.action == RUN
  local words = is_run and table.move(deps.command_words, 1, #deps.command_words, 1, {}) or {}
  for _, entry in ipairs(deps.profile.list(ctx)) do words[#words + 1] = entry.name end
  local what = is_run and "command, profile" or "profile"
  local list = is_run and "`wrapix help` lists the commands, `wrapix profile list` the profiles"
    or "`wrapix profile list` lists the profiles"
  return nil, ("%s: %s: no such %s or .lua file%s"):format(ctx.action, path.show(word), what,
    nearest.hint(word, words)), "EUSAGE", hint or list
end

local function load_named(word, deps, ctx)
  local profile, message, code, hint, traceback = deps.profile.load(word, ctx)
  local is_name = not deps.profile.is_path(word)
  if not profile and is_name and (code == "ENOENT" or code == "EINVAL") and not traceback then
    for _, entry in ipairs(deps.profile.list(ctx)) do
      if entry.name == word then return nil, message, code, hint end
    end
    return unknown_word(word, deps, ctx, hint)
  end
  if traceback then deps.report:detail(traceback) end
  return profile, message, code, hint
end

-- A profile was executed to get here, and so was a script: it did its work.
local function load_file(word, deps, ctx)
  local kind, value, code, hint, traceback = deps.profile.load_file(word, ctx)
  if kind == "script" then
    return nil, ("%s: %s: returned no profile"):format(ctx.action, path.show(word)), "EINVAL",
      "it was run as a script; `wrapix FILE.lua` is the way to run one"
  end
  if traceback then deps.report:detail(traceback) end
  if not kind then return nil, value, code, hint end
  return value
end

-- There is no file: a workspace that is none has none either.
local ABSENT = { ENOENT = true, ENOTDIR = true }

local function note_unused(found, shown, deps)
  local reason = found.problem and (": %s"):format(found.problem)
    or ("; `wrapix trust` shows it and asks, `wrapix %s` uses it once"):format(shown)
  deps.report:note(("%s found but not used%s"):format(shown, reason))
end

-- Somebody who can write to the workspace, and so what ran in a sandbox, could swap
-- a profile the user relies on for the default by changing or removing it.
local function refuse_changed(found, shown, action)
  local is_gone = found.code == "ENOENT"
  local what = is_gone and "is gone" or "has changed"
  local way = is_gone and "`wrapix trust --remove %s` forgets it"
    or "`wrapix trust %s` shows it and asks"
  return nil, ("%s: %s: %s since it was trusted"):format(action, shown, what), "EPERM",
    way:format(shown) .. "; `wrapix base` starts without it"
end

--- The profile the workspace has for itself, when the user trusts it.
---@return table|nil|false profile false: there is none to use
local function load_own(args, deps, ctx)
  local given = path.join(M.workspace(args, deps), "wrapix.lua")
  local dirs = deps.dirs()
  if not deps.exists(given) and not deps.exists(dirs.state .. "/trust.json") then return false end
  local root = deps.fs.realpath(path.dirname(given))
  local files, message, code, hint = deps.trust.load(dirs)
  if not files then return nil, message, code, hint end
  local found = root and deps.trust.look(root, "wrapix.lua", files)
  local shown = args.workspace and report.printable(path.join(args.workspace, "wrapix.lua"))
    or "./wrapix.lua"
  if not found or (found.state == "unknown" and ABSENT[found.code]) then return false end
  if found.state == "changed" then return refuse_changed(found, shown, ctx.action) end
  if found.state == "unknown" then
    note_unused(found, shown, deps)
    return false
  end
  local word = path.join(args.workspace or ".", "wrapix.lua")
  local full = path.join(ctx.cwd, word)
  local read = function(file) -- what was compared is what runs
    if file == full then return found.text end
    return ctx.read(file)
  end
  return load_file(word, deps, setmetatable({ read = read }, { __index = ctx }))
end

--- Loads the profile the words name.
---@param args table parsed words; `args.loaded` is a profile that is already there
---@param deps table
---@param action string? what the errors begin with: the words of the command, default "run"
---@return table? profile
---@return string? message
---@return string? code
---@return string? hint
function M.profile(args, deps, action)
  local profile, message, code, hint = args.loaded, nil, nil, nil
  if not profile then
    local ctx = setmetatable({ action = action or RUN },
      { __index = deps.context(M.workspace(args, deps)) })
    local word = args.profile
    profile = false
    if word == nil then profile, message, code, hint = load_own(args, deps, ctx) end
    if profile == false then
      local load = word and deps.profile.is_path(word) and load_file or load_named
      profile, message, code, hint = load(word or DEFAULT_PROFILE, deps, ctx)
    end
  end
  if not profile then return nil, message, code, hint end
  for _, text in ipairs(deps.profile.notes(profile)) do deps.report:note(text) end
  return profile
end

--- Makes the plan of the words.
---@param args table parsed words
---@param deps table
---@param action string? of a command that only prints the plan, whatever the words say
---@return table? plan
---@return table|string facts, or the message
---@return string? code
---@return string? hint
function M.plan(args, deps, action)
  local profile, message, code, hint = M.profile(args, deps, action)
  if not profile then return nil, message, code, hint end
  args.loaded = profile -- a hook may ask for another plan of it
  local runs = not args.dry_run and not action
  local facts
  facts, message, code, hint = deps.gather({
    workspace = M.workspace(args, deps), runtime = args.runtime, shows = not runs,
  })
  if not facts then return nil, message, code, hint end
  local plan
  plan, message, code, hint = deps.plan.make(profile, M.options(args), facts, { runs = runs })
  if not plan then
    -- A word that names no agent is wrong usage; a profile that names none is not.
    local is_word = code == "ENOAGENT" and args.agent
      and select(3, deps.agents.get(args.agent)) == code
    return nil, message, is_word and "EUSAGE" or code, hint
  end
  return plan, facts
end

--- Reports why there is no plan.
---@return integer status
function M.refuse(deps, message, code, hint)
  deps.report:error(message, hint)
  local signal = code and deps.proc.signal_number(code:match("^SIG(%u+)$") or "")
  if signal then return 128 + signal end
  return code == "EUSAGE" and 2 or 125
end

return M
