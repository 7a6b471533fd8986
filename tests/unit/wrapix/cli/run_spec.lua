-- SPDX-License-Identifier: MIT
-- Running, explaining and dry runs: what the plan is asked, what is printed,
-- and which status comes back.

local double = require("unit.wrapix.cli.double")

local function try(over, ...)
  local d = double.new(over)
  local status, out, err = double.run(d, ...)
  return status, out, err, d
end

-- A workspace that has a wrapix.lua, and what was said of it.
local function with_own(found)
  return {
    exists = function(file) return file == "/w/wrapix.lua" end,
    trust = { load = function() return {} end, look = function() return found end },
    files = { ["./wrapix.lua"] = { name = "own" } },
    context = function() return { cwd = "/w", read = function() error("read again") end } end,
    fs = { realpath = function(file) return file end },
  }
end

describe("options of a run", function()
  it("reach the plan under its names", function()
    local keeper = { is_keeper = function() return true end, announce = function() end }
    local _, _, _, d = try({ keeper = keeper }, "-C", "/x", "-e", "A=1", "-eB", "-m", "/a:/b:rw:optional",
      "--image", "i", "--agent", "claude", "--network=none", "--runtime", "podman", "--cpus", "1.5",
      "--memory", "4g", "rust", "--pids", "9", "--timeout", "1h30m", "--name", "n", "-d", "--keep",
      "--", "make", "-k")
    assert.equal("rust", d.planned.profile.name)
    assert.same({
      workspace = "/x", env = { "A=1", "B" }, mounts = { "/a:/b:rw:optional" }, image = "i",
      agent = "claude", network = "none", runtime = "podman", cpus = "1.5", memory = "4g",
      pids = "9", timeout = "1h30m", name = "n", detach = true, keep = true,
      command = { "make", "-k" },
    }, d.planned.options)
    assert.equal("/x", d.gathered.workspace)
  end)

  it("need nothing", function()
    local status, out, err, d = try({})
    assert.equal(0, status)
    assert.equal("", out .. err)
    assert.equal("base", d.planned.profile.name)
    assert.same({}, d.planned.options)
    assert.equal("/w", d.gathered.workspace)
  end)

  it("ask for a plan to be shown where it is", function()
    for words, runs in pairs({ [""] = true, ["--dry-run"] = false, ["explain"] = false }) do
      local _, _, _, d = try({}, table.unpack(words ~= "" and { words } or {}))
      assert.equal(runs, d.planned.runs)
    end
  end)

  it("join a relative workspace to the current directory", function()
    local _, _, _, d = try({}, "-C", "sub/x")
    assert.equal("/w/sub/x", d.gathered.workspace)
  end)

  local LONG = ("a"):rep(129)
  for _, case in ipairs({
    { { "--memory", "much" }, "option '--memory': 'much' is not a size such as 512m or 4g" },
    { { "--cpus=-1" }, "option '--cpus': '-1' is not a number of processors such as 2 or 1.5" },
    { { "--pids", "0" }, "option '--pids': '0' is not a whole number above zero" },
    { { "--timeout", "soon" },
      "option '--timeout': 'soon' is not a duration such as 90s, 5m or 1h30m" },
    { { "-m", "/a" }, "option '--mount': '/a' is no mount: no destination" },
    { { "-m", "/a:b" },
      "option '--mount': '/a:b' is no mount: b: dest: b: a destination must be an absolute path "
        .. "in the container" },
    { { "-e", "1A=hunter2" },
      "option '--env': '1A' is not a variable name" },
    { { "-e", "=x" }, "option '--env': '' is not a variable name" },
    { { "-e", "HOME=/" }, "option '--env': 'HOME' is set by wrapix and cannot be changed" },
    { { "-e", "WRAPIX" }, "option '--env': 'WRAPIX' is set by wrapix and cannot be changed" },
    { { "--name", "a/b" }, "option '--name': 'a/b' is not a container name" },
    { { "--name=" }, "option '--name': '' is not a container name" },
    { { "--name", LONG }, ("option '--name': '%s' is not a container name"):format(LONG) },
    { { "--image", "x y" }, "option '--image': 'x y' is not an image reference" },
    { { "--image=" }, "option '--image': '' is not an image reference" },
    { { "--image=-x" }, "option '--image': '-x' is not an image reference" },
    { { "-C", "" }, "option '--workspace': '' is no directory" },
    { { "--network", "opn" },
      "option '--network': 'opn' is not one of open, none (did you mean 'open'?)" },
    { { "base", "make" }, "unexpected 'make'" },
    { { "--json" }, "--json goes with --dry-run or --timing" },
  }) do
    it("are refused as usage: " .. table.concat(case[1], " "), function()
      local status, out, err, d = try({}, table.unpack(case[1]))
      assert.equal(2, status)
      assert.equal("", out)
      assert.equal("wrapix: usage: " .. case[2], err:match("^[^\n]*"))
      assert.is_nil(d.launched)
    end)
  end

  it("tell where the command goes", function()
    local _, _, err = try({}, "base", "make")
    assert.truthy(err:find("hint: the command to run stands after --", 1, true))
  end)
end)

