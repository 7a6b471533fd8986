-- SPDX-License-Identifier: MIT
-- What the engine writes to stderr: the first words are kept to judge a failure,
-- a last line about a missing image or an output that nobody reads is held back,
-- all else passes unchanged.

local container = require("wrapix.container")

local M = {}

local HEAD_BYTES = 8192

---@class wrapix.EngineErrors
---@field head string the first words
---@field held string a line that is shown only if it was no missing image
---@field kept string[]? everything, when it is to be collected
local Errors = {}
Errors.__index = Errors

---Takes a chunk; returns what to pass on, nil when it is collected.
---@param chunk string
---@return string?
function Errors:take(chunk)
  if #self.head < HEAD_BYTES then self.head = self.head .. chunk:sub(1, HEAD_BYTES - #self.head) end
  local text = self.held .. chunk
  self.held = text:match("Error: [^\n]*: image not known\r?\n$")
    or text:match("Error: [^\n]*: write /dev/stdout: broken pipe\r?\n$") or ""
  text = text:sub(1, #text - #self.held)
  if not self.kept then return text end
  self.kept[#self.kept + 1] = text
end

---Lets go of what is held.
function Errors:flush()
  if self.held == "" then return end
  if self.kept then
    self.kept[#self.kept + 1] = self.held
  else
    container.write_stderr(self.held)
  end
  self.held = ""
end

---@return string? everything, when it was collected
function Errors:text() return self.kept and table.concat(self.kept) or nil end

---@param collect boolean
---@return wrapix.EngineErrors
function M.new(collect)
  return setmetatable({ head = "", held = "", kept = collect and {} or nil }, Errors)
end

return M
