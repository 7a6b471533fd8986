-- SPDX-License-Identifier: MIT
local fs = require("wrapix.fs")
local owner = require("wrapix.owner")
local staging = require("wrapix.staging")

-- No kernel gives an id that high.
local NOBODY = 0x7ffffffe

local runtime, root

before_each(function()
  runtime = assert(fs.temp_dir("wrapix-staging-"))
  root = runtime .. "/sessions/0123abcd"
  assert(fs.ensure_dir(runtime .. "/sessions"))
end)
after_each(function() assert(fs.remove_tree(runtime)) end)

local function names() return fs.list(runtime .. "/staging") or {} end

local function leave(change)
  local who = assert(owner.current())
  for field, value in pairs(change) do who[field] = value end
  local dir = ("%s/staging/%s.0123abcd"):format(runtime, owner.encode(who))
  assert(fs.ensure_dir(dir .. "/run"))
end

describe("staging.make", function()
  it("makes a private directory whose name tells this process and the session", function()
    local dir = assert(staging.make(root))
    assert.equal(("%s.0123abcd"):format(owner.encode(owner.current())), dir:match("[^/]+$"))
    assert.equal(tonumber("700", 8), assert(fs.stat(dir)).mode)
    assert.is_false(fs.exists(root))
    assert(fs.rename(dir, root))
    assert.same({}, names())
  end)

  it("says why it cannot", function()
    assert(fs.write_atomic(runtime .. "/staging", "", { sync = false }))
    local dir, message, code = staging.make(root)
    assert.is_nil(dir)
    assert.truthy(message)
    assert.equal("ENOTDIR", code)
  end)
end)

describe("staging.take", function()
  it("takes a directory out of its place with all that is in it", function()
    assert(fs.ensure_dir(root .. "/run"))
    local dir = assert(staging.take(root))
    assert.is_false(fs.exists(root))
    assert.is_true(fs.exists(dir .. "/run"))
  end)

  it("says when there is none", function()
    local dir, _, code = staging.take(root)
    assert.same({ nil, "ENOENT" }, { dir, code })
  end)
end)

describe("staging.sweep", function()
  it("removes what dead owners left, empty or not", function()
    leave({ pid = NOBODY })
    leave({ boot = "another" })
    assert.equal(2, staging.sweep(runtime))
    assert.same({}, names())
  end)

  it("leaves alone what lives, what cannot be judged and what names nobody", function()
    assert(staging.make(root))
    leave({ pid = NOBODY, ns = "1" })
    assert(fs.ensure_dir(runtime .. "/staging/somebody"))
    assert.equal(0, staging.sweep(runtime))
    assert.equal(3, #names())
  end)

  it("finds nothing where there is nothing", function()
    assert.equal(0, staging.sweep(runtime))
    assert.same({}, names())
  end)
end)
