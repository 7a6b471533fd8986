-- SPDX-License-Identifier: MIT
-- A double of Apple's `container`: takes the words of one documented version, refuses what
-- that version refuses, and carries the rest out on Podman, as root. It knows the facts
-- about the CLI and nothing of wrapix; what it does not know is a failure (status 70).
--
-- Cannot be acted out on Linux: files of a share belong to who owns them here, not to whoever
-- looks; new ones to the ids that made them, not to the host's user. Each VM's own kernel: /proc/sys
-- and sysrq stay read-only, memory and CPUs are cgroups. Names are relayed by this machine's
-- servers, listed after the gateway. A socket made in a share after the start can be reached.
-- Signals to a CLI that runs `exec` never arrive. Environment: see tests/support/container.

local root = debug.getinfo(1, "S").source:match("^@(.*)/support/apple/main%.lua$")
package.path = ("%s/?.lua;%s"):format(root, package.path)

local container = require("wrapix._c.container") -- its pair has no USR1, USR2, WINCH
local encode = require("support.apple.encode")
local engines = require("support.apple.engine")
local fail = require("support.apple.fail")
local fs = require("wrapix.fs")
local grammar = require("support.apple.grammar")
local proc = require("wrapix.proc")
local states = require("support.apple.state")
local sys = require("wrapix.sys")
local systems = require("support.apple.system")
local task = require("wrapix.task")
local versions = require("support.apple.versions")

---@class apple.Context
---@field version apple.Version
---@field state apple.State
---@field engine apple.Engine
---@field system apple.System
---@field environ table<string, string>
---@field on_signal fun(name: string)
local Context = {}
Context.__index = Context

function Context.print(_, text)
  io.stdout:write(text, "\n")
  io.stdout:flush()
end

---A line of the CLI's log.
function Context.log(_, text) io.stderr:write(text, "\n") end

---What a reader of a failing test should know; no output of the CLI.
function Context:note(text) fs.append(self.state.dir .. "/notes", text .. "\n") end

function Context.now() return sys.time() end
function Context.isatty(fd) return sys.isatty(fd) end

---Columns as wide as their widest cell, two blanks between them.
function Context:table(header, rows)
  local widths, lines = {}, {}
  table.insert(rows, 1, header)
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 0, #cell) end
  end
  for i, row in ipairs(rows) do
    local cells = {}
    for j, cell in ipairs(row) do
      cells[j] = j == #row and cell or cell .. (" "):rep(widths[j] - #cell)
    end
    lines[i] = table.concat(cells, "  ")
  end
  self:print(table.concat(lines, "\n"))
end

---A listing: JSON of `items`, or a table.
function Context:render(format, items, header, row)
  format = format or "table"
  if format == "json" then
    return self:print(encode.text(items, encode.style(self.version, "list")))
  elseif format ~= "table" then
    fail.unknown("A6, --format", ("%s is not acted out"):format(format))
  end
  local rows = {}
  for i = 1, #items do rows[i] = row(i) end
  self:table(header, rows)
end

local function context()
  local environ = sys.environ()
  local text = environ.CONTAINER_DOUBLE_VERSION or "1.2.2"
  local version, why = versions.of(text)
  if not version then error(why, 0) end
  local dir = environ.CONTAINER_DOUBLE_STATE
  if not dir or dir == "" then error("CONTAINER_DOUBLE_STATE is not set", 0) end
  local state = states.open(dir)
  local cx = setmetatable({
    version = version, state = state, environ = environ, engine = engines.new(environ, state),
    system = systems.of(state), wrapix = assert(fs.realpath("/proc/self/exe")),
    main = root .. "/support/apple/main.lua",
  }, Context)
  cx.on_signal = function(name)
    if name ~= "WINCH" then os.exit(128 + proc.signal_number(name)) end
  end
  return cx
end

-- What works while the daemon is down.
local ALONE = { ["system start"] = true, ["system stop"] = true, ["system status"] = true,
  ["system version"] = true }
local NEEDS_KERNEL = { run = true, create = true, build = true }
local MODULES = { "containers", "images", "volumes", "networks", "system" }

local function handler(command)
  for _, name in ipairs(MODULES) do
    local found = require("support.apple." .. name).commands[command]
    if found then return found end
  end
  fail.unknown("A2", ("`%s` has no part in the double"):format(command))
end

local function run(cx, words)
  local parse = grammar.parse(cx, words)
  if parse.version then
    cx:print(("container CLI version %s (build: release, commit: af405ff)"):format(cx.version.text))
    return 0
  elseif parse.help then
    cx:print("USAGE: " .. grammar.usage(parse.command))
    return 0
  end
  if not ALONE[parse.command] then cx.system:check_up() end
  if NEEDS_KERNEL[parse.command] then cx.system:check_kernel("arm64") end
  return handler(parse.command)(cx, parse) or 0
end

-- Signals come at any time; what they mean changes with what is going on.
local function listen(cx)
  local signals <close> = assert(container.signals({ "INT", "TERM", "USR1", "USR2", "WINCH" }))
  while true do
    local name = signals:next()
    if not name then return end
    cx.on_signal(name)
  end
end

local function guarded(cx, words)
  local ok, status = pcall(run, cx, words)
  if ok then return status end
  if not fail.is(status) then error(status, 0) end
  local code, text = fail.render(status, cx.version)
  io.stdout:flush()
  io.stderr:write(text)
  return code
end

-- Takes everything of this state out of Podman again, for the end of a test.
local function purge(cx)
  for _, one in ipairs(require("support.apple.fleet").all(cx)) do
    require("support.apple.launch").remove(cx, one.record)
  end
  require("support.apple.store").clear(cx)
  for name in pairs(cx.state:load("networks", {})) do
    cx.engine:call({ "network", "rm", "--force", require("support.apple.networks").podman(cx, name) })
  end
  assert(fs.remove_tree(cx.state.dir))
end

local words = { ... }
local cx = context()
if words[1] == "__relay" then
  require("support.apple.relay").serve(cx, words[2])
  return 0
elseif words[1] == "__purge" then
  purge(cx)
  return 0
end
local status = task.scope(function(scope)
  local signals = scope:spawn(listen, cx)
  local code = guarded(cx, words)
  signals:cancel()
  return code
end)
return status
