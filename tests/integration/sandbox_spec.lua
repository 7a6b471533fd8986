-- SPDX-License-Identifier: MIT
-- `wrapix.sandbox` from a script that the real program runs.

local worlds = require("support.world")

describe("a script's sandbox", function()
  local world

  before_each(function() world = worlds.new() end)
  after_each(function() world:close_empty() end)

  -- Runs a script with `box` open on the world's image; it fails by assert.
  local function script(text, ...)
    world:write("work/job.lua", ([[
      local wrapix = require("wrapix")
      local profile = { name = "job", image = %q, env = { FROM = "profile" } }
      local box <close> = assert(wrapix.sandbox(profile, { memory = "1g" }))
    ]]):format(worlds.image) .. text)
    local result = world:run({ "./job.lua", ... })
    assert.equal(0, result.code, result.stderr)
    return result
  end

  it("plans without starting anything", function()
    local result = script([[
      local plan = assert(box:plan({ "make", "all" }))
      print(table.concat(plan.command.value, " "), plan.image.ref, plan.workspace.source)
    ]])
    assert.equal(("make all\t%s\t%s\n"):format(worlds.image, world.workspace), result.stdout)
    assert.same({ "info" }, world:verbs())
  end)

  it("runs a command, and collects what it says", function()
    script([[
      local result = assert(box:run({ "sh", "-c", "cat; echo $FROM; echo err >&2; exit 3" },
        { capture = true, input = "in\n" }))
      assert(result.code == 3 and result.signal == nil)
      assert(result.stdout == "in\nprofile\n", result.stdout)
      assert(result.stderr == "err\n", result.stderr)
      assert(result.seconds >= 0)
    ]])
    assert.same({ "info", "run" }, world:verbs())
  end)

  it("gives a command no stdin unless told to", function()
    script([[
      local result = assert(box:run({ "cat" }, { capture = true }))
      assert(result.stdout == "" and result.code == 0)
    ]])
  end)

  it("passes the output on when it is not collected", function()
    assert.equal("plain\n", script([[ assert(box:run({ "echo", "plain" })) ]]).stdout)
  end)

  it("is one container a run, each with a name of its own", function()
    script([[ for _ = 1, 2 do assert(box:run({ "true" })) end ]])
    local names = {}
    for i, call in ipairs(world:calls("run")) do
      names[i] = table.concat(call.argv, "\n"):match("\n%-%-name\n([^\n]+)")
    end
    assert.equal(2, #names)
    assert.not_equal(names[1], names[2])
  end)

  it("ends a run at its time limit", function()
    script([[
      local result = assert(box:run({ "sleep", "1000" }, { timeout = 0.2, capture = true }))
      assert(result.code == 143, result.code)
      assert(result.stopped == "time limit of 0.2 s", result.stopped)
    ]])
  end)

  it("returns failures of the world and raises mistakes", function()
    world:script("run.stderr", "Error: the storage is on fire\n")
    world:script("run.exit", 125)
    script([[
      local result = assert(box:run({ "true" }, { capture = true }))
      assert(result.code == 125 and result.stderr:find("on fire"))
      local started, message, code = box:start()
      assert(started == nil and message:find("on fire") and code == "EENGINE", message)
      local ok, mistake = pcall(box.run, box, { "true" }, { frob = 1 })
      assert(not ok and mistake:find("job.lua") == nil and mistake:find("unknown option 'frob'"))
      assert(not pcall(box.exec, box, { "true" }))
      local other, reason, kind = wrapix.sandbox("nosuch")
      assert(other == nil and reason:find("nosuch") and kind, reason)
    ]])
  end)

  it("starts once, executes often, and stops", function()
    script([[
      assert(box:start())
      local one = assert(box:exec({ "sh", "-c", "cat; exit 4" }, { capture = true, input = "x" }))
      assert(one.code == 4 and one.stdout == "x")
      local two = assert(box:exec({ "pwd" }, { capture = true }))
      assert(two.stdout == wrapix.fs.realpath(".") .. "\n", two.stdout)
      assert(not pcall(box.start, box))
      assert(box:stop(1))
      assert(box:stop())
    ]])
    assert.same({ "info", "run", "exec", "exec", "stop", "rm" }, world:verbs())
  end)

  it("keeps its time limit after the start", function()
    script([[
      profile.limits = { timeout = 1 }
      local timed <close> = assert(assert(wrapix.sandbox(profile)):start())
      local quick = assert(timed:exec({ "true" }))
      assert(quick.code == 0 and quick.stopped == nil)
      local result = assert(timed:exec({ "sleep", "2" })) -- the double lets it go on
      assert(result.stopped == "time limit of 1 s", result.stopped)
      local more, message, code = timed:exec({ "true" })
      assert(more == nil and code == "ETIMEDOUT", code)
      assert(message:find("has ended: time limit of 1 s", 1, true), message)
      assert(timed:stop(1))
      assert(timed:stop(1))
    ]])
    assert.same({ "info", "run", "exec", "exec", "stop", "rm" }, world:verbs())
    local line = require("wrapix.fs").read(world.dir .. "/state/wrapix/sessions.jsonl")
    assert.truthy(line:find('"stopped":"time limit of 1 s"', 1, true), line)
  end)

  it("is ended once, by the limit or by whoever stops it meanwhile", function()
    script([[
      profile.limits = { timeout = 0.2 }
      profile.hooks = { before_stop = function() wrapix.task.sleep(0.5) end }
      local timed = assert(assert(wrapix.sandbox(profile)):start())
      assert(wrapix.task.sleep(0.4)) -- the hook is at work now
      assert(timed:stop(1))
      local other <close> = assert(assert(wrapix.sandbox(profile)):start())
      assert(other:stop(1)) -- the limit passes while it is stopped
    ]])
    assert.same({ "info", "run", "stop", "rm", "run", "stop", "rm" }, world:verbs())
  end)

  it("is stopped when its scope is left, by an error as well", function()
    script([[
      local ok, message = pcall(function()
        local inner <close> = assert(assert(wrapix.sandbox(profile)):start())
        error("out of here")
      end)
      assert(not ok and message:find("out of here"))
    ]])
    assert.same({ "info", "run", "stop", "rm" }, world:verbs())
  end)

  it("is stopped when the script is ended by SIGTERM", function()
    world:write("work/job.lua", ([[
      local wrapix = require("wrapix")
      local box <close> = assert(wrapix.sandbox({ name = "job", image = %q }))
      print(assert(box:run({ "sh", "-c", "echo up; exec sleep 1000" })).code)
    ]]):format(worlds.image))
    local running <close> = world:start({ "./job.lua" })
    assert.equal("up", running.stdout:read_line())
    world:signal(running, "TERM")
    assert.equal("143\n", world:finish(running).stdout)
  end)

  it("runs two at a time", function()
    script([[
      local results = wrapix.task.parallel(2, { "a", "b" }, function(word)
        return box:run({ "sh", "-c", "echo " .. word }, { capture = true })
      end)
      assert(results, "no results")
      assert(results[1].stdout == "a\n" and results[2].stdout == "b\n")
    ]])
  end)
end)
