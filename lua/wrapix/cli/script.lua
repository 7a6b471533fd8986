-- SPDX-License-Identifier: MIT
-- `wrapix FILE.lua [ARG...]`: runs the file. One that returns a table is a
-- profile and goes back to the caller; any other was a script, and its first
-- result is the exit status.

local path = require("wrapix.path")
local prepare = require("wrapix.cli.prepare")
local spec = require("wrapix.cli.spec")
local run = require("wrapix.cli.run")
local task = require("wrapix.task")

local M = {}

local FAILED, NOT_STARTED = 1, 125

-- The options before the file that only a profile's sandbox has a use for.
local function sandbox_options(args)
  local list = {}
  for _, option in ipairs(run.options) do
    local target = spec.target(option)
    local given = args[target]
    local is_given = given ~= nil and (type(given) ~= "table" or #given > 0)
    if is_given and target ~= "quiet" and target ~= "verbose" then list[#list + 1] = option end
  end
  return list
end

-- A script decides for itself; saying nothing would let a limit seem to hold.
local function warn_unused(args, deps)
  for _, option in ipairs(sandbox_options(args)) do
    deps.report:warn(("run: %s: is a script, so %s had no effect")
      :format(path.show(args.profile), option.flags[#option.flags]))
  end
end

--- The exit status a script's results ask for: an integer is the status, nil
--- with a message and false are failures, anything else is success.
local function status_of(results, name, deps)
  local first, message = results[1], results[2]
  if math.type(first) == "integer" then return first & 0xff end
  if first == nil and type(message) == "string" then
    deps.report:error(("run: %s: %s"):format(path.show(name), message))
    return FAILED
  end
  return first == false and FAILED or 0
end

-- The tasks that the file leaves are waited for; one that raises has failed it. Told
-- first is whether it was at work as a script may be: run, and no profile.
local function run_file(args, words, deps)
  local ctx, own = deps.context(prepare.workspace(args, deps)), {}
  local out = table.pack(pcall(task.root, function()
    own = table.pack(deps.profile.load_file(args.profile, ctx, words))
    return table.unpack(own, 1, own.n)
  end))
  local has_raised = own[1] == nil and own[5] ~= nil
  local was_at_work = own[1] == "script" or has_raised
  local function failed(message) return ("run: %s: %s"):format(path.show(args.profile), message) end
  if not out[1] then
    local message, traceback = tostring(out[2]):match("^([^\n]*)\n?(.*)$")
    return was_at_work, nil, failed(message), "EINVAL", nil, traceback
  end
  if own[1] and not out[2] then out[3] = failed(out[3]) end -- a task of it said so
  return was_at_work, table.unpack(out, 2, out.n)
end

-- A file that raised returned nothing that would tell what it is; words that only a
-- sandbox has a use for do.
local function is_meant_as_profile(args, words)
  for _, word in ipairs(words) do
    if word == "--" then return true end
  end
  return #sandbox_options(args) > 0
end

-- What lua(1) ends with when a script fails. Other than a status of 125 it does not say
-- that there was no sandbox: there may have been many.
local function refuse_script(deps, message, code, hint)
  local status = prepare.refuse(deps, (message:gsub("^profile: ", "run: ")), code, hint)
  return status == NOT_STARTED and FAILED or status
end

--- Runs a file.
---@param args table parsed words up to the file's name
---@param words string[] the words after it
---@param deps table
---@return table? profile nil when it was a script, or failed
---@return integer? status when there is no profile
function M.load(args, words, deps)
  local was_at_work, kind, value, code, hint, traceback = run_file(args, words, deps)
  if traceback then deps.report:detail(traceback) end
  if kind == "profile" then return value end
  if kind == "script" then
    warn_unused(args, deps)
    return nil, status_of(value, args.profile, deps)
  end
  local is_script = was_at_work and not is_meant_as_profile(args, words)
  local refuse = is_script and refuse_script or prepare.refuse
  return nil, refuse(deps, value, code, hint)
end

return M
