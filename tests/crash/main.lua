-- SPDX-License-Identifier: MIT
-- The crash suite on one test host: wrapix is killed at every step and loses what
-- it stands on; then the next start must work and nothing of the dead be left.
-- Prints a table of steps and faults, and totals. Started by tests/crash/run.
-- Usage: main.lua [--quick] [--only=TEXT]
-- A case names in `quick` the host that --quick runs it on, or true for all.

local here = debug.getinfo(1, "S").source:match("^@(.*)main%.lua$")
if here:sub(1, 1) ~= "/" then here = require("wrapix.fs").realpath(".") .. "/" .. here end
local root = here:gsub("/tests/crash/$", "")
package.path = ("%s/tests/?.lua;%s/tests/crash/?.lua;%s"):format(root, root, package.path)
_G.WRAPIX_ROOT = root

local fault = require("wrapix.fault")
local sys = require("wrapix.sys")
local table_of = require("results")
local world = require("world")

local host = os.getenv("WRAPIX_TEST_HOST")
local quick, only = false, nil
for _, word in ipairs({ ... }) do
  if word == "--quick" then
    quick = true
  else
    only = word:match("^%-%-only=(.+)$") or error("usage: main.lua [--quick] [--only=TEXT]", 0)
  end
end
if not fault.enabled then error("the crash suite needs a build with WX_FAULTS", 0) end

local cases = {}
for _, name in ipairs({ "points", "losses", "places", "crowds", "loop" }) do
  local list = require(name)
  table.move(list, 1, #list, #cases + 1, cases)
end

local function is_wanted(case)
  if only then return (case.step .. " " .. case.way):find(only, 1, true) ~= nil end
  return not quick or case.quick == true or case.quick == host
end

-- A case returns a text to be skipped for that reason.
local function try(case)
  local one = world.new()
  local began = sys.clock()
  local ok, reason = xpcall(function()
    local skipped = case.run(one)
    if not skipped then one:finish() end
    return skipped
  end, function(message)
    return type(message) == "string" and message or debug.traceback(tostring(message))
  end)
  one:wipe()
  local verdict = ok and (reason and "skip" or "ok") or "FAIL"
  return { step = case.step, way = case.way, verdict = verdict, reason = reason,
    seconds = sys.clock() - began }
end

local began, results = sys.clock(), {}
world.warm_up()
for _, case in ipairs(cases) do
  if is_wanted(case) then
    local result = try(case)
    results[#results + 1] = result
    io.stderr:write(("%-4s %5.1f s  %s, %s%s\n"):format(result.verdict, result.seconds, case.step,
      case.way, result.reason and ": " .. result.reason or ""))
  end
end
return table_of.print(results, sys.clock() - began)
