-- SPDX-License-Identifier: MIT
-- How long a limit is waited for, and what loops of one host tell each other.

local fs = require("wrapix.fs")
local limits = require("ralph.attempt.limits")

describe("limits.until_when", function()
  local function wait(limit, opts)
    return limits.until_when(limit, 1000, opts or { jitter = 0 }) - 1000
  end

  it("is the reset, never at once and never for more than a day", function()
    assert.equal(600, wait({ reset = 1600 }))
    assert.equal(30, wait({ reset = 1001 }))
    assert.equal(30, wait({ reset = 10 }))
    assert.equal(86400, wait({ reset = 1000 + 40 * 86400 }))
  end)

  it("is spread a little, so that not all come back in the same second", function()
    assert.equal(620, wait({ reset = 1400 + 200 }, { jitter = 1 / 3 }))
    assert.equal(660, wait({ reset = 1600 }, { jitter = 1 }))
    assert.equal(3660, wait({ reset = 4600 }, { jitter = 1 }))
    assert.equal(86400, wait({ reset = 1e9 }, { jitter = 1 }))
  end)

  it("grows where nobody says when", function()
    assert.equal(300, wait({ kind = "limit" }))
    assert.equal(60, wait({ kind = "overloaded" }))
    assert.equal(480, wait({ kind = "overloaded" }, { jitter = 0, times = 3 }))
    assert.equal(3600, wait({ kind = "limit" }, { jitter = 0, times = 50 }))
  end)

  it("grows where resets are named that are none", function()
    assert.equal(120, wait({ reset = 10 }, { jitter = 0, times = 2 }))
    assert.equal(3600, wait({ reset = -1e300 }, { jitter = 0, times = 50 }))
    assert.equal(7200, wait({ reset = 8200 }, { jitter = 0, times = 50 }))
  end)
end)

describe("limits of the host", function()
  local dir
  before_each(function() dir = assert(fs.temp_dir()) end)
  after_each(function() fs.remove_tree(dir) end)

  it("are known to all until they are over", function()
    local place = dir .. "/ralph"
    assert.is_nil(limits.known(place, "claude", 100))
    assert(limits.note(place, "claude", { reset = 500, kind = "limit" }, 90))
    assert(limits.note(place, "codex", { reset = 900, kind = "overloaded" }, 90))
    assert.same({ reset = 500, kind = "limit" }, limits.known(place, "claude", 100))
    assert.same({ reset = 900, kind = "overloaded" }, limits.known(place, "codex", 100))
    assert.is_nil(limits.known(place, "claude", 500))
    assert.is_nil(limits.known(place, "pi", 100))
  end)

  it("hold for so long as each loop lets an agent's word hold, and for one login", function()
    local account = limits.account("claude", "work")
    assert(limits.note(dir, account, { reset = 90000, kind = "limit" }, 100))
    assert.equal(100 + 86400, limits.known(dir, account, 200).reset)
    assert.equal(3700, limits.known(dir, account, 200, 3600).reset)
    assert.is_nil(limits.known(dir, account, 3700, 3600))
    assert.is_nil(limits.known(dir, limits.account("claude", "default"), 200))
    assert.equal(3600, limits.until_when({ reset = 90000 }, 0, { jitter = 0, longest = 3600 }))
    assert.equal(86400, limits.until_when({ reset = 9e9 }, 0, { jitter = 0, longest = 9e9 }))
  end)

  it("are nothing when the file is foreign or says a day that is none", function()
    assert(fs.write_atomic(dir .. "/limits.json", '{"claude":{"reset":1e12},"pi":7,"x":{"reset":200,"time":150}}'))
    assert.is_nil(limits.known(dir, "claude", 100))
    assert.is_nil(limits.known(dir, "pi", 100))
    assert.is_nil(limits.known(dir, "x", 100))
    assert(fs.write_atomic(dir .. "/limits.json", "not json"))
    assert.is_nil(limits.known(dir, "claude", 100))
    assert(limits.note(dir, "claude", { reset = 200, kind = "limit" }, 90))
    assert.equal(200, limits.known(dir, "claude", 100).reset)
  end)
end)
