-- SPDX-License-Identifier: MIT
-- A message as JSON to an address of the person's.

local command = require("wrapix.notify.sinks.command")
local curl = require("wrapix.notify.sinks.curl")
local sys = require("wrapix.sys")
local text = require("wrapix.notify.sinks.text")

local M = { name = "webhook" }

-- curl takes lines of 100 kB in its configuration; an escape doubles a byte.
local LONGEST = 16000

---@param env table<string, string>
---@return boolean
---@return string? why not
function M.available(env)
  if sys.which("curl", env.PATH) then return true end
  return false, "curl is not installed"
end

---@param message table
---@param opts { url: string, headers: table?, token_file: string?, env: table? }
---@param run function as proc.run
---@return true|nil
---@return string? why not
function M.show(message, opts, run)
  local short = setmetatable({ message = text.shorten(message.message or "", LONGEST),
    title = text.shorten(message.title, LONGEST) }, { __index = message })
  return curl.post({ url = opts.url, body = command.json(short), headers = opts.headers,
    token_file = opts.token_file }, opts.env, run)
end

return M
