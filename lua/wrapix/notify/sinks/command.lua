-- SPDX-License-Identifier: MIT
-- The person's own program: words from the rules, the message as JSON on stdin and as
-- variables. No text of a message is ever one of the words.

local json = require("wrapix.json")
local text = require("wrapix.notify.sinks.text")

local M = { name = "command" }

---@return boolean
function M.available() return true end

-- The message as it may leave the process: strings, numbers and what is made of them.
local function payload(message)
  local from = message.from
  return {
    title = message.title, message = message.message or "",
    sound = message.sound, urgency = message.urgency, event = message.event, tag = message.tag,
    session_id = message.session_id, count = message.count or 1,
    from = from and { session = from.session, name = from.name, profile = from.profile,
      workspace = from.workspace, started = from.started } or nil,
  }
end

---The message as JSON.
---@param message table
---@return string
function M.json(message) return assert(json.encode(payload(message))) end

---The variables of a message.
---@param message table
---@return table<string, string>
function M.variables(message)
  local from, env = message.from or {}, {}
  local function add(name, value)
    if type(value) == "string" or type(value) == "number" then
      env["WRAPIX_NOTIFY_" .. name] = tostring(value):gsub("%z", "")
    end
  end
  add("TITLE", text.shorten(message.title, 1000))
  add("MESSAGE", text.body(message, 8000))
  add("SOUND", message.sound)
  add("URGENCY", message.urgency)
  add("EVENT", message.event)
  add("COUNT", message.count or 1)
  add("SESSION", from.session)
  add("NAME", from.name)
  add("PROFILE", from.profile)
  add("WORKSPACE", from.workspace)
  return env
end

---@param message table
---@param opts { argv: string[], timeout: number?, env: table? }
---@param run function as proc.run
---@return true|nil
---@return string? why not
function M.show(message, opts, run)
  local env = {}
  for name, value in pairs(opts.env or {}) do env[name] = value end
  for name, value in pairs(M.variables(message)) do env[name] = value end
  -- A script may leave a player of sounds behind, and is not waited for because of it.
  return text.run(run, opts.argv, {
    input = M.json(message), stdout = "null", env = env, timeout = opts.timeout or 10,
    background = true,
  })
end

return M
