-- SPDX-License-Identifier: MIT
-- `wrapix deploy-key` with the real ssh-keygen and a strict gh of our own, which
-- has specs here as well.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local keys = require("wrapix.keys")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")

local ROOT = rawget(_G, "WRAPIX_ROOT")
local WRAPIX = assert(require("wrapix.fs").realpath("/proc/self/exe"))

describe("wrapix deploy-key", function()
  local dir, home, work, state, bin

  local function switch(name) assert(fs.write_atomic(state .. "/" .. name, "")) end

  local function link(name, target) assert(fs.symlink(target, bin .. "/" .. name)) end

  local function origin(url)
    local text = "[core]\n\tbare = false\n"
    if url then text = text .. ('[remote "origin"]\n\turl = %s\n'):format(url) end
    assert(fs.write_atomic(work .. "/.git/config", text))
  end

  before_each(function()
    dir = assert(fs.temp_dir("wrapix-deploy key-"))
    home, work, state, bin = dir .. "/home", dir .. "/shop", dir .. "/gh", dir .. "/bin"
    for _, place in ipairs({ home, work .. "/.git/objects", work .. "/.git/refs", state, bin }) do
      assert(fs.ensure_dir(place))
    end
    assert(fs.write_atomic(work .. "/.git/HEAD", "ref: refs/heads/main\n"))
    origin("git@github.com:ann/shop.git")
    link("gh", ROOT .. "/tests/support/fake_gh")
    link("ssh-keygen", assert(sys.which("ssh-keygen")))
    link("lua5.4", assert(sys.which("lua5.4")))
    link("env", assert(sys.which("env")))
  end)

  after_each(function() assert(fs.remove_tree(dir)) end)

  local function run(...)
    return assert(proc.run({ WRAPIX, "deploy-key", ... }, {
      cwd = work, timeout = 60,
      env = { HOME = home, PATH = bin, FAKE_GH = state, XDG_RUNTIME_DIR = dir },
    }))
  end

  local function gh(...)
    return assert(proc.run({ ROOT .. "/tests/support/fake_gh", ... },
      { env = { FAKE_GH = state, GH_PROMPT_DISABLED = "1" } }))
  end

  local function registered()
    local found = {}
    for line in (fs.read(state .. "/keys") or ""):gmatch("[^\n]+") do
      local kind, title, key = line:match("^(%S+)\t%d+\t([^\t]*)\t(.*)$")
      found[#found + 1] = { kind, title, key }
    end
    return found
  end

  local function public(name)
    local text = assert(fs.read(("%s/.ssh/deploy_keys/%s.pub"):format(home, name)))
    return text:match("^(%S+ %S+) (.*)\n$")
  end

  local function fails(result, text, hint)
    assert.equal(1, result.code, result.stderr)
    assert.truthy(result.stderr:find(text, 1, true), result.stderr)
    if hint then assert.truthy(result.stderr:find("hint: " .. hint, 1, true), result.stderr) end
    assert.same({}, fs.list(home .. "/.ssh/deploy_keys") or {})
  end

  it("makes two keys and registers both", function()
    local result = run("box")
    assert.equal(0, result.code, result.stderr)
    local place = home .. "/.ssh/deploy_keys"
    assert.equal(("%s/box\n%s/box-signing\n"):format(place, place), result.stdout)
    assert.same({ "box", "box-signing", "box-signing.pub", "box.pub" }, fs.list(place))
    local key, comment = public("box")
    assert.equal("deploy-key-box", comment)
    local signing, signing_comment = public("box-signing")
    assert.equal("signing-key-box", signing_comment)
    assert.same({ { "deploy", "box", key }, { "signing", "signing-box", signing } }, registered())
  end)

  it("keeps the keys private, and they need no passphrase", function()
    assert.equal(0, run("box").code)
    local place = home .. "/.ssh/deploy_keys"
    assert.equal(tonumber("700", 8), fs.stat(place).mode)
    for _, name in ipairs({ "box", "box-signing" }) do
      assert.equal(tonumber("600", 8), fs.stat(place .. "/" .. name).mode)
      assert.equal(tonumber("644", 8), fs.stat(place .. "/" .. name .. ".pub").mode)
      local derived = assert(proc.run({ "ssh-keygen", "-y", "-P", "", "-f", place .. "/" .. name }))
      assert.equal((public(name)), derived.stdout:match("^%S+ %S+"))
    end
  end)

  it("takes the name a sandbox of this clone looks for", function()
    local result = run("--json")
    assert.equal(0, result.code, result.stderr)
    local made = assert(json.decode(result.stdout))
    local name = keys.default_name("git@github.com:ann/shop.git", work, sys.hostname())
    assert.truthy(name:find("^shop%-"))
    assert.equal(name, made.name)
    assert.equal("ann/shop", made.repository)
    assert.equal(("%s/.ssh/deploy_keys/%s"):format(home, name), made.deploy_key)
    assert.equal(made.deploy_key .. "-signing", made.signing_key)
    assert.is_false(made.replaced)
  end)

  it("finds the repository from a directory in it, and takes other addresses", function()
    assert(fs.ensure_dir(work .. "/src"))
    for i, url in ipairs({ "https://github.com/ann/shop", "ssh://git@github.com/ann/shop.git",
      "ssh://git@ssh.github.com:443/ann/shop.git", "github.com:ann/shop" }) do
      origin(url)
      local result = run("-C", "src", "k" .. i)
      assert.equal(0, result.code, result.stderr)
    end
  end)

  it("refuses to overwrite, here and there", function()
    assert.equal(0, run("box").code)
    local before = { (public("box")), registered() }
    local result = run("box")
    assert.equal(1, result.code)
    assert.truthy(result.stderr:find("deploy_keys/box: is there already\nhint: -f", 1, true),
      result.stderr)
    assert(fs.remove_tree(home .. "/.ssh"))
    fails(run("box"), "deploy key 'box': is on GitHub already", "-f replaces it")
    assert.same(before[2], registered())
  end)

  it("replaces both keys with -f, by title", function()
    assert.equal(0, run("box").code)
    assert.equal(0, run("other").code)
    local old = public("box")
    local result = run("-f", "box")
    assert.equal(0, result.code, result.stderr)
    assert.not_equal(old, (public("box")))
    local found = registered()
    assert.equal(4, #found)
    local titles = {}
    for _, one in ipairs(found) do titles[one[2]] = one[3] end
    assert.equal((public("box")), titles.box)
    assert.equal((public("box-signing")), titles["signing-box"])
    assert.equal((public("other")), titles.other)
  end)

  describe("says why it cannot, and leaves nothing:", function()
    it("no repository", function()
      assert(fs.remove_tree(work .. "/.git"))
      fails(run("box"), "is not in a git repository")
    end)

    it("no origin", function()
      origin(nil)
      fails(run("box"), "has no remote called origin", "git remote add origin")
    end)

    it("another host", function()
      for _, url in ipairs({ "git@gitlab.com:ann/shop.git", "/srv/shop.git",
        "git@github.com.evil.example:ann/shop", "https://evil.example/github.com/ann/shop",
        "git@github.com:ann/shop/../../x", "git@github.com:-x/y", "git@github.com:shop" }) do
        origin(url)
        fails(run("box"), "is not a repository on github.com")
      end
      assert.is_nil(fs.read(state .. "/calls"))
    end)

    it("no gh", function()
      assert(fs.unlink(bin .. "/gh"))
      fails(run("box"), "deploy-key: gh: is not installed", "apt install gh")
    end)

    it("no ssh-keygen", function()
      assert(fs.unlink(bin .. "/ssh-keygen"))
      fails(run("box"), "ssh-keygen: is not installed", "apt install openssh-client")
    end)

    it("not logged in", function()
      switch("logged-out")
      fails(run("box"), "is not logged in", "gh auth login")
    end)

    it("no right to the repository", function()
      switch("no-admin")
      fails(run("box"), "Not Found (HTTP 404)", "only somebody who administers")
    end)

    it("no scope to see signing keys", function()
      switch("no-scope")
      fails(run("box"), "signing keys", "gh auth refresh -h github.com -s admin:ssh_signing_key")
      assert.same({}, registered())
    end)

    it("no scope to add signing keys; the deploy key is taken back", function()
      switch("read-only")
      fails(run("box"), "signing keys", "gh auth refresh -h github.com -s admin:ssh_signing_key")
      assert.same({}, registered())
    end)

    it("an answer it does not understand", function()
      switch("garbage")
      fails(run("box"), "an answer of an unknown form")
    end)

    it("a name that is none", function()
      for _, name in ipairs({ "../x", "a b", "x.pub", "x-signing", ".x" }) do
        local result = run(name)
        assert.equal(2, result.code)
        assert.matches("is not a key's name", result.stderr, 1, true)
        assert.same({}, fs.list(home .. "/.ssh/deploy_keys") or {})
      end
    end)
  end)

  it("knows the right words of its own", function()
    assert.equal(2, run("--frce").code)
    assert.equal(2, run("a", "b").code)
    assert.equal(0, run("--help").code)
  end)

  describe("the gh of these specs", function()
    it("refuses what it does not expect", function()
      for _, words in ipairs({ { "repo", "deploy-key", "add", "/x" }, { "auth" }, {},
        { "api", "user/ssh_signing_keys" }, { "ssh-key", "add", "/x", "--title", "t" },
        { "repo", "deploy-key", "add", "x.pub", "--repo", "ann/shop", "--allow-write",
          "--title", "t" } }) do
        assert.equal(64, gh(table.unpack(words)).code, table.concat(words, " "))
      end
    end)

    it("refuses one key as both, and other repositories", function()
      local file = dir .. "/k.pub"
      assert(fs.write_atomic(file, "ssh-ed25519 AAAA x\n"))
      local function add(name)
        return gh("repo", "deploy-key", "add", file, "--repo", name, "--allow-write", "--title",
          "t")
      end
      assert.equal(1, add("ann/other").code)
      assert.equal(0, add("ann/shop").code)
      local twice = gh("ssh-key", "add", file, "--type", "signing", "--title", "t")
      assert.equal(1, twice.code)
      assert.truthy(twice.stderr:find("already in use", 1, true))
      assert.equal(1, gh("api", "--method", "DELETE", "repos/ann/shop/keys/9").code)
      assert.equal(0, gh("api", "--method", "DELETE", "repos/ann/shop/keys/1").code)
      assert.same({}, registered())
    end)
  end)
end)
