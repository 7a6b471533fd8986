-- SPDX-License-Identifier: MIT
-- The door of Ralph: from an idea to finished work, in phases that a script can call,
-- replace or rearrange. Each is loaded when it is first used.

-- Field → module, and the function of it that the field is; none: the module itself.
local parts = {
  open = { "ralph.project", "open" },
  start = { "ralph.start", "run" },
  plan = { "ralph.plan", "run" },
  ready = { "ralph.ready", "run" },
  step = { "ralph.step", "run" },
  context = { "ralph.context", "new" },
  settle = { "ralph.settle", "run" },
  choose = { "ralph.choose" },
  attempt = { "ralph.attempt" },
  attempts = { "ralph.attempts" },
  finish = { "ralph.finish" },
  budget = { "ralph.budget" },
  evidence = { "ralph.evidence" },
  excerpt = { "ralph.excerpt" },
  loop = { "ralph.loop", "run" },
  policy = { "ralph.policy" },
  tracker = { "ralph.tracker" },
  specs = { "ralph.specs" },
  render = { "ralph.render" },
}

return setmetatable({}, {
  __index = function(ralph, name)
    local part = parts[name]
    if not part then return nil end
    local module = require(part[1])
    local value = part[2] and module[part[2]] or module
    rawset(ralph, name, value)
    return value
  end,
})
