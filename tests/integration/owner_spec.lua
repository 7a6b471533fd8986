-- SPDX-License-Identifier: MIT
-- Owners that are processes of their own: alive, ended, and ended but not yet
-- asked for by their parent.

local owner = require("wrapix.owner")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local function owner_of(pid)
  local who = assert(owner.current())
  who.pid, who.start = pid, assert(sys.process_start(pid))
  return who
end

local function wait_for_state(who, wanted)
  local deadline = sys.clock() + 30
  while owner.state(who) ~= wanted and sys.clock() < deadline do task.sleep(0.01) end
  return owner.state(who)
end

describe("owner.state", function()
  it("follows a process to its end", function()
    local other <close> = assert(proc.spawn({ "cat" }, { stdin = "pipe" }))
    local who = owner_of(other:pid())
    assert.equal("alive", owner.state(who))
    other:kill("KILL")
    assert(other:wait())
    assert.equal("dead", owner.state(who))
  end)

  it("takes for dead what nobody has asked for its exit status", function()
    -- cat, which takes the place of the shell, never asks for the child it got.
    local parent <close> = assert(proc.spawn(
      { "sh", "-c", "sleep 0.1 & echo $!; exec cat" }, { stdin = "pipe", stdout = "pipe" }))
    local pid = assert(math.tointeger(tonumber(parent.stdout:read_line())))
    local who = owner_of(pid)
    assert.equal("dead", wait_for_state(who, "dead"))
    assert.equal(who.start, sys.process_start(pid))
    parent:kill("KILL")
    assert(parent:wait())
  end)
end)
