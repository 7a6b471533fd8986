-- SPDX-License-Identifier: MIT
-- wrapix-notifyd as a service of the user: systemd's socket and service, launchd's
-- agent. The texts are pure. Writes and removes only files that it wrote itself, and
-- says what it could not do and how the person can.

local fs = require("wrapix.fs")
local text = require("wrapix.notify.sinks.text")

local M = {}

local MARK = "Written by `wrapix notifyd install`; `wrapix notifyd uninstall` removes it."
local UNIT = "wrapix-notifyd"
local LABEL = "com.local.wrapix-notifyd"
local FILE_LIMIT = 64 << 10

-- --- texts ---------------------------------------------------------------------------

-- The program of ExecStart (systemd.service(5), systemd.syntax(7)): % begins a specifier;
-- a variable is looked for in its arguments only.
local function systemd_word(word)
  return '"' .. word:gsub("[\\\"]", "\\%0"):gsub("%%", "%%%%") .. '"'
end

local function systemd_value(value) return (value:gsub("%%", "%%%%")) end

---@param program string absolute path of wrapix
---@return string
function M.service(program)
  return ([[
# %s
[Unit]
Description=Notifications of wrapix sandboxes
Documentation=man:wrapix(1)
Requires=%s.socket

[Service]
Type=exec
ExecStart=%s notifyd run
ExecReload=kill -HUP $MAINPID
Restart=on-failure
RestartSec=2

[Install]
Also=%s.socket
]]):format(MARK, UNIT, systemd_word(program), UNIT)
end

---@param socket string path of the socket
---@return string
function M.socket(socket)
  return ([[
# %s
[Unit]
Description=Socket of wrapix-notifyd

[Socket]
ListenStream=%s
SocketMode=0600
DirectoryMode=0700
RemoveOnStop=yes

[Install]
WantedBy=sockets.target
]]):format(MARK, systemd_value(socket))
end

local XML = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function xml(value) return (value:gsub("[&<>\"]", XML)) end

---@param program string
---@param log string file for what it prints
---@return string
function M.plist(program, log)
  return ([[
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- %s -->
<plist version="1.0">
<dict>
  <key>Label</key><string>%s</string>
  <key>ProgramArguments</key>
  <array><string>%s</string><string>notifyd</string><string>run</string></array>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>
  <key>LimitLoadToSessionType</key><string>Aqua</string>
  <key>ProcessType</key><string>Background</string>
  <key>StandardOutPath</key><string>%s</string>
  <key>StandardErrorPath</key><string>%s</string>
</dict>
</plist>
]]):format(MARK, LABEL, xml(program), xml(log), xml(log))
end

-- --- where, and by whom --------------------------------------------------------------

---@class wrapix.NotifyUnits
---@field files { path: string, text: string }[]
---@field manager "systemd"|"launchd"
---@field enable string[][] commands, in order
---@field disable string[][]
---@field state string[] prints whether it is there

---@class wrapix.NotifyUnitsOptions
---@field platform "linux"|"macos"
---@field env table<string, string>
---@field home string
---@field uid integer
---@field program string
---@field dirs { runtime: string, state: string }

local function systemd(opts)
  local config = opts.env.XDG_CONFIG_HOME
  if not config or config:sub(1, 1) ~= "/" then config = opts.home .. "/.config" end
  local dir = config .. "/systemd/user/"
  local function systemctl(...) return { "systemctl", "--user", ... } end
  return {
    manager = "systemd",
    files = {
      { path = dir .. UNIT .. ".service", text = M.service(opts.program) },
      { path = dir .. UNIT .. ".socket", text = M.socket(opts.dirs.runtime .. "/notify.sock") },
    },
    enable = { systemctl("daemon-reload"), systemctl("enable", "--now", UNIT .. ".socket") },
    disable = { systemctl("disable", "--now", UNIT .. ".socket", UNIT .. ".service") },
    after = { systemctl("daemon-reload") },
    state = systemctl("is-active", UNIT .. ".socket"),
  }
end

