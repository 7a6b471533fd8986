-- SPDX-License-Identifier: MIT
-- Escape sequences that make a terminal show a notification, over ssh too: OSC 9
-- (iTerm2, WezTerm, Ghostty, Windows Terminal), 99 (kitty), 777 (foot, urxvt). Written to
-- the terminal of the launcher only; inside tmux wrapped so that it is passed on,
-- which tmux does with `set -g allow-passthrough on`.

local text = require("wrapix.notify.sinks.text")

local M = { name = "osc" }

local ESC, ST = "\27", "\27\\"
-- Longer ones are cut by some terminals in the middle of the sequence.
local LONGEST = 400

-- A terminal that knows none of them ignores OSC 9 at worst.
local function code_of(env)
  if env.KITTY_WINDOW_ID or env.TERM == "xterm-kitty" then return 99 end
  if (env.TERM or ""):find("^foot") or (env.TERM or ""):find("^rxvt") then return 777 end
  return 9
end

-- Whatever could end a sequence early or begin another: clean texts hold none.
local function harmless(given) return (given:gsub("[%c\x7f]", " "):gsub("\xC2[\x80-\x9F]", " ")) end

local BUILD = {}

BUILD[9] = function(message) -- "4;" would be a progress bar for some
  local line = harmless(text.shorten(text.line(message), LONGEST))
  return ("%s]9;%s\a"):format(ESC, (line:gsub("^[%d;]", " %0")))
end

BUILD[777] = function(message)
  local title = harmless(text.title(message)):gsub(";", ",")
  return ("%s]777;notify;%s;%s\a"):format(ESC, title, harmless(text.body(message, LONGEST)))
end

BUILD[99] = function(message)
  local id = text.tag(message) or "wrapix"
  return ("%s]99;i=%s:d=0;%s%s%s]99;i=%s:p=body;%s%s"):format(ESC, id,
    harmless(text.title(message)), ST, ESC, id, harmless(text.body(message, LONGEST)), ST)
end

---@param env table<string, string>
---@param opts { terminal: fun(text: string)? }
---@return boolean
---@return string? why not
function M.available(env, opts)
  if not opts.terminal then return false, "there is no terminal" end
  if env.TERM == "dumb" or env.TERM == "linux" then return false, "the terminal knows none" end
  return true
end

---The bytes for a terminal.
---@param message table
---@param env table<string, string>
---@param code (9|99|777)?
---@return string
function M.sequence(message, env, code)
  local sequence = BUILD[code or code_of(env)](message)
  if (env.TMUX or "") == "" then return sequence end
  return ("%sPtmux;%s%s"):format(ESC, (sequence:gsub(ESC, ESC .. ESC)), ST)
end

---@param message table
---@param opts { terminal: fun(text: string), code: integer?, env: table? }
---@return true
function M.show(message, opts)
  opts.terminal(M.sequence(message, opts.env or {}, opts.code))
  return true
end

return M
