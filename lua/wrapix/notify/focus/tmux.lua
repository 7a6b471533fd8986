-- SPDX-License-Identifier: MIT
-- tmux: whether a client shows the pane, and whether that client's terminal has the
-- focus. Always asks the server of the pane (-S) about the pane (-t): without these it
-- answers for whichever client was busy last. The clients' processes are the places to
-- look for windows, for the launcher's own ancestors end at the server.

local command = require("wrapix.notify.focus.command")
local processes = require("wrapix.notify.focus.processes")

local M = { name = "tmux", level = "pane" }

-- A client counts as focused until it says otherwise, and it does so only with the
-- option focus-events, which a format gives as well (tmux(1), FORMATS).
local PANE = "pane #{pid} #{pane_id} #{pane_tty} #{focus-events}"
local CLIENT = "client #{client_pid} #{pane_id} #{client_flags}"
local MOST_CLIENTS = 64

---@class wrapix.TmuxClient
---@field pid integer
---@field pane string the one it shows as active
---@field focused boolean
---@field control boolean

---@class wrapix.TmuxAnswer
---@field pid integer of the server
---@field pane string
---@field tty string
---@field tracked boolean clients tell of their focus
---@field clients wrapix.TmuxClient[]

---@param screen wrapix.Screen
---@return boolean
function M.applies(screen) return screen.tmux ~= nil end

---@param screen wrapix.Screen
---@return string[]
function M.argv(screen)
  local tmux = screen.tmux
  return {
    "tmux", "-S", tmux.socket, "display-message", "-p", "-t", tmux.pane, PANE,
    ";", "list-clients", "-F", CLIENT,
  }
end

---@param text string
---@return wrapix.TmuxAnswer|nil
function M.parse(text)
  local pid, pane, tty, events = text:match("^pane (%d+) (%%%d+) (%S*) (%w+)\n")
  if not pid then return nil end
  local answer = {
    pid = math.tointeger(tonumber(pid)), pane = pane, tty = tty,
    tracked = events == "on" or events == "1", clients = {},
  }
  for client, shown, flags in text:gmatch("\nclient (%d+) (%%%d+) ([^\n]*)") do
    if #answer.clients >= MOST_CLIENTS then break end
    flags = "," .. flags .. ","
    answer.clients[#answer.clients + 1] = {
      pid = math.tointeger(tonumber(client)), pane = shown,
      focused = flags:find(",focused,", 1, true) ~= nil,
      control = flags:find(",control-mode,", 1, true) ~= nil,
    }
  end
  return answer
end

local function is_remote(pid, reader)
  for _, one in ipairs(reader.chain(pid)) do
    if one.name:find("^sshd") then return true end
  end
  return false
end

-- A client over ssh without focus-events: it is there, but so may be a browser over it.
local function verdict(shown, tracked, reader)
  local more, unsure = { viewers = {}, assumed = not tracked }, false
  for _, client in ipairs(shown) do
    if client.control or not tracked and is_remote(client.pid, reader) then
      unsure = true
    elseif client.focused then
      more.viewers[#more.viewers + 1] = client.pid
    end
  end
  if more.viewers[1] then
    return "focused", tracked and "a focused client shows the pane"
      or "a client shows the pane; focus-events is off", more
  elseif unsure then
    return "unknown", "a client shows the pane, but not whether somebody looks", { viewers = {} }
  end
  return "away", "no client that shows the pane has the focus", { viewers = {} }
end

---Judges an answer.
---@param screen wrapix.Screen
---@param answer wrapix.TmuxAnswer
---@param reader table? of processes.lua
---@return "focused"|"away"|"unknown" answer
---@return string detail
---@return wrapix.FocusMore?
function M.judge(screen, answer, reader)
  -- Another server, or another terminal: the number of the pane is somebody else's, or
  -- the variables came along into a terminal that was started from the pane.
  if answer.pid ~= screen.tmux.pid or answer.pane ~= screen.tmux.pane
    or screen.tty and answer.tty ~= screen.tty then
    return "unknown", "the pane of this number is another one"
  end
  local shown = {}
  for _, client in ipairs(answer.clients) do
    if client.pane == answer.pane then shown[#shown + 1] = client end
  end
  if not shown[1] then
    local reason = answer.clients[1] and "another pane is in view" or "no client is attached"
    return "away", reason, { viewers = {} }
  end
  return verdict(shown, answer.tracked, reader or processes)
end

---@param screen wrapix.Screen
---@param run function as proc.run
---@return "focused"|"away"|"unknown" answer
---@return string? detail
---@return wrapix.FocusMore?
function M.ask(screen, run)
  local text, message = command.run(run, M.argv(screen), { LC_ALL = "C.UTF-8", TMUX = false })
  local answer = text and M.parse(text)
  if not answer then return "unknown", message or "the answer has another form" end
  return M.judge(screen, answer)
end

return M
