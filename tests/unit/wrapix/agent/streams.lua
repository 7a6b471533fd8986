-- SPDX-License-Identifier: MIT
-- The recorded streams for specs of agents: reading one, and what it comes to.

local fs = require "wrapix.fs"
local outcomes = require "wrapix.agent.outcome"
local readers = require "wrapix.agent.reader"
local registry = require "wrapix.agent.registry"

local M = {}

local NO_FILES = { read = function() return nil, "ENOENT: no", "ENOENT" end }

--- A built-in agent.
function M.agent(name) return assert(registry.get(name, NO_FILES)) end

--- The bytes of a stream, such as "claude/hello".
function M.text(name)
  return assert(fs.read(("%s/tests/unit/data/agents/%s.jsonl"):format(WRAPIX_ROOT, name)))
end

--- The events of some bytes, and the reader.
function M.read(agent, text, opts)
  local reader = readers.new(agent, opts)
  local events = reader:feed(text)
  for _, event in ipairs(reader:finish()) do events[#events + 1] = event end
  return events, reader
end

--- The outcome and the events of a stream.
---@param name string such as "claude/hello"
---@param exit table? default: status 0
function M.outcome(name, exit)
  local agent = M.agent(name:match("^[^/]+"))
  local events, reader = M.read(agent, M.text(name))
  return outcomes.of(agent, events, exit or { code = 0 }, reader.state), events
end

--- The types of events, in a line.
function M.types(events)
  local types = {}
  for i, event in ipairs(events) do types[i] = event.type end
  return table.concat(types, " ")
end

--- The first event of a type.
function M.first(events, kind)
  for _, event in ipairs(events) do
    if event.type == kind then return event end
  end
end

return M
