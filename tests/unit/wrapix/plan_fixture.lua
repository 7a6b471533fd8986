-- SPDX-License-Identifier: MIT
-- Facts of several hosts, profiles from tests/unit/data/profiles, and a stable
-- text of a plan, for the specs of plan and podman.

local fake_host = require "tests.unit.wrapix.fake_host"
local profiles = require "wrapix.profile"

local M = {}

local HOST_DIRS = {
  "/home/joe/shop",
  "/home/joe/shop/data",
  "/home/joe/.cargo/registry",
  "/opt/a,b: \"c\"",
  "/srv/lib",
}

local function engine(version_text, changes)
  local major, minor, patch = version_text:match("(%d+)%.(%d+)%.(%d+)")
  local result = {
    name = "podman",
    path = "/usr/bin/podman",
    version = { tonumber(major), tonumber(minor), tonumber(patch) },
    version_text = version_text,
    rootless = true,
    oci_runtime = { name = "crun", path = "/usr/bin/crun", version = "1.21" },
    graph_driver = "overlay",
    seccomp = true,
    selinux = false,
    slirp4netns = "/usr/bin/slirp4netns",
    pasta = "/usr/bin/pasta",
    seccomp_base = "/usr/share/containers/seccomp.json",
    seccomp_path = "/home/joe/.cache/wrapix/seccomp-1.json",
  }
  for key, value in pairs(changes or {}) do
    result[key] = value
  end
  return result
end

-- An agent with one of everything, so that the texts do not change with a real one.
local AGENT = {
  name = "claude", title = "Claude Code",
  install = { npm = "@anthropic-ai/claude-code", version = "2.1.330" },
  secrets = { "ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN" },
  env = { CLAUDE_QUIET = "1" },
  login = { dest = "~/.claude-login", env = { CLAUDE_STORE = "~/.claude-login" },
    command = { "claude", "auth", "login" },
    status = function(read) return read(".credentials.json") and "there" or "none" end },
  state = { { name = "home", dest = "~/.claude" } },
  settings = function(input)
    return {
      files = {
        { dest = "/etc/claude-code/managed-settings.json",
          text = ('{"model":"%s"}'):format(input.extra and input.extra.model or "") },
        { dest = "~/.claude.json", text = ('{"key":"@KEY@","at":"%s"}'):format(input.workspace),
          fill = { ["@KEY@"] = { env = "ANTHROPIC_API_KEY", last = 20 } } },
      },
      env = { CLAUDE_SEEN = input.prompt_file },
      unused = input.hooks and { { what = "hooks.agent.Odd", reason = "has no such event" } } or {},
    }
  end,
  argv = function(mode, opts)
    if mode == "interactive" then return { "claude", "--prompt=" .. opts.prompt_file } end
    return { "claude", "-p", "--output=" .. opts.output }
  end,
}

--- Agents of a made-up registry: claude as above, and codex, which has nothing but a command.
M.agents = {
  get = function(name)
    if name == "claude" then return AGENT end
    if name == "codex" then
      return { name = "codex", title = "Codex", secrets = {}, env = {}, state = {},
        settings = function() return { files = {}, unused = {} } end,
        argv = function(mode) return { "codex", mode } end }
    end
    return nil, ("agent: %s: no such agent"):format(name), "ENOAGENT", "there are claude and codex"
  end,
}

--- Facts of a Debian 13 desktop: rootless Podman 5.4.2, pasta, cgroup v2.
function M.facts()
  local deps = fake_host.new({})
  for _, dir in ipairs(HOST_DIRS) do
    deps.host.directories[dir] = true
  end
  return {
    uid = 1000,
    gid = 1000,
    euid = 1000,
    username = "joe",
    home = "/home/joe",
    cwd = "/home/joe/shop",
    hostname = "box",
    boot_id = "0c6e8f6a-1111-4222-8333-444455556666",
    pid = 4321,
    start_time = 98765,
    workspace = { path = "/home/joe/shop", uid = 1000, gid = 1000 },
    env = {
      TERM = "xterm-kitty",
      COLORTERM = "truecolor",
      API_KEY = "canary-7f3a",
      HOME = "/home/joe",
    },
    stdin_tty = true,
    stdout_tty = true,
    tty_size = { rows = 40, cols = 120 },
    limits = {
      nofile = { soft = 1024, hard = 524288 },
      nproc = { soft = math.huge, hard = math.huge },
    },
    cap_sys_resource = false,
    cpus = 8,
    memory_bytes = 16 << 30,
    timezone = "Europe/Berlin",
    git = {
      author = { name = "Joe", email = "joe@example.org" },
      committer = { name = "Joe", email = "joe@example.org" },
      origin = { kind = "host", text = "git config --global" },
    },
    cgroup = {
      mode = "v2",
      controllers = { cpu = true, memory = true, pids = true },
      v2_busy = false,
    },
    tun_readable = true,
    subuid = true,
    runc = "/usr/sbin/runc",
    crun = "/usr/bin/crun",
    session = { id = "20260102t030405-5f1e9a7c", dir = "/run/user/1000/wrapix/s/5f1e9a7c" },
    guest_dir = "/home/joe/.cache/wrapix/guest-1",
    dirs = {
      runtime = "/run/user/1000/wrapix",
      state = "/home/joe/.local/state/wrapix",
      data = "/home/joe/.local/share/wrapix",
      cache = "/home/joe/.cache/wrapix",
      config = "/home/joe/.config/wrapix",
    },
    engine = engine("5.4.2"),
    fs = deps.fs,
    agents = M.agents,
    image = {
      recipe = function(profile)
        return { name = profile.name, base = profile.base, packages = profile.packages,
          agents = profile.agents }
      end,
      reference = function(recipe)
        return ("localhost/wrapix-%s:0123456789ab"):format(recipe.name)
      end,
    },
  }
