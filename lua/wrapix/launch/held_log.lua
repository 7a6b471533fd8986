-- SPDX-License-Identifier: MIT
-- A log for what happens beside a sandbox that has the terminal: a line of ours in the
-- middle of a full-screen program would spoil its picture. Keeps what is said until the
-- terminal is free again; bounded, and each text once.

local M = {}

local MOST = 10

---@class wrapix.HeldLog : wrapix.Log
---@field _log wrapix.Log
---@field _kept { level: string, text: string, hint: string? }[]
---@field _known table<string, boolean>
---@field _more integer
local Held = {}

local function say(self, level, text, hint)
  if not self._kept then return self._log[level](self._log, text, hint) end
  local key = level .. text
  if self._known[key] then return end
  if #self._kept >= MOST then
    self._more = self._more + 1
    return
  end
  self._known[key] = true
  self._kept[#self._kept + 1] = { level = level, text = text, hint = hint }
end

for _, level in ipairs({ "error", "warn", "info", "note", "debug", "detail" }) do
  Held[level] = function(self, ...) return say(self, level, ...) end
end

---Says what was kept; from now on everything at once. Twice is allowed.
function Held:release()
  local kept = self._kept or {}
  self._kept = nil
  for _, one in ipairs(kept) do self._log[one.level](self._log, one.text, one.hint) end
  if self._more > 0 then
    self._log:warn(("notify: %d more were told of meanwhile"):format(self._more),
      "`wrapix notifyd explain` shows the last messages")
  end
  self._more = 0
end

---@param log wrapix.Log where it is said in the end
---@return wrapix.HeldLog
function M.new(log)
  return setmetatable({ _log = log, _kept = {}, _known = {}, _more = 0 }, { __index = Held })
end

return M
