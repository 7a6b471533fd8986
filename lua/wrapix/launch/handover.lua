-- SPDX-License-Identifier: MIT
-- What a caller hands into one run and gets out of it: files below /run/wrapix, sockets
-- beside them, and what the program left in /run/wrapix/out. That directory belongs to
-- the sandbox: what lies there is read bounded, and no link in it is followed.

local fs = require("wrapix.fs")
local lazy = require("wrapix.lazy")
local sockets = lazy("wrapix.launch.sockets")

local M = {}

-- As root the sandbox reads them as somebody else.
local READABLE = tonumber("644", 8)
local LONGEST_NAME = 32
-- Names of wrapix's own in the same directory, and beginnings of those.
local TAKEN = { ["context.json"] = true, out = true, bin = true, agents = true, git = true,
  ssh = true, ["notify.token"] = true }
local TAKEN_SOCKETS = { lease = true, notify = true }

---@class wrapix.Handover
---@field files table<string, string>? name → text, seen as /run/wrapix/NAME, read-only
---@field sockets table<string, fun(connection: wrapix.Stream)>? name → what answers a connection to
--- /run/wrapix/NAME.sock, in a task of its own; the connection is closed when it returns
---@field collect table<string, integer>? name of a file in /run/wrapix/out → the most bytes it may have

local function is_file_name(name)
  return type(name) == "string" and #name <= 64 and name:find("^%w[%w._-]*$") ~= nil
end

local function check_file(name, text)
  if not is_file_name(name) then return "is no name of a file: letters, digits, '.', '_' and '-'" end
  if TAKEN[name] or name:find("%.sock$") then return "is a name that wrapix uses" end
  if type(text) ~= "string" then return "a text expected" end
end

local function check_socket(name, answer)
  if type(name) ~= "string" or #name > LONGEST_NAME or not name:find("^[a-z][a-z0-9-]*$") then
    return "is no name of a socket: a-z first, then a-z, 0-9 and '-', at most 32"
  end
  if TAKEN_SOCKETS[name] or name:find("^exec%-") then return "is a name that wrapix uses" end
  if type(answer) ~= "function" then return "a function expected" end
end

local function check_collected(name, most)
  if not is_file_name(name) then return "is no name of a file: letters, digits, '.', '_' and '-'" end
  if math.type(most) ~= "integer" or most < 1 then return "a number of bytes expected" end
end

local CHECKS = { files = check_file, sockets = check_socket, collect = check_collected }

---Takes the options of a run that are about this; a mistake in them raises.
---@param opts table
---@param where string for messages, such as "run"
---@param level integer as error's, of whoever calls this
---@return wrapix.Handover? handover nil when there is nothing
function M.of(opts, where, level)
  local found
  for field, check in pairs(CHECKS) do
    local value = opts[field]
    if value ~= nil and type(value) ~= "table" then
      error(("%s: %s: a table expected"):format(where, field), level + 1)
    end
    for name, entry in pairs(value or {}) do
      local reason = check(name, entry)
      if reason then
        error(("%s: %s: '%s': %s"):format(where, field, tostring(name), reason), level + 1)
      end
    end
    if value then
      found = found or {}
      found[field] = value
    end
  end
  return found
end

-- One launch -----------------------------------------------------------------------------

---@class wrapix.LaunchHandover
local Given = {}
Given.__index = Given

local function write_files(files, dir)
  for name, text in pairs(files) do
    local path = dir .. "/" .. name
    if fs.lstat(path) then return nil, ("files: %s: the name is taken"):format(name), "EEXIST" end
    local ok, message, code = fs.write_atomic(path, text, { mode = READABLE, sync = false })
    if not ok then return nil, "files: " .. message, code end
  end
  return true
end

---Puts files and sockets into the session's directory.
---@param handover wrapix.Handover
---@param launch wrapix.Launch
---@return wrapix.LaunchHandover|nil
---@return string? message
---@return string? code
function M.give(handover, launch)
  local ok, message, code = write_files(handover.files or {}, launch.session.dir)
  if not ok then return nil, message, code end
  local self = setmetatable({ _collect = handover.collect, _dir = launch.session.dir }, Given)
  if handover.sockets and next(handover.sockets) then
    self._sockets, message, code = sockets.open(handover.sockets, launch)
    if not self._sockets then return nil, message, code end
  end
  return self
end

local REASONS = { ELOOP = "is a link", EISDIR = "is a directory", EINVAL = "is no file" }

local function collect(wanted, dir)
  local collected, errors = {}, {}
  for name, most in pairs(wanted) do
    local text, message, code = fs.read_beneath(dir, "out/" .. name, most)
    collected[name] = text
    if code == "EFBIG" then
      errors[name] = ("is larger than %d bytes"):format(most)
    elseif not text and code ~= "ENOENT" then
      errors[name] = REASONS[code] or message
    end
  end
  return collected, errors
end

---Ends the sockets and reads what is to be collected, once the sandbox is over. Not to
---be cut short.
---@param result table? of the launch
function Given:close(result)
  if self._sockets then self._sockets:close() end
  if result and self._collect then
    result.collected, result.collect_errors = collect(self._collect, self._dir)
  end
end

return M
