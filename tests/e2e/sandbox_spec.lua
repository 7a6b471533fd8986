-- SPDX-License-Identifier: MIT
-- `wrapix.sandbox` from Lua: in this very program, and in a script of a user.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local sys = require("wrapix.sys")
local task = require("wrapix.task")
local wrapix = require("wrapix")

describe("wrapix.sandbox", function()
  after_each(e2e.assert_clean)

  local function sandbox(dir, fields)
    local profile = { name = "lua", image = e2e.image }
    for key, value in pairs(fields or {}) do profile[key] = value end
    return assert(wrapix.sandbox(profile, { workspace = dir or e2e.dir() }))
  end

  it("plans without starting anything", function()
    local plan = assert(sandbox():plan({ "true" }))
    assert.equal(e2e.image, plan.image.ref)
    assert.same({ "true" }, plan.command.value)
    assert.equal("", e2e.podman("ps", "--all", "--quiet"))
  end)

  it("runs and gives back what it said", function()
    local dir = e2e.dir()
    local box = sandbox(dir, { env = { ONE = "1" } })
    local result = assert(box:run({ "sh", "-c", "echo out $ONE; echo err >&2; touch x; exit 3" },
      { capture = true }))
    assert.equal(3, result.code)
    assert.is_nil(result.signal)
    assert.same({ "out 1\n", "err\n" }, { result.stdout, result.stderr })
    assert.truthy(result.seconds > 0 and result.seconds < 60)
    assert.equal(e2e.uid, assert(fs.stat(dir .. "/x")).uid)
  end)

  it("feeds input, and each run is a sandbox of its own", function()
    local box = sandbox()
    local data = ("0123456789abcdef"):rep(65536)
    local result = assert(box:run({ "sh", "-c", "touch /tmp/x; wc -c" },
      { input = data, capture = true }))
    assert.equal("1048576\n", result.stdout)
    assert.equal("", assert(box:run({ "ls", "/tmp" }, { capture = true })).stdout)
  end)

  it("ends a run at its time limit", function()
    local began = sys.clock()
    local result = assert(sandbox():run({ "sleep", "100" }, { timeout = 1, capture = true }))
    assert.equal(143, result.code)
    e2e.assert_within(began, 60)
  end)

  it("hands in files and sockets, and collects files, as the user inside", function()
    local heard
    local result = assert(sandbox():run({ "sh", "-c", [[
      WRAPIX_NOTIFY_SOCKET=/run/wrapix/work.sock wrapix-notify hello
      cat /run/wrapix/prompt.md >/run/wrapix/out/copy
      ! (echo x >/run/wrapix/prompt.md) 2>/dev/null || exit 9
      ! (echo x >/run/wrapix/more) 2>/dev/null || exit 9
      ln -s /etc/hostname /run/wrapix/out/link]] }, {
      capture = true, files = { ["prompt.md"] = "do it" }, collect = { copy = 99, link = 99 },
      sockets = { work = function(connection) heard = connection:read_line(999) end },
    }))
    assert.equal(0, result.code, result.stderr)
    assert.matches('"hello"', heard, 1, true)
    assert.same({ copy = "do it" }, result.collected)
    assert.same({ link = "is a link" }, result.collect_errors)
  end)

  it("tells the CPU time a run uses, and ends it", function()
    local idle, busy
    local result = assert(sandbox():run({ "sh", "-c", "trap '' TERM; sleep 1; while :; do :; done" }, {
      capture = true,
      on_started = function(running)
        task.spawn(function()
          task.sleep(0.5)
          idle = running:cpu_seconds()
          task.sleep(2)
          busy = running:cpu_seconds()
          running:stop("enough", 1)
          return true
        end)
      end,
    }))
    assert.same({ 137, "enough" }, { result.code, result.stopped })
    assert.is_true(idle < 0.4 and busy > idle + 0.4 and busy < idle + 20, ("%s %s"):format(idle, busy))
  end)

  it("ends with the task that runs it", function()
    local began = sys.clock()
    local result, _, code = task.timeout(1, function()
      return sandbox():run({ "sleep", "100" }, { capture = true })
    end)
    assert.is_nil(result)
    assert.equal("ETIMEDOUT", code)
    e2e.assert_within(began, 60)
  end)

  it("runs several at once", function()
    local dir = e2e.dir()
    local results = assert(task.parallel(2, { "a", "b", "c" }, function(name)
      return sandbox(dir):run({ "sh", "-c", "echo " .. name }, { capture = true })
    end))
    assert.same({ "a\n", "b\n", "c\n" },
      { results[1].stdout, results[2].stdout, results[3].stdout })
  end)

  it("ends one to work in at its time limit, and what runs in it", function()
    local box <close> = assert(sandbox(nil, { limits = { timeout = 8 } }):start())
    local began = sys.clock()
    local result = assert(box:exec({ "sleep", "100" }, { capture = true }))
    e2e.assert_within(began, 60)
    assert.equal("time limit of 8 s", result.stopped)
    assert.not_equal(0, result.code)
    assert.equal("ETIMEDOUT", select(3, box:exec({ "true" })))
    e2e.wait_for("the end", function() return e2e.podman("ps", "-aq") == "" end)
  end)

  it("starts one to work in, until it is stopped", function()
    local dir = e2e.dir()
    local box = sandbox(dir)
    assert(box:start())
    local result = assert(box:exec({ "sh", "-c",
      "echo $WRAPIX $HOME; pwd; id -u; touch /tmp/kept" }, { capture = true }))
    assert.equal(("1 /home/wrapix\n/workspace\n%d\n"):format(e2e.uid), result.stdout)
    assert.equal("/tmp/kept\n", assert(box:exec({ "ls", "/tmp/kept" }, { capture = true })).stdout)
    result = assert(box:exec({ "cat" }, { input = "fed", capture = true }))
    assert.equal("fed", result.stdout)
    assert.equal(7, assert(box:exec({ "sh", "-c", "exit 7" })).code)
    -- As confined as the first program.
    result = assert(box:exec({ "sh", "-c", "grep -E 'Cap(Eff|Bnd|Prm)|NoNew' /proc/self/status; "
      .. "unshare -Ur true; cat /proc/1/environ" }, { capture = true }))
    for _, set in ipairs({ "Eff", "Bnd", "Prm" }) do
      assert.equal("0000000000000000", result.stdout:match("Cap" .. set .. ":%s*(%x+)"), set)
    end
    assert.equal("1", result.stdout:match("NoNewPrivs:%s*(%d)"))
    assert.truthy(result.stderr:find("unshare", 1, true), result.stderr)
    assert.truthy(result.stderr:find("Permission denied", 1, true), result.stderr)
    local began = sys.clock()
    assert(box:stop())
    e2e.assert_within(began, 9) -- less than the grace
    assert.is_true(box:stop())
  end)

  it("is stopped at the end of its scope", function()
    do
      local box <close> = sandbox()
      assert(box:start())
    end
    assert.equal("", e2e.podman("ps", "--all", "--quiet"))
  end)

  it("answers with a reason where the world is in the way", function()
    local box = sandbox(nil, { image = "localhost/wrapix-no-such:1" })
    local result, message = box:run({ "true" }, { capture = true })
    assert.is_nil(result)
    assert.truthy(message:find("localhost/wrapix-no-such:1", 1, true))
    result, message = sandbox(os.getenv("HOME")):run({ "true" })
    assert.is_nil(result)
    assert.truthy(message:find("cannot be a workspace", 1, true), message)
  end)
end)

