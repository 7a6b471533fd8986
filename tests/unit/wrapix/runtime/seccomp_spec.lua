-- SPDX-License-Identifier: MIT
-- Specs of wrapix.runtime.seccomp: what a derived profile answers to each call,
-- worked out by a small evaluator of the rules; the cached file.

local seccomp = require "wrapix.runtime.seccomp"

local NEWUSER = 0x10000000

local function engine_profile()
  return {
    defaultAction = "SCMP_ACT_ERRNO",
    defaultErrnoRet = 38,
    archMap = { { architecture = "SCMP_ARCH_X86_64" } },
    syscalls = {
      { names = { "bdflush" }, action = "SCMP_ACT_ERRNO", errnoRet = 1 },
      {
        names = { "clone", "clone3", "keyctl", "read", "setns", "unshare" },
        action = "SCMP_ACT_ALLOW",
        includes = {},
        excludes = {},
      },
      {
        names = { "bpf", "setns" },
        action = "SCMP_ACT_ALLOW",
        includes = { caps = { "CAP_SYS_ADMIN" } },
      },
      { name = "unshare", action = "SCMP_ACT_ALLOW" },
    },
  }
end

local function lists(list, word)
  for _, one in ipairs(list or {}) do
    if one == word then return true end
  end
  return false
end

local function applies(rule, arch)
  local includes, excludes = rule.includes or {}, rule.excludes or {}
  if includes.caps then return false end
  if includes.arches and not lists(includes.arches, arch) then return false end
  return not lists(excludes.arches, arch)
end

local function matches(rule, args)
  for _, arg in ipairs(rule.args or {}) do
    assert(arg.op == "SCMP_CMP_MASKED_EQ")
    if (args[arg.index + 1] or 0) & arg.value ~= arg.valueTwo then return false end
  end
  return true
end

