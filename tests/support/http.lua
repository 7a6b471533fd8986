-- SPDX-License-Identifier: MIT
-- As much of HTTP/1.1 as the servers of specs need: one request a connection, bodies
-- that are JSON, a listener with a task for each connection. Strict with what comes
-- in; it knows no paths and no hosts.

local json = require("wrapix.json")
local net = require("wrapix.net")
local task = require("wrapix.task")

local M = {}

local MAX_BODY = 32 << 20
local MAX_HEADERS = 100
local REASONS = {
  [200] = "OK", [400] = "Bad Request", [401] = "Unauthorized", [404] = "Not Found",
  [429] = "Too Many Requests", [500] = "Internal Server Error", [529] = "Overloaded",
}

---@class wrapix.test.HttpRequest
---@field method string
---@field path string without the query
---@field headers table<string, string> names in lower case
---@field body any? decoded JSON

local function read_headers(stream)
  local headers = {}
  for _ = 1, MAX_HEADERS do
    local line = stream:read_line()
    if not line then return nil, "the connection ended in the headers" end
    line = line:gsub("\r$", "")
    if line == "" then return headers end
    local name, value = line:match("^([^:%s]+):%s*(.-)%s*$")
    if not name then return nil, "not a header: " .. line end
    headers[name:lower()] = value
  end
  return nil, "too many headers"
end

local function read_chunks(stream)
  local parts, size = {}, 0
  repeat
    local length = tonumber((stream:read_line() or ""):match("^%x+") or "", 16)
    if not length then return nil, "not a chunk" end
    size = size + length
    if size > MAX_BODY then return nil, "too long a body" end
    parts[#parts + 1] = length > 0 and stream:read_exact(length) or ""
    stream:read_line()
  until length == 0
  return table.concat(parts)
end

local function read_body(stream, headers)
  if (headers["transfer-encoding"] or ""):lower() == "chunked" then return read_chunks(stream) end
  local length = tonumber(headers["content-length"] or "0")
  if not length or length > MAX_BODY then return nil, "too long a body" end
  local body = length > 0 and stream:read_exact(length) or ""
  if not body or #body < length then return nil, "the connection ended in the body" end
  return body
end

---Reads one request. nil alone when nobody asks anything any more.
---@param stream wrapix.Stream
---@return wrapix.test.HttpRequest?
---@return string? why it is none
function M.read(stream)
  local line = stream:read_line()
  if not line then return nil end
  local method, target = line:match("^(%u+) (%S+) HTTP/1%.[01]\r?$")
  if not method then return nil, "not a request: " .. line end
  local headers, why = read_headers(stream)
  if not headers then return nil, why end
  local text
  text, why = read_body(stream, headers)
  if not text then return nil, why end
  local body
  if text ~= "" then
    body, why = json.decode(text)
    if body == nil then return nil, "not JSON: " .. tostring(why) end
  end
  return { method = method, path = target:match("^[^?]*"), headers = headers, body = body }
end

---The first lines of an answer, after which the connection ends.
---@param status integer
---@param headers table<string, string|integer>
---@return string
function M.head(status, headers)
  local lines = { ("HTTP/1.1 %d %s"):format(status, REASONS[status] or "Status") }
  local names = {}
  for name in pairs(headers) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do lines[#lines + 1] = ("%s: %s"):format(name, headers[name]) end
  return table.concat(lines, "\r\n") .. "\r\nconnection: close\r\n\r\n"
end

---Headers and some more, which win.
---@param headers table?
---@param more table
---@return table
function M.with(headers, more)
  local all = {}
  for name, value in pairs(headers or {}) do all[name] = value end
  for name, value in pairs(more) do all[name] = value end
  return all
end

---Sends a whole answer.
---@param stream wrapix.Stream
---@param status integer
---@param value table as JSON
---@param headers table<string, string>?
function M.send_json(stream, status, value, headers)
  local text = assert(json.encode(value))
  stream:write(M.head(status, M.with(headers, {
    ["content-type"] = "application/json", ["content-length"] = #text,
  })) .. text)
end

---@class wrapix.test.Listener
---@field address string "HOST:PORT", as it is seen
local Listener = {}
Listener.__index = Listener

-- What goes wrong with one connection ends that one alone.
local function accept_all(server, serve, problems)
  task.scope(function(scope)
    while true do
      local stream = server:accept()
      if not stream then break end
      scope:spawn(function()
        local ok, err = pcall(serve, stream)
        if not ok and not task.is_cancelled() then problems[#problems + 1] = tostring(err) end
        stream:close()
        return true
      end)
    end
    scope:cancel()
    return true
  end)
end

---Serves every connection in a task of its own until it is closed.
---@param host string to listen on
---@param seen string? the address at which that is seen
---@param serve fun(stream: wrapix.Stream)
---@param problems string[] where errors are put
---@return wrapix.test.Listener
function M.listen(host, seen, serve, problems)
  local server = assert(net.listen_tcp(host, 0))
  return setmetatable({
    address = ("%s:%d"):format(seen or host, server:port()), _server = server,
    _task = task.detach(accept_all, server, serve, problems),
  }, Listener)
end

---Ends it, and every connection.
function Listener:close()
  self._server:close()
  self._task:join()
end

return M
