-- SPDX-License-Identifier: MIT
-- Specs of wrapix.runtime.podman: quoting, what never appears in a command
-- line, the commands about a container, and what Podman's failures mean.

local fixture = require "tests.unit.wrapix.plan_fixture"
local plan = require "wrapix.plan"
local podman = require "wrapix.runtime.podman"

local function made(name, options, facts)
  return assert(plan.make(fixture.profile(name), options or {}, facts or fixture.facts()))
end

--- Reads one comma-separated record, quotes doubled inside quotes.
local function parse_csv(text)
  local fields, at = {}, 1
  while at <= #text + 1 do
    local field
    if text:sub(at, at) == '"' then
      local body, stop = "", at + 1
      while true do
        local piece, last = text:match('^([^"]*)"()', stop)
        body, stop = body .. piece, last
        if text:sub(stop, stop) ~= '"' then break end
        body, stop = body .. '"', stop + 1
      end
      field, at = body, stop + 1
    else
      field = text:match("^[^,]*", at)
      at = at + #field + 1
    end
    fields[#fields + 1] = field
  end
  return fields
end

describe("podman.csv_field", function()
  it("survives the way through a CSV reader", function()
    for _, text in ipairs({
      "plain", "a,b", 'a"b', '"', '""', "a\nb", "a\r\nb", " lead", "trail ", "a:b", "-dash", "ü",
      "", 'x","y', "=", "source=/x",
    }) do
      assert.same({ "k=1", text }, parse_csv("k=1," .. podman.csv_field(text)))
    end
  end)

  it("leaves plain text as it is", function()
    assert.equal("source=/srv/a b:c", podman.csv_field("source=/srv/a b:c"))
  end)
end)

describe("podman.argv", function()
  it("is the engine, run, and the flags in order", function()
    local one = made("shop")
    local argv, at = podman.argv(one), 3
    assert.same({ "/usr/bin/podman", "run" }, { argv[1], argv[2] })
    for _, flag in ipairs(podman.flags(one)) do
      for _, word in ipairs(flag.args) do
        assert.equal(word, argv[at])
        at = at + 1
      end
    end
    assert.equal(#argv + 1, at)
  end)

  it("ends with the image, a double dash and the command untouched", function()
    local command = { "-c", "--rm", "", "a b", "$(id)", "\27[0m" }
    local argv = podman.argv(made("small", { command = command }))
    local tail = table.move(argv, #argv - #command - 1, #argv, 1, {})
    assert.same({ "localhost/wrapix-small:0123456789ab", "--", table.unpack(command) }, tail)
  end)

  it("holds no secret and never gives a privilege", function()
    for _, name in ipairs({ "small", "shop", "open" }) do
      for _, facts in ipairs({ fixture.facts(), fixture.old_facts(), fixture.root_facts() }) do
        facts.env.API_KEY = "canary-7f3a"
        local words = {}
        for _, word in ipairs(podman.argv(made(name, { env = { "API_KEY" } }, facts))) do
          assert.is_nil(word:find("canary", 1, true))
          assert.is_nil(word:find("privileged", 1, true))
          assert.is_nil(word:find("cap-add", 1, true))
          assert.is_nil(word:find("unconfined", 1, true))
          assert.is_nil(word:find("--volume", 1, true))
          words[word] = true
        end
        assert.is_true(words["--cap-drop=all"])
        assert.is_true(words["no-new-privileges"])
        assert.is_true(words["--pull=never"])
        assert.is_true(words["API_KEY"])
      end
    end
  end)

  it("passes no slirp4netns word to Podman 6", function()
    local facts = fixture.facts()
    facts.engine.version = { 6, 0, 0 }
    for _, word in ipairs(podman.argv(made("small", {}, facts))) do
      assert.is_nil(word:find("slirp", 1, true))
    end
  end)

  it("keeps the container only when asked", function()
    local function has(options)
      local text = table.concat(podman.argv(made("small", options)), "\n")
      return text:find("\n--rm\n", 1, true) ~= nil
    end
    assert.is_true(has({}))
    assert.is_false(has({ keep = true }))
  end)
end)

describe("podman's commands about a container", function()
  it("name the container after a double dash", function()
    local one = made("small")
    local name = one.name
    assert.same({ "/usr/bin/podman", "stop", "--ignore", "--time", "10", "--", name },
      podman.stop_argv(one))
    assert.same({ "/usr/bin/podman", "stop", "--ignore", "--time", "2", "--", name },
      podman.stop_argv(one, 1.5))
    assert.same({ "/usr/bin/podman", "kill", "--signal", "TERM", "--", name },
      podman.kill_argv(one, "TERM"))
    assert.same({
      "/usr/bin/podman", "rm", "--force", "--ignore", "--time", "0", "--volumes", "--", name,
    }, podman.remove_argv(one))
    assert.same({ "/p", "image", "exists", "--", "a:1" },
      podman.exists_argv({ path = "/p" }, "a:1"))
  end)

  it("use the OCI runtime the plan needs", function()
    local one = made("small", {}, fixture.old_facts())
    assert.same({ "/usr/bin/podman", "--runtime", "/usr/sbin/runc", "kill" },
      table.move(podman.kill_argv(one, "INT"), 1, 4, 1, {}))
  end)

  it("run one more program through the helper", function()
    local one = made("small")
    local opts = { stdin = true, tty = true, workdir = "/w", env = { "A=1" } }
    assert.same({
      "/usr/bin/podman", "exec", "--detach-keys=", "--interactive", "--tty", "--workdir", "/w",
      "--env", "A=1", "--", one.name, "/run/wrapix/bin/wrapix-init", "--", "ls", "-l",
    }, podman.exec_argv(one, { "ls", "-l" }, opts))
    local shell = podman.exec_argv(one)
    assert.same({ one.name, "/run/wrapix/bin/wrapix-init", "--shell" },
      table.move(shell, #shell - 2, #shell, 1, {}))
  end)

  it("raise on a signal that is none", function()
    for _, signal in ipairs({ "", "term", "9", "-TERM", "TERM x" }) do
      local function kill() podman.kill_argv(made("small"), signal) end
      assert.error_matches(kill, "is not a signal name")
    end
    assert.has_no.errors(function() podman.kill_argv(made("small"), "RTMIN+3") end)
  end)
end)

describe("podman.build_flags", function()
  it("gives what a build needs here", function()
    assert.same({ "--ulimit", "nofile=524288:524288", "--ulimit", "nproc=4096:4096" },
      podman.build_flags(fixture.facts()))
    assert.same({
      "--runtime", "/usr/sbin/runc",
      "--ulimit", "nofile=20000:20000", "--ulimit", "nproc=4096:4096",
    }, podman.build_flags(fixture.root_facts()))
  end)

  it("fails where no OCI runtime works", function()
    local facts = fixture.old_facts()
    facts.runc = nil
    local flags, _, code, hint = podman.build_flags(facts)
    assert.is_nil(flags)
    assert.equal("EPLAN", code)
    assert.equal("apt install runc", hint)
  end)
end)

describe("podman's failures", function()
  it("tell an absent image from everything else", function()
    assert.is_true(podman.missing_image("Error: localhost/nope: image not known\n"))
    local after_warning = "WARN[0000] something\nError: localhost/x:1: image not known\n"
    assert.is_true(podman.missing_image(after_warning))
    for _, text in ipairs({
      "", "image not known", "Error: image is broken\n", "program: Error: x: image not known\n",
      "Error: x: image not known by anybody\n",
    }) do
      assert.is_false(podman.missing_image(text))
    end
  end)

  it("tell an output that nobody reads", function()
    local text = "Error: attaching to container 0a: write /dev/stdout: broken pipe\n"
    assert.is_true(podman.closed_output(text))
    for _, other in ipairs({ "", "broken pipe\n", "Error: write /dev/stdout: broken pipes\n",
      "Error: x: write /dev/stdout: broken pipe\nmore\n" }) do
      assert.is_false(podman.closed_output(other))
    end
  end)

  it("are named with the line that helps", function()
    local cases = {
      ["Error: crun: cgroups in hybrid mode not supported, drop all controllers"] = "runc",
      ["Error: runc: runc create failed: error setting rlimit type 7: operation not permitted"] =
        "ulimit",
      ["Error: OCI runtime error: crun: the requested cgroup controller `cpu` is not available"] =
        "Delegate",
      ["Error: could not find pasta, the network namespace can't be configured"] = "passt",
      ['Error: creating container: the container name "x" is already in use by 12ab.'] = "--name",
      ["Error: cannot set up namespace using \"/usr/bin/newuidmap\": exit status 1"] = "uidmap",
    }
    for text, hint in pairs(cases) do
      local reason, got = podman.failure("noise\n" .. text .. "\n")
      assert.is_string(reason)
      assert.is_truthy(got:find(hint, 1, true), got)
    end
    assert.is_nil(podman.failure("Error: something new\n"))
    assert.is_nil(podman.failure(""))
  end)
end)
