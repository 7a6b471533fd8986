-- SPDX-License-Identifier: MIT
local fs = require("wrapix.fs")
local setup = require("wrapix.builder.setup")
local spec = require("wrapix.builder.spec")

local BLOCK = { "a", "b" }

local function block(...) return table.concat({ setup.begins, ... , setup.ends }, "\n") end
local WHOLE = setup.begins .. "\na\nb\n" .. setup.ends .. "\n"

describe("builder.setup: a block", function()
  it("goes to the end, or to the beginning", function()
    assert.equal(WHOLE, setup.edit("", BLOCK))
    assert.equal("x\n" .. WHOLE, setup.edit("x\n", BLOCK))
    assert.equal("x\n" .. WHOLE, setup.edit("x", BLOCK))
    assert.equal(WHOLE .. "x\n", setup.edit("x\n", BLOCK, true))
  end)

  it("is replaced where it is, and twice is once", function()
    local text = "x\n\n" .. WHOLE .. "y\n"
    assert.equal(text, setup.edit(text, BLOCK))
    assert.equal(text, setup.edit(text, BLOCK, true))
    assert.equal("x\n\n" .. setup.begins .. "\nc\n" .. setup.ends .. "\ny\n", setup.edit(text, { "c" }))
  end)

  it("goes without a trace", function()
    for _, text in ipairs({ "", "x\n", "x\n\n\ny\n" }) do
      assert.equal(text, setup.edit(setup.edit(text, BLOCK), nil))
      assert.equal(text, setup.edit(setup.edit(text, BLOCK, true), nil))
    end
    assert.equal("x\n", setup.edit("x\n", nil))
  end)

  it("with a mark missing is left to the person", function()
    for _, text in ipairs({ setup.begins .. "\n", setup.ends .. "\n", WHOLE .. WHOLE,
      setup.ends .. "\n" .. setup.begins .. "\n", block("a") .. "\n" .. setup.ends .. "\n" }) do
      local found, reason = setup.edit(text, BLOCK)
      assert.is_nil(found)
      assert.is_string(reason)
    end
  end)
end)

describe("builder.setup: a difference", function()
  it("shows what goes and comes, with the lines around it", function()
    assert.equal("", setup.difference("/f", "x\n", "x\n"))
    assert.equal("--- /f\n+++ /f\n@@ -2,4 +2,5 @@\n b\n c\n-d\n+D\n+E\n f\n",
      setup.difference("/f", "a\nb\nc\nd\nf\n", "a\nb\nc\nD\nE\nf\n"))
    assert.equal("--- /f\n+++ /f\n@@ -1,0 +1,1 @@\n+x\n", setup.difference("/f", "", "x\n"))
    assert.equal("--- /f\n+++ /f\n@@ -1,1 +1,0 @@\n-x\n", setup.difference("/f", "x\n", ""))
  end)
end)

describe("builder.setup: files", function()
  local dir
  before_each(function() dir = assert(fs.temp_dir("setup-spec-")) end)
  after_each(function() assert(fs.remove_tree(dir)) end)

  local function targets()
    local client = { port = 2222, key = "/k", host_public = "ssh-ed25519 H", known_hosts = "/h",
      settings = assert(spec.check({}, { cpus = 1, arch = "x86_64" })) }
    return setup.user_targets(client, dir .. "/home", dir .. "/config")
  end

  it("are written once, and as they were after the removal", function()
    assert(fs.ensure_dir(dir .. "/home/.ssh"))
    assert(fs.write_atomic(dir .. "/home/.ssh/config", "Host x\n  Port 1\n", { mode = tonumber("640", 8) }))
    local edits = assert(setup.plan(targets(), false))
    assert.equal(3, #edits)
    assert.equal(3, #assert(setup.apply(edits)))
    assert.same({}, assert(setup.plan(targets(), false)))
    local text = assert(fs.read(dir .. "/home/.ssh/config"))
    assert.equal(1, (text:find(setup.begins, 1, true)))
    assert.equal(tonumber("640", 8), fs.stat(dir .. "/home/.ssh/config").mode)
    assert.equal(tonumber("600", 8), fs.stat(dir .. "/home/.ssh/known_hosts").mode)
    assert(setup.apply(assert(setup.plan(targets(), true))))
    assert.equal("Host x\n  Port 1\n", fs.read(dir .. "/home/.ssh/config"))
    assert.is_false(fs.exists(dir .. "/home/.ssh/known_hosts"))
    assert.is_false(fs.exists(dir .. "/config/nix/nix.conf"))
  end)

  it("are changed behind a link, which stays", function()
    assert(fs.ensure_dir(dir .. "/home/.ssh"))
    assert(fs.write_atomic(dir .. "/dot", "x\n"))
    assert(fs.symlink(dir .. "/dot", dir .. "/home/.ssh/config"))
    assert(setup.apply(assert(setup.plan(targets(), false))))
    assert.equal("symlink", fs.lstat(dir .. "/home/.ssh/config").type)
    assert.truthy(fs.read(dir .. "/dot"):find(setup.begins, 1, true))
  end)

  it("with a broken block change nothing", function()
    assert(fs.ensure_dir(dir .. "/home/.ssh"))
    assert(fs.write_atomic(dir .. "/home/.ssh/known_hosts", setup.begins .. "\nx\n"))
    local edits, message, code, hint = setup.plan(targets(), false)
    assert.is_nil(edits)
    assert.matches("known_hosts: has the beginning of the block, and not its end", message)
    assert.equal("EINVAL", code)
    assert.is_string(hint)
  end)

  it("of the machine are ssh's, its known hosts, and Nix's machines", function()
    local client = { port = 2222, key = "/k", host_public = "ssh-ed25519 H", known_hosts = "/h",
      settings = assert(spec.check({}, { cpus = 1, arch = "x86_64" })) }
    local found = {}
    for i, target in ipairs(setup.system_targets(client, true)) do found[i] = target.path end
    assert.same({ "/etc/ssh/ssh_config.d/wrapix-builder.conf", "/etc/ssh/ssh_known_hosts",
      "/etc/nix/machines" }, found)
    assert.equal("/etc/ssh/ssh_config", setup.system_targets(client, false)[1].path)
  end)
end)
