-- SPDX-License-Identifier: MIT
-- A profile's hooks in the whole program, against the double of podman: when each
-- runs, what it can do, and that it runs on every way out.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local owners = require("wrapix.owner")
local sys = require("wrapix.sys")
local worlds = require("support.world")

describe("a profile's hooks", function()
  local world

  before_each(function() world = worlds.new() end)
  after_each(function() world:close_empty() end)

  -- A profile whose hooks may say(words...) into the file `said`.
  local function profile(hooks, more, image)
    return world:write("hooked.lua", ([[
      local wrapix = require("wrapix")
      local task, proc = wrapix.task, wrapix.proc
      local function say(...)
        local words = table.pack(...)
        for i = 1, words.n do words[i] = tostring(words[i]) end
        local file <close> = assert(io.open(%q, "a"))
        file:write(table.concat(words, " "), "\n")
      end
      return { name = "hooked", image = %q, %s hooks = { %s } }
    ]]):format(world.dir .. "/said", image or worlds.image, more or "", hooks))
  end

  local function said() return fs.read(world.dir .. "/said") or "" end

  local function record()
    local lines = {}
    for line in assert(fs.read(world.dir .. "/state/wrapix/sessions.jsonl")):gmatch("[^\n]+") do
      lines[#lines + 1] = assert(json.decode(line))
    end
    assert.equal(1, #lines)
    return lines[1]
  end

  local ALL = [[
    before_build = function() say("before_build") end,
    before_start = function() say("before_start") end,
    after_start = function() say("after_start") end,
    before_stop = function(ctx) say("before_stop", ctx.reason) end,
    after_exit = function(ctx) say("after_exit", ctx.result.code, ctx.result.error) end,
  ]]

  it("run before wrapix image build, when there is something to build", function()
    local hook = [[ before_build = function(ctx)
      say(ctx.event, ctx.profile, ctx.image, ctx.workspace, ctx.session, ctx.name)
    end ]]
    assert.equal(0, world:run({ "image", "build", profile(hook) }).code)
    assert.equal("", said())
    local image = "registry.test/there:1"
    world:add_remote_image(image)
    local result = world:run({ "image", "build", profile(hook, nil, image) })
    assert.same({ 0, image .. "\n" }, { result.code, result.stdout }, result.stderr)
    assert.equal(("before_build hooked %s %s nil nil\n"):format(image, world.workspace), said())
    assert.is_true(world:has_image(image))
  end)

  it("stop wrapix image build by a veto, with its reason", function()
    local image = "registry.test/there:1"
    world:add_remote_image(image)
    local hook = [[ before_build = function() return nil, "no builds today" end ]]
    local result = world:run({ "image", "build", profile(hook, nil, image) })
    assert.same({ 125, "" }, { result.code, result.stdout })
    assert.matches("hook: before_build %(.*hooked.lua:%d+%): no builds today", result.stderr)
    assert.is_false(world:has_image(image))
  end)

  it("run in the order of a sandbox's life, and are in its record", function()
    local result = world:run({ profile(ALL), "--", "sh", "-c", "exit 7" })
    assert.equal(7, result.code, result.stderr)
    assert.equal("before_start\nafter_start\nafter_exit 7 nil\n", said())
    local hooks = record().hooks
    assert.equal(3, #hooks)
    for i, event in ipairs({ "before_start", "after_start", "after_exit" }) do
      assert.equal(event, hooks[i].event)
      assert.is_true(hooks[i].ok)
      assert.is_number(hooks[i].seconds)
      assert.matches("hooked.lua:%d+$", hooks[i].where)
    end
  end)

  it("know the sandbox they belong to", function()
    world:run({ "--name", "box", profile([[
      before_start = function(ctx)
        say(ctx.event, #ctx.session, ctx.name, ctx.profile, ctx.workspace, ctx.image, ctx.sandbox)
        ctx.log:note("a note"); ctx.log:warn("a warning")
      end ]]), "--", "true" })
    assert.equal(("before_start 12 box hooked %s %s nil\n"):format(world.workspace, worlds.image),
      said())
  end)

  it("run before a build when the image is not there, and can stop it", function()
    local ref = "docker.io/library/far:1"
    world:add_remote_image(ref)
    local first = world:run({ profile(ALL), "--image", ref, "--", "true" })
    assert.equal(0, first.code, first.stderr)
    assert.matches("^before_start\nbefore_build\nafter_start\nafter_exit 0", said())
    local result = world:run({ profile([[ before_build = function() return nil, "no builds" end ]]),
      "--image", "docker.io/library/farther:1", "--", "true" })
    assert.equal(125, result.code)
    assert.matches("hook: before_build (", result.stderr, 1, true)
    assert.matches("): no builds", result.stderr, 1, true)
  end)

  it("stop a start by a veto, and the exit is told", function()
    local result = world:run({ profile([[
      on_error = "warn",
      before_start = { function() return nil, "not today" end, function() say("later") end },
      after_exit = function(ctx) say(ctx.result.code, ctx.result.error) end ]]), "--", "true" })
    assert.equal(125, result.code)
    assert.matches("wrapix: hook: before_start %(.*hooked.lua:%d+%): not today\n", result.stderr)
    assert.same({ "info" }, world:verbs())
    assert.matches("^nil hook: before_start .*: not today\n$", said())
    local line = record()
    assert.equal("EHOOK", line.failure)
    assert.equal("not today", line.hooks[1].error)
    assert.is_true(line.hooks[2].ok)
  end)

  it("stop a start by an error, unless on_error says warn", function()
    local bad = [[ before_start = function(ctx)
      ctx.plan:set_env("HALF", "done"); error("broken") end, ]]
    local result = world:run({ profile(bad), "--", "true" })
    assert.equal(125, result.code)
    assert.matches("broken", result.stderr, 1, true)
    assert(fs.remove_tree(world.dir .. "/state"))
    result = world:run({ profile(bad .. [[ on_error = "warn" ]]), "--", "sh", "-c", "echo [$HALF]" })
    assert.equal(0, result.code)
    assert.equal("[]\n", result.stdout)
    assert.matches("warning: hook: before_start", result.stderr, 1, true)
    assert.is_false(record().hooks[1].ok)
  end)

  it("that hang end at their time limit", function()
    for _, body in ipairs({ "task.sleep(1000)", "while true do end", 'proc.run({"sleep", "1000"})' }) do
      local result = world:run({ profile("timeout = 0.2, before_start = function() " .. body
        .. " end"), "--", "true" })
      assert.equal(125, result.code)
      assert.matches("not done after 0.2 s", result.stderr, 1, true)
    end
  end)

  it("change the plan, checked like options, and later ones win", function()
    world:write("shared/file", "x")
    local result = world:run({ profile(([[ before_start = {
      function(ctx)
        ctx.plan:set_env("A", "one"); ctx.plan:set_env("B", "two words")
        ctx.plan:add_mount(%q); ctx.plan:set("network", "none")
      end,
      function(ctx)
        ctx.plan:set_env("A", "2"); ctx.plan:set_command({ "sh", "-c", 'echo "$A $B"; exit 3' })
      end } ]]):format(world.dir .. "/shared:/shared")), "-e", "A=0", "--", "true" })
    assert.equal(3, result.code, result.stderr)
    assert.equal("2 two words\n", result.stdout)
    local argv = table.concat(world:calls("run")[1].argv, "\n")
    assert.matches(world.dir .. "/shared", argv, 1, true)
    assert.matches("--network=none", (argv:gsub("%-%-network\n", "--network=")), 1, true)
    assert.equal("none", record().network)
  end)

  it("cannot change it to what no option could", function()
    local result = world:run({ profile([[ before_start = function(ctx)
      ctx.plan:add_mount("/:/host") end ]]), "--", "true" })
    assert.equal(125, result.code)
    assert.matches("hook: before_start: mount: /: refused", result.stderr, 1, true)
    assert.same({ "info" }, world:verbs())
    assert.equal("EPERM", record().failure)
  end)

  it("run commands inside once the command runs, without holding it up", function()
    local result = world:run({ profile([[ after_start = function(ctx)
      local one = assert(ctx.sandbox:exec({ "sh", "-c", "cat; exit 4" }, { input = "in" }))
      say(ctx.sandbox.name == ctx.name, one.code, one.stdout)
      assert(proc.run({ "touch", ctx.workspace .. "/go" }))
    end ]]), "--", "sh", "-c", "until [ -e go ]; do sleep 0.02; done" })
    assert.equal(0, result.code, result.stderr)
    assert.equal("true 4 in\n", said())
  end)

  it("are let finish when the command ends at once", function()
    for _ = 1, 5 do
      assert(fs.write_atomic(world.dir .. "/said", ""))
      assert.equal(0, world:run({ profile([[
        after_start = function() task.sleep(0.1); say("started") end,
        after_exit = function() say("exit") end ]]), "--", "true" }).code)
      assert.equal("started\nexit\n", said())
    end
  end)

  it("run before a stop reaches the program", function()
    local running <close> = world:start({ profile([[ before_stop = function(ctx)
      say("stop", ctx.reason, ctx.sandbox:exec({ "true" }).code) end, ]] ..
      [[ after_exit = function(ctx) say(ctx.result.stopped) end ]]), "--", "sh", "-c",
      ("trap 'echo got >> %s/said; exit 9' TERM; echo up; while :; do sleep 0.02; done")
        :format(world.dir) })
    assert.equal("up", running.stdout:read_line())
    world:signal(running, "TERM")
    assert.equal(9, world:finish(running).code)
    assert.equal("stop SIGTERM 0\ngot\nSIGTERM\n", said())
    assert.equal("before_stop", record().hooks[1].event)
  end)

  it("run when the time limit ends it", function()
    world:run({ profile(ALL), "--timeout", "1", "--", "sleep", "1000" })
    assert.equal("before_start\nafter_start\nbefore_stop time limit of 1 s\nafter_exit 143 nil\n",
      said())
  end)

  it("that hang before a stop are cut short when asked again", function()
    local running <close> = world:start({ profile([[
      before_stop = function() say("in"); task.sleep(1000) end,
      after_exit = function() say("out") end ]]), "--", "sh", "-c", "echo up; exec sleep 1000" })
    assert.equal("up", running.stdout:read_line())
    world:signal(running, "TERM")
    worlds.wait_until("the hook runs", function() return said() == "in\n" end)
    world:signal(running, "TERM")
    assert.equal(137, world:finish(running).code)
    assert.equal("in\nout\n", said())
    assert.equal("cut short", record().hooks[1].error)
  end)

  it("are cut short by SIGTERM before the sandbox is there", function()
    local running <close> = world:start({ profile([[
      on_error = "warn",
      before_start = { function() say("in"); task.sleep(1000) end, function() say("later") end },
      after_exit = function(ctx) say("out", ctx.result.error) end ]]), "--", "true" })
    worlds.wait_until("the hook runs", function() return said() == "in\n" end)
    world:signal(running, "TERM")
    assert.equal(143, world:finish(running).code)
    assert.equal("in\nout start: interrupted by SIGTERM\n", said())
    assert.same({ "info" }, world:verbs())
    assert.equal("cut short", record().hooks[1].error)
  end)

  it("hear of an exit however the engine fails", function()
    world:script("run.exit", 125)
    world:run({ profile(ALL), "--", "true" })
    assert.equal("before_start\nafter_exit 125 nil\n", said())
    assert(fs.unlink(world.dir .. "/podman/run.exit"))
    assert(fs.unlink(world.dir .. "/said"))
    world:script("run.die", 9)
    world:run({ profile([[ after_exit = function(ctx) say(ctx.result.signal) end ]]), "--",
      "sleep", "1000" })
    assert.equal("9\n", said())
  end)

  it("that fail after the exit change no status", function()
    local result = world:run({ profile([[ after_exit = {
      function() error("late") end, function() say("next") end } ]]), "--", "sh", "-c", "exit 5" })
    assert.equal(5, result.code)
    assert.matches("warning: hook: after_exit", result.stderr, 1, true)
    assert.equal("next\n", said())
  end)

  it("run for a detached sandbox in the process that keeps it", function()
    local result = world:run({ "-d", "--name", "aside", profile(ALL), "--", "sleep", "1000" })
    assert.equal("aside\n", result.stdout, result.stderr)
    worlds.wait_until("it started", function() return said():find("after_start", 1, true) end)
    local dir = ("%s/run/wrapix/sessions/%s"):format(world.dir, world:sessions()[1])
    local keeper = assert(owners.read(dir .. "/owner"))
    assert(sys.signal(keeper.pid, keeper.start, 15))
    worlds.wait_until("it is over", function() return #world:sessions() == 0 end)
    assert.equal("before_start\nafter_start\nbefore_stop SIGTERM\nafter_exit 143 nil\n", said())
  end)

  local function script(text)
    profile(ALL)
    world:write("work/job.lua", ([[
      local wrapix = require("wrapix")
      local box <close> = assert(wrapix.sandbox(%q))
    ]]):format(world.dir .. "/hooked.lua") .. text)
    local result = world:run({ "./job.lua" })
    assert.equal(0, result.code, result.stderr)
  end

  it("run for a script's sandbox", function()
    script([[ assert(assert(box:run({ "sh", "-c", "exit 6" })).code == 6) ]])
    assert.equal("before_start\nafter_start\nafter_exit 6 nil\n", said())
    assert.equal(3, #record().hooks)
  end)

  it("run for a script's sandbox that is started and stopped", function()
    script([[
      assert(box:start())
      assert(box:exec({ "true" }).code == 0)
      assert(box:stop(1))
    ]])
    assert.matches("^before_start\nafter_start\nbefore_stop stop\nafter_exit %d+ nil\n$", said())
    local line = record()
    assert.equal(4, #line.hooks)
    assert.equal("stop", line.stopped)
  end)

  it("can veto a script's start", function()
    profile([[ before_start = function() return nil, "no" end ]])
    world:write("work/job.lua", ([[
      local box = assert(require("wrapix").sandbox(%q))
      local ok, message, code = box:start()
      assert(ok == nil and code == "EHOOK" and message:find("no$"), message)
    ]]):format(world.dir .. "/hooked.lua"))
    local result = world:run({ "./job.lua" })
    assert.equal(0, result.code, result.stderr)
  end)
end)
