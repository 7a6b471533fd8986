-- SPDX-License-Identifier: MIT

local fs = require("wrapix.fs")
local live = require("wrapix.live")
local owners = require("wrapix.owner")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")

-- What podman 4.3.1 and 5.4.2 answer, shortened to what both have.
local function container(over)
  local one = {
    Id = ("a"):rep(64), Names = { "wrapix-shop-1" }, Image = "img:1", State = "running", ExitCode = 0,
    StartedAt = 1000, Created = 999,
    Labels = { ["wrapix.session"] = "s1", ["wrapix.profile"] = "base", ["wrapix.workspace"] = "/w" },
  }
  for key, value in pairs(over or {}) do one[key] = value end
  return one
end

describe("live.list", function()
  local dir, real_run, answer, facts
  local json = require("wrapix.json")

  before_each(function()
    dir = assert(fs.temp_dir("live-"))
    facts = {
      dirs = { runtime = dir }, cgroup = {},
      engine = { path = "/usr/bin/podman", oci_runtime = { name = "crun" } },
    }
    answer = {}
    real_run = proc.run
    proc.run = function(argv)
      assert.equal("ps", argv[2])
      return { code = 0, stdout = json.encode(json.array(answer)), stderr = "" }
    end
  end)

  after_each(function()
    proc.run = real_run
    fs.remove_tree(dir)
  end)

  local function alive() return owners.encode(assert(owners.current())) end
  local function dead() return ("%s:%d:%s"):format(assert(sys.boot_id()), sys.pid(), "1") end

  local function place(session, owner, info, lease, started)
    local root = ("%s/sessions/%s"):format(dir, session)
    assert(fs.ensure_dir(root .. "/run"))
    if owner then fs.write_atomic(root .. "/owner", owner .. "\n", { sync = false }) end
    if info then
      info.session, info.name = session, info.name or "wrapix-" .. session
      info.engine = { path = "/usr/bin/podman" }
      fs.write_atomic(root .. "/info.json", json.encode(info), { sync = false })
    end
    if lease ~= false then fs.write_atomic(root .. "/run/lease.sock", "", { sync = false }) end
    if started then fs.write_atomic(root .. "/started", "", { sync = false }) end
  end

  local function only()
    local list = assert(live.list(facts))
    assert.equal(1, #list)
    return list[1]
  end

  -- container state, owner, keep, lease → state
  for _, case in ipairs({
    { "running", "alive", false, true, "running" },
    { "paused", "alive", false, true, "paused" },
    { "stopping", "alive", false, true, "ending" },
    { "created", "alive", false, true, "starting" },
    { "initialized", "alive", false, true, "starting" },
    { "exited", "alive", false, true, "ending" },
    { "exited", "alive", true, true, "exited" },
    { "exited", "dead", true, false, "exited" },
    { "running", "dead", false, true, "orphaned" },
    { "running", "dead", true, true, "orphaned" },
    { "exited", "dead", false, true, "orphaned" },
    { nil, "alive", false, true, "starting" },
    { nil, "alive", false, false, "ending" },
    { nil, "dead", false, true, "dead" },
    { nil, "dead", true, false, "dead" },
  }) do
    local state, owner, keep, lease, expected = case[1], case[2], case[3], case[4], case[5]
    it(("calls it %s: container %s, owner %s, keep %s"):format(expected, state, owner, keep), function()
      place("s1", owner == "alive" and alive() or dead(), { keep = keep }, lease)
      if state then answer = { container({ State = state }) } end
      local one = only()
      assert.same({ expected, owner, owner == "alive" }, { one.state, one.owner.state, one.owner.alive })
    end)
  end

  it("calls a container without directory an orphan, unless its owner lives", function()
    answer = { container() }
    assert.equal("orphaned", only().state)
    answer[1].Labels["wrapix.owner"] = dead()
    local one = only()
    assert.same({ "orphaned", "dead" }, { one.state, one.owner.state })
    assert.equal("/usr/bin/podman", one.engine.path)
    answer[1].Labels["wrapix.owner"] = alive()
    assert.equal("running", only().state)
    answer[1].Labels["wrapix.owner"] = "nonsense"
    assert.same({ "orphaned", "unknown" }, { only().state, only().owner.state })
  end)

  it("joins both by the session", function()
    place("s1", alive(), { detach = true, tty = true, workspace = "/x", profile = "p", start = 5,
      image = "i", network = "none", log = "/l" })
    answer = { container() }
    local one = only()
    assert.same({ "s1", "wrapix-shop-1", "p", "/x", "i", "none", true, true, false, 5, "/l" },
      { one.session, one.name, one.profile, one.workspace, one.image, one.network, one.detach, one.tty,
        one.keep, one.start, one.log })
    assert.truthy(one.uptime > 0)
    assert.equal(sys.pid(), one.owner.pid)
    assert.equal(dir .. "/sessions/s1", one.dir)
    assert.same({ name = ("a"):rep(64), engine = { path = "/usr/bin/podman" },
      workspace = { dest = "/workspace" } }, live.plan(one))
  end)

  it("drops a sandbox that went away while it looked", function()
    place("s1", alive(), {})
    local asked = proc.run
    proc.run = function(argv)
      fs.remove_tree(dir .. "/sessions/s1")
      return asked(argv)
    end
    answer = { container() }
    assert.same({}, assert(live.list(facts)))
  end)

  it("puts the oldest first, and is empty without anything", function()
    assert.same({}, assert(live.list(facts)))
    place("b", alive(), { start = 20 })
    place("a", alive(), { start = 30 })
    place("c", alive(), { start = 10 })
    local names = {}
    for i, one in ipairs(assert(live.list(facts))) do names[i] = one.session end
    assert.same({ "c", "b", "a" }, names)
  end)

  it("takes hostile files for nothing", function()
    assert(fs.ensure_dir(dir .. "/sessions"))
    assert(fs.symlink("/", dir .. "/sessions/link"))
    place("s2", "no owner at all", nil)
    place("s3", alive(), nil)
    fs.write_atomic(dir .. "/sessions/s3/info.json", '"text"', { sync = false })
    local one = only()
    assert.same({ "s3", "s3", "starting" }, { one.session, one.name, one.state })
  end)

  it("believes the label of a kept container that has no directory here", function()
    answer = { container({ State = "exited" }) }
    answer[1].Labels["wrapix.owner"] = dead()
    assert.same({ "orphaned", false }, { only().state, only().keep })
    answer[1].Labels["wrapix.keep"] = "1"
    assert.same({ "exited", true, 0 }, { only().state, only().keep, only().exit })
    answer[1].State = "running" -- its PID 1 is about to end it
    assert.equal("orphaned", only().state)
  end)

  describe("known", function()
    local function known(word) return live.known(facts.dirs, word) end

    before_each(function()
      proc.run = function() error("the engine was asked") end
      place("aa11", alive(), { name = "web", workspace = "/w", tty = true }, true, true)
    end)

    it("finds what its launcher says runs, without the engine", function()
      for _, word in ipairs({ "web", "we", "aa11", "aa" }) do
        local one = known(word)
        assert.same({ "aa11", "web", "running", "/w", true, true, "/usr/bin/podman" },
          { one.session, one.name, one.state, one.workspace, one.tty, one.owner.alive,
            one.engine.path })
      end
      assert.same("web", live.plan(known("web")).name)
    end)

    it("leaves to the engine what is unknown or fits several", function()
      assert.is_nil(known("wep"))
      assert.is_nil(known(""))
      place("ab22", alive(), { name = "web-2" }, true, true)
      assert.equal("aa11", known("web").session)
      assert.equal("ab22", known("web-").session)
      assert.is_nil(known("we"))
      place("ac33", dead(), { name = "web" }, true, true)
      assert.is_nil(known("web"))
    end)

    it("leaves to the engine what is not sure to run", function()
      place("bb", dead(), { name = "dead" }, true, true)
      place("cc", alive(), { name = "early" }, true, false)
      place("dd", alive(), { name = "late" }, false, true)
      place("ee", nil, { name = "whose" }, true, true)
      place("ff", alive(), nil, true, true)
      for _, word in ipairs({ "dead", "early", "late", "whose", "ff" }) do
        assert.is_nil(known(word), word)
      end
    end)

    it("says nothing when there is nothing", function()
      fs.remove_tree(dir)
      assert.is_nil(known("web"))
    end)
  end)

  it("says what the engine says when it fails", function()
    proc.run = function() return { code = 125, stdout = "", stderr = "a\nno storage\n" } end
    local list, message, code = live.list(facts)
    assert.is_nil(list)
    assert.same({ "list sandboxes: engine: no storage", "EENGINE" }, { message, code })
    proc.run = function() return { code = 0, stdout = "[", stderr = "" } end
    assert.matches("its answer is no JSON", select(2, live.list(facts)))
    proc.run = function() return nil, "ENOENT: x", "ENOENT" end
    assert.equal("ENOENT", select(3, live.list(facts)))
  end)
end)

describe("live.find", function()
  local LIST = {
    { name = "wrapix-shop-1a", session = "aa11" },
    { name = "wrapix-shop-2b", session = "ab22" },
    { name = "web", session = "cc33" },
    { name = "web-2", session = "dd44" },
  }

  local function name_of(word)
    local one = live.find(LIST, word)
    return one and one.name
  end

  it("takes a name or a session, whole or begun", function()
    for word, name in pairs({
      web = "web", ["web-"] = "web-2", cc33 = "web", c = "web", aa = "wrapix-shop-1a",
      ["wrapix-shop-2"] = "wrapix-shop-2b", ["shop-1"] = "wrapix-shop-1a",
    }) do
      assert.equal(name, name_of(word), word)
    end
  end)

  it("refuses what fits several, and names them", function()
    local one, message, code, hint = live.find(LIST, "shop")
    assert.is_nil(one)
    assert.same({ "find: shop: fits 2 sandboxes", "EUSAGE",
      "one of wrapix-shop-1a, wrapix-shop-2b" }, { message, code, hint })
    assert.equal("EUSAGE", select(3, live.find(LIST, "a")))
    assert.equal("EUSAGE", select(3, live.find(LIST, "")))
  end)

  it("takes a name for the one that lives when another left only a directory", function()
    local list = {
      { name = "web", session = "ee", state = "dead" },
      { name = "web", session = "ff", state = "running" },
    }
    assert.equal("ff", live.find(list, "web").session)
    assert.equal("ee", live.find(list, "e").session)
    -- What is only begun may mean either, and so may two of one name.
    assert.equal("EUSAGE", select(3, live.find(list, "we")))
    list[1].state = "orphaned"
    local one, message, code, hint = live.find(list, "web")
    assert.is_nil(one)
    assert.same({ "find: web: fits 2 sandboxes", "EUSAGE", "one of ee, ff" }, { message, code, hint })
    list[1].state, list[2].state = "dead", "dead"
    assert.equal("EUSAGE", select(3, live.find(list, "web")))
  end)

  it("names the nearest of what is unknown", function()
    local one, message, code, hint = live.find(LIST, "wev")
    assert.is_nil(one)
    assert.same({ "find: wev: no such sandbox (did you mean 'web'?)", "ENOENT",
      "`wrapix ps` lists the names" }, { message, code, hint })
    assert.matches('^find: "\\x1b": no such sandbox$', (select(2, live.find({}, "\27"))))
  end)
end)
