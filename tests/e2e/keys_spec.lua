-- SPDX-License-Identifier: MIT
-- Deploy keys and the ssh agent in real sandboxes, against a real sshd.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local proc = require("wrapix.proc")
local repo = require("support.repo")
local sshd = require("support.sshd")

local PROFILE = [[
return { name = "git", base = "localhost/wrapix-base-debian:trixie",
  packages = { "git", "openssh-client", "openssh-server" }, %s }
]]

describe("deploy keys", function()
  local image, server, home, keys, dir

  local function profile(fields)
    return e2e.file(e2e.tmp .. "/keys.lua", PROFILE:format(fields))
  end

  local function give(name, mode)
    local file = keys .. "/" .. name
    assert(fs.chmod(file, mode or tonumber("600", 8)))
    return file
  end

  setup(function()
    local result = e2e.cli({ "image", "build", profile("") }, { timeout = 600 })
    assert(result.code == 0, result.stderr)
    image = result.stdout:match("%S+")
    repo.new() -- opens the way to the others
    home = e2e.dir("home with space")
    keys = home .. "/.ssh/deploy_keys"
    assert(fs.ensure_dir(keys, tonumber("700", 8)))
    for _, place in ipairs({ home .. "/.ssh", keys }) do
      assert(fs.chown(place, e2e.uid, e2e.gid))
    end
    for _, name in ipairs({ "shop", "shop-signing", "other" }) do sshd.keygen(image, keys, name) end
    sshd.keygen(image, home .. "/.ssh", "id_ed25519")
    server = sshd.start(image, e2e.dir("srv"))
    repo.git(server.dir, "init", "-q", "--bare", "-b", "main", "up.git")
    e2e.file(home .. "/.ssh/known_hosts", server:known_line())
    server:authorize(keys .. "/shop.pub")
  end)

  teardown(function()
    if server then server.close() end
    e2e.assert_clean()
  end)

  before_each(function()
    dir = repo.new()
    repo.git(dir, "remote", "add", "origin", server:url("up.git"))
  end)

  local function run(fields, script, opts)
    opts = opts or {}
    local env = opts.env or {}
    env.HOME = home
    return e2e.run({ "sh", "-c", "exec 2>&1; " .. script },
      { dir = dir, image = false, args = { profile(fields) }, env = env, timeout = 60 })
  end

  local function out(fields, script, opts)
    local result = run(fields, script, opts)
    assert.equal(0, result.code, result.stdout .. result.stderr)
    return (result.stdout:gsub("%s+$", ""))
  end

  it("let push and clone", function()
    out('deploy_key = "shop"', "git push -q --force origin main && "
      .. "git clone -q $(git remote get-url origin) /tmp/copy && test -e /tmp/copy/file && "
      .. "git fetch -q")
    local pushed = repo.git(server.dir .. "/up.git", "rev-parse", "main")
    assert.equal(repo.git(dir, "rev-parse", "main"), pushed)
  end)

  it("are what plain ssh uses as well", function()
    local text = out('deploy_key = "shop"', ("ssh -p %d git@%s echo in-$((40+2))")
      :format(server.port, server.host))
    assert.equal("in-42", text)
  end)

  it("are the only keys offered", function()
    local before = #server.log()
    assert.not_equal(0, run('deploy_key = "other"', "git fetch -q").code)
    local offered = {}
    local said = server.log():sub(before + 1)
    for key in said:gmatch("Failed publickey for git from [^\n]-(SHA256:%S+)") do
      offered[key] = true
    end
    for key in said:gmatch("userauth_pubkey: publickey test pkalg [^\n]-(SHA256:%S+)") do
      offered[key] = true
    end
    local result = assert(proc.run(sshd.run_words("--rm", "--volume", keys .. ":/keys", image,
      "ssh-keygen", "-lf", "/keys/other.pub"), { timeout = 60 }))
    assert.same({ [result.stdout:match("SHA256:%S+")] = true }, offered, said)
  end)

  it("are needed", function()
    local result = run("network = 'open'", "git fetch -q")
    assert.not_equal(0, result.code)
    assert.not_equal(0, run('deploy_key = "missing"', "git fetch -q").code)
  end)

  it("that are missing are said to be, with the way to make one", function()
    local result = run('deploy_key = "missing"', "true")
    assert.equal(0, result.code)
    assert.truthy(result.stderr:find("deploy_keys/missing: does not exist", 1, true), result.stderr)
    assert.truthy(result.stderr:find("hint: wrapix deploy-key", 1, true), result.stderr)
  end)

  it("that others may read are refused", function()
    give("other", tonumber("644", 8))
    local result = run('deploy_key = "other"', "ls /etc/wrapix/keys")
    give("other")
    assert.truthy(result.stderr:find("chmod 600", 1, true), result.stderr)
    assert.not_equal(0, result.code)
  end)

  it("are all that is visible of ~/.ssh, read-only", function()
    local text = out('deploy_key = "shop"', "ls -A /etc/wrapix/keys ~/.ssh 2>&1; "
      .. "echo x >/etc/wrapix/keys/shop && echo CHANGED; "
      .. "rm -f /etc/wrapix/keys/shop && echo CHANGED; "
      .. "find / -xdev \\( -name 'id_ed25519*' -o -name 'other*' -path '*keys*' \\) 2>/dev/null; "
      .. "grep -c deploy_keys/other /proc/self/mountinfo; true")
    assert.truthy(text:find("shop\nshop%-signing\nshop%-signing.pub\nshop.pub"), text)
    assert.falsy(text:find("CHANGED", 1, true), text)
    assert.falsy(text:find("id_ed25519", 1, true), text)
    assert.falsy(text:find("keys/other", 1, true), text)
  end)

  it("have the name of the repository and the host by default", function()
    local name = ("up-%s"):format(require("wrapix.sys").hostname():match("^[^.]*"))
    for _, ending in ipairs({ "", ".pub" }) do
      local copy = keys .. "/" .. name .. ending
      assert(fs.copy_tree(keys .. "/shop" .. ending, copy))
      assert(fs.chown(copy, e2e.uid, e2e.gid))
    end
    out("deploy_key = true", "git fetch -q")
  end)

  it("sign commits, which verify inside and can be checked on the host", function()
    local text = out('deploy_key = "shop"', "git commit -q --allow-empty -m signed && "
      .. "git verify-commit HEAD && git log -1 --format=%G?")
    assert.truthy(text:find("Good \"git\" signature", 1, true), text)
    assert.truthy(text:find("G$"), text)
    assert.truthy(repo.git(dir, "cat-file", "commit", "HEAD"):find("BEGIN SSH SIGNATURE", 1, true))
  end)

  it("do not sign with WRAPIX_GIT_SIGN=0, or without a signing key", function()
    local script = "git commit -q --allow-empty -m x; git cat-file commit HEAD; ls /etc/wrapix/keys"
    local text = out('deploy_key = "shop"', script, { env = { WRAPIX_GIT_SIGN = "0" } })
    assert.falsy(text:find("gpgsig", 1, true) or text:find("signing", 1, true), text)
    assert.falsy(out('deploy_key = "other"', script):find("gpgsig", 1, true))
  end)

  it("keep the settings of git that the profile brings", function()
    local fields = 'deploy_key = "shop", env = { GIT_CONFIG_COUNT = "1", '
      .. 'GIT_CONFIG_KEY_0 = "a.b", GIT_CONFIG_VALUE_0 = "c" }'
    assert.equal("c\nssh", out(fields, "git config a.b; git config gpg.format"))
  end)

  it("trust no server whose key is another one", function()
    e2e.file(home .. "/.ssh/known_hosts", server.known .. " " ..
      assert(fs.read(keys .. "/other.pub")):match("^%S+ %S+") .. "\n")
    local result = run('deploy_key = "shop"', "git fetch")
    assert.not_equal(0, result.code)
    assert.truthy(result.stdout:find("Host key verification failed", 1, true), result.stdout)
    e2e.file(home .. "/.ssh/known_hosts", "")
    result = run('deploy_key = "shop"', "git fetch")
    assert.truthy(result.stdout:find("Host key verification failed", 1, true), result.stdout)
    assert.truthy(result.stderr:find("is not in ~/.ssh/known_hosts", 1, true), result.stderr)
    e2e.file(home .. "/.ssh/known_hosts", server:known_line())
  end)

  describe("of an agent", function()
    local agent

    before_each(function()
      local place = e2e.dir("agent")
      local script = "ssh-agent -D -a /agent/sock & "
        .. "until ssh-add /keys/shop; do sleep 0.1; done; wait"
      assert(proc.run(sshd.run_words("--detach", "--name", "wrapix-test-agent", "--volume",
        place .. ":/agent", "--volume", keys .. ":/keys", "--env", "SSH_AUTH_SOCK=/agent/sock",
        image, "sh", "-c", script), { timeout = 60 }))
      agent = place .. "/sock"
      e2e.wait_for("the agent", function()
        local stat = fs.stat(agent)
        return stat and stat.type == "socket" and e2e.podman("logs", "wrapix-test-agent") ~= nil
      end)
    end)

    after_each(function() e2e.podman("rm", "--force", "--time", "0", "wrapix-test-agent") end)

    it("are used through its socket, and no file of ~/.ssh is there", function()
      local text
      e2e.wait_for("the key in the agent", function()
        text = run("ssh_agent = true", "git fetch -q && ssh-add -l && ls -A ~/.ssh /etc/wrapix",
          { env = { SSH_AUTH_SOCK = agent } }).stdout
        return text:find("SHA256", 1, true)
      end)
      assert.truthy(text:find("/home/wrapix/.ssh'?: No such file"), text)
      assert.truthy(text:find("/etc/wrapix'?: No such file"), text)
    end)

    it("are not there unless the profile says so", function()
      local text = run("network = 'open'", "ssh-add -l; echo \"[$SSH_AUTH_SOCK]\"; ls /run",
        { env = { SSH_AUTH_SOCK = agent } }).stdout
      assert.truthy(text:find("[]", 1, true), text)
      assert.falsy(text:find("wrapix-ssh-agent", 1, true), text)
    end)
  end)
end)
