-- SPDX-License-Identifier: MIT
-- A workspace as Ralph sees it: places, locks, and the sandboxes it asks for.

local fs = require("wrapix.fs")
local places = require("unit.ralph.place")
local projects = require("ralph.project")
local task = require("wrapix.task")
local wrapix = require("wrapix")

describe("ralph.project", function()
  local place

  before_each(function() place = places.new() end)
  after_each(function() place:close() end)

  local function open(opts)
    opts = opts or {}
    opts.log = opts.log or places.log()
    return assert(projects.open(place.root, opts))
  end

  it("knows root, name, key and directories; the one on the host is private", function()
    local project = open()
    assert.equal(place.root, project.root)
    assert.equal("shop", project.name)
    assert.matches("^shop%-%x%x%x%x%x%x%x%x%x%x%x%x$", project.key)
    assert.equal(place.root .. "/.wrapix", project.dirs.wrapix)
    assert.equal(place.dir .. "/state/wrapix/ralph/" .. project.key, project.dirs.state)
    assert.equal(tonumber("700", 8), fs.stat(project.dirs.state).mode)
    assert.is_nil(fs.stat(project.dirs.wrapix))
  end)

  it("is the same by a link, and another for another path", function()
    assert(fs.symlink(place.root, place.dir .. "/alias"))
    assert(fs.ensure_dir(place.dir .. "/b/shop"))
    local project = open()
    assert.equal(project.key, assert(projects.open(place.dir .. "/alias", { log = places.log() })).key)
    assert.is_not.equal(project.key, projects.key(place.dir .. "/b/shop"))
    assert.matches("^workspace%-", projects.key("/\xe4\xbd\xa0"))
  end)

  it("refuses what is no directory, and unknown options", function()
    place:write("file", "x")
    local _, message, code = projects.open(place.root .. "/file")
    assert.equal("ENOTDIR", code)
    assert.matches("^project: .*/file: is not a directory", message)
    assert.equal("ENOENT", select(3, projects.open(place.root .. "/none")))
    assert.has_error(function() projects.open(place.root, { confg = {} }) end,
      "project.open: unknown option 'confg' (did you mean 'config'?)")
  end)

  it("hands on what is wrong with the configuration", function()
    place:write("ralph.lua", "return { nonsense = 1 }")
    assert.equal("EUNTRUSTED", select(3, projects.open(place.root)))
    place:trust("ralph.lua")
    assert.equal("EINVAL", select(3, projects.open(place.root)))
  end)

  describe("the lock of the work tree", function()
    it("is held by one, and names its holder", function()
      local project = open()
      local lock = assert(project:lock_work())
      local _, message, code, hint = project:lock_work()
      assert.equal("EBUSY", code)
      assert.matches(("another ralph works in this tree (process %d)"):format(wrapix.sys.pid()),
        message, 1, true)
      assert.matches("lets a loop finish its step", hint, 1, true)
      _, _, _, hint = project:lock(project.paths.work_lock, "another `ralph ready` runs here")
      assert.equal("wait for it, or end it with Ctrl-C at its terminal", hint)
      lock:close()
      local again <close> = assert(project:lock_work())
      assert.is_truthy(again)
    end)

    it("can be waited for, telling whom for", function()
      local project = open()
      local held = assert(project:lock_work())
      local told
      task.scope(function(scope)
        scope:spawn(function()
          local lock <close> = assert(project:lock_work({ wait = 5, on_wait = function(pid)
            told = pid
          end }))
          return lock ~= nil
        end)
        while not told do task.sleep(0.01) end
        held:close()
      end)
      assert.equal(wrapix.sys.pid(), told)
    end)
  end)

  describe("a sandbox", function()
    local function profile(name, text)
      place:write(place.dir .. "/config/wrapix/profiles/" .. name .. ".lua", text)
    end

    before_each(function()
      profile("test", 'return { name = "test", image = "localhost/test:1" }')
      profile("other", 'return { name = "other", image = "localhost/other:1" }')
    end)

    it("has the profile that the issue's label names, else the configured one", function()
      local project = open({ config = { profile = "test" } })
      assert.equal("test", assert(project:sandbox())._profile.name)
      local box = assert(project:sandbox({ labels = { "area:x", "profile:other" } }))
      assert.equal("other", box._profile.name)
    end)

    it("is none for an unknown profile: the known ones are named", function()
      local project = open({ config = { profile = "test" } })
      local box, message, code = project:sandbox({ labels = { "profile:rusty" } })
      assert.is_nil(box)
      assert.equal("ENOENT", code)
      assert.matches("rusty: no such profile", message, 1, true)
      assert.matches("there are: base, ", message, 1, true)
      assert.matches("test", message, 1, true)
    end)

    it("takes no path from a label", function()
      place:write("evil.lua", "error('ran')")
      local project = open({ config = { profile = "test" } })
      for _, label in ipairs({ "profile:./evil.lua", "profile:evil.lua", "profile:", "profile:../x" }) do
        local box, message, code = project:sandbox({ labels = { label } })
        assert.is_nil(box)
        assert.equal("EINVAL", code)
        assert.matches("is not the name of a profile", message, 1, true)
      end
    end)

    it("mounts .wrapix read-only over the workspace, with the configured options", function()
      local project = open({ config = { profile = "test", agent = "claude",
        sandbox = { network = "none", env = { "A=1" }, mounts = { "/usr/share:/data" } } } })
      local box = assert(project:sandbox(nil, { env = { "B=2" }, memory = "1g" }))
      assert.equal("directory", fs.stat(project.dirs.wrapix).type)
      assert.same({
        workspace = place.root, agent = "claude", network = "none", memory = "1g",
        env = { "A=1", "B=2" },
        mounts = { project.dirs.wrapix .. ":/workspace/.wrapix:ro", "/usr/share:/data" },
      }, box._options)
      assert.same({ "A=1" }, project.config.sandbox.env)
    end)

    it("has what bd keeps read-only as well, where bd is the tracker", function()
      assert(fs.mkdir(place.root .. "/.beads"))
      local box = assert(open({ config = { profile = "test", tracker = "bd" } }):sandbox())
      assert.equal(place.root .. "/.beads:/workspace/.beads:ro", box._options.mounts[2])
      assert.is_nil(assert(open({ config = { profile = "test" } }):sandbox())._options.mounts[2])
      assert(fs.rmdir(place.root .. "/.beads"))
      assert(fs.symlink("/etc", place.root .. "/.beads"))
      box = assert(open({ config = { profile = "test", tracker = "bd" } }):sandbox())
      assert.is_nil(box._options.mounts[2])
    end)

    it("is none where .wrapix is a link", function()
      assert(fs.mkdir(place.dir .. "/elsewhere"))
      assert(fs.symlink(place.dir .. "/elsewhere", place.root .. "/.wrapix"))
      local box, message, code = open({ config = { profile = "test" } }):sandbox()
      assert.is_nil(box)
      assert.equal("ENOTDIR", code)
      assert.matches("project: .*/%.wrapix: ", message)
    end)

    it("has the workspace's own profile only when it is trusted, base where there is none", function()
      local project = open()
      assert.equal("base", assert(project:sandbox())._profile.name)
      place:write("wrapix.lua",
        'return require("wrapix").derive(require("wrapix").profiles.test, { name = "mine" })')
      local box, _, code, hint = project:sandbox()
      assert.is_nil(box)
      assert.equal("EUNTRUSTED", code)
      assert.matches("wrapix trust .*wrapix.lua.*; profile = \"base\" in ralph.lua", hint)
      place:trust("wrapix.lua")
      assert.equal("mine", assert(project:sandbox())._profile.name)
    end)

    it("runs no other file of the workspace as its profile", function()
      place:write("tools/dev.lua", "error('ran')")
      local box, message = open({ config = { profile = "./tools/dev.lua" } }):sandbox()
      -- Relative options start in the current directory, so this one is elsewhere.
      assert.is_nil(box)
      assert.is_string(message)
      box, message = open({ config = { profile = place.root .. "/tools/dev.lua" } }):sandbox()
      assert.is_nil(box)
      assert.is_nil(message:find("ran", 1, true))
    end)

    it("tells whether a profile is there", function()
      local project = open()
      assert.is_true(project:check_profile("test"))
      assert.equal("ENOENT", select(3, project:check_profile("tset")))
      assert.equal("EINVAL", select(3, project:check_profile("./test.lua")))
    end)
  end)

  it("says where each part lies in require('ralph')", function()
    local ralph = require("ralph")
    assert.equal(projects.open, ralph.open)
    assert.is_nil(ralph.nothing)
  end)
end)
