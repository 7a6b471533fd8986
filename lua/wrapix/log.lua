-- SPDX-License-Identifier: MIT
-- Lines for people on stderr: `wrapix: action: object: reason`, `hint: …`, and
-- progress of what takes long. Text may come from a hostile workspace, so what
-- could steer a terminal or forge a line is shown as \xNN. Decides no wording.

local options = require("wrapix.opts")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

local LEVELS = { error = 1, warn = 2, info = 3, debug = 4 }
local PREFIX = { error = "", warn = "warning: ", info = "", debug = "debug: " }

-- Below this people do not wonder; later they want to know that it goes on.
local QUIET_SECONDS = 2
local TTY_STEP, LINE_STEP = 1, 15

local ERASE = "\r\27[K"

-- --- cleaning ------------------------------------------------------------------------

-- Filled as it is used: most runs show not one of the 256.
local SHOWN = setmetatable({}, {
  __index = function(shown, char)
    if char == "" then return nil end
    shown[char] = ("\\x%02X"):format(char:byte())
    return shown[char]
  end,
})

local function escape(bytes) return (bytes:gsub(".", SHOWN)) end

-- Turns of writing direction and line separators: a terminal may obey them.
local function is_steering(code)
  return code >= 0x80 and code <= 0x9F or code == 0x61C or code >= 0x200E and code <= 0x200F
    or code >= 0x2028 and code <= 0x202E or code >= 0x2066 and code <= 0x2069
end

local function clean_character(char)
  return is_steering(utf8.codepoint(char)) and escape(char) or nil
end

-- Valid UTF-8 text, control bytes done already.
local function clean_valid(text)
  return (text:gsub("[\xC2\xD8\xE2][\x80-\xBF]+", clean_character))
end

