-- SPDX-License-Identifier: MIT
-- Specs of wrapix.keys: names, addresses, and what goes into a sandbox.

local fake_host = require "tests.unit.wrapix.fake_host"
local keys = require "wrapix.keys"

local DIR = "/home/joe/.ssh/deploy_keys/"

describe("keys.default_name", function()
  local function name(origin, workspace, hostname)
    return keys.default_name(origin, workspace or "/home/joe/my shop", hostname or "box.example")
  end

  it("is the repository's last name and the short name of the host", function()
    for _, url in ipairs({ "git@github.com:joe/shop.git", "https://github.com/joe/shop",
      "ssh://git@host:22/joe/shop.git/", "/srv/git/shop.git", "host:shop.git", "../shop" }) do
      assert.equal("shop-box", name(url), url)
    end
  end)

  it("falls back to the directory", function()
    assert.equal("my-shop-box", name(nil))
    assert.equal("my-shop-box", name(""))
    assert.equal("my-shop-box", name("https://host/"))
  end)

  it("is always a name", function()
    for _, case in ipairs({ { "git@h:a/..git" }, { "h:$(x) y;.git" }, { "/", "/", "" },
      { "h:" .. ("x"):rep(300), "/", ("h"):rep(300) }, { "h:ü.git", "/ü", "ü.x" }, { "h:-x" },
      { "a:b.pub", "/", "x.pub" }, { nil, "/a-signing", "b" },
      { "h:a", "/", "signing" } }) do
      local made = name(case[1], case[2], case[3])
      assert.is_true(keys.is_name(made), made)
    end
  end)
end)

describe("keys.parse_url", function()
  local function parts(url)
    local found = keys.parse_url(url)
    return found and ("%s %s %s %s"):format(found.host, found.port, found.path, found.ssh)
  end

  it("reads what git reads", function()
    assert.equal("host nil a/b.git true", parts("git@HOST:a/b.git"))
    assert.equal("host 2222 a/b true", parts("ssh://git@host:2222/a/b"))
    assert.equal("::1 22 a true", parts("ssh://[::1]:22/a"))
    assert.equal("host nil a false", parts("https://user:secret@host/a"))
    assert.equal("evil nil a true", parts("ssh://git@github.com@evil/a"))
    for _, url in ipairs({ "", "/srv/git", "./a:b", "../x", "host:", ":x", "ssh:///x", "@:x" }) do
      assert.is_nil(parts(url), url)
    end
    assert.is_nil(keys.parse_url(nil))
  end)
end)

