-- SPDX-License-Identifier: MIT
-- The builder's engine asked and told: one command at a time, with a time limit, its
-- failures in our words. What is asked and in which order is life.lua's.

local boxes = require("wrapix.builder.box")
local lazy = require("wrapix.lazy")
local path = require("wrapix.path")
local proc = require("wrapix.proc")
local runtimes = require("wrapix.runtime")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local failure = lazy("wrapix.image.failure")
local service = lazy("wrapix.launch.service")

local M = {}

-- An engine that hangs must not hang us; making a container may copy an image first.
local QUICK = 60
M.long = 600
local GONE_SECONDS = 20

--- Runs a command of the engine's.
---@param argv string[]
---@param seconds number?
---@return wrapix.ProcResult|nil
---@return string? message
---@return string? code
function M.run(argv, seconds)
  return proc.run(argv, { stdin = "null", timeout = seconds or QUICK, max_output = 8 << 20 })
end

--- What helps against a full disk.
M.full_hint = "free some space: builds and what they need are in /nix"

--- What a command that failed means.
---@param builder wrapix.Builder
---@param what string that was to be done
---@param result wrapix.ProcResult
---@return nil
---@return string message
---@return string code
---@return string? hint
function M.failed(builder, what, result)
  if result.timed_out then
    return nil, ("builder: %s: %s did not answer"):format(what, builder.engine.title), "ETIMEDOUT"
  end
  local said, lines = result.stderr or "", {}
  for line in said:gmatch("[^\n]+") do lines[#lines + 1] = line end
  local reason, code, hint = failure.explain(lines)
  if code == "ENOSPC" or code == "EDQUOT" then hint = M.full_hint end
  reason = reason or lines[#lines] or ("ended with status %s"):format(result.code or result.signal)
  return nil, ("builder: %s: %s"):format(what, path.show(reason)), code or "EENGINE", hint
end

--- Runs a command that has to succeed.
---@param builder wrapix.Builder
---@param what string that is done
---@param argv string[]
---@param seconds number?
---@return wrapix.ProcResult|nil
---@return string? message
---@return string? code
---@return string? hint
function M.act(builder, what, argv, seconds)
  local result, message, code = M.run(argv, seconds)
  if not result then return nil, message, code end
  if result.code == 0 then return result end
  return M.failed(builder, what, result)
end

-- Where the engine has a service, and that does not run, no container does; whoever is
-- about to start one starts the service first.
local function ask(builder, argv, wakes)
  local name = builder.facts.engine.name or "podman"
  local plan = { runtime = name, engine = builder.facts.engine }
  if wakes then return service.ask(plan, builder.report, argv, QUICK) end
  local result, message, code = M.run(argv)
  if not result then return nil, message, code end
  if result.code ~= 0 and runtimes.of(name).is_down(result.stderr or "") then return false end
  return result
end

--- What the engine says of the container.
---@param builder wrapix.Builder
---@param wakes boolean? the engine's service is started when it does not run
---@return wrapix.BuilderState|nil
---@return string? message
---@return string? code
---@return string? hint
function M.inspect(builder, wakes)
  local box = boxes.bare(builder.settings, builder.facts)
  local result, message, code, hint = ask(builder, builder.engine.inspect_argv(box), wakes)
  if result == false then return { state = "stopped", is_ours = true, is_down = true } end
  if not result then return nil, message, code, hint end
  local state
  state, message = builder.engine.state(result)
  if not state then return nil, ("builder: look: %s"):format(path.show(message)), "EENGINE" end
  return state
end

--- The refusal to touch a container that somebody else made.
---@param builder wrapix.Builder
---@return nil
---@return string message
---@return string code
---@return string hint
function M.foreign(builder)
  return nil, ("builder: container %s: was not made by wrapix"):format(boxes.name), "EEXIST",
    ("rename it or remove it: %s rm %s"):format(builder.facts.engine.name or "podman", boxes.name)
end

local function wait_until_gone(builder)
  local deadline = sys.clock() + GONE_SECONDS
  while true do
    local state, message, code = M.inspect(builder)
    if not state then return nil, message, code end
    if state.state == "absent" then return true end
    if sys.clock() > deadline then
      return nil, ("builder: remove: %s is still there"):format(boxes.name), "EENGINE"
    end
    local ok
    ok, message, code = task.sleep(0.2)
    if not ok then return nil, message, code end
  end
end

--- Removes the container, and waits until its name is free.
---@param builder wrapix.Builder
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.remove(builder)
  local box = boxes.bare(builder.settings, builder.facts)
  local result, message, code = M.run(builder.engine.remove_argv(box))
  if not result then return nil, message, code end
  local is_gone = builder.engine.is_gone and builder.engine.is_gone(result.stderr or "")
  if result.code ~= 0 and not is_gone then return M.failed(builder, "remove", result) end
  return wait_until_gone(builder)
end

return M
