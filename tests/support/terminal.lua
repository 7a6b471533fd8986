-- SPDX-License-Identifier: MIT
-- A person at a terminal, for specs: types, reads, changes the size, hangs up.
-- The terminal itself is pty.c, compiled where it is used.

local fs = require("wrapix.fs")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

-- Only for what hangs, on a machine that does other things.
local PATIENCE = 30

local Terminal = {}
Terminal.__index = Terminal

local function helper()
  local path = os.getenv("WRAPIX_TEST_TMP") .. "/bin/pty"
  if fs.stat(path) then return path end
  local result = assert(proc.run({
    os.getenv("CC") or "cc", "-std=c11", "-D_GNU_SOURCE", "-o", path,
    WRAPIX_ROOT .. "/tests/support/pty.c", "-lutil",
  }))
  assert(result.code == 0, result.stderr)
  return path
end

---Starts a command at a terminal of its own; for a <close> variable.
---@param argv string[]
---@param opts { rows: integer?, cols: integer?, env: table?, clear_env: boolean?,
---  cwd: string?, helper: string? }?
function M.open(argv, opts)
  opts = opts or {}
  local words = { opts.helper or helper(), tostring(opts.rows or 24), tostring(opts.cols or 80) }
  local process = assert(proc.spawn(table.move(argv, 1, #argv, #words + 1, words), {
    stdin = "pipe", stdout = "pipe", stderr = "pipe", env = opts.env, cwd = opts.cwd,
    clear_env = opts.clear_env,
  }))
  return setmetatable({ _process = process, seen = "", _unread = "" }, Terminal)
end

function Terminal:_order(text) assert(self._process.stdin:write(text .. "\n")) end

---Types bytes, as keys.
function Terminal:type(keys)
  self:_order("s " .. keys:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

function Terminal:resize(rows, cols) self:_order(("w %d %d"):format(rows, cols)) end

function Terminal:hang_up() self:_order("h") end

---"raw" or "cooked".
function Terminal:modes()
  self:_order("m")
  return assert(task.timeout(PATIENCE, function() return self._process.stderr:read_line() end))
end

-- False at the end, or after the time.
function Terminal:_more(seconds)
  local chunk = task.timeout(seconds, function() return self._process.stdout:read() or "" end)
  if not chunk or chunk == "" then return false end
  self.seen, self._unread = self.seen .. chunk, self._unread .. chunk
  return true
end

---Reads until a pattern is found in what has not been read yet; returns its captures.
---@param pattern string
---@param seconds number? 30
function Terminal:expect(pattern, seconds)
  local deadline = sys.clock() + (seconds or PATIENCE)
  while true do
    local found = table.pack(self._unread:find(pattern))
    if found[1] then
      self._unread = self._unread:sub(found[2] + 1)
      return table.unpack(found, 3, math.max(3, found.n))
    end
    if sys.clock() > deadline or not self:_more(deadline - sys.clock()) then
      error(("terminal: %q did not come; seen:\n%s"):format(pattern, self.seen), 2)
    end
  end
end

---Reads to the end. Returns the status, and whether the modes are the "same".
---@param seconds number? 30
---@return integer status
---@return string? modes
function Terminal:wait(seconds)
  while self:_more(seconds or PATIENCE) do end
  local result = assert(task.timeout(seconds or PATIENCE, function() return self._process:wait() end))
  local status = tonumber(result.stderr:match("status (%d+)\n"))
  return status or error("terminal: " .. result.stderr), result.stderr:match("(%a+)\n$")
end

function Terminal:__close() self._process:__close() end

return M
