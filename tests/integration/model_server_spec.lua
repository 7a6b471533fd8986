-- SPDX-License-Identifier: MIT
-- The scripted model itself, asked over real sockets as an agent would.

local json = require("wrapix.json")
local model_server = require("support.model_server")
local net = require("wrapix.net")
local task = require("wrapix.task")

local turn = model_server.turn
local TOOLS = { { name = "Bash" } }

describe("the scripted model", function()
  local model

  -- Nothing may be left when a spec ends, which is before what comes after each.
  local function with_model(what, fn)
    it(what, function()
      local opened <close> = model_server.open()
      model = opened
      fn()
    end)
  end

  -- What comes back for some bytes, to the end of the connection.
  local function exchange(bytes)
    local host, port = model:url():match("^http://(.*):(%d+)$")
    local stream = assert(net.connect_tcp(host, tonumber(port)))
    assert(stream:write(bytes))
    local text = task.timeout(5, function() return stream:read_all() or "" end)
    stream:close()
    return text
  end

  local function unchunk(body)
    local out, at = {}, 1
    while true do
      local size, stop = body:match("^(%x+)\r\n()", at)
      if not size then return table.concat(out), false end
      if size == "0" then return table.concat(out), true end
      out[#out + 1] = body:sub(stop, stop + tonumber(size, 16) - 1)
      at = stop + tonumber(size, 16) + 2
    end
  end

  local function post(path, body, headers)
    local text = type(body) == "string" and body or assert(json.encode(body))
    local raw = exchange(("POST %s HTTP/1.1\r\nHost: model\r\n%sContent-Length: %d\r\n\r\n%s")
      :format(path, headers or "x-api-key: k\r\n", #text, text))
    local first, rest = raw:match("^(.-)\r\n\r\n(.*)$")
    local answer = { status = tonumber(first:match("^HTTP/1%.1 (%d+)")), head = first:lower() }
    if answer.head:find("transfer-encoding: chunked", 1, true) then
      rest, answer.whole = unchunk(rest)
      answer.events = {}
      for data in rest:gmatch("data: ([^\n]*)\n\n") do
        answer.events[#answer.events + 1] = assert(json.decode(data))
      end
    else
      answer.body = assert(json.decode(rest))
    end
    return answer
  end

  local function ask(text, more)
    local body = { model = "m", stream = true, tools = TOOLS,
      messages = { { role = "user", content = text } } }
    for name, value in pairs(more or {}) do body[name] = value end
    return post("/v1/messages?beta=true", body)
  end

  -- The pieces of an answer put together again, and the names of its events.
  local function assemble(events)
    local text, input, names = {}, {}, {}
    for i, event in ipairs(events) do
      names[i] = event.type
      local delta = event.delta or {}
      text[#text + 1] = delta.text
      input[#input + 1] = delta.partial_json
    end
    return table.concat(text), table.concat(input), names
  end

  with_model("streams a text in order, whole characters in each piece", function()
    local said = ("Grüße "):rep(30)
    model:play({ { text = said } })
    local answer = ask("hello")
    local text, _, names = assemble(answer.events)
    assert.equal(said, text)
    assert.is_true(answer.whole)
    assert.same({ "message_start", "content_block_start", "content_block_delta" },
      { table.unpack(names, 1, 3) })
    assert.same({ "content_block_stop", "message_delta", "message_stop" },
      { table.unpack(names, #names - 2) })
    assert.equal("end_turn", answer.events[#names - 1].delta.stop_reason)
    for _, event in ipairs(answer.events) do
      assert.truthy(not event.delta or not event.delta.text or utf8.len(event.delta.text))
    end
  end)

  with_model("calls tools, each with an id of its own, and takes turn after turn", function()
    model:play({ turn.bash("echo one"), turn.tool("Write", { path = "/x" }, "Then:"),
      { text = "done" } })
    local first, second, third = ask("go"), ask("go"), ask("go")
    local _, input = assemble(first.events)
    assert.equal("echo one", json.decode(input).command)
    assert.equal("tool_use", first.events[#first.events - 1].delta.stop_reason)
    local text = assemble(second.events)
    assert.equal("Then:", text)
    assert.equal("done", (assemble(third.events)))
    local ids = {}
    for _, answer in ipairs({ first, second }) do
      for _, event in ipairs(answer.events) do
        local block = event.content_block
        if block and block.type == "tool_use" then ids[block.id] = (ids[block.id] or 0) + 1 end
      end
    end
    local count = 0
    for _, n in pairs(ids) do
      count = count + 1
      assert.equal(1, n)
    end
    assert.equal(2, count)
  end)

  with_model("answers whole what asked for no stream", function()
    model:play({ { thinking = "hm", text = "plain", usage = { input = 5, output = 7 } } })
    local answer = ask("hello", { stream = false })
    assert.equal("thinking", answer.body.content[1].type)
    assert.equal("plain", answer.body.content[2].text)
    assert.same({ 5, 7 }, { answer.body.usage.input_tokens, answer.body.usage.output_tokens })
  end)

  with_model("gives errors with their headers, and goes on after them", function()
    model:play({ turn.overloaded(), turn.busy(3), turn.rejected(1234), { text = "at last" } })
    local overloaded, busy, rejected = ask("a"), ask("a"), ask("a")
    assert.same({ 529, "overloaded_error" }, { overloaded.status, overloaded.body.error.type })
    assert.equal(429, busy.status)
    assert.truthy(busy.head:find("retry-after: 3\r\n", 1, true), busy.head)
    assert.equal(429, rejected.status)
    assert.truthy(rejected.head:find("anthropic-ratelimit-unified-status: rejected", 1, true))
    assert.truthy(rejected.head:find("anthropic-ratelimit-unified-reset: 1234", 1, true))
    assert.equal("at last", (assemble(ask("a").events)))
  end)

  with_model("breaks a stream in the middle", function()
    model:play({ { text = ("never "):rep(20), cut = 4 } })
    local answer = ask("a")
    assert.is_false(answer.whole)
    assert.equal(4, #answer.events)
  end)

  with_model("takes its time when it is slow, and serves others meanwhile", function()
    model:play({ { text = "slow", slow = 0.25 } }, "one") -- before each of its events
    model:play({ { text = "quick" } }, "two")
    local order = {}
    task.scope(function(scope)
      scope:spawn(function() ask("one"); order[#order + 1] = "slow"; return true end)
      task.sleep(0.05)
      ask("two")
      order[#order + 1] = "quick"
      return true
    end)
    assert.same({ "quick", "slow" }, order)
  end)

  with_model("keeps who asked what", function()
    model:play({ { text = "a" }, { text = "b" } })
    post("/v1/messages", { model = "m", stream = true, tools = TOOLS,
      system = { { type = "text", text = "be" }, { type = "text", text = "kind" } },
      messages = { { role = "user", content = { { type = "tool_result", is_error = true,
        tool_use_id = "x", content = { { type = "text", text = "denied" } } } } } },
    }, "Authorization: Bearer tok\r\n")
    ask("second")
    local asked = model:asked()
    assert.same({ kind = "token", value = "tok" }, asked[1].credential)
    assert.same({ kind = "key", value = "k" }, asked[2].credential)
    assert.equal("be\nkind", model_server.system_of(asked[1]))
    assert.same({ { ok = false, text = "denied" } }, model_server.results_of(asked[1]))
    assert.equal(1, #model:asked("second"))
  end)

  with_model("answers questions beside the work without using up the script", function()
    model:play({ { text = "the work" } })
    ask("title?", { tools = json.array({}) })
    assert.equal(200, post("/v1/messages/count_tokens", { messages = json.array({}) }).status)
    assert.equal("the work", (assemble(ask("now").events)))
    assert.same({}, model.problems)
    assert.equal(3, #model.requests)
  end)

  with_model("takes a request in chunks", function()
    model:play({ { text = "got it" } })
    local text = assert(json.encode({ model = "m", tools = TOOLS,
      messages = { { role = "user", content = "chunked" } } }))
    local answer = exchange(("POST /v1/messages HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
      .. "5\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n"):format(text:sub(1, 5), #text - 5, text:sub(6)))
    assert.truthy(answer:find("got it", 1, true), answer)
    assert.equal(1, #model:asked("chunked"))
  end)

  with_model("lets a script look at the request", function()
    model:play({ function(request) return { text = "asked " .. request.body.model } end })
    assert.equal("asked m", (assemble(ask("a").events)))
  end)

  with_model("reports what no script foresaw", function()
    assert.equal(404, post("/v1/other", {}).status)
    assert.truthy(ask("too much").events)
    assert.equal(400, post("/v1/messages", { model = "m" }).status)
    assert.equal(400, post("/v1/messages", "{broken").status)
    assert.truthy(exchange("nonsense\r\n\r\n"):find("400", 1, true))
    assert.equal(4, #model.problems, table.concat(model.problems, "\n"))
    assert.equal("not foreseen: POST /v1/other", model.problems[1])
  end)

  with_model("ends connections that nobody finished", function()
    local host, port = model:url():match("^http://(.*):(%d+)$")
    local stream <close> = assert(net.connect_tcp(host, tonumber(port)))
    assert(stream:write("POST /v1/messages HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf"))
    task.sleep(0.02)
    model:close()
    assert.is_nil((stream:read()))
  end)
end)