describe("a run", function()
  it("gives back the command's status", function()
    local function with(result)
      return (try({ launch = { run = function() return result end } }))
    end
    assert.equal(42, with({ code = 42 }))
    assert.equal(137, with({ code = 0, signal = 9 }))
  end)

  it("is wrong usage with an agent that is none, and not with a profile's", function()
    local over = { plan = { make = function()
      return nil, "plan: agent: clade: no such agent", "ENOAGENT", "did you mean 'claude'?"
    end } }
    local status, _, err = try(over, "--agent", "clade")
    assert.equal(2, status)
    assert.equal("wrapix: plan: agent: clade: no such agent\nhint: did you mean 'claude'?\n", err)
    assert.equal(125, (try(over)))
    over.agents = { get = function() return {} end }
    assert.equal(125, (try(over, "--agent", "claude")))
  end)

  it("ends with 125 when it cannot start", function()
    local status, _, err = try({ launch = { run = function()
      return nil, "launch: podman: no", "EENGINE", "install it"
    end } })
    assert.equal(125, status)
    assert.equal("wrapix: launch: podman: no\nhint: install it\n", err)
    status, _, err = try({ gather = function() return nil, "probe: podman: none", "EENGINE" end })
    assert.equal(125, status)
    assert.equal("wrapix: probe: podman: none\n", err)
    status = try({ plan = { make = function() return nil, "plan: x: y", "EPLAN" end } })
    assert.equal(125, status)
  end)

  it("tells warnings, and only the launch when told to be quiet", function()
    local plan = double.plan()
    plan.warnings = { { text = "no limit", hint = "do x" } }
    local over = { plan = { make = function() return plan end }, notes = { "a note" } }
    local _, _, err = try(over)
    assert.equal("wrapix: note: a note\nwrapix: warning: no limit\nhint: do x\n", err)
    assert.equal("", select(3, try(over, "-q")))
  end)

  it("tells more with -v", function()
    local plan = double.plan()
    plan.skipped = { { kind = "mount", what = "a:b", reason = "gone" } }
    local _, _, err = try({ plan = { make = function() return plan end } }, "-v")
    assert.equal("  skipped: mount a:b: gone\n"
      .. "  engine: /usr/bin/podman run --rm 'a b'\n", err)
  end)

  it("prints times", function()
    local timing = { { name = "plan", seconds = 0.0031 }, { name = "engine", seconds = 0.25 } }
    local over = { launch = { run = function() return { code = 0, timing = timing } end } }
    assert.equal("wrapix: timing: plan 3.1 ms, engine 250.0 ms\n", select(3, try(over, "--timing")))
    assert.equal('{"timing":[{"name":"plan","seconds":0.0031},{"name":"engine","seconds":0.25}]}\n',
      select(3, try(over, "--timing", "--json")))
  end)

  it("prints the name of a container it leaves running", function()
    local _, out, _, d = try({}, "-d", "--", "sleep", "9")
    assert.equal("wrapix-w-1\n", out)
    assert.same({ "-d", "--", "sleep", "9" }, d.kept)
    assert.is_nil(d.launched)
  end)

  it("ends with the keeper's status when the sandbox does not start", function()
    local over = { keeper = {
      is_keeper = function() return false end,
      start = function() return nil, 125 end,
    } }
    local status, out = try(over, "-d")
    assert.equal(125, status)
    assert.equal("", out)
  end)

  it("says that a profile of the workspace was not used", function()
    local over = with_own({ state = "unknown", text = "" })
    local status, _, err = try(over)
    assert.equal(0, status)
    assert.equal("wrapix: note: ./wrapix.lua found but not used; `wrapix trust` shows it and asks, "
      .. "`wrapix ./wrapix.lua` uses it once\n", err)
    assert.equal("", select(3, try(over, "base")))
    assert.equal("", select(3, try(over, "-q")))
  end)

  it("says why one cannot be trusted, and nothing where none can be", function()
    local over = with_own({ state = "unknown", problem = "is a link, or below one", code = "ELOOP" })
    assert.equal("wrapix: note: ./wrapix.lua found but not used: is a link, or below one\n",
      select(3, try(over)))
    over = with_own({ state = "unknown", problem = "not a directory", code = "ENOTDIR" })
    assert.equal("", select(3, try(over)))
  end)

  it("runs a profile of the workspace that is trusted, with the text that was compared", function()
    local status, _, err, d = try(with_own({ state = "trusted", text = "the text" }))
    assert.equal(0, status, err)
    assert.equal("own", d.planned.profile.name)
    assert.same({ "load_file ./wrapix.lua" }, d.calls)
    assert.equal("the text", d.loaded_with.read("/w/./wrapix.lua"))
  end)

  it("starts nothing when a trusted profile has changed or is gone", function()
    for reason, found in pairs({
      ["has changed"] = { state = "changed", text = "" },
      ["is gone"] = { state = "changed", code = "ENOENT" },
    }) do
      local status, _, err, d = try(with_own(found))
      assert.equal(125, status)
      assert.truthy(err:find("wrapix: run: ./wrapix.lua: " .. reason .. " since it was trusted\nhint: ",
        1, true), err)
      assert.is_nil(d.planned)
      assert.equal(0, (try(with_own(found), "base")))
    end
  end)

  it("starts nothing when what is trusted cannot be known", function()
    local over = with_own({})
    over.trust.load = function() return nil, "trust: x: broken", "EINVAL", "remove it" end
    local status, _, err = try(over)
    assert.equal(125, status)
    assert.equal("wrapix: trust: x: broken\nhint: remove it\n", err)
  end)
end)

