-- SPDX-License-Identifier: MIT
-- The double of podman itself: it knows the options of the real one where that
-- is installed, refuses what the real one refuses, and keeps its state.

local fs = require("wrapix.fs")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")
local worlds = require("support.world")

-- The names of the options the real one prints.
local function known_options(verb)
  local text = assert(proc.run({ "podman", verb, "--help" })).stdout
  local list = {}
  for line in text:gmatch("[^\n]+") do
    local name = line:match("^ [ %-%a,]*%-%-([%w-]+)")
    if name and name ~= "help" then list[#list + 1] = name end
  end
  return list
end

describe("the double of podman", function()
  local world

  before_each(function() world = worlds.new() end)
  after_each(function() world:close() end)

  local function run(...)
    return world:podman({ "run", "--pull=never", "--name", "x", "--rm", ... })
  end

  local function refused(pattern, ...)
    local words = table.pack(...)
    words[#words + 1], words[#words + 2] = worlds.image, "true"
    local result = run(table.unpack(words))
    assert.equal(125, result.code, table.concat(words, " "))
    assert.truthy(result.stderr:find(pattern, 1, true), result.stderr)
    assert.same({}, world:containers())
  end

  it("knows what the podman of this host knows", function()
    local version = sys.which("podman") and proc.run({ "podman", "--version" }).stdout:match("[%d.]+")
    if version ~= "4.3.1" and version ~= "5.4.2" then
      pending("podman 4.3.1 or 5.4.2 is not installed")
      return
    end
    world.env.FAKE_PODMAN_VERSION = version
    for _, verb in ipairs({ "run", "exec", "build", "stop", "kill", "rm", "images", "pull" }) do
      for _, name in ipairs(known_options(verb)) do
        -- What it does not know it names before it looks at anything else.
        local result = world:podman({ verb, ("--%s=1"):format(name), "--no-such-option" })
        assert.truthy(result.stderr:find("unknown flag: --no-such-option", 1, true)
          or result.stderr:find(("for \"--%s\" flag"):format(name), 1, true),
          ("%s --%s: %s"):format(verb, name, result.stderr))
      end
    end
  end)

  it("refuses options it does not know", function()
    refused("unknown flag: --frobnicate", "--frobnicate")
    refused("unknown shorthand flag: 'y'", "-y")
    refused("strconv.ParseInt", "--pids-limit=x")
    refused("strconv.ParseUint", "--timeout=-1")
    refused("strconv.ParseFloat", "--cpus", "abc")
    refused("strconv.ParseBool", "--read-only=maybe")
    assert.equal(125, world:podman({ "frob" }).code)
    assert.equal(125, world:podman({}).code)
  end)

  it("reads --mount as CSV and refuses what is none", function()
    world:write("work/a,b \"c\"\nd/file", "")
    local source = world.workspace .. '/a,b ""c""\nd'
    assert.equal(0, run("--mount", ('type=bind,"source=%s",destination=/x'):format(source),
      worlds.image, "true").code)
    refused("extraneous or missing \" in quoted-field", "--mount", 'type=bind,"source=/x')
    refused("bare \" in non-quoted-field", "--mount", 'type=bind,source=/x"y,destination=/x')
    refused("foo: invalid mount option", "--mount", "type=bind,source=/tmp,destination=/x,foo=1")
    refused("incorrect mount format", "--mount", "source=/tmp,destination=/x")
    refused("incorrect mount format", "--mount", "")
    refused("must set volume destination", "--mount", "type=bind,source=/tmp,nosuid")
    refused("must be an absolute path", "--mount", "type=bind,source=/tmp,destination=x")
    refused("statfs /nonexistent", "--mount", "type=bind,source=/nonexistent,destination=/x")
    refused("source is not supported", "--mount", "type=tmpfs,source=/tmp,destination=/x")
    refused("more than once", "--mount", "type=bind,source=/tmp,destination=/x,ro=true,rw")
    refused("invalid filesystem type", "--mount", "type=frob,destination=/x")
    refused("duplicate mount destination", "--mount", "type=tmpfs,destination=/x",
      "--mount", "type=tmpfs,destination=/x")
  end)

  it("refuses values that podman refuses", function()
    refused("invalid size", "--memory=4x")
    refused("requires name=SOFT:HARD", "--ulimit", "nofile=a:b")
    refused("less than or equal", "--ulimit", "nofile=5:2")
    refused("invalid --security-opt", "--security-opt", "foo=1")
    refused("opening seccomp profile failed", "--security-opt", "seccomp=/nonexistent")
    refused("network not found", "--network=nope")
    refused("invalid log driver", "--log-driver=zzz")
    refused("unsupported pull policy", "--pull=sometimes")
    refused("invalid image volume mode", "--image-volume=zzz")
    refused("--systemd values", "--systemd=zzz")
    refused("no valid executable found", "--runtime", "/nonexistent")
    world.env.FAKE_PODMAN_VERSION = "4.3.1"
    refused("network not found", "--network=pasta")
    refused("only supported in rootless mode", "--userns=keep-id")
    refused("unknown flag: --no-hostname", "--no-hostname")
  end)

  it("says so of an image it does not have, before anything else", function()
    local result = run("--memory=4x", "localhost/nosuch", "true")
    assert.equal(125, result.code)
    assert.equal("Error: localhost/nosuch: image not known\n", result.stderr)
  end)

  it("keeps a container until it is stopped", function()
    local held = world:podman({ "run", "-d", "--rm", "--name", "held", worlds.image, "sleep", "1000" })
    assert.equal(0, held.code)
    assert.equal(125, world:podman({ "run", "--name", "held", worlds.image, "true" }).code)
    assert.equal(125, world:podman({ "rm", "held" }).code)
    assert.equal(0, world:podman({ "stop", "--time", "5", "--", "held" }).code)
    assert.same({}, world:containers())
    assert.equal(125, world:podman({ "stop", "held" }).code)
    assert.equal(0, world:podman({ "stop", "--ignore", "held" }).code)
    assert.equal(125, world:podman({ "kill", "held" }).code)
  end)

  -- As the kernel does when PID 1 of a container ends.
  describe("ends what the command leaves, in whatever session, when it", function()
    local LEAVES = "trap '' TERM; sleep 1000 & echo $!\n"
      .. "setsid sh -c 'sleep 1000 & echo $!; wait' &\n"
    local ways = {
      { "ends", "sleep 0.1; exit 3", nil, 3 },
      { "is stopped", "trap - TERM; wait", "stop", 143 },
      { "is killed", "wait", "kill", 137 },
    }
    for _, way in ipairs(ways) do
      local name, script, verb, code = table.unpack(way, 1, 4)
      it(name, function()
        local running <close> = world:start({ "run", "--rm", "--name", "x", worlds.image, "sh", "-c",
          LEAVES .. script }, { program = worlds.fake_podman })
        local pids = {}
        for i = 1, 2 do pids[i] = math.tointeger(tonumber(running.stdout:read_line())) end
        for _, pid in ipairs(pids) do assert.truthy(sys.process_start(pid)) end
        if verb then assert.equal(0, world:podman({ verb, "x" }).code) end
        assert.equal(code, world:finish(running).code)
        for _, pid in ipairs(pids) do assert.is_nil(sys.process_start(pid)) end
      end)
    end
  end)

  it("kills what does not heed its stop", function()
    local running <close> = world:start({ "run", "--rm", "--name", "deaf", worlds.image, "sh", "-c",
      "trap '' TERM; echo up; while :; do sleep 0.01; done" }, { program = worlds.fake_podman })
    assert.equal("up", running.stdout:read_line())
    assert.equal(0, world:podman({ "stop", "--time", "0", "deaf" }).code)
    assert.equal(137, world:finish(running).code)
  end)

  it("writes down bytes as they were", function()
    local odd = "\1\n\"\\\xff\xc3\xa4"
    run("--env", "A=" .. odd, worlds.image, "true")
    local call = world:calls("run")[1]
    assert.equal("A=" .. odd, call.argv[8])
    assert.equal(0, call.code)
    assert.equal(world.env.HOME, call.env.HOME)
  end)

  it("is where its state is, and nowhere else", function()
    local before = fs.list(world.workspace)
    run(worlds.image, "true")
    assert.same(before, fs.list(world.workspace))
  end)
end)
