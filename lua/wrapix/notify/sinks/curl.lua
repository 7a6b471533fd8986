-- SPDX-License-Identifier: MIT
-- One request by curl. Address, headers and body go in as its configuration on stdin:
-- an address may be as secret as a token, and what stands in argv every user of the
-- machine can read. Reads no ~/.curlrc, follows no redirect, takes no other protocol.

local fs = require("wrapix.fs")
local text = require("wrapix.notify.sinks.text")

local M = {}

local TOKEN_LIMIT = 4096
local OTHERS = tonumber("077", 8)

-- In quotes these are all that curl reads as more than themselves (curl(1), --config).
local ESCAPES = { ["\\"] = "\\\\", ["\""] = "\\\"", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function quote(value) return '"' .. value:gsub("[\\\"\n\r\t]", ESCAPES) .. '"' end

-- A token that others can read is none.
local function read_token(file)
  local stat, message = fs.stat(file)
  if not stat then return nil, message end
  if stat.mode & OTHERS ~= 0 then
    return nil, ("token: %s: others may read it (chmod 600 mends that)"):format(file)
  end
  local token
  token, message = fs.read(file, TOKEN_LIMIT)
  if not token then return nil, message end
  token = token:match("^%s*(%S+)%s*$")
  if not token or token:find("[%c\x7f]") then return nil, ("token: %s: holds no token"):format(file) end
  return token
end

---What curl reads from stdin.
---@param request { url: string, body: string, headers: table<string, string>?, token: string? }
---@return string
function M.config(request)
  local lines = { "url = " .. quote(request.url) }
  local headers = { ["Content-Type"] = "application/json" }
  for name, value in pairs(request.headers or {}) do headers[name] = value end
  if request.token then headers.Authorization = "Bearer " .. request.token end
  local names = {}
  for name in pairs(headers) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    lines[#lines + 1] = "header = " .. quote(name .. ": " .. headers[name])
  end
  -- JSON begins with a brace, so it is never taken for the name of a file.
  lines[#lines + 1] = "data-binary = " .. quote(request.body)
  return table.concat(lines, "\n") .. "\n"
end

M.ARGV = {
  "curl", "--disable", "--silent", "--show-error", "--fail", "--globoff", "--proto", "=http,https",
  "--max-time", "15", "--output", "/dev/null", "--config", "-",
}

---Sends a request.
---@param request { url: string, body: string, headers: table<string, string>?, token_file: string? }
---@param env table? for curl
---@param run function as proc.run
---@return true|nil
---@return string? why not
function M.post(request, env, run)
  local token, message
  if request.token_file then
    token, message = read_token(request.token_file)
    if not token then return nil, message end
  end
  local input = M.config({ url = request.url, body = request.body, headers = request.headers,
    token = token })
  local ok
  ok, message = text.run(run, M.ARGV, { input = input, env = env, timeout = 20 })
  -- curl names the address it could not reach.
  if not ok then return nil, (message:gsub("https?://%S+", "the address")) end
  return true
end

return M
