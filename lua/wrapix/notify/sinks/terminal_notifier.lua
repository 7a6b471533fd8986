-- SPDX-License-Identifier: MIT
-- macOS: terminal-notifier, whose banner brings the terminal to the front when it is
-- clicked. Never hands it -execute or -open.
--
-- The program reads its arguments as user defaults, which take a value that begins
-- with `[`, `{`, `(`, `<`, `"` or `-` for something else than text; it drops one leading
-- backslash (README of terminal-notifier 2.0). So what does not begin with a letter or
-- a digit gets one.

local sys = require("wrapix.sys")
local text = require("wrapix.notify.sinks.text")

local M = { name = "terminal_notifier" }

---@param env table<string, string>
---@return boolean
---@return string? why not
function M.available(env)
  if sys.which("terminal-notifier", env.PATH) then return true end
  return false, "terminal-notifier is not installed"
end

local function value(given)
  if given == "" then return " " end -- an empty one is taken for none, and the next word for it
  return given:find("^[%w\x80-\xFF]") and given or "\\" .. given
end

---@param message table
---@return string[]
function M.argv(message)
  local argv = {
    "terminal-notifier", "-title", value(text.title(message)),
    "-message", value(text.body(message)),
  }
  local function add(name, given) table.move({ name, value(given) }, 1, 2, #argv + 1, argv) end
  local tag = text.tag(message)
  if tag then add("-group", tag) end
  if type(message.sound) == "string" and message.sound:find("^%w[%w ._-]*$") then
    add("-sound", message.sound)
  end
  local screen = message.from and message.from.screen
  local bundle = type(screen) == "table" and screen.bundle
  if type(bundle) == "string" and bundle:find("^%w[%w.-]*$") then add("-activate", bundle) end
  return argv
end

---@param message table
---@param opts { env: table? }
---@param run function as proc.run
---@return true|nil
---@return string? why not
function M.show(message, opts, run)
  return text.run(run, M.argv(message), { env = opts.env })
end

return M
