-- SPDX-License-Identifier: MIT
-- What the functions that run an agent from a script have in common: their options
-- checked, the agent found, its command line made. Starts nothing.

local handovers = require "wrapix.lazy" "wrapix.launch.handover"
local options = require "wrapix.opts"
local registry = require "wrapix.agent.registry"
local units = require "wrapix.plan.units"

local M = {}

---Checks the arguments of a call; a mistake raises, blamed on who made the call.
---@param box any a sandbox that is not started
---@param opts table?
---@param known table<string, string> types by option, see wrapix.opts
---@param where string for messages, such as "agent.run"
function M.check(box, opts, known, where)
  if type(box) ~= "table" or type(box.agent) ~= "function" then
    error(where .. ": box: a sandbox expected", 3)
  end
  if box:is_started() then
    error(where .. ": box: is started; an agent's run is a container of its own", 3)
  end
  options.check(opts, known, where, 2)
  if not opts or not opts.prompt or opts.prompt == "" then
    error(where .. ": prompt: a text expected", 3)
  end
end

---Seconds of an option; a mistake raises, blamed likewise.
---@param opts table
---@param name string
---@param where string
---@return number?
function M.duration(opts, name, where)
  if not opts[name] then return nil end
  local seconds, reason = units.duration(opts[name])
  if not seconds then
    error(("%s: %s: %s %s"):format(where, name, tostring(opts[name]), reason), 3)
  end
  return seconds
end

---Checks what is handed over; a mistake raises, likewise.
---@param opts table
---@param where string
function M.handover(opts, where)
  if opts.files or opts.sockets or opts.collect then handovers.of(opts, where, 3) end
end

---Finds the agent and makes its command line.
---@param box wrapix.Sandbox
---@param mode "headless"|"interactive"
---@param asked wrapix.AgentArgvOptions|{ agent: string? }
---@param where string
---@return wrapix.Agent? agent
---@return string[]|string? argv or message
---@return string? code
---@return string? hint
function M.agent(box, mode, asked, where)
  local own, settings, command = box:agent()
  local name = asked.agent or own
  if not name then
    return nil, where .. ": the profile has no agent", "ENOAGENT",
      ('give one: %s(box, { agent = "claude", … }), or agent = "claude" in the profile'):format(where)
  end
  local agent, message, code, hint = registry.get(name)
  if not agent then return nil, message, code, hint end
  local argv
  argv, message, code, hint = agent.argv(mode, {
    prompt_file = registry.PROMPT_FILE, settings = settings[name], command = command,
    model = asked.model, resume = asked.resume, continue = asked.continue,
    max_turns = asked.max_turns, prompt = asked.prompt,
  })
  if not argv then return nil, message, code, hint end
  return agent, argv
end

return M