describe("a dry run", function()
  it("prints the command line and starts nothing", function()
    local status, out, _, d = try({}, "--dry-run")
    assert.equal(0, status)
    assert.equal("/usr/bin/podman run --rm 'a b'\n", out)
    assert.is_nil(d.launched)
  end)

  it("prints the plan as JSON", function()
    local status, out, _, d = try({}, "base", "--dry-run", "--json")
    assert.equal(0, status)
    assert.truthy(out:find('^{"command":'))
    assert.truthy(out:find('"skipped":%[%]'))
    assert.is_nil(d.launched)
  end)

  it("fails when the plan is no JSON", function()
    local over = { json = { encode = function() return nil, "not UTF-8" end,
      array = function(list) return list end } }
    local status, out, err = try(over, "--dry-run", "--json")
    assert.equal(1, status)
    assert.equal("", out)
    assert.equal("wrapix: write: JSON: not UTF-8\n", err)
  end)
end)

describe("explain", function()
  it("takes the same words as a run", function()
    local _, _, _, d = try({}, "explain", "rust", "--memory", "1g", "--", "make", "--help")
    assert.equal("rust", d.planned.profile.name)
    assert.same({ memory = "1g", command = { "make", "--help" } }, d.planned.options)
    assert.is_nil(d.launched)
  end)

  it("prints text, or plan, flags and command line", function()
    local _, out = try({}, "explain")
    assert.truthy(out:find("^command\n  command    id "))
    assert.truthy(out:find("\n  %-%-rm +default\n$"))
    _, out = try({}, "explain", "--json")
    assert.truthy(out:find('^{"argv":%["/usr/bin/podman","run","%-%-rm","a b"%],"flags":%[{'))
    assert.truthy(out:find('"plan":{"command":', 1, true))
  end)

  it("of a script is refused", function()
    local over = { files = { ["x.lua"] = function() return 0 end } }
    local status, _, err = try(over, "explain", "x.lua")
    assert.equal(125, status)
    assert.truthy(err:find("explain: x.lua: returned no profile", 1, true))
  end)
end)

