-- SPDX-License-Identifier: MIT
-- The desktop's notifications by libnotify's notify-send. Its words are an argv and
-- the texts stand behind `--`, so that none is an option.
--
-- notify-send reads its second text as a C string, and servers read the body as
-- markup (facts of notify-send.c and of the Desktop Notifications Specification,
-- tried with libnotify 0.8.1 and dunst 1.9.0): a backslash is doubled, `&`, `<` and `>`
-- are escaped, or `\074b\076` would be bold.

local sys = require("wrapix.sys")
local text = require("wrapix.notify.sinks.text")

local M = { name = "notify_send" }

local URGENCIES = { low = "low", normal = "normal", critical = "critical" }
-- Each server has its own name for it.
local TAGS = { "x-canonical-private-synchronous", "x-dunst-stack-tag" }
local MARKUP = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }

-- Names of macOS sounds ("Ping") begin with a capital; the freedesktop sound naming
-- specification has none of them.
local function sound_hint(sound)
  if type(sound) ~= "string" or not sound:find("^%w[%w._-]*$") or #sound > 64 then return nil end
  return sound:find("^%u") and "message-new-instant" or sound
end

---@param env table<string, string>
---@return boolean
---@return string? why not
function M.available(env)
  if not sys.which("notify-send", env.PATH) then return false, "notify-send is not installed" end
  -- A bus without an address is found in the runtime directory.
  if (env.DBUS_SESSION_BUS_ADDRESS or "") == "" and (env.XDG_RUNTIME_DIR or "") == "" then
    return false, "there is no session bus"
  end
  return true
end

---The command line for a message.
---@param message table
---@param with_click boolean? wait for a click
---@return string[]
function M.argv(message, with_click)
  local tag = text.tag(message)
  local argv = {
    "notify-send", "--app-name=" .. text.app(message),
    "--urgency=" .. (URGENCIES[message.urgency] or "normal"),
  }
  if tag then
    for _, name in ipairs(TAGS) do argv[#argv + 1] = ("--hint=string:%s:%s"):format(name, tag) end
  end
  local sound = sound_hint(message.sound)
  if sound then argv[#argv + 1] = "--hint=string:sound-name:" .. sound end
  if with_click then argv[#argv + 1] = "--action=default=Show" end
  local body = text.body(message):gsub("\\", "\\\\"):gsub("[&<>]", MARKUP)
  table.move({ "--", text.title(message), body }, 1, 3, #argv + 1, argv)
  return argv
end

---Shows a message. With `opts.click` seconds it waits so long for a click and calls
---`opts.on_click`; the process lives no longer than that.
---@param message table
---@param opts { click: number?, on_click: fun()?, env: table?, spawn: fun(fn: function)? }
---@param run function as proc.run
---@return true|nil
---@return string? why not
function M.show(message, opts, run)
  if not (opts.click and opts.on_click and opts.spawn) then
    return text.run(run, M.argv(message), { env = opts.env })
  end
  opts.spawn(function()
    local result = run(M.argv(message, true), { timeout = opts.click, grace = 1, env = opts.env })
    if result and result.code == 0 and (result.stdout or ""):find("^default%f[%s]") then
      opts.on_click()
    end
    return true
  end)
  return true
end

return M
