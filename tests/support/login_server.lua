-- SPDX-License-Identifier: MIT
-- Stands in for the hosts at which an agent renews its login: a proxy that takes
-- CONNECT for them and nothing else, with TLS by `openssl s_server` and a
-- certificate made for the spec, and a token endpoint that rotates tokens as the
-- real one does: each refresh token is good for one refresh. It reaches no host.

local http = require("support.http")
local json = require("wrapix.json")
local net = require("wrapix.net")
local proc = require("wrapix.proc")
local task = require("wrapix.task")

local M = {}

-- Their names are in the program that asks.
local HOSTS = { "platform.claude.com", "console.anthropic.com", "api.anthropic.com" }
local FAR_AWAY_MS = 8 * 3600 * 1000

---@class wrapix.test.LoginServer
---@field ca string path of the certificate to trust
---@field refreshes { token: string, status: integer }[] what was asked of the token endpoint
---@field requests string[] everything else that was asked, "METHOD HOST PATH"
---@field problems string[]
local Login = {}
Login.__index = Login

local function make_certificate(dir)
  local names = {}
  for i, host in ipairs(HOSTS) do names[i] = "DNS:" .. host end
  local result = assert(proc.run({
    "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
    "-nodes", "-days", "2", "-subj", "/CN=wrapix test", "-keyout", dir .. "/key.pem",
    "-out", dir .. "/ca.pem", "-addext", "subjectAltName=" .. table.concat(names, ","),
    "-addext", "basicConstraints=critical,CA:TRUE",
  }, { timeout = 30 }))
  assert(result.code == 0, result.stderr)
end

---The text of a stored login.
---@param access string
---@param refresh string
---@param expires_ms integer since 1970
---@return string
function M.credentials(access, refresh, expires_ms)
  return assert(json.encode({ claudeAiOauth = {
    accessToken = access, refreshToken = refresh, expiresAt = expires_ms,
    scopes = { "user:inference", "user:profile" }, subscriptionType = "max",
  } }))
end

-- The token endpoint. Slow, so that two that ask at once would be seen.
function Login:_token(body)
  local given = type(body) == "table" and tostring(body.refresh_token) or ""
  local is_good = given == self._refresh
  local n = #self.refreshes + 1
  self.refreshes[n] = { token = given, status = is_good and 200 or 400 }
  if is_good then self._refresh = ("%s-%d"):format(self._first, n) end
  task.sleep(self._delay)
  if not is_good then return 400, { error = "invalid_grant" } end
  return 200, {
    token_type = "Bearer", access_token = self.new_access, refresh_token = self._refresh,
    expires_in = FAR_AWAY_MS // 1000, scope = "user:inference user:profile",
  }
end

function Login:_reply(host, request)
  if request.path == "/v1/oauth/token" then return self:_token(request.body) end
  self.requests[#self.requests + 1] = ("%s %s %s"):format(request.method, host, request.path)
  return 404, { type = "error", error = { type = "not_found_error", message = "not here" } }
end

local function pump(from, to)
  while true do
    local chunk = from:read()
    if not chunk or not to:write(chunk) then break end
  end
  to:shutdown()
  return true
end

-- A port that was free a moment ago; OpenSSL 3.5 accepts nothing on a Unix socket.
local function free_port()
  local server = assert(net.listen_tcp("127.0.0.1", 0))
  local port = server:port()
  server:close()
  return port
end

local function connect(port)
  for _ = 1, 500 do
    local stream = net.connect_tcp("127.0.0.1", port)
    if stream then return stream end
    task.sleep(0.01)
  end
  error("openssl s_server does not listen")
end

-- One TLS connection: the client's bytes go to an openssl of its own, whose standard
-- input and output are what is said inside.
function Login:_tunnel(client, host)
  local port = free_port()
  local tls <close> = assert(proc.spawn({
    "openssl", "s_server", "-quiet", "-accept", "127.0.0.1:" .. port, "-naccept", "1", "-cert",
    self._dir .. "/ca.pem", "-key", self._dir .. "/key.pem",
  }, { stdin = "pipe", stdout = "pipe", stderr = "null", session = true }))
  local inner = connect(port)
  client:write("HTTP/1.1 200 Connection established\r\n\r\n")
  task.scope(function(scope)
    local inward = scope:spawn(pump, client, inner)
    local outward = scope:spawn(pump, inner, client)
    local request = http.read(tls.stdout)
    if request then
      local status, value = self:_reply(host, request)
      http.send_json(tls.stdin, status, value)
      -- The client closes when it has read all; it is not cut short.
      task.timeout(2, function() return inward:wait() end)
    end
    inward:cancel()
    outward:cancel()
    return true
  end)
  inner:close()
end

function Login:_serve(client)
  local line = client:read_line() or ""
  local host, port = line:match("^CONNECT ([%w.-]+):(%d+) HTTP/1%.[01]\r?$")
  repeat local header = client:read_line() until not header or header:gsub("\r$", "") == ""
  local is_known = false
  for _, one in ipairs(HOSTS) do is_known = is_known or (one == host and port == "443") end
  if is_known then return self:_tunnel(client, host) end
  self.problems[#self.problems + 1] = "not foreseen: " .. line
  client:write("HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n")
end

---Starts one; for a <close> variable.
---@param model wrapix.test.ModelServer whose address is taken
---@param dir string an empty directory that the sandbox's user can read
---@param refresh string the refresh token that is good at first
---@param delay number? seconds a refresh takes
---@return wrapix.test.LoginServer
function M.open(model, dir, refresh, delay)
  make_certificate(dir)
  local self = setmetatable({
    ca = dir .. "/ca.pem", refreshes = {}, requests = {}, problems = {}, new_access = "renewed",
    _dir = dir, _refresh = refresh, _first = refresh, _delay = delay or 1,
  }, Login)
  self._listener = http.listen(model.host, model.seen, function(stream)
    self:_serve(stream)
  end, self.problems)
  self.url = "http://" .. self._listener.address
  return self
end

function Login:__close() self._listener:close() end

return M
