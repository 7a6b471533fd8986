-- SPDX-License-Identifier: MIT
-- The program as it is called: wrong usage, files, working directories, and
-- where its own Lua comes from.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local worlds = require("support.world")

describe("the program", function()
  local world

  before_each(function() world = worlds.new() end)
  after_each(function() world:close() end)

  local function has(text, part) return text:find(part, 1, true) ~= nil end

  describe("called wrongly", function()
    for name, case in pairs({
      ["with an unknown option"] = { { "--nosuch" }, "--nosuch" },
      ["with an option without its value"] = { { "--memory" }, "--memory" },
      ["with a bad value"] = { { "--memory", "lots", "test" }, "--memory" },
      ["with a bad choice"] = { { "--network", "half", "test" }, "--network" },
      ["with a command but no --"] = { { "test", "make" }, "--" },
      ["with an unknown profile"] = { { "tset", "--", "true" }, "test" },
      ["with a mistyped command"] = { { "explian" }, "explain" },
      ["with a mount that is none"] = { { "-m", "nowhere", "test" }, "no destination" },
      ["with --json alone"] = { { "--json", "test" }, "--dry-run" },
      ["with a group without its command"] = { { "ralph" }, "a command is missing" },
      ["with an unknown command of image"] = { { "image", "frob" }, "frob" },
    }) do
      it(name .. " ends with 2, a reason and nothing done", function()
        local result = world:run(case[1])
        assert.equal(2, result.code, result.stderr)
        assert.equal("", result.stdout)
        assert.truthy(result.stderr:find("^wrapix: "), result.stderr)
        assert.is_true(has(result.stderr, case[2]), result.stderr)
        assert.same({}, world:verbs())
      end)
    end
  end)

  it("says on -h and --version what it is without asking anybody", function()
    for _, words in ipairs({ { "--help" }, { "help" }, { "--version" }, { "version" } }) do
      local result = world:run(words)
      assert.equal(0, result.code)
      assert.is_true(has(result.stdout, "wrapix"))
      assert.equal("", result.stderr)
    end
    assert.same({}, world:verbs())
  end)

  it("prints the plan as JSON, and warnings apart from it", function()
    local result = world:run({ "--dry-run", "--json", "test", "--", "make" })
    local plan = assert(json.decode(result.stdout))
    assert.same({ "make" }, plan.command.value)
    assert.equal(world.workspace, plan.workspace.source)
    local explained = world:run({ "explain", "--json", "test", "--", "make" })
    local data = assert(json.decode(explained.stdout))
    assert.equal(worlds.fake_podman, data.argv[1])
    assert.same({ "info" }, world:verbs())
    assert.is_nil(fs.stat(world.dir .. "/run/wrapix/sessions"))
  end)

  it("does not use a wrapix.lua of the workspace unasked, but says so", function()
    local witness = world.dir .. "/executed"
    world:write("work/wrapix.lua", ([[
      io.open(%q, "w"):close()
      return { name = "own", image = %q }
    ]]):format(witness, worlds.image))
    world:add_image("docker.io/library/debian:trixie-slim")
    local result = world:run({ "--dry-run" })
    assert.equal(0, result.code, result.stderr)
    assert.is_true(has(result.stderr, "./wrapix.lua found but not used"), result.stderr)
    assert.is_nil(fs.stat(witness))
    local asked = world:run({ "./wrapix.lua", "--", "true" })
    assert.equal(0, asked.code, asked.stderr)
    assert.is_not_nil(fs.stat(witness))
  end)

  it("takes -C for the workspace, relative to where it is", function()
    world:write("work/inner/file", "inside")
    local result = world:run({ "-C", "inner", "test", "--", "cat", "file" })
    assert.equal("inside", result.stdout, result.stderr)
    local missing = world:run({ "-C", "nowhere", "test", "--", "true" })
    assert.equal(125, missing.code)
    assert.is_true(has(missing.stderr, "nowhere"), missing.stderr)
    assert.same({}, world:sessions())
  end)

  it("runs a script with its words, and ends with what it returns", function()
    world:write("work/job.lua", [[
      local words = { ... }
      print(#words, table.unpack(words))
      return 9
    ]])
    local result = world:run({ "./job.lua", "--dry-run", "a b", "" })
    assert.equal("3\t--dry-run\ta b\t\n", result.stdout)
    assert.equal(9, result.code)
    assert.same({}, world:verbs())
  end)

  it("tells where a script failed", function()
    world:write("work/job.lua", "local x = nil\nreturn x.field\n")
    local result = world:run({ "job.lua" })
    assert.equal(1, result.code)
    assert.is_true(has(result.stderr, "wrapix: run: job.lua:2: attempt to index"), result.stderr)
  end)

  it("ends with 1 when a script fails, with 125 when there is no profile", function()
    local loose = "require('wrapix').task.spawn(function() %s end)"
    for text, codes in pairs({ -- alone, and with words that only a sandbox has a use for
      ["error('boom')"] = { 1, 125 },
      ["error({})"] = { 1, 125 },
      ["require('wrapix').derive(1, 2)"] = { 1, 125 },
      ["return nil, 'no luck'"] = { 1, 1 },
      [loose:format("error('boom')")] = { 1, 125 },
      [loose:format("return nil, 'no luck'")] = { 1, 125 },
      [loose:format("error('boom')") .. " return { image = 'x' }"] = { 125, 125 },
      ["this is no Lua"] = { 125, 125 },
      ["return { pakages = {} }"] = { 125, 125 },
    }) do
      world:write("work/job.lua", text)
      for i, words in ipairs({ { "job.lua" }, { "job.lua", "--", "true" } }) do
        local result = world:run(words)
        assert.equal(codes[i], result.code, text .. "\n" .. result.stderr)
        assert.matches("^wrapix: %l+: ", result.stderr)
      end
      assert.equal(codes[2], world:run({ "--memory", "1g", "job.lua" }).code, text)
    end
    world:write("work/job.lua", "error('boom')")
    assert.equal(125, world:run({ "explain", "job.lua" }).code)
    assert.same({}, world:calls("run"))
  end)

  describe("finds its own Lua", function()
    it("in itself, wherever it lies and is called", function()
      local copy = world.dir .. "/elsewhere/wrapix"
      assert(fs.ensure_dir(world.dir .. "/elsewhere"))
      assert(require("wrapix.proc").run({ "cp", worlds.wrapix, copy }))
      for _, cwd in ipairs({ "/", world.dir .. "/elsewhere", world.workspace }) do
        local result = world:run({ "-C", world.workspace, "test", "--", "pwd" },
          { cwd = cwd, program = copy })
        assert.equal(world.workspace .. "\n", result.stdout, result.stderr)
      end
    end)

    it("and nothing in the working directory passes for it", function()
      local witness = world.dir .. "/executed"
      local hostile = ("io.open(%q, 'w'):close() error('taken')"):format(witness)
      for _, name in ipairs({
        "wrapix.lua", "wrapix/init.lua", "wrapix/cli.lua", "wrapix/cli/init.lua", "wrapix/plan.lua",
        "argparse.lua", "lua/wrapix/init.lua", "lua/wrapix/cli/init.lua", "profiles/test.lua",
        "test.lua", "wrapix/_c/proc.so", "wrapix.so", "wrapix/_c/proc.lua",
      }) do world:write("work/" .. name, hostile) end
      for _, words in ipairs({
        { "test", "--", "true" }, { "--help" }, { "explain", "test" }, { "profile", "list" },
      }) do
        local result = world:run(words)
        assert.equal(0, result.code, result.stderr)
      end
      world:write("work/job.lua", 'print(require("wrapix").version)')
      local version = world:run({ "version" }).stdout:match("%d+%.%d+%.%d+")
      assert.equal(version .. "\n", world:run({ "./job.lua" }).stdout)
      assert.is_nil(fs.stat(witness))
    end)

    it("in the directory of --scripts first", function()
      world:write("scripts/wrapix/cli/version.lua", [[
        return { name = "version", summary = "Mine.", options = {}, example = {},
          run = function(_, deps) deps.out("mine\n") return 4 end }
      ]])
      local result = world:run({ "--scripts", world.dir .. "/scripts", "version" })
      assert.equal("mine\n", result.stdout, result.stderr)
      assert.equal(4, result.code)
      assert.is_true(has(world:run({ "version" }).stdout, "wrapix"))
    end)

    it("in the person's own configuration", function()
      world:write("config/wrapix/lua/wrapix/cli/version.lua", [[
        return { name = "version", summary = "Mine.", options = {}, example = {},
          run = function(_, deps) deps.out("mine\n") return 0 end }
      ]])
      assert.equal("mine\n", world:run({ "version" }).stdout)
    end)
  end)

  it("refuses an engine that is not there, with the way out", function()
    world.env.WRAPIX_PODMAN = "/nonexistent/podman"
    local result = world:run({ "test", "--", "true" })
    assert.equal(125, result.code)
    assert.is_true(has(result.stderr, "hint: unset WRAPIX_PODMAN"), result.stderr)
    assert.is_nil(fs.stat(world.dir .. "/run/wrapix/sessions"))
  end)

  it("asks the engine anew when its configuration has changed", function()
    world:run({ "test", "--", "true" })
    world:write("config/containers/containers.conf", "[engine]\n")
    world:run({ "test", "--", "true" })
    assert.same({ "info", "run", "info", "run" }, world:verbs())
  end)

  it("refuses a runtime directory that is not private to the person", function()
    local shared = world.dir .. "/shared"
    assert(fs.ensure_dir(shared))
    assert(fs.symlink(shared, world.dir .. "/run/wrapix"))
    local result = world:run({ "test", "--", "true" })
    assert.equal(125, result.code, result.stderr)
    assert.same({}, world:calls("run"))
  end)
end)
