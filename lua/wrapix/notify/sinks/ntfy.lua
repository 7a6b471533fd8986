-- SPDX-License-Identifier: MIT
-- A phone, by an ntfy server. Published as JSON, so that no text is ever a header.

local curl = require("wrapix.notify.sinks.curl")
local json = require("wrapix.json")
local text = require("wrapix.notify.sinks.text")
local webhook = require("wrapix.notify.sinks.webhook")

local M = { name = "ntfy", available = webhook.available }

local PRIORITIES = { low = 2, normal = 3, critical = 5 }

---The address and the body for a message; the topic is the last part of the address,
---but JSON is taken at the root only.
---@param message table
---@param url string "https://SERVER/TOPIC"
---@return string? url
---@return string body_or_reason
function M.request(message, url)
  local base, topic = url:match("^(https?://[^/]+.*/)([^/?#]+)$")
  if not base then return nil, "ntfy: its url has no topic: https://SERVER/TOPIC expected" end
  return base, assert(json.encode({
    topic = topic, title = text.title(message), message = text.body(message, 3500),
    priority = PRIORITIES[message.urgency] or 3,
  }))
end

---@param message table
---@param opts { url: string, token_file: string?, env: table? }
---@param run function as proc.run
---@return true|nil
---@return string? why not
function M.show(message, opts, run)
  local url, body = M.request(message, opts.url)
  if not url then return nil, body end
  return curl.post({ url = url, body = body, token_file = opts.token_file }, opts.env, run)
end

return M
