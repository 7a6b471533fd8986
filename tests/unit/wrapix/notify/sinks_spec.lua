-- SPDX-License-Identifier: MIT
-- What is started to show a message, word for word, with texts that would like to
-- be more than text. What real programs make of it is integration/desktop_spec.lua's.

local fs = require("wrapix.fs")
local json = require("wrapix.json")

local function sink(name) return require("wrapix.notify.sinks." .. name) end

local HOSTILE = {
  "-u critical", "--help", "--", "-", "$(touch x)", "`id`", "a'b\"c", "a;b|c&d", "<b>bold</b>",
  "\\074b\\076", "%s%n", "@/etc/passwd", "[1]", "{a=b}", "(x)", "\" & do shell script \"id\" & \"",
  "line\\nbreak", "<!-- &amp;", "é\u{1F600}", "\\", "; sound name \"x\"",
}

local function message(more)
  local all = { title = "T", message = "M", extra = {} }
  for key, value in pairs(more or {}) do all[key] = value end
  return all
end

-- Stands for proc.run.
local function recorder(answer)
  local calls = {}
  return function(argv, opts)
    calls[#calls + 1] = { argv = argv, opts = opts }
    return answer or { code = 0, stdout = "", stderr = "" }
  end, calls
end

describe("notify.sinks", function()
  describe("notify_send", function()
    local notify_send = sink("notify_send")

    it("has one word for each thing", function()
      assert.same({
        "notify-send", "--app-name=wrapix shop-1", "--urgency=critical",
        "--hint=string:x-canonical-private-synchronous:wrapix-ab12-t1",
        "--hint=string:x-dunst-stack-tag:wrapix-ab12-t1", "--hint=string:sound-name:bell",
        "--", "T (3×)", "M",
      }, notify_send.argv(message({ urgency = "critical", sound = "bell", tag = "t1", count = 3,
        from = { session = "ab12", name = "shop-1" } })))
    end)

    it("keeps every text behind --, and nothing in it is markup or an escape", function()
      for _, text in ipairs(HOSTILE) do
        local argv = notify_send.argv(message({ title = text, message = text, sound = text, tag = text,
          urgency = text, from = { session = text, name = text } }))
        local dashes
        for i, word in ipairs(argv) do
          if word == "--" then dashes = i break end
          if i > 1 then assert.matches("^%-%-[a-z-]+=", word) end
        end
        assert.equal(#argv - 2, dashes)
        local body = argv[#argv]
        assert.is_nil(body:find("[<>]"))
        assert.is_nil(body:gsub("\\\\", ""):find("\\", 1, true))
        assert.is_nil(body:gsub("&[a-z]+;", ""):find("&", 1, true))
        assert.equal(text, (body:gsub("\\\\", "\\"):gsub("&lt;", "<"):gsub("&gt;", ">"):gsub("&amp;", "&")))
        assert.equal("--urgency=normal", argv[3])
      end
    end)

    it("gives a sound of macOS another name, and leaves out what is none", function()
      local function sound(name) return table.concat(notify_send.argv(message({ sound = name })), " ") end
      assert.matches("sound%-name:message%-new%-instant", sound("Ping"))
      assert.is_nil(sound("../x"):find("sound-name", 1, true))
      assert.is_nil(sound("a:b"):find("sound-name", 1, true))
    end)

    it("is there with its program and a bus", function()
      assert.is_false(notify_send.available({ PATH = "/nonexistent" }))
      local dir = assert(fs.temp_dir("wx-sink"))
      assert(fs.write_atomic(dir .. "/notify-send", "x", { mode = 493 }))
      assert.is_true(notify_send.available({ PATH = dir, DBUS_SESSION_BUS_ADDRESS = "unix:path=/x" }))
      assert.is_true(notify_send.available({ PATH = dir, XDG_RUNTIME_DIR = "/run/user/1" }))
      assert.is_false(notify_send.available({ PATH = dir }))
      fs.remove_tree(dir)
    end)

    it("waits for a click no longer than it is told, and beside everything else", function()
      local run, calls = recorder({ code = 0, stdout = "default\n" })
      local clicked, spawned = 0, nil
      local opts = { click = 30, on_click = function() clicked = clicked + 1 end,
        spawn = function(fn) spawned = fn end }
      assert.is_true(notify_send.show(message(), opts, run))
      assert.equal(0, #calls)
      spawned()
      assert.equal(1, clicked)
      assert.equal(30, calls[1].opts.timeout)
      assert.equal("--action=default=Show", calls[1].argv[#calls[1].argv - 3])
    end)

    it("says why the program failed", function()
      local ok, why = notify_send.show(message(), {}, (recorder({ code = 1, stderr = "no bus\n" })))
      assert.is_nil(ok)
      assert.equal("notify-send: no bus", why)
      ok, why = notify_send.show(message(), {}, (recorder({ code = 0, timed_out = true })))
      assert.is_nil(ok)
      assert.equal("notify-send: gave no answer", why)
    end)
  end)

  describe("terminal_notifier", function()
    local notifier = sink("terminal_notifier")

    it("has one word for each thing", function()
      assert.same({ "terminal-notifier", "-title", "T", "-message", "M", "-group", "wrapix-ab-",
        "-sound", "Ping", "-activate", "com.apple.Terminal" },
        notifier.argv(message({ sound = "Ping",
          from = { session = "ab", screen = { bundle = "com.apple.Terminal" } } })))
    end)

    it("escapes what user defaults would read", function()
      for _, text in ipairs(HOSTILE) do
        local argv = notifier.argv(message({ title = text, message = text, sound = "-execute",
          from = { session = text, screen = { bundle = "-execute" } } }))
        local is_tagged = text:find("%w") ~= nil
        assert.equal(is_tagged and 7 or 5, #argv)
        for i = 3, #argv, 2 do assert.matches("^[%w\\\x80-\xFF]", argv[i]) end
        assert.equal(text, (argv[5]:gsub("^\\", "")))
      end
      assert.equal(" ", notifier.argv(message({ message = "" }))[5])
    end)
  end)

  describe("osascript", function()
    it("has a constant script; the texts are its arguments", function()
      local scripts = {}
      for _, text in ipairs(HOSTILE) do
        local argv = sink("osascript").argv(message({ title = text, message = text, sound = text }))
        assert.same({ "wrapix", text, text }, table.move(argv, 8, 10, 1, {}))
        scripts[table.concat(argv, "\n", 1, 7)] = true
      end
      assert.is_not_nil(next(scripts))
      assert.is_nil(next(scripts, (next(scripts))))
      assert.equal("Ping", sink("osascript").argv(message({ sound = "Ping" }))[11])
    end)
  end)

  describe("osc", function()
    local osc = sink("osc")

    it("speaks the terminal's own language", function()
      assert.equal("\27]9;T: M\a", osc.sequence(message(), { TERM = "xterm-256color" }))
      assert.equal("\27]777;notify;T;M\a", osc.sequence(message(), { TERM = "foot" }))
      assert.equal("\27]99;i=wrapix:d=0;T\27\\\27]99;i=wrapix:p=body;M\27\\",
        osc.sequence(message(), { TERM = "xterm-kitty" }))
      assert.equal("\27]777;notify;T;M\a", osc.sequence(message(), {}, 777))
    end)

    it("is passed on by tmux", function()
      assert.equal("\27Ptmux;\27\27]9;T: M\a\27\\",
        osc.sequence(message(), { TERM = "tmux", TMUX = "/tmp/x,1,0" }))
    end)

    it("cannot be left by a text", function()
      for _, code in ipairs({ 9, 99, 777 }) do
        local bytes = osc.sequence(message({ title = "a\27\\\27]0;x\a", message = "b\x9c\7\u{9C}c\n;d",
          from = { session = "\27\\" }, tag = "\7" }), {}, code)
        local inner = code == 99 and bytes:gsub("\27%]99;", ""):gsub("\27\\", "")
          or bytes:sub(3, -2)
        assert.is_nil(inner:find("[%c]"), code)
        assert.is_nil(inner:find("\u{9C}", 1, true), code)
      end
      assert.is_true(#osc.sequence(message({ message = ("é"):rep(2000) }), {}, 9) <= 410)
      assert.matches("^\27%]9; 4;1;50", osc.sequence(message({ title = "4;1;50" }), {}, 9))
      assert.matches("^\27%]777;notify;a,b;", osc.sequence(message({ title = "a;b" }), {}, 777))
    end)

    it("needs a terminal, as the bell does", function()
      for _, name in ipairs({ "osc", "bell" }) do
        assert.is_false(sink(name).available({ TERM = "xterm" }, {}))
        local written = {}
        local opts = { terminal = function(text) written[#written + 1] = text end, env = {} }
        assert.is_true(sink(name).available({ TERM = "xterm" }, opts))
        assert.is_true(sink(name).show(message(), opts))
        assert.equal(name == "bell" and "\a" or "\27]9;T: M\a", written[1])
      end
      assert.is_false(osc.available({ TERM = "dumb" }, { terminal = print }))
    end)
  end)

  describe("command", function()
    it("gets the message as JSON and as variables, never as words", function()
      for _, text in ipairs(HOSTILE) do
        local run, calls = recorder()
        local argv = { "my-program", "--flag" }
        assert.is_true(sink("command").show(message({ title = text, message = text, event = text,
          from = { session = "s", name = text, screen = { pane = "%1" } } }), { argv = argv }, run))
        assert.same({ "my-program", "--flag" }, calls[1].argv)
        local given = assert(json.decode(calls[1].opts.input))
        assert.equal(text, given.title)
        assert.equal(text, given.message)
        assert.equal(text, given.from.name)
        assert.is_nil(given.from.screen)
        assert.equal(text, calls[1].opts.env.WRAPIX_NOTIFY_MESSAGE)
        assert.equal("1", calls[1].opts.env.WRAPIX_NOTIFY_COUNT)
      end
    end)
  end)

  describe("curl", function()
    local curl = sink("curl")
    local dir
    before_each(function() dir = assert(fs.temp_dir("wx-sink")) end)
    after_each(function() fs.remove_tree(dir) end)

    it("has address, token and body on stdin, and nothing of them in argv", function()
      assert(fs.write_atomic(dir .. "/token", "tk_secret\n", { mode = 384 }))
      local run, calls = recorder()
      assert.is_true(sink("ntfy").show(message({ title = "@file", urgency = "critical" }),
        { url = "https://ntfy.example/my-topic", token_file = dir .. "/token" }, run))
      assert.equal(curl.ARGV, calls[1].argv)
      local words = table.concat(curl.ARGV, " ")
      for _, secret in ipairs({ "tk_secret", "my-topic", "ntfy.example", "@file" }) do
        assert.is_nil(words:find(secret, 1, true))
      end
      local lines = {}
      for line in calls[1].opts.input:gmatch("[^\n]+") do lines[#lines + 1] = line end
      assert.same({
        'url = "https://ntfy.example/"', 'header = "Authorization: Bearer tk_secret"',
        'header = "Content-Type: application/json"',
      }, { lines[1], lines[2], lines[3] })
      local body = lines[4]:match('^data%-binary = "(.*)"$'):gsub('\\(.)', "%1")
      assert.same({ topic = "my-topic", title = "@file", message = "M", priority = 5 },
        json.decode(body))
    end)

    it("keeps each value in its quotes", function()
      for _, text in ipairs(HOSTILE) do
        local config = curl.config({ url = "https://a/b", headers = { ["X-Title"] = text },
          body = json.encode({ text .. "\n\r\t" }), token = text })
        local count = 0
        for line in config:gmatch("([^\n]*)\n") do
          count = count + 1
          local value = line:match('^[a-z-]+ = "(.*)"$')
          assert.is_nil((value:gsub("\\.", "")):find('["\\]'))
        end
        assert.equal(5, count)
      end
    end)

    it("takes no token that others can read", function()
      local run, calls = recorder()
      for mode, text in pairs({ [420] = "tk", [384] = "two words", [256] = "" }) do
        local file = ("%s/%d"):format(dir, mode)
        assert(fs.write_atomic(file, text, { mode = mode }))
        local ok, why = curl.post({ url = "https://a/", body = "{}", token_file = file }, nil, run)
        assert.is_nil(ok)
        assert.matches("token: ", why)
        assert.is_nil(why:find("two words", 1, true))
      end
      assert.is_nil(curl.post({ url = "https://a/", body = "{}", token_file = dir .. "/x" }, nil, run))
      assert.equal(0, #calls)
    end)

    it("does not repeat the address in its errors", function()
      local run = recorder({ code = 22, stderr = "curl: (22) https://hooks.example/SECRET: 404" })
      local ok, why = sink("webhook").show(message(), { url = "https://hooks.example/SECRET" }, run)
      assert.is_nil(ok)
      assert.is_nil(why:find("SECRET", 1, true))
    end)

    it("fits what curl reads as a line, however long the text", function()
      local run, calls = recorder()
      assert.is_true(sink("webhook").show(message({ message = ("\""):rep(60000) }),
        { url = "https://a/" }, run))
      for line in calls[1].opts.input:gmatch("[^\n]+") do assert.is_true(#line < 100000) end
    end)

    it("needs a topic for ntfy", function()
      local ok, why = sink("ntfy").show(message(), { url = "https://ntfy.example" }, (recorder()))
      assert.is_nil(ok)
      assert.matches("no topic", why)
    end)
  end)

  describe("desktop", function()
    it("is the first that is there and succeeds, and says why none is", function()
      local desktop = sink("desktop")
      local written = {}
      local opts = { env = { PATH = "/nonexistent", TERM = "xterm" },
        terminal = function(text) written[#written + 1] = text end }
      local ok, name = desktop.show(message(), opts, (recorder()))
      assert.is_true(ok)
      assert.equal("osc", name)
      opts.env.TERM = "linux"
      assert.equal("bell", select(2, desktop.show(message(), opts, (recorder()))))
      opts.terminal = nil
      local none, why = desktop.show(message(), opts, (recorder()))
      assert.is_nil(none)
      assert.matches("notify_send: .*; terminal_notifier: .*; osascript: .*; osc: .*; bell: ", why)
    end)
  end)

  describe("text", function()
    local text = sink("text")

    it("cuts between two characters", function()
      for most = 4, 12 do
        local cut = text.shorten("añb\u{1F600}cdéfgh", most)
        assert.is_truthy(utf8.len(cut))
        assert.is_true(#cut <= most)
      end
      assert.equal("abc", text.shorten("abc", 3))
    end)

    it("has a title always", function()
      assert.equal("wrapix", text.title({ title = "  " }))
      assert.equal("T: M", text.line(message()))
      assert.equal("T", text.line(message({ message = "" })))
    end)

    it("makes a tag of letters", function()
      assert.matches("^wrapix%-[%w]*%-[%w_-]*$",
        text.tag({ tag = "a:b c\n-é", from = { session = "x/../y" } }))
      assert.is_nil(text.tag(message()))
      assert.equal("wrapix-s-", text.tag(message({ from = { session = "s" } })))
      assert.equal("wrapix--t", text.tag(message({ tag = "t" })))
    end)
  end)
end)
