-- SPDX-License-Identifier: MIT

local json = require("wrapix.json")
local list = require("wrapix.runtime.podman.list")

-- What podman 4.3.1 and 5.4.2 answer, shortened to what both have.
local function container(over)
  local one = {
    Id = ("a"):rep(64), Names = { "wrapix-shop-1" }, Image = "img:1", State = "running", ExitCode = 0,
    StartedAt = 1000, Created = 999,
    Labels = { ["wrapix.session"] = "s1", ["wrapix.profile"] = "base", ["wrapix.workspace"] = "/w" },
  }
  for key, value in pairs(over or {}) do one[key] = value end
  return one
end

local function read(answer) return assert(list.containers(json.encode(answer))) end

describe("podman's list", function()
  it("is read", function()
    assert.same({
      session = "s1", id = ("a"):rep(64), name = "wrapix-shop-1", image = "img:1", state = "running",
      exit = 0, started = 1000, created = 999, profile = "base", workspace = "/w",
    }, read({ container() }).s1)
  end)

  it("knows never from a time long ago", function()
    local out = read({ container({ StartedAt = -62135596800, State = "Created" }) })
    assert.is_nil(out.s1.started)
    assert.equal("created", out.s1.state)
  end)

  it("has a few words for all states", function()
    for word, state in pairs({ Initialized = "created", paused = "paused", stopping = "ending",
      removing = "ending", exited = "ended", stopped = "ended", whatever = "ended" }) do
      assert.equal(state, read({ container({ State = word }) }).s1.state)
    end
  end)

  it("passes over what it cannot read", function()
    for _, answer in ipairs({ "x", 1, {}, { 1, "x", {} }, { container({ Labels = "x" }) },
      { container({ Names = {} }) }, { container({ Labels = { ["wrapix.session"] = 5 } }) } }) do
      assert.same({}, read(answer))
    end
  end)

  it("is refused when it is no JSON", function()
    local out, reason = list.containers("Error: no")
    assert.is_nil(out)
    assert.truthy(reason:find("no JSON", 1, true))
  end)

  it("has an id a line where only those are asked for", function()
    assert.same({ "abc1", "def2" }, list.session_ids("abc1\ndef2\n"))
    assert.same({}, list.session_ids(""))
  end)
end)
