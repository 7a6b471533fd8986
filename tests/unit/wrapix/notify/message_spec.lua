-- SPDX-License-Identifier: MIT
local json = require("wrapix.json")
local messages = require("wrapix.notify.message")

local function parse(object, opts) return messages.parse(assert(json.encode(object)), opts) end

describe("a line of the notification protocol", function()
  it("becomes a message", function()
    local message = assert(messages.parse('{"title":"Claude Code","message":"Task completed",'
      .. '"sound":"Ping","session_id":"0:1.0"}'))
    assert.same({ title = "Claude Code", message = "Task completed", sound = "Ping",
      session_id = "0:1.0", extra = {} }, message)
  end)

  it("gets defaults for what is missing, null or empty", function()
    for _, line in ipairs({ "{}", '{"title":null,"message":null}', '{"title":"","sound":""}',
      '{"title":" \\n "}' }) do
      assert.same({ title = "Claude Code", message = "", extra = {} }, messages.parse(line))
    end
  end)

  for line, reason in pairs({
    ["[]"] = "not a JSON object", ["[1]"] = "not a JSON object", ["3"] = "not a JSON object",
    ["null"] = "not a JSON object", ['"x"'] = "not a JSON object", ["x"] = "json",
    [""] = "json", ['{"title":"a"} {}'] = "json", ['{"title":"\xFF"}'] = "json",
    ['{"title":"\\ud800"}'] = "json", ['{"title":"\1"}'] = "json",
    ['{"title":{}}'] = "title: a text expected", ['{"message":["x"]}'] = "message: a text expected",
    [("["):rep(60000)] = "json",
  }) do
    it("is refused with a reason: " .. line:sub(1, 20):gsub("%c", "?"), function()
      local message, why = messages.parse(line)
      assert.is_nil(message)
      assert.matches(reason, why, 1, true)
    end)
  end

  it("takes numbers and truth as texts", function()
    local message = parse({ title = 7, message = true })
    assert.same({ "7", "true" }, { message.title, message.message })
  end)

  it("loses control characters, ends of lines and turns of the writing direction", function()
    local message = parse({
      title = "a\27[31mb\7\127c\u{9b}d",
      message = " one\r\n\n\ttwo\u{202E}three\u{2066}\u{200F}\u{61C} \u{2028}four ",
    })
    assert.equal("a[31mbcd", message.title)
    assert.equal("one twothree  four", message.message)
  end)

  it("keeps what only looks alike", function()
    local text = "–é…“x” ‰ 😀 ü\u{200D} \u{2030} \u{A0}"
    assert.equal(text, parse({ message = text }).message)
  end)

  it("cuts long texts between characters", function()
    local message = parse({ title = ("é"):rep(201), message = ("😀"):rep(4000), tag = ("x"):rep(500) })
    assert.equal(("é"):rep(199) .. "…", message.title)
    assert.equal(4000, utf8.len(message.message))
    assert.equal(128, utf8.len(message.tag))
  end)

  it("knows three urgencies", function()
    assert.equal("critical", parse({ urgency = "critical" }).urgency)
    assert.is_nil(parse({ urgency = "--expire-time" }).urgency)
  end)

  it("keeps unknown fields aside", function()
    local message = parse({ kind = "idle_prompt", deep = { 1, { a = true } }, title = "T" })
    assert.same({ kind = "idle_prompt", deep = { 1, { a = true } } }, message.extra)
  end)

  it("is not believed who speaks", function()
    local line = { title = "T", from = { session = "other" }, count = 9,
      extra = { from = { session = "other" }, title = "X", kind = "k" } }
    assert.same({ title = "T", message = "", extra = { kind = "k" } }, parse(line))
    local from = { session = "s\27", name = "n", started = 5, screen = { tmux = "%1" }, other = 1 }
    local message = parse({ title = "T", count = 3, from = from }, { from = true })
    assert.same({ session = "s", name = "n", started = 5, screen = { tmux = "%1" } }, message.from)
    assert.equal(3, message.count)
    for _, wrong in ipairs({ 0, -1, 1.5, "9", json.null, (1 << 31) + 1, math.maxinteger }) do
      assert.is_nil(parse({ count = wrong }, { from = true }).count)
    end
    for _, wrong in ipairs({ "x", json.array({ 1 }), json.null }) do
      assert.is_nil((parse({ from = { screen = wrong } }, { from = true }).from or {}).screen)
    end
  end)

  it("goes back to a line that gives the same", function()
    local message = assert(messages.parse('{"title":"T\\"","message":"é","kind":{"a":[1]},"event":"Stop"}'))
    message.from, message.count = { session = "s", screen = { tty = "/dev/pts/1" } }, 4
    local line = assert(messages.encode(message))
    assert.equal("\n", line:sub(-1))
    assert.same(message, messages.parse(line:sub(1, -2), { from = true }))
    message.token = "secret"
    assert.not_matches("secret", messages.encode(message))
  end)

  it("drops what means nothing where the line were too long", function()
    local message = assert(messages.parse(assert(json.encode({ title = "T", big = ("x"):rep(65000) }))))
    message.from = { workspace = ("y"):rep(1000) }
    local line = assert(messages.encode(message))
    assert.same({}, messages.parse(line:sub(1, -2), { from = true }).extra)
    message.from.workspace = ("y"):rep(70000)
    assert.same({ nil, "longer than 64 KiB" }, { messages.encode(message) })
  end)

  -- In a line that the quick way may take, in one with an escape, and as a table.
  it("is cleaned the same, whichever way it takes", function()
    for _, text in ipairs({ " a", "a ", "  a  b ", "a\127b", "\u{9b}a", "a\u{85}", "\u{61C}a", "a\u{2028}",
      "\u{202E}a", "\u{2069}", "é", "–x", ("é"):rep(300), ("x"):rep(201), ("x"):rep(5000), " ", "" }) do
      for _, field in ipairs({ "title", "message", "sound", "tag", "event", "session_id" }) do
        local plain = ('{"%s":"%s"}'):format(field, text)
        local escaped = ('{"%s":"%s","x":"\\n"}'):format(field, text)
        local one, other = messages.parse(plain), messages.parse(escaped)
        local made = messages.clean({ [field] = text })
        assert.equal(made[field], one[field], plain)
        assert.equal(made[field], other[field], escaped)
      end
    end
  end)

  it("takes no longer for many spaces than for other characters", function()
    local spaces = (" "):rep(messages.LONGEST_LINE - 100)
    local before = os.clock()
    for _, text in ipairs({ " x" .. spaces .. "y", "x" .. spaces .. "y ", spaces }) do
      local message = messages.parse(('{"message":"%s"}'):format(text))
      assert.equal(text == spaces and "" or "x  ", message.message:sub(1, 3))
    end
    assert.is_true(os.clock() - before < 1)
  end)

  it("never raises on any bytes", function()
    math.randomseed(7)
    for _ = 1, 3000 do
      local bytes = {}
      for i = 1, math.random(0, 24) do bytes[i] = string.char(math.random(0, 255)) end
      local line = '{"message":"' .. table.concat(bytes) .. '"}'
      local message = messages.parse(line)
      if message then
        assert.truthy(utf8.len(message.message))
        assert.not_matches("[\0-\31\127]", message.message)
      end
    end
  end)
end)
