-- SPDX-License-Identifier: MIT
-- What the user has agreed to run: kept by path and content, forgotten when either
-- changes, and never guessed from a store that is damaged.

local fs = require("wrapix.fs")
local trust = require("wrapix.trust")

local dir, work, dirs

before_each(function()
  dir = assert(fs.realpath(assert(fs.temp_dir("wrapix-trust-"))))
  work, dirs = dir .. "/project", { state = dir .. "/state" }
  assert(fs.ensure_dir(work .. "/.wrapix/profiles"))
  assert(fs.write_atomic(work .. "/wrapix.lua", "return {}"))
end)
after_each(function() assert(fs.remove_tree(dir)) end)

local OWN = "wrapix.lua"

local function state(rel) return trust.look(work, rel or OWN, assert(trust.load(dirs))).state end

local function agree(rel)
  return trust.add({ trust.look(work, rel or OWN, assert(trust.load(dirs))) }, dirs)
end

describe("a file", function()
  it("is trusted after it was agreed to, until its content changes", function()
    assert.equal("unknown", state())
    assert.is_false(trust.is_trusted(work .. "/wrapix.lua", nil, dirs))
    assert(agree())
    assert.equal("trusted", state())
    assert.is_true(trust.is_trusted(work .. "/wrapix.lua", nil, dirs))
    assert.is_true(trust.is_trusted(work .. "/wrapix.lua", "return {}", dirs))
    assert.is_false(trust.is_trusted(work .. "/wrapix.lua", "return { }", dirs))
    assert(fs.write_atomic(work .. "/wrapix.lua", "return {} "))
    assert.equal("changed", state())
    assert(agree())
    assert.equal("trusted", state())
  end)

  it("is not trusted elsewhere, whatever its content", function()
    assert(agree())
    assert(fs.ensure_dir(dir .. "/other"))
    assert(fs.write_atomic(dir .. "/other/wrapix.lua", "return {}"))
    assert.is_false(trust.is_trusted(dir .. "/other/wrapix.lua", nil, dirs))
  end)

  it("that is gone has changed", function()
    assert(agree())
    assert(fs.unlink(work .. "/wrapix.lua"))
    local found = trust.look(work, OWN, assert(trust.load(dirs)))
    assert.same({ "changed", "ENOENT" }, { found.state, found.code })
  end)

  it("that became a link has changed, also to the same content", function()
    assert(agree())
    assert(fs.rename(work .. "/wrapix.lua", dir .. "/elsewhere.lua"))
    assert(fs.symlink("../elsewhere.lua", work .. "/wrapix.lua"))
    local found = trust.look(work, OWN, assert(trust.load(dirs)))
    assert.same({ "changed", nil, "is a link, or below one" },
      { found.state, found.text, found.problem })
    assert.same({ false, "it is a link, or below one" },
      { trust.is_trusted(work .. "/wrapix.lua", "other", dirs) })
  end)

  it("is the same by a path with a link to its workspace", function()
    assert(agree())
    assert(fs.symlink("project", dir .. "/link"))
    assert.is_true(trust.is_trusted(dir .. "/link/wrapix.lua", nil, dirs))
    assert.is_true(trust.is_trusted(dir .. "/project/../project//wrapix.lua", nil, dirs))
  end)

  it("larger than 1 MiB is not read", function()
    assert(fs.write_atomic(work .. "/wrapix.lua", (" "):rep(trust.LARGEST + 1)))
    assert.equal("is larger than 1 MiB", trust.look(work, OWN, {}).problem)
  end)
end)

