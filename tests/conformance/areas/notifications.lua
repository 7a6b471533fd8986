-- SPDX-License-Identifier: MIT
-- Notifications out of a sandbox reach the person outside.

local check = require("conformance.check")
local fs = require("wrapix.fs")
local proc = require("wrapix.proc")
local task = require("wrapix.task")

local M = { title = "Notifications" }

-- A configuration whose only sink writes into a file.
local function config(t)
  local dir = t:dir("config")
  assert(fs.ensure_dir(dir .. "/wrapix"))
  t:file(dir .. "/wrapix/notify.lua", ([[return { focus = false, sinks = { function(m)
    local file <close> = assert(io.open(%q, "a"))
    file:write(m.title, "|", m.message or "-", "|", m.from and m.from.session or "-", "\n")
    return true
  end } }]]):format(dir .. "/shown"))
  return dir
end

local SEND = "wrapix-notify 'Claude Code' 'Task \"done\": é' Ping; echo $?; echo $WRAPIX_SESSION_ID"

local function assert_shown(t, dir, out)
  local status, session = out:match("^(%d+)\n(%x+)$")
  check.equal("0", status, "status of wrapix-notify")
  t:wait_for("the message", function() return fs.exists(dir .. "/shown") end, 10)
  check.equal(("Claude Code|Task \"done\": é|%s\n"):format(session), fs.read(dir .. "/shown"), "shown")
end

M[#M + 1] = { id = "notifications.arrive", says = "a notification is shown outside, and says from which sandbox",
  run = function(t)
    local dir = config(t)
    assert_shown(t, dir, t:out(SEND, { env = { XDG_CONFIG_HOME = dir } }))
  end }

M[#M + 1] = { id = "notifications.no-network", says = "so it is without a network",
  lacks = { { runtime = "container", before = "1.1.0",
    reason = "no socket crosses into a VM that has no network", answers = "network" } },
  try = function(t) return t:sh(SEND, { args = { "--network", "none" }, loud = true }) end,
  run = function(t)
    local dir = config(t)
    assert_shown(t, dir, t:out(SEND, { args = { "--network", "none" }, env = { XDG_CONFIG_HOME = dir } }))
  end }

M[#M + 1] = { id = "notifications.daemon", says = "wrapix-notifyd shows them where it runs", alone = true,
  run = function(t)
    local dir = config(t)
    local daemon <close> = assert(proc.spawn({ t.target.wrapix, "notifyd" },
      { stdout = "pipe", stderr = "pipe", env = { XDG_CONFIG_HOME = dir }, session = true }))
    local line = task.timeout(20, function() return daemon.stdout:read_line() end)
    check.matches(line or "nothing", "listening on ", "what the daemon says")
    assert_shown(t, dir, t:out(SEND))
    daemon:kill("TERM")
    daemon:wait()
  end }

M[#M + 1] = { id = "notifications.hook", says = "an agent's hook becomes one", run = function(t)
  local dir = config(t)
  t:out([[echo '{"hook_event_name":"Stop","last_assistant_message":"All \"done\""}' | wrapix-notify --hook]],
    { env = { XDG_CONFIG_HOME = dir } })
  t:wait_for("the message", function() return fs.exists(dir .. "/shown") end, 10)
  check.has(fs.read(dir .. "/shown"), 'All "done"', "shown")
end }

M[#M + 1] = { id = "notifications.protected", says = "what is inside cannot put another socket in its place",
  group = "inside", inside = "[ -S /run/wrapix/notify.sock ] && echo socket; rm /run/wrapix/notify.sock; "
    .. "mv /run/wrapix/notify.sock /tmp/; [ -S /run/wrapix/notify.sock ] && echo still",
  check = function(_, answer)
    check.matches(answer.out, "^socket\n.*\nstill$", "socket")
  end }

return M
