-- SPDX-License-Identifier: MIT
-- A model that says what a script tells it, over the Messages API: a small HTTP
-- server in the process of the spec, so that a real agent can be tried without an
-- account and without the world outside. It keeps what was asked, for assertions.
-- It must not know which agent asks; only what the API says is answered, any other
-- path is a 404 and a problem.
--
-- Who reaches it: it listens on one address of this machine, never on all. For
-- another process of the same host that is 127.0.0.1. A sandbox has a loopback of
-- its own, so for one `model_server.for_sandbox()` takes the machine's own address
-- (the first of `hostname -I`) and `url()` says how a sandbox with an open network
-- gets there: slirp4netns and the bridge route that very address; pasta gives the
-- sandbox the same address as the machine, where it would meet itself, and podman
-- (from 5.3) has pasta carry 169.254.1.2, host.containers.internal, to it. The name
-- itself is not used: on the bridge it is the bridge's address, where nobody listens.

local answer = require("support.model_server_answer")
local http = require("support.http")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

-- What podman tells pasta to carry to the machine's own address.
local PASTA_HOST = "169.254.1.2"

---@class wrapix.test.ModelRequest: wrapix.test.HttpRequest
---@field credential { kind: "key"|"token", value: string }?
---@field main boolean whether it offers tools: the agent's own work, and no side question
---@field turn wrapix.test.Turn? what it was answered with

---@class wrapix.test.ModelServer
---@field requests wrapix.test.ModelRequest[] in the order of their arrival
---@field problems string[] what no script foresaw
---@field host string the address it listens on
---@field seen string? the one at which a sandbox sees that
local Server = {}
Server.__index = Server

-- Answers ---------------------------------------------------------------------------

local function credential(headers)
  if headers["x-api-key"] then return { kind = "key", value = headers["x-api-key"] } end
  local token = (headers.authorization or ""):match("^Bearer (.+)$")
  return token and { kind = "token", value = token } or nil
end

-- Tools are offered by the agent's own work, not by its side questions.
local function is_main(body)
  local tools = type(body) == "table" and body.tools
  return type(tools) == "table" and #tools > 0
end

local function send_error(stream, status, kind, message, headers)
  local value = { type = "error", error = { type = kind, message = message } }
  http.send_json(stream, status, value, headers)
end

