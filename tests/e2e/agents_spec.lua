-- SPDX-License-Identifier: MIT
-- What an agent gets in a real sandbox: its settings where it looks for them, its
-- login and state from one sandbox to the next, caches, all with the right owner.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local sys = require("wrapix.sys")

local TOOL = [[
return {
  name = "tool", title = "Tool", stream = "text", secrets = { "TOOL_KEY" },
  login = { dest = "~/.tool-login", command = { "sh", "-c", "echo t >~/.tool-login/token" },
    status = function(read) return read("token") and "there" or "none" end },
  state = { { name = "home", dest = "~/.tool" } },
  settings = function()
    return { files = {
      { dest = "/etc/tool/managed.json", text = "{}" },
      { dest = "~/.config/tool/tool.json", text = '{"end":"@END@"}',
        fill = { ["@END@"] = { env = "TOOL_KEY", last = 4 } } },
    }, unused = {} }
  end,
  argv = function(mode, opts) return { "sh", "-c", "echo " .. mode .. "; cat; cat " .. opts.prompt_file } end,
}
]]

describe("an agent in a sandbox", function()
  local home, env, profile, one, two

  setup(function()
    home = e2e.dir("home")
    env = { XDG_CONFIG_HOME = home .. "/config", XDG_DATA_HOME = home .. "/data",
      TOOL_KEY = "canary-1234" }
    assert(fs.ensure_dir(home .. "/config/wrapix/agents"))
    e2e.file(home .. "/config/wrapix/agents/tool.lua", TOOL)
    profile = e2e.file(home .. "/tool.lua", ([[return { name = "tool", image = %q,
      agents = { "tool" }, agent = "tool", caches = { ["e2e-agents"] = "~/.cache/things" } }]])
      :format(e2e.image))
    one, two = e2e.dir("one"), e2e.dir("two")
  end)
  teardown(function()
    local cache = (os.getenv("XDG_CACHE_HOME") or sys.home() .. "/.cache") .. "/wrapix"
    assert(fs.remove_tree(cache .. "/caches/e2e-agents"))
    assert(fs.remove_tree(("%s/uid/%d/caches/e2e-agents"):format(cache, e2e.uid)))
  end)
  after_each(e2e.assert_clean)

  local function output(dir, script)
    return e2e.output(script, { dir = dir, image = false, args = { profile }, env = env })
  end

  it("finds its settings: read-only ones, and those of its home with the end of a key", function()
    assert.equal(("{} %d 600 {\"end\":\"1234\"} 600 %d refused"):format(e2e.uid, e2e.uid), output(one, [[
      echo "$(cat /etc/tool/managed.json) $(stat -c '%u %a' /etc/tool/managed.json)" \
        "$(cat ~/.config/tool/tool.json) $(stat -c '%a %u' ~/.config/tool/tool.json)" \
        "$( (echo x >/etc/tool/managed.json) 2>/dev/null || echo refused)"]]))
  end)

  it("has its login and caches in every project, and its state in each", function()
    output(one, "umask 077; for d in .tool-login .tool .cache/things; do echo one >~/$d/who; done")
    assert.equal("one one none", output(two, [[
      echo $(cat ~/.tool-login/who) $(cat ~/.cache/things/who) $(cat ~/.tool/who 2>/dev/null || echo none)]]))
    assert.equal("one", output(one, "cat ~/.tool/who"))
    assert.equal(("%d 700 %d 700"):format(e2e.uid, e2e.uid), output(two, [[
      echo $(stat -c '%u %a' ~/.tool-login) $(stat -c '%u %a' ~/.tool)]]))
  end)

  it("lets a login be replaced by a rename, as programs renew their tokens", function()
    assert.equal("new", output(one, [[
      cd ~/.tool-login && echo new >.t && mv .t token && cat token]]))
    assert.equal("new", output(two, "cat ~/.tool-login/token"))
  end)

  it("takes its prompt from a pipe, and is told of its sandbox", function()
    local result = e2e.cli({ "-C", one, profile }, { env = env, input = "what is this?\n" })
    assert.equal(0, result.code, result.stderr)
    assert.matches("^headless\nwhat is this%?\nYou run in a wrapix sandbox", result.stdout)
  end)

  it("is logged in by its own command, into the store that sandboxes see", function()
    local result = e2e.cli({ "login", "tool", "--name", "new", "--image", e2e.image, "-C", one },
      { env = env })
    assert.equal(0, result.code, result.stderr)
    assert.matches("login 'new': logged in", result.stderr)
    local status = e2e.cli({ "login", "status" }, { env = env })
    assert.matches("tool +new[^\n]*logged in", status.stdout)
  end)
end)
