-- SPDX-License-Identifier: MIT
-- main.lua KEY=VALUE... [-- ID...]: the suite on the machine where it is started; see
-- `run`, which starts it. Prints a line for each behaviour as it goes, writes the results
-- as JSON to `results`, and ends with 1 when something failed.

local here = debug.getinfo(1, "S").source:match("^@(.*)main%.lua$")
local fs = require("wrapix.fs")
local root = assert(fs.realpath(here)):gsub("/tests/conformance$", "")
-- The host takes relative entries away; these are the absolute ones of the checkout.
package.path = ("%s/tests/?.lua;%s"):format(root, package.path)
_G.WRAPIX_ROOT = root

local container = require("wrapix.container")
local json = require("wrapix.json")
local list = require("conformance.list")
local proc = require("wrapix.proc")
local runner = require("conformance.runner")
local sys = require("wrapix.sys")
local targets = require("conformance.targets")

local MARKS = { passed = "ok  ", refused = "says", failed = "FAIL" }

local function parse(words)
  local settings, ids, at = {}, {}, nil
  for i, word in ipairs(words) do
    if word == "--" then at = i break end
    local key, value = word:match("^(%l+)=(.*)$")
    settings[assert(key, word)] = value
  end
  if at then table.move(words, at + 1, #words, 1, ids) end
  return settings, ids
end

local function first_line(argv)
  local result = proc.run(argv, { timeout = 60 })
  return result and result.code == 0 and result.stdout:match("^[^\n]*") or nil
end

local function system()
  local mac = first_line({ "sw_vers", "-productVersion" })
  local machine = first_line({ "uname", "-m" }) or "?"
  if mac then return ("macOS %s %s"):format(mac, machine) end
  local text = fs.read("/etc/os-release") or ""
  return ("%s %s"):format(text:match('PRETTY_NAME="([^"]*)"') or "Linux", machine)
end

-- A copy, so that a build going on at the same time changes nothing, and that nothing of
-- the source tree can be found beside it.
local function install(tmp, program)
  assert(fs.ensure_dir(tmp .. "/bin"))
  local copy = tmp .. "/bin/wrapix"
  assert(fs.copy_tree(assert(fs.realpath(program)), copy))
  return copy
end

---@class conformance.Target
---@field runtime "podman"|"container"
---@field version integer[] of the engine
---@field host string
---@field image string
---@field wrapix string path of the program
---@field pty string path of the helper that makes terminals
---@field tmp string

local function target_of(settings)
  local engine = assert(first_line({ settings.runtime, "--version" }),
    settings.runtime .. ": it does not say its version")
  return {
    runtime = settings.runtime, host = settings.host, image = settings.image, pty = settings.pty,
    version = targets.parse(engine:match("%d+%.%d+[%d.]*") or "0"), tmp = settings.tmp,
    wrapix = install(settings.tmp, settings.wrapix), program = settings.wrapix,
  }, engine
end

local function print_outcome(outcome)
  io.write(("%s %-34s %5.1f s%s%s\n"):format(MARKS[outcome.outcome], outcome.id, outcome.seconds,
    outcome.again and "  on the second try" or "", outcome.message and "  " .. outcome.message or ""))
  io.flush()
end

local function main(...)
  local settings, ids = parse({ ... })
  local chosen, message = list.select(ids)
  if not chosen then
    io.stderr:write("conformance: ", message, "\n")
    return 2
  end
  local target, engine = target_of(settings)
  local quiet, began = settings.json == "1", sys.clock()
  if not quiet then io.write(("# %s, %s\n"):format(engine, system())) end
  -- Whoever ends this ends the sandboxes it has started as well.
  local results, why = container.interruptible(function()
    return runner.run(chosen, target, quiet and function() end or print_outcome)
  end)
  if not results then
    io.stderr:write("conformance: ", why, "\n")
    return 143
  end
  local counts = { passed = 0, refused = 0, failed = 0 }
  for _, one in ipairs(results) do counts[one.outcome] = counts[one.outcome] + 1 end
  local text = json.encode({
    runtime = settings.runtime, version = table.concat(target.version, "."), engine = engine,
    host = settings.host, key = settings.key, system = system(), complete = #ids == 0,
    double = settings.double == "1", seconds = sys.clock() - began, results = results,
    wrapix = first_line({ target.wrapix, "--version" }),
  })
  if settings.results then assert(fs.write_atomic(settings.results, text .. "\n")) end
  if quiet then io.write(text, "\n") end
  local totals = ("%d passed, %d failed, 0 skipped"):format(counts.passed + counts.refused, counts.failed)
  io[quiet and "stderr" or "stdout"]:write(("# %.0f s, %d of them say that they cannot be had\n%s\n")
    :format(sys.clock() - began, counts.refused, totals))
  return counts.failed == 0 and 0 or 1
end

return main(...)