describe("a script of a user", function()
  after_each(e2e.assert_clean)

  it("drives sandboxes, with its own words", function()
    local dir = e2e.dir()
    e2e.file(dir .. "/loop.lua", ([[
      local wrapix = require "wrapix"
      local words = { ... }
      local box = assert(wrapix.sandbox({ name = "loop", image = %q }))
      for i, word in ipairs(words) do
        local result = assert(box:run({ "sh", "-c", "echo $0-" .. i .. "; exit " .. i, word }))
        if result.code ~= i then error("status " .. tostring(result.code)) end
      end
      return 42
    ]]):format(e2e.image))
    local result = e2e.cli({ "loop.lua", "x", "y z" }, { cwd = dir })
    assert.same({ 42, "x-1\ny z-2\n" }, { result.code, result.stdout }, result.stderr)
  end)

  it("that returns a profile is run as one", function()
    local dir = e2e.dir()
    e2e.file(dir .. "/my.lua", ([[
      local wrapix = require "wrapix"
      return wrapix.derive({ name = "one", image = %q, env = { A = "1", B = "1" } },
        { name = "two", env = { B = "2" }, command = { "sh", "-c", "echo $A$B$WRAPIX_PROFILE" } })
    ]]):format(e2e.image))
    local result = e2e.cli({ "-q", "./my.lua" }, { cwd = dir })
    assert.same({ 0, "12two\n", "" }, { result.code, result.stdout, result.stderr })
    assert.equal("12two\n", e2e.cli({ "-q", "my.lua", "--network", "none" }, { cwd = dir }).stdout)
  end)
end)