end

--- Debian 12 rootless: Podman 4.3.1, no pasta, crun on hybrid cgroups.
function M.old_facts()
  local facts = M.facts()
  facts.engine = engine("4.3.1")
  facts.engine.oci_runtime.version = "1.8.1"
  facts.cgroup = { mode = "hybrid", controllers = {}, v2_busy = true }
  return facts
end

--- The same as root, without a terminal.
function M.root_facts()
  local facts = M.old_facts()
  facts.uid, facts.gid, facts.euid, facts.username = 0, 0, 0, "root"
  facts.engine.rootless = false
  facts.cgroup.controllers = { cpu = true, memory = true, pids = true }
  facts.limits.nofile.hard, facts.limits.nproc.hard = 20000, 96365
  facts.memory_bytes, facts.cpus = 2 << 30, 1
  facts.stdin_tty, facts.tty_size = false, nil
  return facts
end

--- The desktop, with a key of an agent and a project that tells of itself.
function M.agent_facts()
  local facts = M.facts()
  facts.env.ANTHROPIC_API_KEY = "canary-key-0123456789abcdefghij"
  local read = facts.fs.read_beneath
  facts.fs.read_beneath = function(root, rel)
    if rel == "docs/README.md" then return "# Shop\n\27[31mRed\n" end
    return read(root, rel)
  end
  return facts
end

--- The old host as root, in the workspace of an ordinary user.
function M.root_agent_facts() return M.root_facts() end

--- The desktop with Apple's container of a version, and a Mac's user.
function M.apple_facts(version_text)
  local facts = M.agent_facts()
  local major, minor, patch = (version_text or "1.2.2"):match("(%d+)%.(%d+)%.(%d+)")
  facts.uid, facts.gid, facts.euid, facts.username = 501, 20, 501, "joe"
  facts.workspace.uid, facts.workspace.gid = 501, 20
  facts.limits.nproc.hard, facts.limits.nofile.hard = 2666, math.huge
  facts.engine = {
    name = "container", path = "/usr/local/bin/container", version_text = version_text or "1.2.2",
    version = { tonumber(major), tonumber(minor), tonumber(patch) }, macos = { 26, 1, 0 },
  }
  return facts
end

--- Loads a profile of tests/unit/data/profiles with exact lines.
function M.profile(name)
  local file = ("tests/unit/data/profiles/%s.lua"):format(name)
  local handle = assert(io.open(file))
  local text = handle:read("a")
  handle:close()
  local tbl = assert(load(text, "@" .. name .. ".lua", "t"))({ derive = profiles.derive })
  return assert(profiles.from_table(tbl, {
    source = name .. ".lua",
    text = text,
    dir = "/home/joe/shop",
  }))
end

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b)
    return tostring(a) < tostring(b)
  end)
  return keys
end

-- Readable and stable: one scalar a line, keys sorted; any escape will do that
-- is the same each time.
local function render(value, indent, out)
  if type(value) ~= "table" then
    local text = type(value) == "string" and ("%q"):format(value):gsub("\\\n", "\\n")
    out[#out + 1] = text or tostring(value)
    return
  end
  local is_list = value[1] ~= nil or next(value) == nil
  out[#out + 1] = is_list and "[" or "{"
  local inner, keys = indent .. "  ", sorted_keys(value)
  for i, key in ipairs(is_list and value or keys) do
    out[#out + 1] = (i > 1 and ",\n" or "\n") .. inner
    if not is_list then
      out[#out + 1] = ('"%s": '):format(key)
    end
    render(is_list and value[i] or value[key], inner, out)
  end
  out[#out + 1] = next(value) ~= nil and ("\n" .. indent) or ""
  out[#out + 1] = is_list and "]" or "}"
end

--- A plan as JSON text.
function M.plan_text(plan)
  local out = {}
  render(plan, "", out)
  return table.concat(out) .. "\n"
end

--- Flags as text: one a line, its kind and origin after the words.
function M.flags_text(flags)
  local lines = {}
  for _, flag in ipairs(flags) do
    local words = {}
    for i, word in ipairs(flag.args) do
      local is_plain = word:find("^[%w%%@_+=:,./-]+$")
      words[i] = is_plain and word or ("%q"):format(word):gsub("\\\n", "\\n")
    end
    lines[#lines + 1] = ("%s    # %s, %s: %s"):format(
      table.concat(words, " "),
      flag.what,
      flag.origin.kind,
      flag.origin.text
    )
  end
  return table.concat(lines, "\n") .. "\n"
end

--- The golden text of a name. With UPDATE_GOLDEN=1 in the environment it is
--- written first, for a person to read the difference.
function M.golden(name, text)
  local file = "tests/unit/golden/plan/" .. name
  if os.getenv("UPDATE_GOLDEN") == "1" then
    local handle = assert(io.open(file, "w"))
    handle:write(text)
    handle:close()
  end
  local handle = assert(io.open(file))
  local expected = handle:read("a")
  handle:close()
  return expected
end

return M
