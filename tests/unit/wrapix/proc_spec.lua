-- SPDX-License-Identifier: MIT
-- Processes: real ones, small ones.

local proc = require("wrapix.proc")
local task = require("wrapix.task")

local function sh(script, opts) return assert(proc.run({ "/bin/sh", "-c", script }, opts)) end

-- A killed process stays visible until the kernel has taken it down.
local function gone(pid)
  for _ = 1, 200 do
    local file = io.open(("/proc/%d/stat"):format(pid))
    if not file then return true end
    local state = file:read("a"):match("%) (%a)")
    file:close()
    if state == "Z" or state == "X" then return true end
    task.sleep(0.01)
  end
  return false
end

describe("proc.run", function()
  it("returns code, both streams, time and usage", function()
    local r = sh("echo out; echo err >&2; exit 42")
    assert.equal(42, r.code)
    assert.is_nil(r.signal)
    assert.equal("out\n", r.stdout)
    assert.equal("err\n", r.stderr)
    assert.is_true(r.seconds > 0)
    assert.is_true(r.rusage.max_rss_kb > 0)
  end)

  it("tells a signal from a code", function()
    local r = sh("kill -9 $$")
    assert.equal(9, r.signal)
    assert.is_nil(r.code)
  end)

  it("passes words as they are, to the byte", function()
    local words = { "", " ", "a b", "'", '"', "$HOME", "`id`", "-n", "\n", "ä", "\1\255" }
    local r = assert(proc.run({ "/usr/bin/env", "printf", "%s\\0", table.unpack(words) }))
    assert.equal(table.concat(words, "\0") .. "\0", r.stdout)
  end)

  it("feeds stdin and reads the same bytes back, 10 MB", function()
    local data = ("0123456789abcde\n"):rep(655360)
    local r = assert(proc.run({ "cat" }, { input = data }))
    assert.is_true(r.stdout == data)
  end)

  it("takes a program that ends without reading its input", function()
    assert.equal(0, assert(proc.run({ "true" }, { input = ("x"):rep(1000000) })).code)
  end)

  it("gives an empty stdin by default", function()
    assert.equal("", sh("cat").stdout)
  end)

  it("merges, unsets and clears the environment", function()
    local r = assert(proc.run({ "env" }, { env = { A = "x y", PATH = "/usr/bin:/bin" }, clear_env = true }))
    assert.equal("A=x y\nPATH=/usr/bin:/bin\n", r.stdout)
    assert.equal("unset\n", sh("echo ${HOME-unset}", { env = { HOME = false } }).stdout)
  end)

  it("finds the program on the PATH that the child gets", function()
    local _, msg, code = proc.run({ "true" }, { env = { PATH = "/nonexistent" } })
    assert.equal("ENOENT", code)
    assert.matches("true", msg)
  end)

  it("says what is missing: program, directory, file", function()
    local _, msg, code = proc.run({ "no-such-program" })
    assert.equal("ENOENT", code)
    assert.matches("no%-such%-program", msg)
    _, msg, code = proc.run({ "true" }, { cwd = "/no/such" })
    assert.equal("ENOENT", code)
    assert.matches("change directory to '/no/such'", msg)
    _, msg = proc.run({ "true" }, { stdout = { file = "/no/such" } })
    assert.matches("open '/no/such'", msg)
  end)

  it("writes to files and appends", function()
    local name = os.tmpname()
    assert(proc.run({ "echo", "1" }, { stdout = { file = name } }))
    assert(proc.run({ "echo", "2" }, { stdout = { file = name, mode = "a" } }))
    assert.equal("1\n2\n", assert(proc.run({ "cat" }, { stdin = { file = name } })).stdout)
    os.remove(name)
  end)

  it("joins stderr to stdout", function()
    local r = sh("echo a; echo b >&2; echo c", { stderr = "stdout" })
    assert.equal("a\nb\nc\n", r.stdout)
    assert.is_nil(r.stderr)
  end)

  it("gives real pipes: /dev/stdout can be opened", function()
    assert.equal("x\n", sh("echo x > /dev/stdout").stdout)
  end)

  it("ends after the time: TERM first, and keeps what was said", function()
    local r = sh("trap 'echo bye; exit 7' TERM; echo hi; while :; do sleep 0.01; done",
      { timeout = 0.2 })
    assert.is_true(r.timed_out)
    assert.equal(7, r.code)
    assert.equal("hi\nbye\n", r.stdout)
  end)

  it("then KILL, with everything the program started", function()
    local r = sh("trap '' TERM; sleep 60 & echo $!; wait", { timeout = 0.2, grace = 0.1 })
    assert.equal(9, r.signal)
    assert.is_true(r.seconds < 5)
    assert.is_true(gone(tonumber(r.stdout)))
  end)

  it("bounds what it keeps and says so", function()
    local r = sh("head -c 100000 /dev/zero", { max_output = 1000 })
    assert.equal(1000, #r.stdout)
    assert.is_true(r.truncated)
  end)

  it("hands stdout on as it comes, and keeps nothing of it", function()
    local size = 0
    local r = sh("head -c 3000000 /dev/zero; echo no >&2; exit 3",
      { on_stdout = function(chunk) size = size + #chunk end })
    assert.same({ 3000000, 3, "no\n" }, { size, r.code, r.stderr })
    assert.is_nil(r.stdout)
    assert.is_nil(r.truncated)
  end)

  it("reports the exit only after the pipes reached their end", function()
    local r = sh("(sleep 0.1; echo late) & exit 0")
    assert.equal("late\n", r.stdout)
  end)

  it("waits with background = true for the process alone, and keeps what it said", function()
    local result = assert(proc.run({ "sh", "-c", "sleep 30 & echo $!; echo why >&2; exit 3" },
      { background = true, timeout = 10 }))
    local left = assert(tonumber(result.stdout))
    finally(function() proc.run({ "kill", tostring(left) }) end)
    assert.same({ 3, "why\n" }, { result.code, result.stderr })
    assert.is_nil(result.timed_out)
    assert.equal(0, proc.run({ "kill", "-0", tostring(left) }).code) -- it goes on
    result = assert(proc.run({ "sh", "-c", "head -c 300000 /dev/zero" }, { background = true }))
    assert.equal(300000, #result.stdout)
    local input = ("x"):rep(1 << 20)
    result = assert(proc.run({ "sh", "-c", "sleep 30 <&0 >/dev/null 2>&1 & echo $!" },
      { background = true, input = input, timeout = 10 }))
    assert.equal(0, result.code)
    proc.run({ "kill", result.stdout:match("%d+") })
  end)

  it("runs many at once", function()
    local out = task.parallel(8, { 1, 2, 3, 4, 5, 6, 7, 8 }, function(n)
      return assert(proc.run({ "sh", "-c", "sleep 0.05; echo " .. n })).stdout
    end)
    assert.same({ "1\n", "2\n", "3\n", "4\n", "5\n", "6\n", "7\n", "8\n" }, out)
  end)

  it("raises for misuse", function()
    assert.error_matches(function() proc.run({}) end, "list of strings")
    assert.error_matches(function() proc.run("ls") end, "list of strings")
    assert.error_matches(function() proc.run({ "true" }, { timeuot = 1 }) end, "unknown option 'timeuot'")
    assert.error_matches(function() proc.run({ "true" }, { stdin = "tty" }) end, "inherit, null, pipe")
    assert.error_matches(function() proc.run({ "true", "a\0b" }) end, "NUL")
    assert.error_matches(function() proc.run({ "true" }, { env = { ["A=B"] = "1" } }) end, "no variable name")
  end)
end)

describe("proc.spawn", function()
  it("streams lines while the process runs, and stdin to it", function()
    local p <close> = assert(proc.spawn({ "cat" }, { stdin = "pipe", stdout = "pipe" }))
    p.stdin:write("one\n")
    assert.equal("one", p.stdout:read_line())
    p.stdin:write("two\nthree")
    p.stdin:close()
    assert.equal("two", p.stdout:read_line())
    assert.equal("three", p.stdout:read_line())
    assert.is_nil(p.stdout:read_line())
    assert.equal(0, p:wait().code)
  end)

  it("refuses a line over the limit", function()
    local p <close> = assert(proc.spawn({ "head", "-c", "5000", "/dev/zero" }, { stdout = "pipe" }))
    local line, _, code = p.stdout:read_line(1000)
    assert.is_nil(line)
    assert.equal("EMSGSIZE", code)
  end)

  it("reads exact numbers of bytes", function()
    local p <close> = assert(proc.spawn({ "printf", "abcdefg" }, { stdout = "pipe" }))
    assert.equal("abcd", p.stdout:read_exact(4))
    assert.equal("efg", p.stdout:read_exact(4))
    assert.is_nil(p.stdout:read_exact(4))
  end)

  it("ends the process when its <close> variable goes", function()
    local pid
    do
      local p <close> = assert(proc.spawn({ "sleep", "60" }))
      pid = p:pid()
    end
    assert.is_true(gone(pid))
  end)

  it("ends the process when the task is cancelled", function()
    local pid
    task.timeout(0.05, function()
      local p <close> = assert(proc.spawn({ "sleep", "60" }))
      pid = p:pid()
      return p:wait()
    end)
    assert.is_true(gone(pid))
  end)

  it("ends a process that the collector finds", function()
    local pid = assert(proc.spawn({ "sleep", "60" })):pid()
    collectgarbage()
    collectgarbage()
    task.sleep(0.05)
    assert.is_true(gone(pid))
  end)

  it("leaves a released process alone", function()
    local pid
    do
      local p <close> = assert(proc.spawn({ "sleep", "60" }, { session = true }))
      pid = p:pid()
      p:release()
    end
    collectgarbage()
    collectgarbage()
    local stat = assert(io.open(("/proc/%d/stat"):format(pid)))
    assert.matches("sleep", stat:read("a"))
    stat:close()
    assert(proc.run({ "kill", "-9", tostring(pid) }))
    assert.is_true(gone(pid))
    task.sleep(0.05) -- until it has been reaped
  end)

  it("signals by name, and says when there is nobody", function()
    local p = assert(proc.spawn({ "sleep", "60" }))
    assert.is_true(p:kill("INT"))
    assert.equal(2, p:wait().signal)
    local _, _, code = p:kill("INT")
    assert.equal("ESRCH", code)
    assert.error_matches(function() p:kill("NOPE") end, "unknown signal")
  end)

  it("refuses two readers, and tells a reader that its stream was closed", function()
    local p <close> = assert(proc.spawn({ "sleep", "60" }, { stdout = "pipe" }))
    task.scope(function(s)
      local first = s:spawn(function() return { p.stdout:read() } end)
      task.yield()
      assert.error_matches(function() p.stdout:read() end, "another task reads")
      p.stdout:close()
      assert.equal("ECANCELED", first:wait()[3])
    end)
    local _, _, code = p.stdout:read()
    assert.equal("EBADF", code)
  end)

  it("leaves our descriptors out of the child", function()
    local before = sh("ls /proc/self/fd").stdout -- what whoever started us left open
    local p <close> = assert(proc.spawn({ "sleep", "60" }, { stdin = "pipe", stdout = "pipe" }))
    assert.is_table(p)
    assert.equal(before, sh("ls /proc/self/fd").stdout)
  end)
end)
