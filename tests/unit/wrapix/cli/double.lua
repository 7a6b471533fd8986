-- SPDX-License-Identifier: MIT
-- The dependencies of the commands as doubles: everything that is written or
-- asked for is kept, nothing of this host is touched.

local cli = require("wrapix.cli")
local report = require("wrapix.cli.report")

local M = {}

M.array_mt = {}

-- Enough of an encoder to compare with: sorted keys, no escapes.
local function encode(value)
  if type(value) == "string" then return ('"%s"'):format(value) end
  if type(value) ~= "table" then return tostring(value) end
  local is_list, parts, keys = #value > 0 or getmetatable(value) == M.array_mt, {}, {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for i, key in ipairs(keys) do
    parts[i] = is_list and encode(value[key]) or ('"%s":%s'):format(key, encode(value[key]))
  end
  return (is_list and "[%s]" or "{%s}"):format(table.concat(parts, ","))
end

--- A plan with the least in it.
function M.plan()
  local default = { kind = "default", text = "default" }
  return {
    version = 1, session = "s", name = "wrapix-w-1", name_origin = default, hostname = "wrapix",
    profile = "base", runtime = "podman",
    workspace = { source = "/w", dest = "/workspace", origin = default },
    image = { ref = "localhost/wrapix-base:1", origin = default },
    command = { value = { "id" }, origin = default },
    user = { name = "wrapix", uid = 1, gid = 1, home = "/home/wrapix", mode = "keep-id",
      origin = default },
    mounts = {}, env = {}, labels = {}, limits = {}, skipped = {}, warnings = {},
    network = { mode = "none", backend = "none", origin = default },
    security = { cap_drop = "all", no_new_privileges = true, seccomp = "/s", read_only = true,
      origin = default, seccomp_origin = default, read_only_origin = default },
    engine = { path = "/usr/bin/podman", origin = default },
    terminal = { stdin = true, tty = false, origin = default },
  }
end

local LIST = {
  { name = "base", where = "builtin", source = "profiles/base.lua" },
  { name = "rust", where = "builtin", source = "profiles/rust.lua" },
  { name = "mine", where = "user", source = "/c/profiles/mine.lua" },
}

