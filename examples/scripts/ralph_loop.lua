-- SPDX-License-Identifier: MIT
-- A loop of one's own over Ralph's phases: bugs first, a stronger model for what failed
-- once, a line in a journal for every effect, and slow checks after every third issue,
-- whose failure becomes an issue.
--   wrapix examples/scripts/ralph_loop.lua 'make slow-tests' STRONG-MODEL

local ralph = require("ralph")
local wrapix = require("wrapix")

local slow_checks, strong_model = ...
local project = assert(ralph.open("."))
local tracker = assert(project:tracker())

-- Any effect can be replaced; here each is only written down.
local function journaled(names)
  local effects = {}
  for _, name in ipairs(names) do
    effects[name] = function(_, args, built_in)
      local result, message, code, hint = built_in()
      assert(wrapix.fs.append("effects.log", ("%s %s %s\n"):format(name, args.id or args.issue or "-",
        result and "ok" or message)))
      return result, message, code, hint
    end
  end
  return effects
end

local function bugs_first()
  local ready = assert(tracker:ready())
  for _, issue in ipairs(ready) do
    if issue.issue_type == "bug" then return issue end
  end
  return ready[1]
end

-- In a sandbox of the project's own profile; what fails is work for later.
local function check_slowly()
  local box <close> = assert(project:sandbox())
  local result = assert(box:run({ "sh", "-c", slow_checks }, { capture = true, timeout = "1h" }))
  if result.code == 0 then return end
  local text = ralph.excerpt.fit(result.stdout .. result.stderr, 4000)
  local issue = assert(tracker:add({ title = "Slow checks fail", issue_type = "bug", description = text }))
  print("slow checks fail: " .. issue.id)
end

local done, effects = 0, journaled({ "claim", "commit", "close", "park" })
while true do
  local issue = bugs_first()
  if not issue then break end
  local has_failed = ralph.attempts.read(project, issue.id).counted > 0
  local result = assert(ralph.step(project, {
    id = issue.id, effects = effects, config = { model = has_failed and strong_model or nil },
  }))
  if result.verdict == "done" then done = done + 1 end
  -- 103: the account or a budget; broken: every further attempt would meet the same.
  if result.verdict == "broken" or result.exit == 103 or result.exit == 130 then
    io.stderr:write(result.reason, "\n")
    return result.exit
  end
  if slow_checks and result.verdict == "done" and done % 3 == 0 then check_slowly() end
end
print(("%d done"):format(done))
