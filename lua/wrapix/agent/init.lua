-- SPDX-License-Identifier: MIT
-- `require "wrapix".agent`: the agents there are, and running one. Only the door;
-- each part is loaded when it is first used.

local lazy = require "wrapix.lazy"
local registry = require "wrapix.agent.registry"
local run = lazy "wrapix.agent.run"
local talk = lazy "wrapix.agent.talk"

return {
  get = registry.get,
  names = registry.names,
  check = registry.check,
  PROMPT_FILE = registry.PROMPT_FILE,
  run = function(...) return run.run(...) end,
  talk = function(...) return talk.talk(...) end,
  reader = lazy "wrapix.agent.reader",
  outcome = lazy "wrapix.agent.outcome",
  pins = lazy "wrapix.agent.pins",
}
