-- SPDX-License-Identifier: MIT
-- Helper of busted: after each spec nothing may be left: no task but the root,
-- no open loop handle, no new descriptor, no child, the same working directory.
-- Also counts results into $WRAPIX_TEST_COUNTS for the closing line of `make test`,
-- and notes beside it why tests were skipped, and in which files some failed.

local busted = require("busted")
local lfs = require("lfs")
local proc = require("wrapix.proc")
local task = require("wrapix.task")

-- What a loop opens once and keeps: the watcher of children, libuv's spare
-- descriptor of the first stream.
assert(proc.run({ "true" }))

local function descriptors()
  local open = {}
  for name in lfs.dir("/proc/self/fd") do
    local target = lfs.symlinkattributes("/proc/self/fd/" .. name, "target")
    -- The listing's own descriptor is closed by now and has no target.
    if target and not target:match("/fd$") then open[name] = target end
  end
  return open
end

local function children()
  local file = io.open("/proc/thread-self/children")
  if not file then return "" end
  local list = file:read("a")
  file:close()
  return list
end

-- The files of what failed, each once, for a second try: see tests/suite.
local failed = {}

local function note_failure(element, parent)
  local trace = element.trace or parent and parent.trace or {}
  local file = (trace.source or ""):gsub("^@", ""):gsub("^%./", "")
  if not failed[file] then failed[#failed + 1], failed[file] = file, true end
end

-- Also what fails outside of any test: a file that cannot be loaded, a hook.
busted.subscribe({ "failure" }, function(element, parent) note_failure(element, parent) return nil, true end)
busted.subscribe({ "error" }, function(element, parent) note_failure(element, parent) return nil, true end)

-- Why tests were skipped, one reason each, for strict mode: see tests/suite.
local reasons, reason = {}, nil

busted.subscribe({ "pending", "it" }, function(_, _, message)
  reason = tostring(message):gsub("^%S+:%d+: ", "") -- where it stands
  return nil, true
end)

local before, counts = nil, { success = 0, failure = 0, error = 0, pending = 0 }

busted.subscribe({ "test", "start" }, function()
  local _, handles = task.stats()
  before = { fds = descriptors(), cwd = lfs.currentdir(), children = children(), handles = handles }
  return nil, true
end)

local function differences()
  local out = {}
  local tasks, handles = task.stats()
  if tasks > 1 then out[#out + 1] = ("%d tasks left"):format(tasks - 1) end
  if handles > before.handles then
    out[#out + 1] = ("%d handles left"):format(handles - before.handles)
  end
  for name, target in pairs(descriptors()) do
    if before.fds[name] ~= target then out[#out + 1] = ("fd %s left: %s"):format(name, target) end
  end
  if lfs.currentdir() ~= before.cwd then out[#out + 1] = "working directory changed" end
  if children() ~= before.children then out[#out + 1] = "children left: " .. children() end
  return out
end

-- A collection costs as much as all specs loaded so far are large; it is made
-- only where something is left, to let the collector close what nobody holds.
local function leaks()
  local found = differences()
  if #found == 0 then return found end
  collectgarbage()
  collectgarbage()
  task.yield() -- close callbacks run in the loop
  return differences()
end

busted.subscribe({ "test", "end" }, function(element, parent, status)
  counts[status] = (counts[status] or 0) + 1
  if status == "pending" then
    reasons[#reasons + 1] = (reason or element.name):gsub("\n", " ")
  end
  reason = nil
  local found = before and leaks() or {}
  before = nil
  if #found > 0 and status == "success" then
    counts.success, counts.failure = counts.success - 1, counts.failure + 1
    busted.publish({ "failure", element.descriptor }, element, parent,
      "not clean after the spec: " .. table.concat(found, "; "), { message = "", traceback = "" })
  end
  return nil, true
end)

local function append(path, text)
  local file = assert(io.open(path, "a"))
  file:write(text)
  file:close()
end

busted.subscribe({ "suite", "end" }, function()
  local path = os.getenv("WRAPIX_TEST_COUNTS")
  if path then
    append(path, ("%d %d %d\n"):format(counts.success, counts.failure + counts.error, counts.pending))
    for _, text in ipairs(reasons) do append(path .. ".skips", text .. "\n") end
    for _, file in ipairs(failed) do append(path .. ".failed", file .. "\n") end
  end
  return nil, true
end)
