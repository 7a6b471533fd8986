-- SPDX-License-Identifier: MIT
-- A loop of one's own: an agent works on a task until a command passes, three times at
-- most. The command runs in a sandbox as well, and the agent is told what it said.
--   wrapix examples/scripts/until.lua PROFILE "make test" "make the tests pass"

local wrapix = require("wrapix")

local profile, check, wanted = ...
if not wanted then error("until: PROFILE, a command and a task expected", 0) end
local box = assert(wrapix.sandbox(profile))

local function passes()
  local result = assert(box:run({ "sh", "-c", check .. " 2>&1" }, { capture = true, timeout = "10m" }))
  return result.code == 0, result.stdout
end

local PROMPT = [[
%s

The task is done when this command passes: %s
What it says now is in /run/wrapix/check.log. Write what you did, in a few lines, to
/run/wrapix/out/summary.md.
]]

local function show(event)
  if event.type == "tool" then print("  " .. wrapix.path.show(event.name)) end
end

local ok, said = passes()
for attempt = 1, 3 do
  if ok then break end
  print(("attempt %d"):format(attempt))
  local result = assert(wrapix.agent.run(box, {
    prompt = PROMPT:format(wanted, check),
    files = { ["check.log"] = said },
    collect = { ["summary.md"] = 16 << 10 },
    timeout = "1h",
    idle = "10m",
    -- One that is silent but computes, as a compiler does, may go on.
    on_idle = function(silence) return (silence.cpu_recent or 0) > 10 end,
    on_event = show,
  }))
  print(("  %s after %.0f s"):format(result.kind, result.seconds))
  for line in (result.collected["summary.md"] or ""):gmatch("[^\n]+") do
    print("  | " .. wrapix.path.show(line))
  end
  if result.kind == "limit" or result.kind == "auth" then break end
  ok, said = passes()
end
print(ok and "it passes" or "it does not pass")
return ok and 0 or 1