describe("a workspace", function()
  it("has its own profile and those that can be named", function()
    assert(fs.write_atomic(work .. "/.wrapix/profiles/a.lua", "return {}"))
    assert(fs.write_atomic(work .. "/.wrapix/profiles/a.txt", ""))
    assert(fs.symlink("/etc/passwd", work .. "/.wrapix/profiles/b.lua"))
    assert(fs.write_atomic(work .. "/ralph.lua", "return {}"))
    local seen = {}
    for i, found in ipairs(trust.find(work, {})) do
      seen[i] = { found.rel, found.text and "text" or found.problem }
    end
    assert.same({ { "wrapix.lua", "text" }, { "ralph.lua", "text" }, { ".wrapix/profiles/a.lua", "text" },
      { ".wrapix/profiles/b.lua", "is a link, or below one" } }, seen)
  end)

  it("is found from the path of its file", function()
    assert.same({ work, "wrapix.lua" }, { trust.split(work .. "/./wrapix.lua") })
    assert.same({ work, ".wrapix/profiles/a.lua" },
      { trust.split(work .. "/.wrapix/profiles/a.lua") })
    assert.is_nil(trust.split(work .. "/other.lua"))
    assert.is_nil(trust.split(dir .. "/nowhere/wrapix.lua"))
  end)

  it("that is a link to another below .wrapix gives no profile", function()
    assert(fs.remove_tree(work .. "/.wrapix"))
    assert(fs.ensure_dir(dir .. "/evil/profiles"))
    assert(fs.write_atomic(dir .. "/evil/profiles/a.lua", "return {}"))
    assert(fs.symlink("../evil", work .. "/.wrapix"))
    assert.equal(1, #trust.find(work, {}))
    assert.is_false(trust.is_trusted(work .. "/.wrapix/profiles/a.lua", nil, dirs))
  end)
end)

describe("reading one to run it", function()
  it("gives what was agreed to and nothing else", function()
    assert(fs.write_atomic(work .. "/ralph.lua", "return { retries = 1 }"))
    local file = work .. "/ralph.lua"
    local text, message, code, hint = trust.read(file, dirs)
    assert.same({ nil, ("trust: %s: is not trusted"):format(file), "EUNTRUSTED",
      ("`wrapix trust %s` shows it and asks"):format(file) }, { text, message, code, hint })
    assert(agree("ralph.lua"))
    assert.equal("return { retries = 1 }", trust.read(file, dirs))
    assert.equal("return { retries = 1 }", trust.read(work .. "/x/../ralph.lua", dirs))
    assert(fs.write_atomic(file, "os.exit()"))
    text, message, code = trust.read(file, dirs)
    assert.same({ nil, "EUNTRUSTED" }, { text, code })
    assert.matches("has changed since it was trusted", message, 1, true)
    assert(fs.unlink(file))
    assert.equal("EUNTRUSTED", select(3, trust.read(file, dirs)))
    assert(fs.symlink("wrapix.lua", file))
    text, message, code = trust.read(file, dirs)
    assert.same({ nil, "ELOOP" }, { text, code })
    assert.matches("is a link, or below one", message, 1, true)
  end)

  it("tells what is not there from what it is not about", function()
    assert.equal("ENOENT", select(3, trust.read(work .. "/ralph.lua", dirs)))
    assert.equal("ENOENT", select(3, trust.read(dir .. "/none/ralph.lua", dirs)))
    assert.equal("EINVAL", select(3, trust.read(work .. "/other.lua", dirs)))
    assert(fs.ensure_dir(dirs.state))
    assert(fs.write_atomic(dirs.state .. "/trust.json", "{"))
    assert.equal("EINVAL", select(3, trust.read(work .. "/wrapix.lua", dirs)))
    assert.error_matches(function() trust.read(nil, dirs) end, "string expected")
  end)
end)

describe("taking it back", function()
  it("forgets a file, also one that is gone, and all below a directory", function()
    assert(agree())
    assert.same({}, trust.remove(dir .. "/wor", dirs))
    assert.same({ work .. "/wrapix.lua" }, trust.remove(work .. "/wrapix.lua", dirs))
    assert.equal("unknown", state())
    assert(agree())
    assert(fs.remove_tree(work))
    assert.same({ work .. "/wrapix.lua" }, trust.remove(work, dirs))
    assert.same({}, trust.load(dirs))
  end)
end)

describe("the store", function()
  it("is for its user alone", function()
    assert(agree())
    assert.equal(tonumber("600", 8), fs.stat(dirs.state .. "/trust.json").mode)
  end)

  it("that is damaged trusts nothing, changes nothing and says how to mend it", function()
    assert(fs.ensure_dir(dirs.state))
    local good = ("a"):rep(64)
    for _, text in ipairs({ "", "{", "[]", "null", '{"version":2,"files":{}}', '{"version":1}',
      '{"version":1,"files":{"wrapix.lua":{"sha256":"' .. good .. '","time":1}}}',
      '{"version":1,"files":{"/x":{"sha256":"' .. good:upper() .. '","time":1}}}',
      '{"version":1,"files":{"/x":{"sha256":"' .. good .. '"}}}',
      '{"version":1,"files":{"/x":null}}' }) do
      assert(fs.write_atomic(dirs.state .. "/trust.json", text))
      local files, message, code, hint = trust.load(dirs)
      assert.is_nil(files, text)
      assert.matches("trust.json: ", message, 1, true)
      assert.same({ "EINVAL", "remove the file; `wrapix trust` writes it anew" }, { code, hint })
      assert.is_false(trust.is_trusted(work .. "/wrapix.lua", nil, dirs))
      assert.is_nil((trust.add({ { file = "/x", text = "" } }, dirs)))
      assert.equal(text, fs.read(dirs.state .. "/trust.json"))
    end
  end)

  it("that is a link is not read", function()
    assert(agree())
    assert(fs.rename(dirs.state .. "/trust.json", dir .. "/elsewhere"))
    assert(fs.symlink("../elsewhere", dirs.state .. "/trust.json"))
    assert.is_nil((trust.load(dirs)))
  end)
end)