--- All answers the rules give; more than one would leave the choice to the library.
local function answers(profile, name, args, arch)
  local found = {}
  for _, rule in ipairs(profile.syscalls) do
    if lists(rule.names, name) and applies(rule, arch or "amd64") and matches(rule, args) then
      local errno = rule.action == "SCMP_ACT_ERRNO" and rule.errnoRet or nil
      found[#found + 1] = errno or rule.action
    end
  end
  return found
end

describe("seccomp.derive", function()
  local derived = assert(seccomp.derive(engine_profile()))

  it("refuses a new user namespace and nothing else of clone and unshare", function()
    for _, name in ipairs({ "clone", "unshare" }) do
      assert.same({ 1 }, answers(derived, name, { NEWUSER }))
      assert.same({ 1 }, answers(derived, name, { NEWUSER | 0x20000 | 17 }))
      assert.same({ "SCMP_ACT_ALLOW" }, answers(derived, name, { 17 }))
      assert.same({ "SCMP_ACT_ALLOW" }, answers(derived, name, { 0x3d0f00 }))
    end
  end)

  it("looks at the second argument of clone on s390", function()
    for _, arch in ipairs({ "s390", "s390x" }) do
      assert.same({ 1 }, answers(derived, "clone", { 0, NEWUSER }, arch))
      assert.same({ "SCMP_ACT_ALLOW" }, answers(derived, "clone", { NEWUSER, 17 }, arch))
      assert.same({ 1 }, answers(derived, "unshare", { NEWUSER }, arch))
    end
  end)

  it("answers clone3 with ENOSYS and setns with EPERM", function()
    assert.same({ 38 }, answers(derived, "clone3", {}))
    assert.same({ 1 }, answers(derived, "setns", { 3, NEWUSER }))
    assert.same({ 1 }, answers(derived, "setns", { 3, 0 }))
  end)

  it("keeps everything else", function()
    assert.same({ "SCMP_ACT_ALLOW" }, answers(derived, "read", {}))
    assert.same({ 1 }, answers(derived, "bdflush", {}))
    assert.same({ "SCMP_ACT_ALLOW" }, answers(derived, "keyctl", {}))
    assert.equal(38, derived.defaultErrnoRet)
    assert.same(engine_profile().archMap, derived.archMap)
    local gated = derived.syscalls[#derived.syscalls]
    assert.same({ "bpf" }, gated.names)
    assert.same({ "CAP_SYS_ADMIN" }, gated.includes.caps)
  end)

  it("refuses the key calls when asked", function()
    local strict = assert(seccomp.derive(engine_profile(), { deny_keyring = true }))
    for _, name in ipairs({ "keyctl", "add_key", "request_key" }) do
      assert.same({ 1 }, answers(strict, name, {}))
    end
  end)

  it("leaves the given profile alone", function()
    local given = engine_profile()
    seccomp.derive(given, { deny_keyring = true })
    assert.same(engine_profile(), given)
  end)

  it("fails on what it cannot narrow", function()
    for _, bad in ipairs({
      {}, { syscalls = {} }, { defaultAction = "SCMP_ACT_ALLOW", syscalls = {} },
      { defaultAction = "SCMP_ACT_LOG", syscalls = {} },
      { defaultAction = "SCMP_ACT_ERRNO", syscalls = { "read" } },
    }) do
      local result, message, code = seccomp.derive(bad)
      assert.is_nil(result)
      assert.is_string(message)
      assert.equal("ESECCOMP", code)
    end
  end)
end)

describe("seccomp.ensure", function()
  local files, deps, base

  before_each(function()
    base = { type = "file", size = 10, mtime = 5.25, ino = 7 }
    files = { ["/base.json"] = engine_profile() }
    deps = { fs = {}, json = {} }
    deps.json.decode = function(value) return value end
    deps.json.encode = function(value) return value end
    deps.fs.read = function(path) return files[path] end
    deps.fs.stat = function(path)
      if path == "/base.json" then return base end
      return nil, "ENOENT: stat", "ENOENT"
    end
    deps.fs.lstat = function(path) return files[path] and { type = "file", size = 1 } or nil end
    deps.fs.ensure_dir = function() return true end
    deps.fs.write_atomic = function(path, data)
      files[path] = data
      return true
    end
  end)

  it("makes the file once and again when the engine's changes", function()
    local first = assert(seccomp.ensure("/base.json", "/cache", {}, deps))
    assert.equal("/cache/", first:sub(1, 7))
    local made = files[first]
    assert.same({ 38 }, answers(made, "clone3", {}))
    assert.equal(first, seccomp.ensure("/base.json", "/cache", {}, deps))
    assert.equal(made, files[first])
    base.mtime = 6
    assert.not_equal(first, seccomp.ensure("/base.json", "/cache", {}, deps))
  end)

  it("keeps the two kinds apart", function()
    local plain = seccomp.ensure("/base.json", "/cache", {}, deps)
    assert.not_equal(plain, seccomp.ensure("/base.json", "/cache", { deny_keyring = true }, deps))
  end)

  it("does not trust a link or an empty file of that name", function()
    local path = seccomp.ensure("/base.json", "/cache", {}, deps)
    for _, stat in ipairs({ { type = "link", size = 1 }, { type = "file", size = 0 } }) do
      files[path] = "planted"
      deps.fs.lstat = function() return stat end
      assert.equal(path, seccomp.ensure("/base.json", "/cache", {}, deps))
      assert.not_equal("planted", files[path])
    end
  end)

  it("passes on every failure", function()
    assert.is_nil((seccomp.ensure("/absent", "/cache", {}, deps)))
    deps.json.decode = function() return nil, "bad at 3" end
    local path, message, code = seccomp.ensure("/base.json", "/cache", {}, deps)
    assert.is_nil(path)
    assert.equal("read: /base.json: bad at 3", message)
    assert.equal("ESECCOMP", code)
    deps.json.decode = function(value) return value end
    deps.fs.write_atomic = function() return nil, "ENOSPC: write", "ENOSPC" end
    assert.same({ nil, "ENOSPC: write", "ENOSPC" },
      { seccomp.ensure("/base.json", "/cache", {}, deps) })
  end)
end)
