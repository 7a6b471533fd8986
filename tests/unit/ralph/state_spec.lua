-- SPDX-License-Identifier: MIT
-- What is remembered of a project: written whole and private, merged, never half read.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local state = require("ralph.state")
local task = require("wrapix.task")

describe("ralph.state", function()
  local dir, project

  before_each(function()
    dir = assert(fs.temp_dir("wrapix-state-"))
    project = { root = "/w/shop", dirs = { state = dir } }
  end)
  after_each(function() assert(fs.remove_tree(dir)) end)

  local function file() return dir .. "/state.json" end

  it("is empty at first, and nothing is written by reading", function()
    assert.same({ version = 1, workspace = "/w/shop", specs = {} }, assert(state.read(project)))
    assert.is_nil(fs.stat(file()))
  end)

  it("merges what is given into what is there", function()
    assert(state.merge(project, { current = "shop", specs = { shop = { created = 5 } } }))
    assert(state.merge(project, { specs = { cart = { created = 6, hidden = true } } }))
    assert(state.merge(project, { specs = { shop = { base = { time = 7, commit = "ab12" } } } }))
    local found = assert(state.read(project))
    assert.equal("shop", found.current)
    assert.same({ created = 5, base = { time = 7, commit = "ab12" } }, found.specs.shop)
    assert.same({ created = 6, hidden = true }, found.specs.cart)
    assert(state.merge(project, { specs = { shop = { base = json.null } } }))
    assert.is_nil(assert(state.read(project)).specs.shop.base)
  end)

  it("is private", function()
    assert(state.merge(project, { current = "shop" }))
    assert.equal(tonumber("600", 8), fs.stat(file()).mode)
  end)

  it("loses no update of commands at once", function()
    local names = {}
    for i = 1, 20 do names[i] = "spec-" .. i end
    assert(task.parallel(8, names, function(name)
      return state.update(project, function(current)
        current.specs[name] = { created = 1 }
      end)
    end))
    local count = 0
    for _ in pairs(assert(state.read(project)).specs) do count = count + 1 end
    assert.equal(20, count)
  end)

  it("leaves the file when the change declines", function()
    assert(state.merge(project, { current = "shop" }))
    local before = fs.read(file())
    assert(state.update(project, function(current)
      current.current = "other"
      return false
    end))
    assert.equal(before, fs.read(file()))
  end)

  it("says of a damaged file what to do, and leaves it", function()
    for text, reason in pairs({
      ["{"] = "",
      ["[]"] = "is no state of a project",
      ['{"version":2,"workspace":"/w","specs":{}}'] = "has version 2, this program knows 1",
      ['{"version":1,"workspace":"/w"}'] = "is no state of a project",
      ['{"version":1,"workspace":"/w","specs":{"../x":{"created":1}}}'] = "whose name is none",
      ['{"version":1,"workspace":"/w","specs":{"a":{}}}'] = "specs.a: is no spec's state",
      ['{"version":1,"workspace":"/w","current":"a b","specs":{}}'] = "current: is no name",
      ['{"version":1,"workspace":"/w","specs":{"a":{"created":1,"base":{"time":1,"commit":"-x"}}}}']
        = "specs.a: is no spec's state",
    }) do
      assert(fs.write_atomic(file(), text))
      local found, message, code, hint = state.read(project)
      assert.is_nil(found)
      assert.equal("EINVAL", code)
      assert.matches(reason, message, 1, true)
      assert.matches("state: " .. file(), message, 1, true)
      assert.matches("mv " .. file(), hint, 1, true)
      assert.is_nil(state.merge(project, { current = "shop" }))
      assert.equal(text, fs.read(file()))
    end
  end)

  it("follows no link and writes through none", function()
    assert(fs.write_atomic(dir .. "/other", '{"version":1,"workspace":"/w","specs":{}}'))
    assert(fs.symlink(dir .. "/other", file()))
    assert.is_nil(state.read(project))
  end)

  it("refuses to write what it could not read", function()
    assert.has_error(function() state.merge(project, { current = "no name" }) end)
    assert.is_nil(fs.stat(file()))
  end)
end)
