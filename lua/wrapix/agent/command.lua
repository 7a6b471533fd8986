-- SPDX-License-Identifier: MIT
-- Any program as an agent: the profile says how it is started, in
-- settings = { command = { argv = { "PROGRAM", … } } }; the prompt comes on its stdin,
-- what it prints is text, and its exit status is the end.

local compose = require "wrapix.agent.compose"

local function is_argv(value)
  if type(value) ~= "table" or type(value[1]) ~= "string" or value[1] == "" then return false end
  for _, word in ipairs(value) do
    if type(word) ~= "string" then return false end
  end
  return true
end

local function argv(_, opts)
  local own = opts.settings and opts.settings.argv
  local command = own ~= nil and own or opts.command
  if not is_argv(command) then
    return nil, "agent: command: the profile does not say what to run", "EINVAL",
      'add settings = { command = { argv = { "PROGRAM", … } } } to the profile'
  end
  return table.move(command, 1, #command, 1, {})
end

---@param input wrapix.AgentSettingsInput
---@return wrapix.AgentSettings
local function settings(input)
  local unused = {}
  compose.unused("hooks.agent", input.hooks, "wrapix knows nothing of this program", unused)
  compose.unused("mcp", input.mcp, "wrapix knows nothing of this program", unused)
  return { files = {}, unused = unused }
end

return {
  name = "command",
  title = "a program",
  stream = "text",
  settings = settings,
  argv = argv,
}
