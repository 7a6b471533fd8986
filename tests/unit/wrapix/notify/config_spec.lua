-- SPDX-License-Identifier: MIT
local config = require("wrapix.notify.config")
local fs = require("wrapix.fs")

local function names(sinks)
  local list = {}
  for i, entry in ipairs(sinks) do list[i] = entry.name end
  return table.concat(list, " ")
end

local function refused(given)
  local found, message = config.check(given)
  assert.is_nil(found)
  return message
end

describe("notify.config", function()
  it("has rules without a file", function()
    local found = assert(config.check({}))
    assert.equal("desktop", names(found.sinks))
    assert.same({ count = 10, per = 60 }, found.rate)
    assert.is_true(found.focus)
    assert.is_false(found.tcp)
    assert.is_false(found.always)
  end)

  it("reads all fields", function()
    local function hook() end
    local found = assert(config.check({
      sinks = { "desktop", { "ntfy", url = "https://ntfy.example/topic", token_file = "/t" }, hook,
        { "command", argv = { "say", "--", "-x" }, timeout = 3 },
        { "webhook", url = "http://127.0.0.1:1/x", headers = { ["X-A"] = "b" } },
        { "osc", code = 99 }, { "notify_send", click = 30 } },
      on_message = hook, quiet = { from = "22:00", to = "07:30" }, min_age = "20s", join = 5,
      rate = { count = 2 }, always = true, focus = false, tcp = { host = "192.168.64.1" },
    }))
    assert.equal("desktop ntfy function command webhook osc notify_send", names(found.sinks))
    assert.equal("/t", found.sinks[2].opts.token_file)
    assert.equal(hook, found.sinks[3].show)
    assert.same({ from = 1320, to = 450 }, found.quiet)
    assert.equal(20, found.min_age)
    assert.same({ count = 2, per = 60 }, found.rate)
    assert.same({ host = "192.168.64.1", port = 5959 }, found.tcp)
    assert.is_false(assert(config.check({ rate = false, quiet = false })).rate)
  end)

  it("names what it does not know, and the nearest it does", function()
    assert.matches("unknown field 'sink' %(did you mean 'sinks'%?%)", refused({ sink = {} }))
    assert.matches("no sink 'notify%-send' %(did you mean 'notify_send'%?%)",
      refused({ sinks = { "notify-send" } }))
    assert.matches("ntfy has no option 'ulr' %(did you mean 'url'%?%)",
      refused({ sinks = { { "ntfy", ulr = "https://a/b" } } }))
    assert.matches("quiet: unknown field 'form' %(did you mean 'from'%?%)",
      refused({ quiet = { form = "1:00", to = "2:00" } }))
  end)

  it("names every mistake at once", function()
    local message = refused({ always = 1, min_age = "soon", on_message = "x" })
    for _, field in ipairs({ "always: ", "min_age: ", "on_message: " }) do
      assert.matches(field, message, 1, true)
    end
  end)

  it("refuses what makes no sense", function()
    for field, values in pairs({
      sinks = { "desktop", { 5 }, { x = 1 }, { { "command" } }, { { "command", argv = {} } },
        { { "command", argv = "rm -rf" } }, { { "ntfy", url = "ftp://a/b" } },
        { { "ntfy", url = "https://a/\nb" } }, { { "webhook", url = "https://a", headers = { a = "b\n" } } },
        { { "osc", code = 8 } }, { { "desktop", click = -1 } } },
      quiet = { true, {}, { from = "25:00", to = "1:00" }, { from = "1:60", to = "2:00" },
        { from = 22, to = 7 } },
      rate = { true, 5, {}, { count = 0 }, { count = 1.5 }, { count = 1, per = 0 } },
      min_age = { -1, "x", 0 / 0, true }, join = { -1 }, focus = { "yes" },
      on_message = { {} },
    }) do
      for i, value in ipairs(values) do
        assert.matches("^" .. field .. ": ", refused({ [field] = value }), 1, nil, field .. i)
      end
    end
    assert.matches("return a table", refused(nil))
    assert.matches("return a table", refused("desktop"))
  end)

  it("never listens on all interfaces", function()
    for _, host in ipairs({ "0.0.0.0", "::", "*", "", "0", "00.0.0.0", "0:0:0:0:0:0:0:0", "::0",
      "localhost.example", "0x0" }) do
      assert.matches("^tcp: host", refused({ tcp = { host = host } }), 1, nil, host)
    end
    assert.matches("^tcp: port", refused({ tcp = { host = "127.0.0.1", port = 0 } }))
    assert.is_table(config.check({ tcp = { host = "fe80::1", port = 1 } }))
  end)

  describe("file", function()
    local dir
    before_each(function() dir = assert(fs.temp_dir("wx-notify")) end)
    after_each(function() fs.remove_tree(dir) end)

    local function load_text(text)
      if text then assert(fs.write_atomic(dir .. "/notify.lua", text)) end
      return config.load({ config = dir })
    end

    it("may be missing", function()
      local found, problem = load_text(nil)
      assert.is_nil(problem)
      assert.is_nil(found.path)
    end)

    it("is run as Lua", function()
      local found, problem = load_text("local n = 3 return { rate = { count = n } }")
      assert.is_nil(problem)
      assert.equal(3, found.rate.count)
    end)

    it("that is broken is told, and the defaults hold", function()
      for text, pattern in pairs({
        ["return {"] = "notify.lua:1:", ["error('x')"] = "x", ["return 1"] = "return a table",
        ["return { sinkz = {} }"] = "unknown field 'sinkz' %(did you mean 'sinks'",
        ["\27Lua"] = "only source text",
      }) do
        local found, problem = load_text(text)
        assert.matches("^notify: ", problem.message)
        assert.matches(pattern, problem.message)
        assert.equal("desktop", names(found.sinks))
      end
    end)
  end)
end)
