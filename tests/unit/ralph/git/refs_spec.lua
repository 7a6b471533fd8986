-- SPDX-License-Identifier: MIT
-- Specs of ralph.git.place and ralph.git.refs over directories made by hand: git is not
-- needed. Hostile ones with real git are in tests/integration/ralph_git_spec.lua.

local fs = require("wrapix.fs")
local place_of = require("ralph.git.place")
local refs = require("ralph.git.refs")

local A, B = ("a"):rep(40), ("b"):rep(40)

describe("ralph.git.refs", function()
  local top
  before_each(function() top = assert(fs.realpath(assert(fs.temp_dir("wx-refs-")))) end)
  after_each(function() assert(fs.remove_tree(top)) end)

  local function write(name, text)
    local file = top .. "/w/" .. name
    assert(fs.ensure_dir(file:match("^(.*)/")))
    assert(fs.write_atomic(file, text, { sync = false }))
  end

  local function make(head, config)
    assert(fs.ensure_dir(top .. "/w/.git/objects"))
    assert(fs.ensure_dir(top .. "/w/.git/refs"))
    write(".git/HEAD", head or "ref: refs/heads/main\n")
    if config then write(".git/config", config) end
    return place_of.find(top .. "/w")
  end

  it("reads loose refs before packed ones, whole names only", function()
    local place = assert(make())
    write(".git/packed-refs", ("# pack-refs with: peeled fully-peeled sorted\n"
      .. "%s refs/heads/main2\n%s refs/heads/main\n^%s\n"):format(B, A, B))
    assert.equal(A, refs.resolve(place, "refs/heads/main"))
    assert.equal("", refs.resolve(place, "refs/heads/mai"))
    assert.equal("", refs.resolve(place, "refs/heads/in2"))
    write(".git/refs/heads/main", B:upper() .. "\n")
    assert.same({ id = B, ref = "refs/heads/main", branch = "main" }, refs.head(place))
    write(".git/packed-refs", ("x%s refs/heads/p\n%s refs/heads/q"):format(A, A))
    assert.equal("", refs.resolve(place, "refs/heads/p"))
    assert.equal(A, refs.resolve(place, "refs/heads/q"))
  end)

  it("follows names, not without an end", function()
    local place = assert(make("ref: refs/heads/one\n"))
    write(".git/refs/heads/one", "ref: refs/heads/two\n")
    write(".git/refs/heads/two", A)
    assert.same({ id = A, ref = "refs/heads/two", branch = "two" }, refs.head(place))
    write(".git/refs/heads/two", "ref: refs/heads/one")
    local head, msg, code = refs.head(place)
    assert.same({ nil, "EUNSAFE" }, { head, code })
    assert.truthy(msg:find("circle", 1, true))
  end)

  it("tells names from what is none", function()
    for _, name in ipairs({ "refs/heads/a", "refs/heads/a/b-c_d", "refs/x/\u{e9}", "refs/heads/@" }) do
      assert.is_true(refs.is_name(name), name)
    end
    for _, name in ipairs({ "HEAD", "refs/", "refs/heads/", "/refs/heads/a", "refs//a", "refs/heads/../a", "refs/.a",
      "refs/a.lock", "refs/a.lock/b", "refs/a b", "refs/a~1", "refs/a^", "refs/a:b", "refs/a?", "refs/a*", "refs/a[",
      "refs/a\\b", "refs/a@{1}", "refs/a.", "refs/a\n", "refs/a\127", "config", "refs/" .. ("x"):rep(2000) }) do
      assert.is_false(refs.is_name(name), name)
    end
  end)

  it("makes new refs and never changes one", function()
    local place = assert(make())
    assert.is_true(refs.create(place, "refs/wrapix/rescue/a/1", A))
    assert.equal(A, refs.resolve(place, "refs/wrapix/rescue/a/1"))
    assert.equal("EEXIST", select(3, refs.create(place, "refs/wrapix/rescue/a/1", B)))
    write(".git/packed-refs", B .. " refs/wrapix/rescue/b/2\n" .. B .. " refs/wrapix/rescue/a/1\n")
    assert.equal("EEXIST", select(3, refs.create(place, "refs/wrapix/rescue/b/2", A)))
    write(".git/refs/wrapix/rescue/bad", "nonsense")
    assert.same({ { ref = "refs/wrapix/rescue/a/1", id = A }, { ref = "refs/wrapix/rescue/b/2", id = B } },
      refs.list(place, "refs/wrapix/rescue"))
  end)

  it("takes settings one by one, and refuses what it does not know", function()
    local place = assert(make(nil, "[core]\n\tfileMode = FALSE\n\tautocrlf = input\n\teol = $(id)\n\tfsmonitor = x\n"))
    assert.same({ filemode = "false", autocrlf = "input" }, place.settings)
    assert.same({ "sha1", 40 }, { place.format, place.hex })
    place = assert(make(nil, "[extensions]\n\tobjectFormat = SHA256\n"))
    assert.same({ "sha256", 64 }, { place.format, place.hex })
    for config, reason in pairs({
      ["[extensions]\n\tobjectFormat = md5\n"] = "names objects by md5",
      ["[extensions]\n\trefStorage = reftable\n"] = "keeps its refs as reftable",
      ["[extensions]\n\tnewThing = 1\n"] = "has the extension newthing",
      ["[core]\n\tsparseCheckout = yes\n"] = "sparse checkout",
    }) do
      local none, msg, code = make(nil, config)
      assert.same({ nil, "ENOTSUP" }, { none, code })
      assert.truthy(msg:find(reason, 1, true), msg)
    end
    local none, msg, code = make(nil, "[core\n")
    assert.same({ nil, "EUNSAFE" }, { none, code })
    assert.truthy(msg:find("not in git's form", 1, true))
    none, msg, code = make(nil, ("#"):rep(2 << 20))
    assert.same({ nil, "EUNSAFE" }, { none, code })
    assert.truthy(msg:find("too large", 1, true))
  end)

  it("finds a git directory inside the work tree, and none outside", function()
    assert(make())
    assert(fs.rename(top .. "/w/.git", top .. "/w/.bare"))
    write(".git", "gitdir: ./.bare\n")
    write(".bare/refs/heads/main", A)
    assert.equal(A, refs.head(assert(place_of.find(top .. "/w"))).id)
    write(".bare/commondir", "../../elsewhere\n")
    local none, msg, code = place_of.find(top .. "/w")
    assert.same({ nil, "EUNSAFE" }, { none, code })
    assert.truthy(msg:find("leads out of the work tree", 1, true))
  end)
end)