describe("keys.plan", function()
  local host

  local function file(mode, uid, text)
    return { text = text or "", mode = mode, uid = uid or 1000 }
  end

  -- The fake host's stat has no mode.
  local function fs()
    local deps = fake_host.new(host)
    local stat = deps.fs.stat
    function deps.fs.stat(path)
      local found, message, code = stat(path)
      if found then found.mode = tonumber(tostring(host.files[path].mode or 600), 8) end
      return found, message, code
    end
    return deps.fs
  end

  local function plan(changes)
    local ctx = {
      deploy_key = "shop", name = "shop", home = "/home/joe", uid = 1000,
      email = "joe@example.org", env = {}, settings = {}, fs = fs(),
    }
    for key, value in pairs(changes or {}) do ctx[key] = value end
    return keys.plan(ctx)
  end

  local function text_of(found, name)
    for _, one in ipairs(found.files) do
      if one.path == "ssh/" .. name then return one.text end
    end
  end

  local function dests(found)
    local list = {}
    for i, one in ipairs(found.mounts) do
      assert.equal("ro", one.mode)
      list[i] = one.dest
    end
    table.sort(list)
    return list
  end

  before_each(function()
    host = { files = {
      [DIR .. "shop"] = file(600), [DIR .. "shop.pub"] = file(644),
      ["/home/joe/.ssh/id_ed25519"] = file(600),
    } }
  end)

  it("brings the key and nothing else of ~/.ssh", function()
    local found = plan()
    assert.same({ "/etc/ssh/ssh_config", "/etc/ssh/ssh_known_hosts", "/etc/wrapix/keys/shop",
      "/etc/wrapix/keys/shop.pub" }, dests(found))
    assert.same({ GIT_SSH_COMMAND = "ssh -F /run/wrapix/ssh/config",
      WRAPIX_DEPLOY_KEY = "/etc/wrapix/keys/shop" }, found.env)
    assert.same({}, found.git_config)
    assert.same({}, found.notes)
    local settings = text_of(found, "config")
    for _, line in ipairs({ "IdentityFile /etc/wrapix/keys/shop", "IdentitiesOnly yes",
      "IdentityAgent none", "StrictHostKeyChecking yes", "UserKnownHostsFile /dev/null" }) do
      assert.truthy(settings:find("    " .. line .. "\n", 1, true), line)
    end
  end)

  it("signs when there is a key for it", function()
    host.files[DIR .. "shop-signing"] = file(600)
    host.files[DIR .. "shop-signing.pub"] = file(644, 1000, "ssh-ed25519 AAAA signing-key-shop\n")
    local found = plan()
    assert.same({ { "gpg.format", "ssh" },
      { "user.signingkey", "/etc/wrapix/keys/shop-signing" }, { "commit.gpgsign", "true" },
      { "gpg.ssh.allowedSignersFile", "/run/wrapix/ssh/allowed_signers" } }, found.git_config)
    assert.equal('joe@example.org namespaces="git" ssh-ed25519 AAAA\n',
      text_of(found, "allowed_signers"))
    assert.equal('* namespaces="git" ssh-ed25519 AAAA\n',
      text_of(plan({ email = "a b,*@x" }), "allowed_signers"))
    found = plan({ sign = false })
    assert.same({}, found.git_config)
    assert.is_nil(table.concat(dests(found)):find("signing", 1, true))
  end)

  it("says why a key is not used, and then changes nothing", function()
    local function note(changes)
      local found = plan(changes)
      assert.same({}, found.mounts)
      assert.same({}, found.files)
      assert.same({}, found.env)
      return found.notes[1].reason
    end
    assert.equal("does not exist", note({ name = "none" }))
    host.files[DIR .. "shop"].mode = 640
    assert.equal("may be read by others, so ssh refuses it", note())
    host.files[DIR .. "shop"] = file(600, 0)
    assert.equal("belongs to uid 0, and the sandbox runs as 1000", note())
    host.files[DIR .. "shop"] = { type = "directory", uid = 1000, mode = 600 }
    assert.equal("is a directory", note())
  end)

  it("trusts the origin's server by the person's own known_hosts", function()
    local settings = { { key = "remote.origin.url", value = "ssh://git@forge.example:2222/x" } }
    local found = plan({ settings = settings })
    assert.equal("[forge.example]:2222", found.notes[1].what)
    host.files["/home/joe/.ssh/known_hosts"] =
      "other ssh-rsa A\n[forge.example]:2222 ssh-ed25519 B\n"
    found = plan({ settings = settings })
    assert.same({}, found.notes)
    assert.truthy(text_of(found, "known_hosts"):find("\n[forge.example]:2222 ssh-ed25519 B\n", 1,
      true))
    assert.falsy(text_of(found, "known_hosts"):find("other", 1, true))
  end)

  describe("with the agent", function()
    local function agent(env)
      return plan({ deploy_key = false, ssh_agent = true, env = env })
    end

    it("passes its socket alone", function()
      host.files["/tmp/ssh-x/agent.1"] = { type = "socket", uid = 1000 }
      local found = agent({ SSH_AUTH_SOCK = "/tmp/ssh-x/agent.1" })
      assert.same({ "/etc/ssh/ssh_config", "/etc/ssh/ssh_known_hosts", "/run/wrapix-ssh-agent" },
        dests(found))
      assert.equal("/run/wrapix-ssh-agent", found.env.SSH_AUTH_SOCK)
      assert.falsy(text_of(found, "config"):find("IdentityFile", 1, true))
    end)

    it("refuses what is no socket of the user", function()
      host.files["/sock"] = { type = "socket", uid = 0 }
      host.files["/file"] = { uid = 1000 }
      for _, case in ipairs({ {}, { SSH_AUTH_SOCK = "sock" }, { SSH_AUTH_SOCK = "/none" },
        { SSH_AUTH_SOCK = "/sock" }, { SSH_AUTH_SOCK = "/file" } }) do
        local found = agent(case)
        assert.same({}, found.mounts)
        assert.same({}, found.env)
        assert.equal(1, #found.notes)
      end
    end)
  end)

  it("is nothing unless asked for", function()
    local found = plan({ deploy_key = false })
    assert.same({}, found.mounts)
    assert.same({}, found.files)
    assert.same({}, found.env)
  end)
end)