--- Shows control characters, bytes that are not UTF-8 and turns of the writing
--- direction as \xNN, so that the result is one harmless line.
---@param text string
---@return string
function M.clean(text)
  if type(text) ~= "string" then
    error(("log.clean: string expected, got %s"):format(type(text)), 2)
  end
  text = text:gsub("[\0-\31\127]", SHOWN)
  local out, at = {}, 1
  while at <= #text do
    local _, bad = utf8.len(text, at)
    local stop = bad or #text + 1
    if stop > at then
      out[#out + 1] = clean_valid(text:sub(at, stop - 1))
    end
    out[#out + 1] = SHOWN[text:sub(stop, stop)]
    at = stop + 1
  end
  return table.concat(out)
end

--- Takes a message apart that carries its hint as a second line. Only for
--- messages whose untrusted parts are clean: a name may hold that line as well.
---@param message string
---@return string text
---@return string? hint
function M.split(message)
  local text, hint = message:match("^(.-)\nhint: (.*)$")
  return text or message, hint
end

-- --- the object ----------------------------------------------------------------------

---@class wrapix.Log
---@field level "error"|"warn"|"info"|"debug" the least important one that is written
---@field _stream table|file*
---@field _name string
---@field _tty boolean
---@field _clock fun(): number
---@field _after number seconds before progress speaks up
---@field _live boolean a progress line without its end stands on the terminal
local Log = {}
Log.__index = Log

local function is_terminal(stream)
  local term = os.getenv("TERM")
  return stream == io.stderr and sys.isatty(2) and term ~= nil and term ~= "dumb"
end

---@class wrapix.LogOptions
---@field level? "error"|"warn"|"info"|"debug" "info"
---@field stream? table|file* what has write(self, text); io.stderr
---@field name? string "wrapix"
---@field tty? boolean whether escape codes may be written; else the stream is looked at
---@field clock? fun(): number seconds
---@field after? number seconds before progress speaks up; 2

--- Makes a log.
---@param opts wrapix.LogOptions?
---@return wrapix.Log
function M.new(opts)
  opts = options.check(opts, {
    level = "string",
    stream = "table|userdata",
    name = "string",
    tty = "boolean",
    clock = "function",
    after = "number",
  }, "log.new")
  local level = opts.level or "info"
  if not LEVELS[level] then
    error(("log.new: level %q: one of error, warn, info, debug expected"):format(level), 2)
  end
  local stream, tty = opts.stream or io.stderr, opts.tty
  if tty == nil then
    tty = is_terminal(stream)
  end
  return setmetatable({
    level = level,
    _stream = stream,
    _name = opts.name or "wrapix",
    _tty = tty,
    _clock = opts.clock or sys.clock,
    _after = opts.after or QUIET_SECONDS,
    _live = false,
  }, Log)
end

--- Tells whether lines of a level are written.
---@param level "error"|"warn"|"info"|"debug"
---@return boolean
function Log:shows(level)
  local rank = LEVELS[level]
  if not rank then
    error(("log: unknown level %q"):format(tostring(level)), 2)
  end
  return rank <= LEVELS[self.level]
end

-- One write for each line: other programs write to the same terminal.
function Log:_line(text)
  self._stream:write((self._live and ERASE or "") .. text .. "\n")
  self._live = false
end

function Log:_message(level, text, hint)
  if not self:shows(level) then
    return
  end
  self:_line(("%s: %s%s"):format(self._name, PREFIX[level], M.clean(text)))
  if hint then
    self:hint(hint)
  end
end

--- Writes what went wrong: "action: object: reason".
---@param text string
---@param hint string? the one command or line that helps
function Log:error(text, hint) self:_message("error", text, hint) end

--- Writes what is not as it should be, but goes on.
---@param text string
---@param hint string?
function Log:warn(text, hint) self:_message("warn", text, hint) end

--- Writes what is going on.
---@param text string
---@param hint string?
function Log:info(text, hint) self:_message("info", text, hint) end

--- Writes what only somebody looking for a mistake wants to know.
---@param text string
---@param hint string?
function Log:debug(text, hint) self:_message("debug", text, hint) end

--- Writes a hint for what was said last.
---@param text string
function Log:hint(text) self:_line("hint: " .. M.clean(text)) end

--- Writes the lines of another program's text, indented: the end of a failed
--- build, a traceback.
---@param level "error"|"warn"|"info"|"debug"
---@param text string
function Log:block(level, text)
  if not self:shows(level) then
    return
  end
  for line in (text:gsub("\n$", "") .. "\n"):gmatch("(.-)\r?\n") do
    self:_line("  " .. M.clean(line))
  end
end

-- --- progress ------------------------------------------------------------------------

local function elapsed(seconds)
  seconds = math.floor(seconds)
  if seconds < 60 then
    return ("%d s"):format(seconds)
  end
  return ("%d min %02d s"):format(seconds // 60, seconds % 60)
end

function Log:_report(text, seconds)
  local line = ("%s: %s (%s)"):format(self._name, text, elapsed(seconds))
  if not self._tty then
    return self:_line(line)
  end
  self._stream:write(ERASE .. line)
  self._live = true
end

local function tick(log, text, start, shown)
  local pause = log._after
  while task.sleep(pause) do
    shown.yes = true
    log:_report(text, log._clock() - start)
    pause = log._tty and TTY_STEP or LINE_STEP
  end
  return true
end

--- Runs fn(...) as a task and tells how long it takes, once that is more than two
--- seconds (option `after`): on a terminal by a line that counts, elsewhere by one now and then.
---@param text string "build image: localhost/shop"
---@param fn function
---@param ... any its arguments
---@return any ... what fn returns; what it raises is raised
function Log:progress(text, fn, ...)
  if not self:shows("info") then
    return fn(...)
  end
  text = M.clean(text)
  local start, shown = self._clock(), {}
  local out = table.pack(pcall(task.scope, function(scope, ...)
    local ticker = scope:spawn(tick, self, text, start, shown)
    local results = table.pack(fn(...))
    ticker:cancel()
    return table.unpack(results, 1, results.n)
  end, ...))
  if shown.yes then
    local failed = not out[1] or out[2] == nil and type(out[3]) == "string"
    local word = failed and "failed" or "done"
    self:_line(("%s: %s: %s (%s)"):format(self._name, text, word, elapsed(self._clock() - start)))
  end
  if not out[1] then
    error(out[2], 0)
  end
  return table.unpack(out, 2, out.n)
end

return M
