-- SPDX-License-Identifier: MIT

local crossings = require("wrapix.launch.crossing")
local fs = require("wrapix.fs")
local net = require("wrapix.net")
local task = require("wrapix.task")

local SILENT = setmetatable({}, { __index = function() return function() end end })

describe("a crossing", function()
  local dir, server, crossing

  -- What is open at the end of a spec's own function counts as left.
  local function open()
    dir = assert(fs.temp_dir("crossing-"))
    server = assert(net.listen_unix(dir .. "/one.sock"))
    crossing = assert(crossings.open("127.0.0.1", SILENT))
  end

  local function close()
    crossing:close()
    server:close()
    fs.remove_tree(dir)
    task.sleep(0.02)
  end

  local function case(name, fn)
    it(name, function()
      open()
      local ok, err = pcall(fn)
      close()
      if not ok then error(err, 0) end
    end)
  end

  local function connect(text)
    local stream = assert(net.connect_tcp("127.0.0.1", crossing.port))
    stream:write(text)
    return stream
  end

  case("carries bytes to the socket of a token, and back, to the end of both", function()
    local token = crossing:add("one.sock", dir .. "/one.sock")
    crossing:serve(error)
    local outer <close> = connect("token " .. token .. "\nhello\n")
    local inner <close> = assert(server:accept())
    assert.equal("hello", inner:read_line())
    inner:write("answer\n")
    assert.equal("answer", outer:read_line())
    outer:shutdown()
    assert.is_nil(inner:read())
    inner:write("last\n")
    inner:close()
    assert.equal("last", outer:read_line())
    assert.is_nil(outer:read())
  end)

  case("sends away whoever has no token, or a wrong one", function()
    local token = crossing:add("one.sock", dir .. "/one.sock")
    crossing:serve(error)
    for _, text in ipairs({ "\n", "token \n", "token x\n", token .. "\n", "token " .. token .. " \n",
      "token " .. ("0"):rep(#token) .. "\n", "token " .. token:sub(1, -2) .. "\n",
      ("x"):rep(500) .. "\n" }) do
      local stream <close> = connect(text)
      assert.is_nil((stream:read()), text)
    end
    local taken = task.timeout(0.05, function() return server:accept() end)
    assert.is_nil(taken)
  end)

  case("leads each token to its own socket", function()
    local second <close> = assert(net.listen_unix(dir .. "/two.sock"))
    crossing:add("one.sock", dir .. "/one.sock")
    local token = crossing:add("two.sock", dir .. "/two.sock")
    assert.equal(token, crossing:add("two.sock", dir .. "/two.sock"))
    crossing:serve(error)
    local outer <close> = connect("token " .. token .. "\nx\n")
    local inner <close> = assert(second:accept())
    assert.equal("x", inner:read_line())
    assert.same({ port = crossing.port, token = token }, crossing:served()["two.sock"])
    assert.equal("127.0.0.1", crossing:served().host)
    assert.truthy(outer)
  end)

  case("hears no more strangers at once than it can bear", function()
    local token = crossing:add("one.sock", dir .. "/one.sock")
    crossing:serve(error)
    local silent = {}
    for i = 1, 16 do silent[i] = assert(net.connect_tcp("127.0.0.1", crossing.port)) end
    for _ = 1, 20 do task.yield() end
    local one_more <close> = connect("token " .. token .. "\nx\n")
    local inner <close> = assert(server:accept())
    assert.equal("x", inner:read_line())
    assert.is_nil((silent[1]:read()), "the one that came first had to go")
    assert.is_nil((task.timeout(0.05, silent[2].read, silent[2])))
    silent[2]:write("token " .. token .. "\ny\n")
    local second <close> = assert(server:accept())
    assert.equal("y", second:read_line())
    assert.truthy(one_more)
    for _, stream in ipairs(silent) do stream:close() end
  end)

  case("lets none stay of many that come at once", function()
    local token = crossing:add("one.sock", dir .. "/one.sock")
    crossing:serve(error)
    local silent = {}
    for i = 1, 100 do silent[i] = assert(net.connect_tcp("127.0.0.1", crossing.port)) end
    for i = 1, 84 do assert.is_nil((silent[i]:read())) end
    local outer <close> = connect("token " .. token .. "\nx\n")
    local inner <close> = assert(server:accept())
    assert.equal("x", inner:read_line())
    assert.truthy(outer)
    for _, stream in ipairs(silent) do stream:close() end
  end)

  case("waits for an address that is not there yet", function()
    local real, tries = net.listen_tcp, 0
    finally(function() net.listen_tcp = real end)
    net.listen_tcp = function(host, port, opts)
      if host ~= "127.0.0.9" then return real(host, port, opts) end
      tries = tries + 1
      if tries < 3 then return nil, "not there", "EADDRNOTAVAIL" end
      return real("127.0.0.1", port, opts)
    end
    local later <close> = assert(crossings.open("127.0.0.9", SILENT))
    local token = later:add("one.sock", dir .. "/one.sock")
    later:serve(error)
    local outer
    while not outer do
      outer = net.connect_tcp("127.0.0.1", later.port)
      if not outer then task.sleep(0.01) end
    end
    outer:write("token " .. token .. "\n")
    local inner <close> = assert(server:accept())
    assert.truthy(inner)
    outer:close()
    assert.equal(3, tries)
  end)

  case("tells why nobody can be listened to", function()
    local real, why = net.listen_tcp, nil
    finally(function() net.listen_tcp = real end)
    net.listen_tcp = function(host, port, opts)
      if host ~= "127.0.0.9" then return real(host, port, opts) end
      if why == nil then
        why = false
        return nil, "not there", "EADDRNOTAVAIL"
      end
      return nil, "taken", "EADDRINUSE"
    end
    local later <close> = assert(crossings.open("127.0.0.9", SILENT))
    later:serve(function(message) why = message end)
    for _ = 1, 5 do task.yield() end
    assert.equal("taken", why)
  end)

  it("compares texts whole", function()
    assert.is_true(crossings.is_same("abc", "abc"))
    for _, other in ipairs({ "", "ab", "abd", "xbc", "abcd" }) do
      assert.is_false(crossings.is_same("abc", other), other)
    end
  end)
end)
