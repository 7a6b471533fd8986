-- SPDX-License-Identifier: MIT
-- How detectors ask: a program with a short time, or a socket. Answers are bounded, and
-- whatever goes wrong is a reason and never an error. Knows no program by name.

local json = require("wrapix.json")
local net = require("wrapix.net")
local task = require("wrapix.task")

local M = {}

-- Seconds for one question. A person waits for the notification.
M.SECONDS = 0.5
local OUTPUT_LIMIT = 4 << 20

---The variables under which a program of the person's desktop finds it.
---@param screen wrapix.Screen
---@return table<string, string>
function M.desktop_env(screen)
  return {
    LC_ALL = "C", DISPLAY = screen.display, XAUTHORITY = screen.xauthority,
    WAYLAND_DISPLAY = screen.wayland, DBUS_SESSION_BUS_ADDRESS = screen.bus,
    XDG_RUNTIME_DIR = screen.runtime_dir,
  }
end

---Asks a program.
---@param run function as proc.run
---@param argv string[]
---@param env table<string, string|false>? merged over ours
---@return string|nil stdout
---@return string? why not
function M.run(run, argv, env)
  local result, message = run(argv, {
    timeout = M.SECONDS, grace = 0.1, max_output = OUTPUT_LIMIT, env = env or { LC_ALL = "C" },
  })
  if not result then return nil, message end
  if result.timed_out then return nil, argv[1] .. " gave no answer" end
  if result.code ~= 0 then
    local reason = (result.stderr or ""):match("[^\n]+") or "it failed"
    return nil, ("%s: %s"):format(argv[1], reason:sub(1, 200):gsub("%c", "?"))
  end
  if result.truncated then return nil, argv[1] .. ": the answer is too long" end
  return result.stdout or ""
end

---Reads JSON of the wanted kind: a table.
---@param text string
---@return table|nil
---@return string? why not
function M.decode(text)
  local value, message = json.decode(text, { max_size = OUTPUT_LIMIT })
  if type(value) == "table" then return value end
  return nil, message or "the answer is no table"
end

---Opens a Unix socket and has `talk(stream)` ask; closes it again.
---@param path string
---@param talk fun(stream: wrapix.Stream): string?, string?
---@return string|nil
---@return string? why not
function M.ask_socket(path, talk)
  local answer, message = task.timeout(M.SECONDS, function()
    local stream, why = net.connect_unix(path)
    if not stream then return false, why end
    local ok, text, reason = pcall(talk, stream)
    stream:close()
    if not ok then error(text, 0) end
    return text or false, reason
  end)
  if answer then return answer end
  return nil, message or "no answer"
end

---One request, and the answer up to a line's end or to the end of the connection.
---@param path string
---@param request string
---@param how "line"|"all"
---@return string|nil
---@return string? why not
function M.ask_text(path, request, how)
  return M.ask_socket(path, function(stream)
    local ok, message = stream:write(request)
    if not ok then return nil, message end
    if how == "line" then return stream:read_line(OUTPUT_LIMIT) end
    return stream:read_all(OUTPUT_LIMIT)
  end)
end

-- The wire of i3 and sway (i3's docs/ipc, sway-ipc(7)): "i3-ipc", length and type as
-- 32 bits of this machine's order, then JSON.
local MAGIC, HEADER, GET_TREE = "i3-ipc", 14, 4

---Asks i3 or sway for its tree.
---@param path string socket
---@return string|nil JSON
---@return string? why not
function M.ask_tree(path)
  return M.ask_socket(path, function(stream)
    local ok, message = stream:write(MAGIC .. string.pack("=I4I4", 0, GET_TREE))
    if not ok then return nil, message end
    local head
    head, message = stream:read_exact(HEADER)
    if not head or #head < HEADER or head:sub(1, 6) ~= MAGIC then
      return nil, message or "the answer has another form"
    end
    local size, kind = string.unpack("=I4I4", head, 7)
    if kind ~= GET_TREE or size == 0 or size > OUTPUT_LIMIT then
      return nil, "the answer has another form"
    end
    local body
    body, message = stream:read_exact(size)
    if not body or #body < size then return nil, message or "the answer is cut off" end
    return body
  end)
end

return M