local function launchd(opts)
  local path = ("%s/Library/LaunchAgents/%s.plist"):format(opts.home, LABEL)
  local domain = ("gui/%d"):format(opts.uid)
  return {
    manager = "launchd",
    files = { { path = path, text = M.plist(opts.program, opts.dirs.state .. "/notifyd.log") } },
    enable = { { "launchctl", "bootstrap", domain, path } },
    disable = { { "launchctl", "bootout", domain .. "/" .. LABEL } },
    after = {},
    state = { "launchctl", "print", domain .. "/" .. LABEL },
  }
end

---What would be written and started here. Pure.
---@param opts wrapix.NotifyUnitsOptions
---@return wrapix.NotifyUnits
function M.plan(opts) return opts.platform == "macos" and launchd(opts) or systemd(opts) end

-- "absent", "ours" or "foreign".
local function owner_of(file)
  local stat = fs.lstat(file.path)
  if not stat then return "absent" end
  if stat.type ~= "file" then return "foreign" end
  local content = fs.read(file.path, FILE_LIMIT)
  return content and content:find(MARK, 1, true) and "ours" or "foreign"
end

-- --- acts ----------------------------------------------------------------------------

local function refuse_foreign(plan)
  for _, file in ipairs(plan.files) do
    if owner_of(file) == "foreign" then
      return nil, ("notifyd: %s: was not written by wrapix, so it is left alone"):format(file.path),
        "EEXIST", "move it away, and try again"
    end
  end
  return true
end

-- Runs commands until one fails; returns it with those that follow, and why.
local function run_all(commands, run)
  for i, argv in ipairs(commands) do
    local ok, why = text.run(run, argv, { timeout = 30 })
    if not ok then return table.move(commands, i, #commands, 1, {}), why end
  end
end

---Writes the files and has the service manager take them up.
---@param plan wrapix.NotifyUnits
---@param run function as proc.run
---@return { written: string[], failed: string[][]?, why: string? }|nil failed: the command that
--- did not work and those behind it, which the person may run later
---@return string? message
---@return string? code
---@return string? hint
function M.install(plan, run)
  local ok, message, code, hint = refuse_foreign(plan)
  if not ok then return nil, message, code, hint end
  local written = {}
  for _, file in ipairs(plan.files) do
    ok, message, code = fs.ensure_dir(file.path:match("^(.*)/"))
    if ok then ok, message, code = fs.write_atomic(file.path, file.text) end
    if not ok then return nil, message, code end
    written[#written + 1] = file.path
  end
  local failed, why = run_all(plan.enable, run)
  return { written = written, failed = failed, why = why }
end

---Stops the service and removes its files.
---@param plan wrapix.NotifyUnits
---@param run function as proc.run
---@return { removed: string[], failed: string[][]?, why: string? }|nil failed: as of install
---@return string? message
---@return string? code
---@return string? hint
function M.uninstall(plan, run)
  local ok, message, code, hint = refuse_foreign(plan)
  if not ok then return nil, message, code, hint end
  local found, removed = false, {}
  for _, file in ipairs(plan.files) do found = found or owner_of(file) == "ours" end
  if not found then return { removed = removed } end
  local failed, why = run_all(plan.disable, run)
  for _, file in ipairs(plan.files) do
    if owner_of(file) == "ours" then
      ok, message, code = fs.unlink(file.path)
      if not ok then return nil, message, code end
      removed[#removed + 1] = file.path
    end
  end
  if failed then
    table.move(plan.after, 1, #plan.after, #failed + 1, failed)
  else
    failed, why = run_all(plan.after, run)
  end
  return { removed = removed, failed = failed, why = why }
end

---What is there.
---@param plan wrapix.NotifyUnits
---@param run function as proc.run
---@return { manager: string, files: { path: string, state: string }[], active: boolean }
function M.status(plan, run)
  local files = {}
  for i, file in ipairs(plan.files) do
    local state = owner_of(file)
    if state == "ours" and fs.read(file.path, FILE_LIMIT) ~= file.text then state = "outdated" end
    files[i] = { path = file.path, state = state }
  end
  return { manager = plan.manager, files = files, active = text.run(run, plan.state) == true }
end

return M
