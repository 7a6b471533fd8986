-- SPDX-License-Identifier: MIT
-- The foreground run, with a shell in the place of an engine.

local container = require("wrapix.container")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local function run(script, opts)
  opts = opts or {}
  opts.stdin, opts.stdout = opts.stdin or "null", opts.stdout or "null"
  opts.on_signal = opts.on_signal or function() error("no signal expected") end
  return container.run({ "/bin/sh", "-c", script }, opts)
end

describe("container.run", function()
  it("passes the exit status on", function()
    assert.equal(0, run("exit 0").code)
    assert.equal(125, run("exit 125").code)
    assert.equal(15, run("kill -TERM $$").signal)
  end)

  it("hands stderr over piece by piece and whole", function()
    local seen = {}
    local r = run("echo a >&2; sleep 0.02; printf b >&2", {
      stderr = "pipe",
      on_stderr = function(chunk) seen[#seen + 1] = chunk end,
    })
    assert.equal(0, r.code)
    assert.equal("a\nb", table.concat(seen))
  end)

  it("tells who sent a signal, and leaves the answer to the caller", function()
    local got, running = {}, nil
    local r = run("trap 'exit 9' TERM; kill -HUP $PPID; while :; do sleep 0.01; done", {
      on_start = function(started) running = started end,
      on_signal = function(name, sender)
        got = { name, sender == running:pid() }
        running:kill("TERM")
      end,
    })
    assert.equal(9, r.code)
    assert.same({ "HUP", true }, got)
  end)

  it("calls on_timeout once, and goes on waiting", function()
    local calls, running = 0, nil
    local r = run("trap 'exit 3' TERM; while :; do sleep 0.01; done", {
      timeout = 0.05,
      on_start = function(started) running = started end,
      on_timeout = function()
        calls = calls + 1
        running:kill("TERM")
      end,
    })
    assert.equal(1, calls)
    assert.equal(3, r.code)
  end)

  it("puts the signal actions back", function()
    run("true")
    -- A second run can catch again; a test that TERM kills us would end the suite.
    assert.equal(0, run("true").code)
    local status = assert(proc.run({ "grep", "SigCgt", ("/proc/%d/status"):format(sys.pid()) })).stdout
    local caught = tonumber(status:match("SigCgt:%s*(%x+)"), 16)
    assert.equal(0, caught & (1 << 14)) -- SIGTERM is bit 15 - 1
  end)

  it("runs several at once, and each hears a signal", function()
    local heard, up = 0, 0
    local function one()
      local running
      return run("trap 'exit 9' TERM; echo >&2; while :; do sleep 0.01; done", {
        stderr = "pipe",
        on_start = function(started) running = started end,
        on_stderr = function()
          up = up + 1
          if up == 3 then assert(proc.run({ "kill", "-HUP", tostring(sys.pid()) })) end
        end,
        on_signal = function(name)
          heard = heard + (name == "HUP" and 1 or 0)
          running:kill("TERM")
        end,
      })
    end
    local results = assert(task.parallel(3, { 1, 2, 3 }, one))
    assert.same({ 9, 9, 9 }, { results[1].code, results[2].code, results[3].code })
    assert.equal(3, heard)
  end)

  it("says when the program is missing", function()
    local _, msg, code = container.run({ "no-such-engine" }, { on_signal = function() end })
    assert.equal("ENOENT", code)
    assert.matches("no%-such%-engine", msg)
  end)
end)

describe("container.leave_stdio", function()
  it("leaves whoever reads our output at its end", function()
    local name = os.tmpname()
    local file = assert(io.open(name, "w"))
    file:write([[
      io.stdout:setvbuf("no")
      print("before")
      require("wrapix.container").leave_stdio()
      print("after")
      print(io.read("a"))
    ]])
    file:close()
    -- By name: under valgrind /proc/self/exe is another program.
    local program = (os.getenv("BUILD") or "build") .. "/wrapix"
    local r = assert(proc.run({ program, "--run", name }, { input = "unread", cwd = WRAPIX_ROOT }))
    os.remove(name)
    assert.equal(0, r.code)
    assert.equal("before\n", r.stdout)
  end)
end)
