-- SPDX-License-Identifier: MIT
-- Errors, warnings, hints and notices on stderr, in the one form everything
-- that speaks for wrapix uses. Text from elsewhere is escaped here, so that no
-- file name or engine message can move the cursor or forge a line.

local M = {}

---@class wrapix.Report
---@field quiet boolean no notices
---@field verbose boolean details as well
---@field _write fun(text: string)
local Report = {}
Report.__index = Report

--- One line of foreign text as it may be shown on a terminal.
---@param text string
---@return string
function M.printable(text)
  local function hex(bytes)
    return (bytes:gsub(".", function(c) return ("\\x%02x"):format(c:byte()) end))
  end
  local safe = text:gsub("\n", "\\n"):gsub("\t", "\\t"):gsub("[%c\x7f]", hex)
  return (safe:gsub(utf8.len(safe) and "\xc2[\x80-\x9f]" or "[\x80-\xff]", hex))
end

-- Messages of the library may bring their hint as further lines.
local function lines(head, text, hint)
  local out = {}
  if hint then text = text .. "\nhint: " .. hint end
  for line in (text .. "\n"):gmatch("(.-)\n") do
    local prefix = line:find("^hint: ") and "" or (#out == 0 and head or "  ")
    out[#out + 1] = prefix .. M.printable(line) .. "\n"
  end
  return table.concat(out)
end

--- Something failed: `wrapix: action: object: reason`, and how to mend it.
---@param text string may hold further lines, and `hint: …` as the last
---@param hint string?
function Report:error(text, hint)
  self._write(lines("wrapix: ", text, hint))
end

--- Something the user should know although the work goes on.
---@param text string
---@param hint string?
function Report:warn(text, hint)
  self._write(lines("wrapix: warning: ", text, hint))
end

--- Something worth one line, not shown with -q.
---@param text string
---@param hint string?
function Report:note(text, hint)
  if not self.quiet then self._write(lines("wrapix: note: ", text, hint)) end
end

--- Something only -v shows.
---@param text string
function Report:detail(text)
  if self.verbose then self._write(lines("wrapix: ", text)) end
end

--- Makes a report.
---@param opts { write: fun(text: string), quiet: boolean?, verbose: boolean? }
---@return wrapix.Report
function M.new(opts)
  return setmetatable({
    _write = opts.write,
    quiet = opts.quiet or false,
    verbose = opts.verbose or false,
  }, Report)
end

return M
