-- SPDX-License-Identifier: MIT
-- Sockets of this machine: Unix paths in a temporary directory, loopback TCP.

local fs = require("wrapix.fs")
local net = require("wrapix.net")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

describe("net", function()
  local dir
  before_each(function() dir = assert(fs.temp_dir("wx-net")) end)
  after_each(function() fs.remove_tree(dir) end)

  it("carries lines over a Unix socket, and knows the peer", function()
    local path = dir .. "/s"
    local server <close> = assert(net.listen_unix(path))
    assert.equal(384, fs.stat(path).mode & 511)
    task.scope(function(s)
      s:spawn(function()
        local stream <close> = server:accept()
        assert.equal(sys.uid(), stream:peer().uid)
        assert.equal(sys.pid(), stream:peer().pid)
        for line in function() return stream:read_line() end do stream:write(line:upper() .. "\n") end
        return true
      end)
      local stream <close> = assert(net.connect_unix(path))
      stream:write("one\ntw")
      assert.equal("ONE", stream:read_line())
      stream:write("o\nlast")
      stream:shutdown()
      assert.equal("TWO", stream:read_line())
      assert.equal("LAST", stream:read_line())
      assert.is_nil(stream:read_line())
    end)
  end)

  it("carries megabytes through a slow reader", function()
    local server <close> = assert(net.listen_unix(dir .. "/s"))
    local data = ("x"):rep(4 * 1024 * 1024)
    task.scope(function(s)
      s:spawn(function()
        local stream <close> = server:accept()
        assert(stream:write(data))
        return true
      end)
      local stream <close> = assert(net.connect_unix(dir .. "/s"))
      task.sleep(0.02)
      assert.is_true(stream:read_all() == data)
    end)
  end)

  it("serves TCP on a free port of the loopback", function()
    local server <close> = assert(net.listen_tcp("127.0.0.1", 0))
    assert.is_true(server:port() > 0)
    task.scope(function(s)
      s:spawn(function()
        local stream <close> = server:accept()
        stream:write("hello")
        local _, _, code = stream:peer()
        assert.equal("ENOTSUP", code)
        return true
      end)
      local stream <close> = assert(net.connect_tcp("127.0.0.1", server:port()))
      assert.equal("hello", stream:read_all())
    end)
  end)

  it("takes a hundred connections at once", function()
    local server <close> = assert(net.listen_unix(dir .. "/s"))
    local served = 0
    task.scope(function(s)
      local acceptor = s:spawn(function()
        while true do
          local stream = server:accept()
          if not stream then return true end
          s:spawn(function()
            local text = assert(stream:read_all()) -- first: `served` may change meanwhile
            served = served + #text
            stream:close()
            return true
          end)
        end
      end)
      local clients = {}
      for i = 1, 100 do clients[i] = assert(net.connect_unix(dir .. "/s")) end
      for i = 1, 100 do
        clients[i]:write("x")
        clients[i]:close()
      end
      while served < 100 do task.yield() end
      acceptor:cancel()
    end)
    assert.equal(100, served)
  end)

  it("ends an accept by cancel and by close", function()
    local server = assert(net.listen_unix(dir .. "/s"))
    local _, _, code = task.timeout(0.01, function() return server:accept() end)
    assert.equal("ETIMEDOUT", code)
    task.scope(function(s)
      local child = s:spawn(function() return { server:accept() } end)
      task.yield()
      server:close()
      assert.equal("ECANCELED", child:wait()[3])
    end)
    _, _, code = server:accept()
    assert.equal("EBADF", code)
  end)

  it("fails clearly", function()
    local _, msg, code = net.connect_unix(dir .. "/none")
    assert.equal("ENOENT", code)
    assert.matches("connect", msg)
    _, _, code = net.listen_unix(dir .. "/" .. ("x"):rep(200))
    assert.equal("ENAMETOOLONG", code)
    local server <close> = assert(net.listen_unix(dir .. "/s"))
    assert.is_userdata(server)
    _, _, code = net.listen_unix(dir .. "/s")
    assert.equal("EADDRINUSE", code)
    _, msg, code = net.connect_tcp("example.invalid", 80)
    assert.equal("EINVAL", code)
    assert.matches("numeric", msg)
    assert.error_matches(function() net.connect_tcp("127.0.0.1", 70000) end, "port")
    assert.error_matches(function() net.connect_unix("a\0b") end, "NUL")
  end)

  -- What a service manager passes is in tests/integration/notifyd_spec.lua.
  it("takes no descriptor over that does not listen", function()
    local function descriptors()
      local open = {}
      for _, name in ipairs(fs.list("/proc/self/fd")) do
        open[math.tointeger(tonumber(name))] = fs.readlink("/proc/self/fd/" .. name)
      end
      return open
    end
    local server <close> = assert(net.listen_unix(dir .. "/s"))
    local before = descriptors()
    local stream <close> = assert(net.connect_unix(dir .. "/s"))
    local file <close> = assert(io.open("/dev/null"))
    local tried = {}
    for fd, target in pairs(descriptors()) do
      if target ~= before[fd] then
        local found, message, code = net.listen_fd(fd)
        assert.is_nil(found)
        assert.matches("^E%u+: listen on descriptor " .. fd, message)
        tried[code] = true
      end
    end
    assert.same({ EINVAL = true, ENOTSOCK = true }, tried)
    assert.equal(0, server:port())
    assert.is_true(stream:peer() ~= nil and file:read(1) == nil) -- both are still open
    assert.equal("EBADF", select(3, net.listen_fd(1000000)))
    assert.error_matches(function() net.listen_fd(2) end, "no descriptor that was passed on")
  end)
end)
