-- SPDX-License-Identifier: MIT
-- An agent at the person's own terminal, begun with a prompt. The prompt lies in a file
-- of the sandbox, and the agent's command line says only where: a long text has no room
-- there, and what is in an argv everybody on the host can read.

local choose = require "wrapix.agent.choose"
local sys = require "wrapix.sys"

local M = {}

local NAME = "agent.talk"
local FILE = "prompt.md"

--- What the agent is told first.
M.SENTENCE = "Read the file /run/wrapix/prompt.md and do what it says."

local OPTIONS = {
  agent = "string", prompt = "string", model = "string", log = "table", files = "table",
  sockets = "table", collect = "table",
}

---@class wrapix.AgentTalkOptions
---@field prompt string
---@field agent string? default: the sandbox's
---@field model string?
---@field files table<string, string>? as for a sandbox's run, and so the rest
---@field sockets table<string, fun(connection: wrapix.Stream)>?
---@field collect table<string, integer>?
---@field log table?

---@class wrapix.AgentTalk
---@field code integer? of the agent
---@field signal integer?
---@field seconds number
---@field stopped string? why the launcher ended it
---@field collected table<string, string>? where files were to be collected
---@field collect_errors table<string, string>?

local function with_prompt(opts)
  local files = { [FILE] = opts.prompt }
  for name, text in pairs(opts.files or {}) do
    if name == FILE then error(("%s: files: '%s': is the prompt's name"):format(NAME, FILE), 3) end
    files[name] = text
  end
  return files
end

-- An agent's table that knows nothing of a first prompt leaves it out.
local function takes_prompt(argv)
  for _, word in ipairs(argv) do
    if word:find(M.SENTENCE, 1, true) then return true end
  end
  return false
end

--- Runs an agent at the terminal of this process, told to begin with the prompt, and
--- waits until the person has ended it.
---@param box wrapix.Sandbox not started
---@param opts wrapix.AgentTalkOptions
---@return wrapix.AgentTalk? result
---@return string? message
---@return string? code "ENOTTY" without a terminal, "ENOTSUP" for an agent that takes no first prompt
---@return string? hint
function M.talk(box, opts)
  choose.check(box, opts, OPTIONS, NAME)
  choose.handover(opts, NAME)
  local files = with_prompt(opts)
  local agent, argv, code, hint = choose.agent(box, "interactive",
    { agent = opts.agent, model = opts.model, prompt = M.SENTENCE }, NAME)
  if not agent then return nil, argv, code, hint end
  if not takes_prompt(argv) then
    return nil, ("%s: %s: takes no first prompt at a terminal"):format(NAME, agent.name), "ENOTSUP",
      "give it the prompt without a terminal, by agent.run"
  elseif not (sys.isatty(0) and sys.isatty(1)) then
    return nil, NAME .. ": there is no terminal to talk at", "ENOTTY"
  end
  local result, message
  result, message, code, hint = box:run(argv, {
    agent = agent.name, stdin = "inherit", log = opts.log, files = files, sockets = opts.sockets,
    collect = opts.collect,
  })
  if not result then return nil, message, code, hint end
  return {
    code = result.code, signal = result.signal, seconds = result.seconds, stopped = result.stopped,
    collected = result.collected, collect_errors = result.collect_errors,
  }
end

return M
