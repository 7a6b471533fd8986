-- SPDX-License-Identifier: MIT
-- Agents that commands of their own install: their part of an agents' stage, whether
-- they may be built, and what their failures say. Pure. The commands are root's in
-- the image that is built and in nothing else; an agent's table is the user's.

local shell = require("wrapix.shell")

local M = {}

local VERSION = "@VERSION@"

-- The program of a command, as a word that can be echoed.
local function program_of(argv)
  local name = argv[1]:match("[^/]+$") or ""
  return name:find("^[%w._-]+$") and #name <= 64 and name or "a command"
end

local function line_of(argv, version)
  local words = {}
  for i, word in ipairs(argv) do
    words[i] = word:gsub(VERSION, (version:gsub("%%", "%%%%")))
  end
  return shell.join(words)
end

--- What is wrong with commands; a line of a Containerfile is one line.
---@param commands any
---@return string? reason nil when they are fine
function M.problem(commands)
  if type(commands) ~= "table" or #commands == 0 then return "has no command that installs it" end
  local names_version = false
  for i, argv in ipairs(commands) do
    if type(argv) ~= "table" or (argv[1] or "") == "" then
      return ("command %d is no list of a program and its arguments"):format(i)
    end
    for _, word in ipairs(argv) do
      if type(word) ~= "string" or word:find("%c") or #word > 4096 then
        return ("command %d has a word that is no text on one line"):format(i)
      end
      names_version = names_version or word:find(VERSION, 1, true) ~= nil
    end
  end
  if not names_version then
    return ("no command says %s, so that it would install another version than it is said to be")
      :format(VERSION)
  end
end

--- The lines of a Containerfile that install an agent.
---@param agent wrapix.StageAgent
---@param containerfile table
---@return string
function M.source(agent, containerfile)
  local list = {}
  for _, argv in ipairs(agent.commands) do
    list[#list + 1] = ("echo 'wrapix: agent %s %s: %s'")
      :format(agent.name, agent.version, program_of(argv))
    list[#list + 1] = line_of(argv, agent.version)
  end
  local links = {}
  for i, link in ipairs(agent.bin) do
    links[i] = ("ln -sf %s /usr/local/bin/%s"):format(link.target, link.name)
  end
  return containerfile.run({ containerfile.TRUST }, list, links)
end

--- Which command it was that a build ended with, when it was one of an agent's.
---@param lines string[] its output
---@return string? reason
---@return string? code "EIMAGE"
function M.explain(lines)
  for i = #lines, 1, -1 do
    local agent, program = lines[i]:match("^wrapix: agent (%S+ %S+): (.+)$")
    if agent then return ("agent %s: %s failed"):format(agent, program), "EIMAGE" end
  end
end

return M