local function load(d, word)
  d.calls[#d.calls + 1] = "load " .. word
  for _, entry in ipairs(LIST) do
    if entry.name == word then return { name = word } end
  end
  return nil, ("profile: %s: no such profile"):format(word), "ENOENT"
end

-- A function among d.files is a script, a table a profile.
local function load_file(d, file, words)
  d.calls[#d.calls + 1] = "load_file " .. file
  local found = d.files[file]
  if not found then return nil, ("profile: %s: no such file"):format(file), "ENOENT" end
  if type(found) == "function" then
    return "script", table.pack(found(table.unpack(words or {})))
  end
  return "profile", found
end

local function profile_module(d)
  return {
    list = function() return LIST end,
    is_path = function(word) return word:find("/", 1, true) ~= nil or word:match("%.lua$") end,
    notes = function() return d.notes or {} end,
    load = function(word) return load(d, word) end,
    load_file = function(file, ctx, words)
      d.loaded_with = ctx
      return load_file(d, file, words)
    end,
    field_origin = function(_, ...)
      return { kind = "profile", text = "x.lua:" .. table.concat({ ... }, "/") }
    end,
  }
end

local function context(workspace)
  return {
    workspace = workspace,
    builtin = function(name)
      return ("-- SPDX-License-Identifier: MIT\n-- About %s.\nreturn {}\n"):format(name)
    end,
    read = function() return "return {}\n" end,
  }
end

local function add_notify(d)
  d.notify = { send = function(message)
    d.notified = message
    return "direct"
  end }
  d.notify_daemon = {
    run = function(opts)
      d.served = opts
      opts.say("listening")
      return d.running and "running" or "stopped", d.running
    end,
    holder = function() return d.running end,
  }
  d.notify_config = { load = function() return { sinks = { { name = "desktop" } } }, d.rules_problem end }
  d.notify_history = { open = function(dir)
    return { read = function(_, count)
      d.history_read = { dir = dir, count = count }
      return d.records or {}
    end }
  end }
  d.notify_units = {
    plan = function(opts)
      d.units_planned = opts
      return { files = {} }
    end,
    install = function() return { written = { "/u/a.service" }, failed = d.failed, why = "no bus" } end,
    uninstall = function() return { removed = d.removed or {} } end,
    status = function()
      return { manager = "systemd", active = false, files = { { path = "/u/a", state = "absent" } } }
    end,
  }
end

local function add_engine(d)
  d.interruptible = function(fn) return fn() end
  d.has_terminal = function() return d.tty == true end
  d.gather = function(opts)
    d.gathered = opts
    return { facts = true, dirs = d.dirs() }
  end
  d.plan = { make = function(profile, options, _, opts)
    d.planned = { profile = profile, options = options, runs = opts.runs }
    return M.plan()
  end }
  d.podman = {
    flags = function()
      return { { what = "x", args = { "--rm" }, origin = { kind = "default", text = "default" } } }
    end,
    argv = function() return { "/usr/bin/podman", "run", "--rm", "a b" } end,
  }
  d.runtimes = { of = function() return d.podman end, has_vm = function() return false end }
  local function no_store() return nil, "trust: no store here", "ENOENT" end
  d.trust = { load = no_store, remove = no_store }
  d.proc = { signal_number = function(name) return name == "TERM" and 15 or nil end }
  d.dirs = function() return { state = "/state", runtime = "/run", cache = "/cache" } end
  d.live = {
    list = function() return d.living or {} end,
    known = function() return nil end,
    find = require("wrapix.live").find,
    plan = require("wrapix.live").plan,
  }
  d.fs = {
    list = function(dir) return d.listed and d.listed[dir] end,
    exists = function(file) return d.files[file] ~= nil end,
    realpath = function(file) return nil, "ENOENT: resolve " .. file, "ENOENT" end,
  }
  d.reap = { read = function() return nil end }
  d.owner = { state = function() return "dead" end }
  d.logfile = require("wrapix.logfile")
  d.gc = { find = function() return d.garbage or {} end }
  d.leftover = { find = function() return d.gone or {} end }
  d.stopping = {
    one = function(live, _, opts)
      d.stopped = d.stopped or {}
      d.stopped[#d.stopped + 1] = { live.name, opts.grace }
      return { session = live.session, name = live.name, result = "stopped", seconds = 1 }
    end,
    is_over = function() return true end,
  }
  d.task = {
    parallel = function(_, items, fn)
      local out = {}
      for i, item in ipairs(items) do out[i] = fn(item, i) end
      return out
    end,
    sleep = function() return true end,
  }
  d.record = {
    read = function() return {}, 0 end,
    verify = function()
      return { ok = true, lines = 0, records = 0, total = 0, problems = {} }
    end,
  }
  d.sys = {
    environ = function() return {} end, uid = function() return 1 end, gid = function() return 1 end,
    euid = function() return 1 end, home = function() return "/h" end,
    platform = function() return "linux" end, which = function() return "/bin/wrapix" end,
    time = function() return 1700000000 end,
  }
  d.agents = {
    names = function() return {} end,
    get = function(name) return nil, ("agent: %s: no such agent"):format(name), "ENOAGENT" end,
  }
  d.hooks = { new = function() return {} end }
  d.keeper = {
    is_keeper = function() return false end,
    start = function(words)
      d.kept = words
      return "wrapix-w-1"
    end,
    announce = function() end,
  }
  d.launch = { run = function(plan, facts, opts)
    d.launched = { plan = plan, facts = facts, opts = opts }
    return { code = 0 }
  end }
end

--- Makes dependencies; `over` replaces parts of them.
---@param over table?
---@return table
function M.new(over)
  local d = { written = {}, errors = {}, calls = {}, files = {}, version = "1.2.3" }
  d.out = function(text) d.written[#d.written + 1] = text end
  d.err = function(text) d.errors[#d.errors + 1] = text end
  d.flush = function() return true end
  d.cwd = function() return "/w" end
  d.exists = function() return false end
  d.context = context
  d.json = {
    encode = encode,
    array = function(list) return setmetatable(list, M.array_mt) end,
    null = "null",
  }
  d.profile = profile_module(d)
  add_engine(d)
  add_notify(d)
  local stream = { write = function(_, text) d.errors[#d.errors + 1] = text end }
  d.report = report.new({ stream = stream, tty = false })
  for key, value in pairs(over or {}) do d[key] = value end
  return d
end

--- Runs the program with doubles.
---@param d table
---@param ... string words after the program's name
---@return integer status
---@return string out
---@return string err
function M.run(d, ...)
  local status = cli.main_with(d, "wrapix", ...)
  return status, table.concat(d.written), table.concat(d.errors)
end

return M
