-- SPDX-License-Identifier: MIT
-- What goes in and what comes out: exit statuses, signals, stdin, stdout, stderr,
-- the time limit.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")

describe("the exit status", function()
  after_each(e2e.assert_clean)

  for _, code in ipairs({ 0, 1, 42, 125, 126, 127 }) do
    it(("is the command's own %d"):format(code), function()
      assert.equal(code, e2e.run({ "sh", "-c", "exit " .. code }).code)
    end)
  end

  it("is 127 for a command that is not there", function()
    local result = e2e.run({ "no-such-command" })
    assert.equal(127, result.code)
    assert.truthy(result.stderr:find("wrapix: run: no-such-command: command not found", 1, true),
      result.stderr)
  end)

  it("is 126 for a file that cannot be executed", function()
    local dir = e2e.dir()
    e2e.file(dir .. "/data", "no program", tonumber("644", 8))
    for _, name in ipairs({ "./data", "/workspace", "/etc/passwd" }) do
      local result = e2e.run({ name }, { dir = dir })
      assert.equal(126, result.code, name)
      assert.truthy(result.stderr:find("wrapix: run: " .. name, 1, true), result.stderr)
    end
  end)

  it("is 125 when the engine cannot start it", function()
    local stub = e2e.tmp .. "/stub"
    assert(fs.ensure_dir(stub))
    e2e.file(stub .. "/podman", "#!/bin/sh\necho 'no engine today' >&2\nexit 1\n",
      tonumber("755", 8))
    local result = e2e.run({ "true" }, { env = { PATH = stub .. ":" .. os.getenv("PATH") } })
    assert.equal(125, result.code)
    assert.truthy(result.stderr:find("no engine today", 1, true), result.stderr)
    result = e2e.run({ "true" }, { env = { PATH = "/nonexistent" } })
    assert.equal(125, result.code)
    assert.truthy(result.stderr:find("hint: ", 1, true), result.stderr)
  end)

  it("is 2 for wrong usage, and names the nearest word", function()
    local result = e2e.cli({ "--memroy", "1g", "--", "true" })
    assert.equal(2, result.code)
    assert.truthy(result.stderr:find("--memory", 1, true), result.stderr)
  end)

  for name, number in pairs({ TERM = 15, KILL = 9, SEGV = 11 }) do
    it(("is %d after SIG%s"):format(128 + number, name), function()
      assert.equal(128 + number, e2e.sh(("kill -%s $$; sleep 5"):format(name)).code)
    end)
  end
end)

describe("the streams", function()
  after_each(e2e.assert_clean)

  local function random_file(bytes)
    local path = e2e.tmp .. "/random"
    local result = assert(proc.run({ "head", "-c", tostring(bytes), "/dev/urandom" },
      { stdout = { file = path, mode = "w" } }))
    assert.equal(0, result.code)
    return path, (assert(proc.run({ "sha256sum", path })).stdout:match("^%x+"))
  end

  it("take 10 MB in unchanged, from a file and from a pipe", function()
    local path, sum = random_file(10 * 1000 * 1000)
    local result = e2e.run({ "sha256sum" }, { stdin = { file = path } })
    assert.equal(sum, result.stdout:match("^%x+"))
    result = e2e.run({ "sha256sum" }, { input = assert(fs.read(path)) })
    assert.equal(sum, result.stdout:match("^%x+"))
  end)

  it("give 10 MB out unchanged", function()
    local path, sum = random_file(10 * 1000 * 1000)
    local result = e2e.run({ "cat" }, { stdin = { file = path } })
    assert.equal(10 * 1000 * 1000, #result.stdout)
    e2e.file(e2e.tmp .. "/back", result.stdout)
    assert.equal(sum, assert(proc.run({ "sha256sum", e2e.tmp .. "/back" })).stdout:match("^%x+"))
  end)

  it("end inside where they end outside", function()
    assert.equal("3\n", e2e.run({ "wc", "-c" }, { input = "abc" }).stdout)
    assert.equal("0\n", e2e.run({ "wc", "-c" }, { stdin = "null" }).stdout)
  end)

  it("do not keep a program that reads no input", function()
    local path = random_file(10 * 1000 * 1000)
    local result = e2e.run({ "true" }, { stdin = { file = path } })
    assert.equal(0, result.code)
    result = e2e.run({ "head", "-c", "5" }, { input = ("hello"):rep(200000) })
    assert.same({ 0, "hello" }, { result.code, result.stdout })
  end)

  it("stay apart, and without a terminal nothing is translated", function()
    local result = e2e.sh("printf 'out\\n'; printf 'err\\n' >&2; tty; test -t 0 || echo no",
      { args = { "-q" } })
    assert.equal("out\nnot a tty\nno\n", result.stdout)
    assert.equal("err\n", result.stderr)
  end)

  it("may be closed early", function()
    -- Who notices first, the engine or the program, is a matter of luck.
    for _ = 1, 3 do
      local running <close> = e2e.start({ "yes" }, { args = { "-q" } })
      assert.equal("y", running.stdout:read_line())
      running.stdout:close()
      local result = assert(running:wait())
      assert.same({ 141, "" }, { result.code, result.stderr })
    end
  end)
end)

describe("the time limit", function()
  after_each(e2e.assert_clean)

  it("ends a command that obeys", function()
    local began = sys.clock()
    local result = e2e.run({ "sleep", "60" }, { args = { "--timeout", "1s" } })
    assert.equal(143, result.code)
    e2e.assert_within(began, 40) -- or it slept to its end
    assert.truthy(result.stderr:find("time limit of 1 s", 1, true), result.stderr)
  end)

  it("leaves a command alone that ends in time", function()
    assert.equal(5, e2e.run({ "sh", "-c", "exit 5" }, { args = { "--timeout", "1m" } }).code)
  end)

  it("ends one that does not obey, after a grace", function()
    local began = sys.clock()
    local result = e2e.sh("trap '' TERM; while :; do sleep 1; done",
      { args = { "--timeout", "1s" } })
    assert.equal(137, result.code)
    e2e.assert_within(began, 50)
  end)
end)