describe("a file", function()
  local function profile_file() return { files = { ["./my.lua"] = { name = "my" } } } end

  it("that returns a profile is run, with options before and after it", function()
    local status, _, _, d =
      try(profile_file(), "--cpus", "2", "./my.lua", "--memory", "1g", "--", "id")
    assert.equal(0, status)
    assert.equal("my", d.planned.profile.name)
    assert.same({ cpus = "2", memory = "1g", command = { "id" } }, d.planned.options)
    assert.same({ "load_file ./my.lua" }, d.calls)
  end)

  it("that returns a profile refuses words it cannot take", function()
    local status, _, err, d = try(profile_file(), "./my.lua", "make")
    assert.equal(2, status)
    assert.truthy(err:find("unexpected 'make'", 1, true))
    assert.is_nil(d.launched)
  end)

  it("that is a script gets every word after it", function()
    local got
    local over = { files = { ["s.lua"] = function(...) got = { ... } return 7 end } }
    local status, out, err, d = try(over, "s.lua", "--help", "-x", "--", "a b", "")
    assert.equal(7, status)
    assert.equal("", out .. err)
    assert.same({ "--help", "-x", "--", "a b", "" }, got)
    assert.is_nil(d.planned)
  end)

  it("that is a script decides the status", function()
    for _, case in ipairs({ { 0, 0 }, { 3, 3 }, { 256 + 5, 5 }, { true, 0 }, { false, 1 },
      { "text", 0 } }) do
      local over = { files = { ["s.lua"] = function() return case[1] end } }
      assert.equal(case[2], (try(over, "s.lua")))
    end
    assert.equal(0, (try({ files = { ["s.lua"] = function() end } }, "s.lua")))
    local status, _, err = try({ files = { ["s.lua"] = function() return nil, "no luck" end } },
      "s.lua")
    assert.equal(1, status)
    assert.equal("wrapix: run: s.lua: no luck\n", err)
  end)

  it("that is a script makes options before it known as useless", function()
    local over = { files = { ["s.lua"] = function() return 0 end } }
    local _, _, err = try(over, "--memory", "1g", "-q", "-e", "A", "s.lua")
    assert.equal("wrapix: warning: run: s.lua: is a script, so --env had no effect\n"
      .. "wrapix: warning: run: s.lua: is a script, so --memory had no effect\n", err)
  end)

  it("that is not there or broken is named", function()
    local status, _, err = try({}, "./no.lua", "--memory", "1g")
    assert.equal(125, status)
    assert.equal("wrapix: profile: ./no.lua: no such file\n", err)
  end)

  it("is not run for the help before it", function()
    local status, out, _, d = try(profile_file(), "--help", "./my.lua")
    assert.equal(0, status)
    assert.truthy(out:find("^Usage: wrapix"))
    assert.same({}, d.calls)
  end)
end)

describe("--version", function()
  it("is printed", function()
    local status, out = try({}, "--version")
    assert.equal(0, status)
    assert.equal("wrapix 1.2.3\n", out)
  end)
end)
