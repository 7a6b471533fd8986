-- SPDX-License-Identifier: MIT
-- What the commands say on stderr: wrapix.log with the words -q and -v choose
-- between. Whatever takes a log takes a report.

local log = require("wrapix.log")

local M = {}

---@class wrapix.Report : wrapix.Log
---@field log wrapix.Log
local Report = {}

-- Every method of the log is one of the report.
local metatable = {
  __index = function(_, name)
    if Report[name] then return Report[name] end
    return function(self, ...) return self.log[name](self.log, ...) end
  end,
}

--- One line of foreign text as it may be shown on a terminal.
M.printable = log.clean

-- A hint names a command as the person who reads it can type it.
local function as_called(self, text)
  local name = rawget(self, "_name")
  return name and text:gsub("`" .. name.from .. " ", "`" .. name.as .. " ") or text
end

-- Messages of the library may bring their hint as a further line, and lists of
-- mistakes one line each.
local function say(self, level, text, hint)
  if not self.log:shows(level) then return end
  local inner
  text, inner = log.split(text)
  local head, rest = text:match("^(.-)\n(.*)$")
  self.log[level](self.log, head or text)
  if rest then self.log:block(level, rest) end
  if hint or inner then self.log:hint((as_called(self, hint or inner))) end
end

--- What hints are to call a program that was started as a command of this one.
---@param from string a name without magic characters
---@param as string
function Report:rename(from, as) self._name = { from = from, as = as } end

--- Something failed: `action: object: reason`, and how to mend it.
---@param text string may hold further lines, and `hint: …` as the last
---@param hint string?
function Report:error(text, hint) say(self, "error", text, hint) end

--- Something the user should know although the work goes on.
---@param text string
---@param hint string?
function Report:warn(text, hint) say(self, "warn", text, hint) end

--- Something worth one line, not shown with -q.
---@param text string
---@param hint string?
function Report:note(text, hint) say(self, "info", "note: " .. text, hint) end

--- Something only -v shows.
---@param text string
function Report:detail(text)
  -- A traceback is indented by tabs, which the log would show as bytes.
  self.log:block("debug", (text:gsub("\t", "  ")))
end

--- Chooses how much is said.
---@param opts { quiet: boolean?, verbose: boolean? }
function Report:choose(opts)
  self.log.level = opts.verbose and "debug" or opts.quiet and "warn" or "info"
end

--- Makes a report.
---@param opts { stream: table?, tty: boolean? }? what is written to; default stderr
---@return wrapix.Report
function M.new(opts) return setmetatable({ log = log.new(opts) }, metatable) end

return M