-- Chunked, so that a stream that breaks is known to have broken.
local function send_stream(stream, events, turn)
  stream:write(http.head(200, http.with(turn.headers, {
    ["content-type"] = "text/event-stream", ["transfer-encoding"] = "chunked",
    ["cache-control"] = "no-cache",
  })))
  for i, event in ipairs(events) do
    if turn.cut and i > turn.cut then return end
    if turn.slow then task.sleep(turn.slow) end
    local frame = answer.frame(event)
    if not stream:write(("%x\r\n%s\r\n"):format(#frame, frame)) then return end
  end
  stream:write("0\r\n\r\n")
end

-- Scripts ---------------------------------------------------------------------------

-- The texts of all messages: what a script's `when` is looked for in.
local function words_of(body)
  local texts = {}
  for _, message in ipairs(body.messages or {}) do
    local content = message.content
    if type(content) == "string" then content = { { type = "text", text = content } } end
    for _, block in ipairs(content) do texts[#texts + 1] = block.text end
  end
  return table.concat(texts, "\n")
end

function Server:_problem(...)
  self.problems[#self.problems + 1] = string.format(...)
end

function Server:_next_turn(request)
  -- Asked beside the work, for a title or the like; any text will do.
  if not request.main then return { text = '{"title": "A task"}' } end
  local words = words_of(request.body)
  for _, script in ipairs(self._scripts) do
    if not script.when or words:find(script.when, 1, true) then
      script.at = script.at + 1
      local turn = script.turns[script.at]
      if type(turn) == "function" then turn = turn(request) end
      if turn then return turn end
    end
  end
  self:_problem("no turn left for: %s", words:sub(-200))
  return { text = "The script is over." }
end

function Server:_message(stream, request)
  if type(request.body) ~= "table" or type(request.body.messages) ~= "table" then
    return send_error(stream, 400, "invalid_request_error", "messages: Field required")
  end
  local turn = self:_next_turn(request)
  request.turn = turn
  if turn.status then
    return send_error(stream, turn.status, turn.error.type, turn.error.message, turn.headers)
  end
  self._answers = self._answers + 1
  local id, model = ("%s%04d"):format(self._prefix, self._answers), tostring(request.body.model)
  if request.body.stream == true then
    return send_stream(stream, answer.events(turn, id, model), turn)
  end
  return http.send_json(stream, 200, answer.whole(turn, id, model), turn.headers)
end

local function count_tokens(_, stream)
  http.send_json(stream, 200, { input_tokens = 100 })
end

local PATHS = {
  ["POST /v1/messages"] = Server._message,
  ["POST /v1/messages/count_tokens"] = count_tokens,
}

function Server:_answer(stream, request)
  self.requests[#self.requests + 1] = request
  local handler = PATHS[request.method .. " " .. request.path]
  if handler then return handler(self, stream, request) end
  self:_problem("not foreseen: %s %s", request.method, request.path)
  send_error(stream, 404, "not_found_error", request.path)
end

function Server:_serve(stream)
  local request, why = http.read(stream)
  if request then
    request.credential, request.main = credential(request.headers), is_main(request.body)
    self:_answer(stream, request)
  elseif why then
    self:_problem("%s", why)
    send_error(stream, 400, "invalid_request_error", why)
  end
end

-- Its life --------------------------------------------------------------------------

---Starts a server; close it, or let a <close> variable do so.
---@param opts { host: string?, seen: string? }? the address to listen on, default 127.0.0.1;
---  the one at which it is seen
---@return wrapix.test.ModelServer
function M.open(opts)
  opts = opts or {}
  local self = setmetatable({
    requests = {}, problems = {}, host = opts.host or "127.0.0.1", seen = opts.seen,
    _scripts = {}, _answers = 0, _prefix = sys.random_hex(4),
  }, Server)
  self._listener = http.listen(self.host, self.seen, function(stream) self:_serve(stream) end,
    self.problems)
  return self
end

---Starts a server that sandboxes of this host reach.
---@param backend "pasta"|"slirp4netns"|"bridge" how sandboxes are connected here
---@return wrapix.test.ModelServer
function M.for_sandbox(backend)
  local result = assert(proc.run({ "hostname", "-I" }))
  local address = result.stdout:match("%S+") or error("hostname -I: " .. result.stderr, 2)
  return M.open({ host = address, seen = backend == "pasta" and PASTA_HOST or nil })
end

---Where it is, for those it was opened for.
---@return string
function Server:url() return "http://" .. self._listener.address end

---Adds a script: each request that offers tools is answered with its next turn.
---@param turns (wrapix.test.Turn|fun(request: wrapix.test.ModelRequest): wrapix.test.Turn)[]
---@param when string? only for conversations in which this text occurs
function Server:play(turns, when)
  self._scripts[#self._scripts + 1] = { turns = turns, when = when, at = 0 }
end

---Forgets scripts and requests.
function Server:reset() self._scripts, self.requests = {}, {} end

---The requests that offered tools.
---@param when string? only of conversations in which this text occurs
---@return wrapix.test.ModelRequest[]
function Server:asked(when)
  local list = {}
  for _, request in ipairs(self.requests) do
    if request.main and (not when or words_of(request.body):find(when, 1, true)) then
      list[#list + 1] = request
    end
  end
  return list
end

---The system prompt of a request as one text.
---@param request wrapix.test.ModelRequest
---@return string
function M.system_of(request)
  local system = request.body.system or ""
  if type(system) == "string" then return system end
  local texts = {}
  for i, block in ipairs(system) do texts[i] = block.text end
  return table.concat(texts, "\n")
end

---What the tools called in a request's conversation answered, by order of their calls.
---@param request wrapix.test.ModelRequest
---@return { ok: boolean, text: string }[]
function M.results_of(request)
  local list = {}
  for _, message in ipairs(request.body.messages) do
    for _, block in ipairs(type(message.content) == "table" and message.content or {}) do
      if block.type == "tool_result" then
        local content = block.content or ""
        if type(content) == "table" then content = words_of({ messages = { block } }) end
        list[#list + 1] = { ok = block.is_error ~= true, text = content }
      end
    end
  end
  return list
end

---Ends it, and every connection.
function Server:close() self._listener:close() end

function Server:__close() self:close() end

M.turn = answer

return M
