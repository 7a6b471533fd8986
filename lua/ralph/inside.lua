-- SPDX-License-Identifier: MIT
-- Answers what an agent asks from inside its sandbox: a line of JSON in, a line of JSON
-- out. All of it is hostile input, by whatever runs in there. Checks the form and the
-- bounds; what a request means is in inside/verbs.lua. Must not wait for a client, and
-- must not let many requests cost more than few.
--
-- Theory of operation. Each connection is a task of its own with one request. It has
-- M.SECONDS to say it and as long to take the answer. One request is carried out at a
-- time: what is counted and what said last must not depend on chance.

local wrapix = require("wrapix")
local text_of = require("ralph.inside.text")
local verbs = require("ralph.lazy")("ralph.inside.verbs")

local M = {}

local VERSION = 1
local LONGEST_LINE, LONGEST_ANSWER = 300 << 10, 512 << 10
local MOST_REQUESTS, MOST_CONNECTIONS, MOST_WORDS = 200, 8, 64
--- For a client to say its request, and to take the answer.
M.SECONDS = 10
local STDIN_LIMIT = 256 << 10
-- Of a request that is kept as evidence.
local KEPT_WORD, KEPT_WORDS = 200, 16

local OPTIONS = {
  tracker = "table", issue = "table", project = "table", attempt = "number", log = "table",
  add = "function", note = "function", on_request = "function", on_note = "function",
}

---@class ralph.InsideRequest
---@field words string[] what was asked, cleaned and shortened
---@field status integer of the answer
---@field at number seconds since 1970

---@class ralph.Inside
---@field handler fun(connection: wrapix.Stream) answers one connection
---@field requests ralph.InsideRequest[] in order
local Inside = {}
Inside.__index = Inside

local function check_options(opts)
  for name, value in pairs(opts) do
    local wanted = OPTIONS[name]
    if not wanted then error(("inside.new: unknown option '%s'"):format(tostring(name)), 3) end
    if type(value) ~= wanted then
      error(("inside.new: %s: a %s expected"):format(name, wanted), 3)
    end
  end
  if not opts.tracker or not opts.issue or type(opts.issue.id) ~= "string" then
    error("inside.new: tracker and issue expected", 3)
  end
end

-- --- effects --------------------------------------------------------------------------

local function default_add(opts)
  return function(fields, blocks)
    local issue, msg, code = opts.tracker:add(fields)
    if not issue or not blocks then return issue, msg, code end
    local ok
    ok, msg, code = opts.tracker:dep(blocks, issue.id, "blocks")
    if not ok then
      return nil, ("%s was added, but does not block: %s"):format(issue.id, msg), code
    end
    return issue
  end
end

local function default_note(opts)
  return function(text) return opts.tracker:comment(opts.issue.id, text, "agent") end
end

-- --- a request ------------------------------------------------------------------------

local function is_list_of_texts(value)
  if type(value) ~= "table" or #value == 0 or #value > MOST_WORDS then return false end
  local count = 0
  for _ in pairs(value) do count = count + 1 end
  for _, word in ipairs(value) do
    if type(word) ~= "string" then return false end
  end
  return count == #value
end

-- Returns the words, with what stdin had in place of "-".
local function parse(line)
  local request = wrapix.json.decode(line, { max_depth = 4, max_size = LONGEST_LINE })
  if type(request) ~= "table" or request == wrapix.json.null then
    return nil, "the request is no JSON object"
  elseif request.version ~= VERSION then
    return nil, "the request is of another version than this wrapix"
  elseif not is_list_of_texts(request.words) then
    return nil, ("the request has no list of 1 to %d words"):format(MOST_WORDS)
  end
  local stdin = request.stdin
  if stdin ~= nil and (type(stdin) ~= "string" or #stdin > STDIN_LIMIT) then
    return nil, ("stdin is longer than %d KiB"):format(STDIN_LIMIT >> 10)
  end
  return request.words, stdin
end

local function failed(reason, hint)
  local err = ("ralph: %s\n"):format(reason)
  return { status = 1, out = "", err = hint and err .. ("hint: %s\n"):format(hint) or err }
end

local function keep(self, words, answer)
  local kept = wrapix.json.array()
  for i = 1, math.min(#words, KEPT_WORDS) do kept[i] = text_of.line(words[i], KEPT_WORD) end
  local request = { words = kept, status = answer.status, at = wrapix.sys.time() }
  self.requests[#self.requests + 1] = request
  if self._opts.on_request then self._opts.on_request(request) end
end

local function take_turn(self)
  while self._is_busy do
    if not wrapix.task.sleep(0.005) then return nil end
  end
  self._is_busy = true
  return true
end

local function carry_out(self, words, stdin)
  if not take_turn(self) then return failed("the step is ending") end
  local ok, answer = pcall(verbs.run, self._state, words, stdin)
  self._is_busy = false
  if not ok then
    if self._opts.log then self._opts.log:warn("ralph: a request failed: " .. tostring(answer)) end
    answer = failed("the request failed outside")
  end
  keep(self, words, answer)
  return answer
end

---Answers a line.
---@param line string
---@return { status: integer, out: string, err: string }
function Inside:answer(line)
  self._count = self._count + 1
  if self._count > MOST_REQUESTS then
    return failed(("there were %d requests, and no more are taken in this attempt"):format(MOST_REQUESTS))
  end
  local words, stdin = parse(line)
  if not words then return failed(stdin) end
  return carry_out(self, words, stdin)
end

-- --- connections ----------------------------------------------------------------------

local function send(connection, answer)
  local line = wrapix.json.encode({ status = answer.status, out = text_of.block(answer.out, LONGEST_ANSWER // 2),
    err = text_of.block(answer.err, LONGEST_ANSWER // 8) })
  return wrapix.task.timeout(M.SECONDS, function() return connection:write(line .. "\n") end)
end

local function serve(self, connection)
  local line, _, code = wrapix.task.timeout(M.SECONDS, function()
    return connection:read_line(LONGEST_LINE)
  end)
  if line then return send(connection, self:answer(line)) end
  if code == "EMSGSIZE" then
    self._count = self._count + 1
    return send(connection, failed(("the request is longer than %d KiB"):format(LONGEST_LINE >> 10)))
  end
end

local function handler(self)
  return function(connection)
    if self._connections >= MOST_CONNECTIONS then
      connection:close()
      return
    end
    self._connections = self._connections + 1
    local ok, err = pcall(serve, self, connection)
    self._connections = self._connections - 1
    connection:close()
    if not ok then error(err, 0) end
  end
end

---What the agent said of its end: the last of `done`, `blocked` and `ask`.
---@return ralph.Signal|nil
function Inside:signal() return self._state.signal end

---Makes what answers one attempt's requests.
---@param opts { tracker: table, issue: table, project: table?, attempt: integer?, log: table?,
--- add: (fun(fields: table, blocks: string?): table?, string?, string?)?, note: (fun(text: string): any, string?, string?)?,
--- on_request: fun(request: ralph.InsideRequest)?, on_note: fun(text: string)? }
--- add and note: how these two change the list; `blocks` is the issue that has to wait
---@return ralph.Inside
function M.new(opts)
  check_options(opts)
  local self = setmetatable({ requests = wrapix.json.array(), _opts = opts, _count = 0, _connections = 0 }, Inside)
  self._state = {
    tracker = opts.tracker, issue = opts.issue, added = 0, on_note = opts.on_note,
    add = opts.add or default_add(opts), note = opts.note or default_note(opts),
  }
  self.handler = handler(self)
  return self
end

return M
