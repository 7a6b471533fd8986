-- SPDX-License-Identifier: MIT
-- The tree of i3 and sway as JSON: its windows, wherever they hang. Pure.

local command = require("wrapix.notify.focus.command")

local M = {}

---@class wrapix.TreeWindow
---@field pid integer? sway only
---@field window integer? of X11
---@field focused boolean

local function collect(node, windows)
  local pid, window = math.tointeger(node.pid), math.tointeger(node.window)
  if pid or window then
    windows[#windows + 1] = { pid = pid, window = window, focused = node.focused == true }
  end
  for _, key in ipairs({ "nodes", "floating_nodes" }) do
    for _, child in ipairs(type(node[key]) == "table" and node[key] or {}) do
      if type(child) == "table" then collect(child, windows) end
    end
  end
end

---@param text string
---@return wrapix.TreeWindow[]|nil
---@return string? why not
function M.windows(text)
  local root, message = command.decode(text)
  if not root then return nil, message end
  if root.type ~= "root" then return nil, "the answer is no tree" end
  local windows = {}
  collect(root, windows)
  return windows
end

return M
