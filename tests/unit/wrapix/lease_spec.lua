-- SPDX-License-Identifier: MIT
-- The launcher's end of the lease, with this process in the place of PID 1.

local fs = require("wrapix.fs")
local leases = require("wrapix.lease")
local net = require("wrapix.net")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

describe("a lease", function()
  local dir, lease, started

  before_each(function()
    dir, started = assert(fs.temp_dir("lease-")), 0
  end)

  after_each(function() fs.remove_tree(dir) end)

  -- Closed within the test, which may leave nothing.
  local function with_lease(name, fn)
    it(name, function()
      lease = assert(leases.open(dir, { mode = "keep-id" }))
      local _ <close> = lease
      fn()
    end)
  end

  local function connect(name) return assert(net.connect_unix(dir .. "/" .. (name or "lease.sock"))) end

  -- Runs fn(serving) beside what serves the lease.
  local function serve(fn)
    return task.scope(function(scope)
      local serving = scope:spawn(function()
        lease:serve(function() started = started + 1 end)
        return true
      end)
      fn(serving)
      serving:cancel()
      return true
    end)
  end

  with_lease("hears the start, the end and the memory", function()
    serve(function(serving)
      local init <close> = connect()
      assert.is_true(lease:let_take())
      init:write("start\n")
      init:write("exit 7 4096\n")
      init:shutdown()
      serving:wait()
    end)
    assert.same({ 1, true, true, 7, 4096 },
      { started, lease.started, lease.ended, lease.status, lease.memory })
  end)

  with_lease("knows an end that nothing was said of", function()
    serve(function(serving)
      connect():close()
      serving:wait()
    end)
    assert.same({ true, false, 0 }, { lease.ended, lease.started, started })
    assert.is_nil(lease.status)
  end)

  with_lease("leaves open how much memory it was when nobody knows", function()
    serve(function(serving)
      local init <close> = connect()
      init:write("exit 0 0\n")
      init:shutdown()
      serving:wait()
    end)
    assert.equal(0, lease.status)
    assert.is_nil(lease.memory)
  end)

  with_lease("believes nothing that it does not know", function()
    serve(function(serving)
      local init <close> = connect()
      init:write("exit\nexit x y\nexit -1 5\nexit 1 2 3\nSTART\n\n" .. ("x"):rep(30) .. "\n")
      init:shutdown()
      serving:wait()
    end)
    assert.same({ 0, true }, { started, lease.ended })
    assert.is_nil(lease.status)
    assert.is_nil(lease.memory)
  end)

  with_lease("ends with a line that does not end", function()
    serve(function(serving)
      local init <close> = connect()
      init:write("start\n" .. ("x"):rep(100000))
      serving:wait()
    end)
    assert.same({ 1, true }, { started, lease.ended })
  end)

  with_lease("listens to the first connection only", function()
    serve(function(serving)
      local init <close> = connect()
      assert.is_true(lease:let_take())
      local other <close> = connect()
      other:write("start\nexit 1 1\n")
      other:shutdown()
      task.sleep(0.02)
      assert.same({ false, false }, { lease.started, lease.ended })
      init:write("exit 2 2\n")
      init:shutdown()
      serving:wait()
    end)
    assert.same({ 2, 2, 0 }, { lease.status, lease.memory, started })
  end)

  with_lease("goes on with the same one when whoever listened was cut off", function()
    local init <close> = connect()
    serve(function() assert.is_true(lease:let_take()) end)
    assert.is_false(lease.ended)
    serve(function(serving)
      init:write("start\n")
      init:shutdown()
      serving:wait()
    end)
    assert.same({ 1, true }, { started, lease.ended })
  end)

  with_lease("hands signals over, also those that came before", function()
    assert(lease:signal(15))
    assert(lease:signal(2))
    serve(function()
      local init <close> = connect()
      assert.equal("\15\2", init:read(2))
      assert(lease:signal(1))
      assert.equal("\1", init:read(1))
    end)
  end)

  with_lease("is not taken where nobody comes", function()
    serve(function() assert.is_false(lease:let_take()) end)
  end)

  with_lease("is seen to end by PID 1 when it is given up", function()
    serve(function()
      local init <close> = connect()
      assert.is_true(lease:let_take())
      lease:close()
      assert.is_nil((init:read()))
    end)
    assert.is_false(fs.exists(dir .. "/lease.sock"))
    assert.equal("ENOENT", select(3, net.connect_unix(dir .. "/lease.sock")))
    lease:close() -- twice is allowed
  end)

  with_lease("of one more command lies beside the first, under a name of its own", function()
    local other <close> = assert(leases.open(dir, { mode = "keep-id" }, "exec-1.sock"))
    assert.same({ "exec-1.sock", "lease.sock" }, fs.list(dir))
    assert.equal(sys.euid(), assert(fs.lstat(dir .. "/exec-1.sock")).uid)
    other:close()
    assert.same({ "lease.sock" }, fs.list(dir))
  end)

  with_lease("fails where there can be no socket", function()
    local none, message, code = leases.open(dir .. "/nowhere", { mode = "keep-id" })
    assert.is_nil(none)
    assert.equal("ENOENT", code)
    assert.matches("nowhere", message, 1, true)
    assert.is_nil((leases.open(dir, { mode = "keep-id" }, ("x"):rep(120))))
  end)
end)
