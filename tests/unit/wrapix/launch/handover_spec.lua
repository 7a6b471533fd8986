-- SPDX-License-Identifier: MIT
-- What may be handed into a run and collected from it, and what is refused.

local fs = require("wrapix.fs")
local handovers = require("wrapix.launch.handover")

local function noop() end

describe("handover.of", function()
  local function refused(opts)
    local ok, message = pcall(function() handovers.of(opts, "run", 1) end)
    assert.is_false(ok)
    return message
  end

  it("has nothing where nothing is asked for", function()
    assert.is_nil(handovers.of({ capture = true }, "run", 1))
    local opts = { files = { ["prompt.md"] = "x" }, collect = { ["a.json"] = 10 },
      sockets = { ["ralph-2"] = noop } }
    assert.same(opts, handovers.of(opts, "run", 1))
  end)

  it("refuses names that lead elsewhere or are wrapix's own, and says which", function()
    for _, name in ipairs({ "../x", "a/b", "", ".hidden", "x\0", "lease.sock", "context.json", "bin",
      "out", "agents", "notify.token", "x y", ("x"):rep(65), 1 }) do
      assert.matches("handover_spec.lua:%d+: run: files: '", refused({ files = { [name] = "x" } }))
    end
    for _, name in ipairs({ "Ralph", "1x", "a.b", "a/b", "", "lease", "notify", "exec-1", "a_b",
      ("x"):rep(33), 1 }) do
      assert.matches("run: sockets: '", refused({ sockets = { [name] = noop } }), 1, true)
    end
    for _, name in ipairs({ "../x", "a/b", "", ".x", "x\0" }) do
      assert.matches("run: collect: '", refused({ collect = { [name] = 1 } }), 1, true)
    end
  end)

  it("refuses values of the wrong kind", function()
    assert.matches("run: files: a table expected", refused({ files = "x" }), 1, true)
    assert.matches("'a': a text expected", refused({ files = { a = 1 } }), 1, true)
    assert.matches("'a': a function expected", refused({ sockets = { a = "x" } }), 1, true)
    for _, most in ipairs({ 0, -1, 1.5, "1" }) do
      assert.matches("'a': a number of bytes", refused({ collect = { a = most } }), 1, true)
    end
  end)
end)

describe("a handover", function()
  local dir, launch

  before_each(function()
    dir = assert(fs.temp_dir())
    assert(fs.mkdir(dir .. "/out"))
    launch = { session = { dir = dir }, plan = { user = { mode = "keep-id" } } }
  end)
  after_each(function() fs.remove_tree(dir) end)

  it("writes files, and replaces none", function()
    assert(handovers.give({ files = { ["prompt.md"] = "do\0it" } }, launch))
    assert.equal("do\0it", fs.read(dir .. "/prompt.md"))
    assert.equal(tonumber("644", 8), fs.stat(dir .. "/prompt.md").mode)
    assert.same({ nil, "files: prompt.md: the name is taken", "EEXIST" },
      { handovers.give({ files = { ["prompt.md"] = "x" } }, launch) })
  end)

  it("collects regular files up to their limit, and follows no link", function()
    assert(fs.write_atomic(dir .. "/secret", "host"))
    assert(fs.write_atomic(dir .. "/out/good", "1234"))
    assert(fs.write_atomic(dir .. "/out/large", "12345"))
    assert(fs.symlink("../secret", dir .. "/out/link"))
    assert(fs.mkdir(dir .. "/out/dir"))
    local given = assert(handovers.give({
      collect = { good = 4, large = 4, link = 9, dir = 9, none = 9 },
    }, launch))
    local result = {}
    given:close(result)
    assert.same({ good = "1234" }, result.collected)
    assert.same({ large = "is larger than 4 bytes", link = "is a link", dir = "is a directory" },
      result.collect_errors)
    given:close(nil)
  end)

  it("collects nothing when the whole directory became a link", function()
    assert(fs.mkdir(dir .. "/other"))
    assert(fs.write_atomic(dir .. "/other/good", "host"))
    assert(fs.rmdir(dir .. "/out"))
    assert(fs.symlink("other", dir .. "/out"))
    local result = {}
    assert(handovers.give({ collect = { good = 9 } }, launch)):close(result)
    assert.same({}, result.collected)
    assert.is_string(result.collect_errors.good)
  end)
end)
