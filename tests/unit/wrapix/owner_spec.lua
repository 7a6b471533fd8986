-- SPDX-License-Identifier: MIT
local fs = require("wrapix.fs")
local owner = require("wrapix.owner")
local sys = require("wrapix.sys")

-- No kernel gives an id that high.
local NOBODY = 0x7ffffffe

local function changed(field, value)
  local who = assert(owner.current())
  who[field] = value
  return who
end

describe("owner.current", function()
  it("is this process", function()
    local who = assert(owner.current())
    assert.equal(sys.boot_id(), who.boot)
    assert.equal(sys.pid(), who.pid)
    assert.equal(sys.process_start(sys.pid()), who.start)
  end)
end)

describe("owner.encode and owner.decode", function()
  it("are each other's inverse", function()
    local who = assert(owner.current())
    assert.same(who, owner.decode(owner.encode(who)))
    local plain = { boot = "0a-1b", pid = 1, start = "77" }
    assert.equal("0a-1b:1:77", owner.encode(plain))
    assert.same(plain, owner.decode("0a-1b:1:77"))
    plain.ns = "4026531836"
    assert.equal("0a-1b:1:77:4026531836", owner.encode(plain))
    assert.same(plain, owner.decode("0a-1b:1:77:4026531836"))
  end)

  it("take nothing else for an owner", function()
    for _, text in ipairs({
      "", ":", "::", "a:1", "a:1:", ":1:2", "a:b:2", "a:0:2", "a:-1:2", "a:1:2:", "a:1:2:x",
      "a:1:2:3:4", "a:1:2\n", " a:1:2", "a b:1:2", "a:2147483648:2", "a:99999999999999999999:2",
      ("a"):rep(600) .. ":1:2",
    }) do assert.is_nil(owner.decode(text), text) end
    assert.has_error(function() owner.decode(nil) end, "owner.decode: string expected, got nil")
    assert.has_error(function() owner.encode({ boot = "a:b", pid = 1, start = "2" }) end)
  end)
end)

describe("owner.state", function()
  it("sees this process alive", function()
    assert.equal("alive", owner.state(assert(owner.current())))
    assert.equal("alive", owner.state(changed("ns", nil)))
  end)

  it("takes no process, another start or another boot for dead", function()
    assert.equal("dead", owner.state(changed("pid", NOBODY)))
    assert.equal("dead", owner.state(changed("start", "1")))
    assert.equal("dead", owner.state(changed("boot", "00000000-0000-4000-8000-000000000000")))
  end)

  it("says unknown of a number that means another process elsewhere", function()
    local foreign = changed("ns", "1")
    foreign.pid = NOBODY
    assert.equal("unknown", owner.state(foreign))
  end)

  it("says unknown when the answer cannot be read", function()
    local boot, start = sys.boot_id, sys.process_start
    finally(function() sys.boot_id, sys.process_start = boot, start end)
    local who = assert(owner.current())
    sys.process_start = function() return nil, "EACCES: no", "EACCES" end
    assert.equal("unknown", owner.state(who))
    sys.boot_id = function() return nil, "ENOENT: no", "ENOENT" end
    assert.equal("unknown", owner.state(who))
    local made, message, code = owner.current()
    assert.is_nil(made)
    assert.equal("ENOENT: no", message)
    assert.equal("ENOENT", code)
  end)
end)

describe("an owner's file", function()
  local dir
  before_each(function() dir = assert(fs.temp_dir("wrapix-owner-")) end)
  after_each(function() assert(fs.remove_tree(dir)) end)

  it("comes back as it was written, and is private", function()
    local path, other = dir .. "/owner", { boot = "b", pid = 7, start = "8" }
    assert.is_true(owner.write(path))
    assert.same(owner.current(), owner.read(path))
    assert.equal(tonumber("600", 8), fs.stat(path).mode)
    assert.is_true(owner.write(path, other))
    assert.same(other, owner.read(path))
  end)

  it("is refused when it says something else", function()
    local path = dir .. "/owner"
    assert.equal("ENOENT", select(3, owner.read(path)))
    for _, text in ipairs({ "", "\n", "x", "a:1:2\n\n", "a:1:2\nb:1:2\n" }) do
      assert(fs.write_atomic(path, text))
      local who, message, code = owner.read(path)
      assert.is_nil(who)
      assert.matches("names no owner", message)
      assert.equal("EBADMSG", code)
    end
    assert(fs.write_atomic(path, ("x"):rep(4096)))
    assert.equal("EFBIG", select(3, owner.read(path)))
    assert.equal("ENOENT", select(3, owner.write(dir .. "/none/owner")))
  end)
end)
