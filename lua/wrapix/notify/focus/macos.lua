-- SPDX-License-Identifier: MIT
-- macOS: the program in front, by its bundle, from lsappinfo, which asks the person for
-- no permission. Which window or tab of it is in front is not told.

local command = require("wrapix.notify.focus.command")

local M = { name = "macos", level = "window" }

---@param screen wrapix.Screen
---@return boolean
function M.applies(screen) return screen.bundle ~= nil end

---Reads `lsappinfo front`: "ASN:0x0-0x1a01a:".
---@param text string
---@return string|nil
function M.parse_front(text) return text:match("^(ASN:0x%x+%-0x%x+:)%s*$") end

---Reads `lsappinfo info -only bundleid ASN`: "CFBundleIdentifier"="com.apple.Terminal".
---@param text string
---@return string|nil
function M.parse_bundle(text) return text:match("^\"%w+\"%s*=%s*\"([%w.-]+)\"%s*$") end

---@param screen wrapix.Screen
---@param run function as proc.run
---@return "focused"|"away"|"unknown" answer
---@return string? detail
---@return wrapix.FocusMore?
function M.ask(screen, run)
  local text, message = command.run(run, { "lsappinfo", "front" })
  local front = text and M.parse_front(text)
  if not front then return "unknown", message or "no program is in front" end
  text, message = command.run(run, { "lsappinfo", "info", "-only", "bundleid", front })
  local bundle = text and M.parse_bundle(text)
  if not bundle then return "unknown", message or "the program in front has no name" end
  if bundle ~= screen.bundle then return "away", bundle .. " is in front" end
  return "focused", bundle .. " is in front", { in_front = true }
end

return M
