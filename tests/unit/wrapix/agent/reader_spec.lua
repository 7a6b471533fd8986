-- SPDX-License-Identifier: MIT
-- Specs of wrapix.agent.reader: any bytes, cut anywhere.

local readers = require "wrapix.agent.reader"
local streams = require "unit.wrapix.agent.streams"

-- An agent whose events are the objects themselves.
local ECHO = { stream = "json", decode = function(_, object)
  return { { type = object.type or "?", text = object.text, n = object.n } }
end }
local LINES = { stream = "text" }

local function read(text, agent, opts) return (streams.read(agent or ECHO, text, opts)) end

local function texts(text, agent)
  local out = {}
  for i, event in ipairs(read(text, agent)) do out[i] = event.text end
  return out
end

describe("reader", function()
  it("takes an object a line, with either line end and without the last", function()
    assert.same({ "a", "b", "c" },
      texts('{"type":"x","text":"a"}\r\n\n  {"type":"x","text":"b"}\n{"type":"x","text":"c"}'))
  end)

  it("leaves out what is no object", function()
    assert.same({ "a" }, texts(
      'Warning: no\n[1,2]\n"text"\n12\nnull\n[{"type":"x"}]\n{"type":"x","text":"a"}\n{broken}\n'))
  end)

  it("takes objects that share a line", function()
    assert.same({ "a}", "b{", "c" },
      texts('{"type":"x","text":"a}"}{"type":"x","text":"b{"}  {"type":"x","text":"c"}\n'))
  end)

  it("takes a whole object behind a torn one, and nothing from inside of one", function()
    assert.same({ "b" }, texts('{"type":"x","text":"a{"type":"x","text":"b"}\n'))
    assert.same({ "b" }, texts('Warning: odd{"type":"x","text":"b"}\n'))
    assert.same({}, texts('{"type":"x","content":[{"type":"text","text":"inner"}],"te\n'))
    assert.same({ "a", "b" }, texts('{"type":"x","text":"a"}{"tor{"type":"x","text":"b"}\n'))
  end)

  it("drops a torn tail", function()
    assert.same({ "a" }, texts('{"type":"x","text":"a"}\n{"type":"x","text":"b'))
  end)

  it("mends what is no Unicode", function()
    assert.same({ "a\u{FFFD}b" }, texts('{"type":"x","text":"a\xffb"}\n'))
    assert.same({ "\u{FFFD}x" }, texts('{"type":"x","text":"\xe2\x82x"}\n'))
    assert.same({ "a\u{FFFD}\u{FFFD}b" }, texts('{"type":"x","text":"a\\u0000\\ud83db"}\n'))
    assert.same({ "\u{1F600}\u{FFFD}" }, texts('{"type":"x","text":"\\ud83d\\ude00\\ude00"}\n'))
    assert.same({ "\\u0000\u{FFFD}\\" }, texts('{"type":"x","text":"\\\\u0000\\u0000\\\\"}\n'))
  end)

  it("drops a line that is too long, says so, and goes on", function()
    local long = '{"type":"x","text":"' .. ("x"):rep(100) .. '"}'
    local events = read(long .. '\n{"type":"x","text":"b"}\n' .. long, nil, { longest_line = 50 })
    local note = { type = "note", kind = "dropped", text = ("a line of %d bytes"):format(#long) }
    assert.same({ note, { type = "x", text = "b" }, note }, events)
  end)

  it("holds no more than a line of what never ends", function()
    local reader = readers.new(ECHO, { longest_line = 1000 })
    local chunk = ("x"):rep(600)
    for _ = 1, 100 do assert.same({}, reader:feed(chunk)) end
    assert.same({}, reader.parts)
    assert.equal("a line of 60000 bytes", reader:finish()[1].text)
    assert.same({}, reader:finish())
  end)

  it("takes lines of megabytes in no time", function()
    local inner = ('{"a":"\\"}"},'):rep(60000)
    local start = os.clock()
    local text = '{"type":"x","text":"a","list":[' .. inner:sub(1, -2) .. "]}"
    assert.same({ "a" }, texts(text .. "\n"))
    assert.same({ "a", "a" }, texts(text .. text .. "\n"))
    assert.same({}, texts(text:sub(1, -2) .. "\n"))
    assert.same({}, texts(("{"):rep(600000) .. "\n"))
    assert.is_true(os.clock() - start < 8)
  end)

  it("goes on when the agent's own function fails or gives nonsense", function()
    local calls = 0
    local agent = { stream = "json", decode = function()
      calls = calls + 1
      if calls == 1 then error("bad", 0) end
      return ({ nil, "text", { 1, {}, { type = 3 }, { type = "x" } } })[calls]
    end }
    assert.same({ { type = "note", kind = "error", text = "decode: bad" }, { type = "x" } },
      read("{}\n{}\n{}\n", agent))
  end)

  it("takes lines of text as they are", function()
    assert.same({ "{a", "", "b\u{FFFD}" }, texts("{a\r\n\nb\xff", LINES))
  end)
end)

describe("a stream", function()
  -- Every stream in every cut into two, and byte by byte, gives the same events.
  local function feed(agent, pieces)
    local reader, events = readers.new(agent), {}
    local function add(list)
      for _, event in ipairs(list) do events[#events + 1] = event end
    end
    for _, piece in ipairs(pieces) do add(reader:feed(piece)) end
    add(reader:finish())
    return events
  end

  local ODD = table.concat({
    '{"type":"x","text":"a"}', '{"type":"x","text":"\xf0\x9f\x98\x80"}{"type":"x"}',
    'noise{"type":"x","text":"\\ud83d"}', "", '{"type":"x","text":"\xff\xfe"}\r',
    '{"type":"x","text":"' .. ("y"):rep(80) .. '"}', '{"type":"x","te',
  }, "\n")

  it("means the same wherever it is cut", function()
    for _, agent in ipairs({ ECHO, LINES }) do
      local whole = feed(agent, { ODD })
      for at = 0, #ODD do
        assert.same(whole, feed(agent, { ODD:sub(1, at), ODD:sub(at + 1) }))
      end
      local bytes = {}
      for i = 1, #ODD do bytes[i] = ODD:sub(i, i) end
      assert.same(whole, feed(agent, bytes))
    end
  end)

  it("of a real agent means the same in random pieces", function()
    local seed = 20
    local function random(n)
      seed = (seed * 1103515245 + 12345) & 0x7fffffff
      return seed % n + 1
    end
    for _, name in ipairs({ "claude/write-file", "codex/tool", "gemini/tool", "opencode/tool",
      "pi/tool" }) do
      local agent, text = streams.agent(name:match("^[^/]+")), streams.text(name)
      local whole = feed(agent, { text })
      assert.is_true(#whole > 4)
      for _ = 1, 20 do
        local pieces, at = {}, 1
        while at <= #text do
          local length = random(random(4) == 1 and 3 or 4000)
          pieces[#pieces + 1] = text:sub(at, at + length - 1)
          at = at + length
        end
        assert.same(whole, feed(agent, pieces))
      end
    end
  end)

  it("with damage in it never stops the reader", function()
    local agent, text = streams.agent("claude"), streams.text("claude/write-file")
    local seed = 7
    for _ = 1, 200 do
      seed = (seed * 1103515245 + 12345) & 0x7fffffff
      local at = seed % #text + 1
      local damaged = text:sub(1, at - 1) .. string.char(seed >> 8 & 255) .. text:sub(at + seed % 3)
      for _, event in ipairs((streams.read(agent, damaged))) do assert.is_string(event.type) end
    end
  end)
end)
