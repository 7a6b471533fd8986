-- SPDX-License-Identifier: MIT
-- macOS without further programs: AppleScript's `display notification`. The script is
-- constant and the texts are its arguments: no text is ever part of a script.

local sys = require("wrapix.sys")
local text = require("wrapix.notify.sinks.text")

local M = { name = "osascript" }

local PLAIN = "display notification (item 3 of argv) with title (item 2 of argv)"

---@param env table<string, string>
---@return boolean
---@return string? why not
function M.available(env)
  if sys.which("osascript", env.PATH) then return true end
  return false, "osascript is not there"
end

---@param message table
---@return string[]
function M.argv(message)
  local line, sound = PLAIN, message.sound
  local has_sound = type(sound) == "string" and sound:find("^%w[%w ._-]*$") ~= nil
  if has_sound then line = line .. " sound name (item 4 of argv)" end
  return {
    "osascript", "-e", "on run argv", "-e", line, "-e", "end run",
    -- Its first plain word ends its options, so that no text is one.
    "wrapix", text.title(message), text.body(message), has_sound and sound or nil,
  }
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
