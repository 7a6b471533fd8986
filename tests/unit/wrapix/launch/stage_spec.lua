-- SPDX-License-Identifier: MIT

local fs = require("wrapix.fs")
local net = require("wrapix.net")
local stage = require("wrapix.launch.stage")

local PRIVATE = tonumber("600", 8)

describe("the staging of a session", function()
  local dir, root

  before_each(function()
    dir = assert(fs.temp_dir("stage-"))
    root = dir .. "/root"
    assert(fs.ensure_dir(root .. "/run/deep"))
    assert(fs.write_atomic(root .. "/run/deep/a", "a", { mode = tonumber("640", 8) }))
    assert(fs.ensure_dir(root .. "/run/out"))
  end)
  after_each(function() fs.remove_tree(dir) end)

  local function wanted(more)
    local all = { dirs = { "vm", "vm/run" },
      files = { { path = "vm/vm.conf", text = "wrapix-vm 1\n", mode = PRIVATE } },
      copies = { { from = root .. "/run", path = "vm/run", tree = true, without = { "out" } } } }
    for _, copy in ipairs(more or {}) do all.copies[#all.copies + 1] = copy end
    return all
  end

  it("is copied and written, without sockets and what is left out", function()
    local socket <close> = assert(net.listen_unix(root .. "/run/lease.sock"))
    assert.is_true(stage.write(root, wanted()))
    assert.same({ "deep" }, fs.list(root .. "/vm/run"))
    assert.equal(tonumber("640", 8), fs.stat(root .. "/vm/run/deep/a").mode & 511)
    assert.equal(PRIVATE, fs.stat(root .. "/vm/vm.conf").mode & 511)
    assert.equal("wrapix-vm 1\n", fs.read(root .. "/vm/vm.conf"))
    assert.truthy(socket)
  end)

  it("is made anew for another try", function()
    assert.is_true(stage.write(root, wanted()))
    fs.unlink(root .. "/run/deep/a")
    assert.is_true(stage.write(root, wanted()))
    assert.same({}, fs.list(root .. "/vm/run/deep"))
  end)

  it("refuses a link, at the top and below", function()
    assert(fs.symlink("/etc/passwd", root .. "/run/deep/link"))
    local ok, message, code = stage.write(root, wanted())
    assert.same({ nil, "ELOOP" }, { ok, code })
    assert.truthy(message:find("deep/link: is a link", 1, true), message)
    fs.unlink(root .. "/run/deep/link")
    assert(fs.symlink("/etc/passwd", dir .. "/top"))
    ok, message, code = stage.write(root, wanted({ { from = dir .. "/top", path = "vm/x" } }))
    assert.same({ nil, "ELOOP" }, { ok, code })
    assert.truthy(message:find("/top: is a link", 1, true), message)
  end)

  it("tells of a source that has gone", function()
    local ok, message = stage.write(root, wanted({ { from = dir .. "/gone", path = "vm/x" } }))
    assert.is_nil(ok)
    assert.truthy(message:find("^stage: "))
  end)
end)
