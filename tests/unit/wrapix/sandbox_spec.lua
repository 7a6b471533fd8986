-- SPDX-License-Identifier: MIT
-- The object before it starts anything.

local sandbox = require("wrapix.sandbox")

local function here() return debug.getinfo(2, "l").currentline end

describe("sandbox.new", function()
  it("names the caller's line for a mistake in a table", function()
    local line = here() + 1
    local box, message, code = sandbox.new({ nam = "x" })
    assert.is_nil(box)
    assert.equal("EINVAL", code)
    assert.matches(("sandbox_spec.lua:%d: unknown field 'nam' (did you mean 'name'?)"):format(line),
      message, 1, true)
  end)

  it("works as the first function of a coroutine, where nobody called", function()
    local co = coroutine.create(sandbox.new)
    local ok, box, message = coroutine.resume(co, { nam = "x" })
    assert.is_true(ok)
    assert.is_nil(box)
    assert.matches("unknown field 'nam'", message, 1, true)
  end)

  it("takes a profile by its name, and says when there is none", function()
    assert.is_table(sandbox.new("base"))
    local box, message, code = sandbox.new("bsae")
    assert.is_nil(box)
    assert.equal("ENOENT", code)
    assert.matches("base", message, 1, true)
  end)

  it("raises on misuse", function()
    assert.has_error(function() sandbox.new(1) end, "sandbox: a profile, its name or its path expected")
    local box = assert(sandbox.new("base"))
    assert.has_error(function() box:exec({ "true" }) end, "exec: the sandbox has not been started")
    assert.has_error(function() box:run({ "true" }, { stdin_tty = true }) end,
      "run: unknown option 'stdin_tty'")
    assert.is_true(box:stop())
  end)
end)
