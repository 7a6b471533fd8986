-- SPDX-License-Identifier: MIT
-- The guest's ralph against ralph.inside over a real socket: what an agent types and what
-- it gets; clients that are slow, silent, many, or send noise.

local fs = require("wrapix.fs")
local inside = require("ralph.inside")
local json = require("wrapix.json")
local net = require("wrapix.net")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local task = require("wrapix.task")
local worlds = require("support.world")

local BUILD = assert(fs.realpath("/proc/self/exe")):match("^(.*)/")
local CLIENT = BUILD .. "/guest/wrapix-ralph"

describe("ralph inside a sandbox", function()
  local dir, socket, calls, box
  before_each(function()
    dir = assert(fs.temp_dir("wx-inside-"))
    socket, calls = dir .. "/ralph.sock", {}
    box = inside.new({
      issue = { id = "shop-1", title = "Cart", priority = 2, spec_id = "cart" },
      tracker = { get = function(_, id) return { id = id, title = "Cart", status = "open", priority = 2 } end },
      add = function(fields)
        calls[#calls + 1] = fields.title
        return { id = "shop-" .. #calls + 1 }
      end,
      note = function(text)
        calls[#calls + 1] = text
        return true
      end,
    })
  end)
  after_each(function() assert(fs.remove_tree(dir)) end)

  -- As the launcher does it: each connection in a task of its own.
  local function serving(fn)
    local server = assert(net.listen_unix(socket))
    task.scope(function(scope)
      local listener = scope:spawn(function()
        return task.scope(function(inner)
          while true do
            local stream = server:accept()
            if not stream then return true end
            inner:spawn(function()
              pcall(box.handler, stream)
              stream:close()
              return true
            end)
          end
        end)
      end)
      fn()
      server:close()
      listener:cancel()
      listener:wait()
      return true
    end)
  end

  local function ralph(words, input)
    local argv = table.move(words, 1, #words, 2, { CLIENT })
    return assert(proc.run(argv, { env = { WRAPIX_RALPH_SOCKET = socket }, input = input, timeout = 20 }))
  end

  it("carries words there and answers back", function()
    serving(function()
      local result = ralph({ "issue", "add", "Fix \27[1mthis\xff", "-d", "-" }, "why\n")
      assert.same({ 0, "shop-2: Fix [1mthis\u{FFFD}\n", "" }, { result.code, result.stdout, result.stderr })
      result = ralph({ "note", "-" }, ("x"):rep(30000))
      assert.same({ 0, "noted on shop-1\n" }, { result.code, result.stdout })
      result = ralph({ "issue", "show" })
      assert.equal("shop-1  open  P2  task  Cart\n", result.stdout)
      result = ralph({ "close", "shop-1" })
      assert.same({ 2, "", "ralph: close: there is no such verb here\nhint: ralph help\n" },
        { result.code, result.stdout, result.stderr })
      result = ralph({ "done", "--no-change", "nothing to do" })
      assert.equal(0, result.code)
      result = ralph({ "help" })
      assert.truthy(result.stdout:find("--no-change REASON", 1, true))
    end)
    assert.same({ "Fix [1mthis\u{FFFD}", ("x"):rep(30000) }, calls)
    assert.same({ kind = "done", by = "socket", no_change = "nothing to do" }, box:signal())
    assert.equal(6, #box.requests)
    assert.same({ "close", "shop-1" }, { box.requests[4].words[1], box.requests[4].words[2] })
  end)

  it("answers many at once, each of them", function()
    serving(function()
      task.scope(function(scope)
        for i = 1, 6 do
          scope:spawn(function()
            assert.equal(0, ralph({ "note", "n" .. i }).code)
            return true
          end)
        end
      end)
    end)
    table.sort(calls)
    assert.same({ "n1", "n2", "n3", "n4", "n5", "n6" }, calls)
  end)

  it("closes the door to more connections than eight", function()
    serving(function()
      local streams = {}
      for i = 1, 8 do streams[i] = assert(net.connect_unix(socket)) end
      local result = ralph({ "done" })
      assert.equal(1, result.code)
      assert.truthy(result.stderr:find("gave no answer", 1, true), result.stderr)
      for _, stream in ipairs(streams) do stream:close() end
      local deadline = sys.clock() + 10
      repeat result = ralph({ "done" }) until result.code == 0 or sys.clock() > deadline
      assert.equal(0, result.code, result.stderr)
    end)
  end)

  it("answers a line that is too long, and drops who hangs up", function()
    serving(function()
      local stream <close> = assert(net.connect_unix(socket))
      stream:write(("x"):rep(310 << 10))
      local answer = json.decode((assert(stream:read_line())))
      assert.equal(1, answer.status)
      assert.truthy(answer.err:find("longer than 300 KiB", 1, true))
      local other <close> = assert(net.connect_unix(socket))
      other:write('{"version":1,"words":["no')
      other:close()
    end)
    assert.is_nil(box:signal())
  end)

  it("takes noise for what it is", function()
    math.randomseed(20240131)
    local pieces = { "{", "}", "[", "]", '"', ":", ",", "\\", "version", "words", "1", "done", "stdin", "null",
      '"words":["done"]', '{"version":1,', "\xff", "\0", "\\u0000", "e9", "-", " " }
    serving(function()
      for _ = 1, 60 do
        local line = {}
        for i = 1, math.random(1, 30) do line[i] = pieces[math.random(#pieces)] end
        local stream <close> = assert(net.connect_unix(socket))
        stream:write(table.concat(line) .. "\n")
        local answer = json.decode((assert(stream:read_line())))
        assert.is_truthy(answer.status == 0 or answer.err:find("^ralph: "))
      end
      assert.equal(0, ralph({ "help" }).code)
    end)
    assert.same({}, calls)
  end)

  it("drops who says nothing", function()
    local start, seconds = sys.clock(), inside.SECONDS
    finally(function() inside.SECONDS = seconds end)
    inside.SECONDS = 0.2
    serving(function()
      local stream <close> = assert(net.connect_unix(socket))
      stream:write('{"version":1,')
      assert.is_nil((stream:read_line()))
    end)
    assert.is_true(sys.clock() - start < 8)
  end)
end)

describe("every sandbox", function()
  local world
  before_each(function() world = worlds.new() end)
  after_each(function() world:close() end)

  -- The double runs the command on the host, where /run/wrapix is not.
  it("has a ralph, which says that it belongs to no step", function()
    local script = ([[PATH=$(echo %s/cache/wrapix/guest/*):$PATH; ralph --help && ralph done]])
      :format(world.dir)
    local result = world:run({ "test", "--", "sh", "-c", script })
    assert.truthy(result.stdout:find("usage: ralph VERB", 1, true), result.stderr)
    assert.truthy(result.stderr:find("ralph: this sandbox belongs to no step\n", 1, true), result.stderr)
    assert.equal(1, result.code)
    assert.equal(1, world:run({ "test", "--", "sh", "-c", script }).code)
  end)
end)
