-- SPDX-License-Identifier: MIT
local podman = require("wrapix.builder.podman")

local function box(more)
  local one = { name = "wrapix-builder", engine = { path = "/usr/bin/podman" }, image = "localhost/i:1",
    port = 2222, run = "/d/run", nix = { dir = "/d/nix" }, digest = "0123456789abcdef" }
  for name, value in pairs(more or {}) do one[name] = value end
  return one
end

local function words(...) return table.concat(podman.create_argv(box(...)), " ") end

describe("builder.podman", function()
  it("makes a container that has what the servers need, and no more", function()
    local text = words({ cpus = 2, memory = 4 << 30, nofile = 1024, nproc = 512, network = "pasta",
      label_off = true, engine = { path = "/usr/bin/podman", oci_runtime = "/usr/bin/runc" } })
    for _, part in ipairs({ "/usr/bin/podman --runtime /usr/bin/runc run --detach", "--cap-drop=all",
      "--cap-add=CHOWN,DAC_OVERRIDE,FOWNER,KILL,NET_BIND_SERVICE,SETGID,SETUID,SYS_CHROOT ",
      "--security-opt no-new-privileges", "--security-opt label=disable", "--pull=never",
      "--cpus 2 --memory 4g", "--ulimit nofile=1024:1024 --ulimit nproc=512:512", "--network=pasta",
      "--publish 127.0.0.1:2222:22", "--label wrapix.builder=0123456789abcdef",
      "--mount type=bind,source=/d/run,destination=/etc/wrapix-builder,ro=true,nosuid,nodev",
      "--mount type=bind,source=/d/nix,destination=/nix,ro=false,nosuid,nodev",
      "--entrypoint /bin/sh localhost/i:1 /etc/wrapix-builder/guest.sh" }) do
      assert.truthy(text:find(part, 1, true), part .. "\n" .. text)
    end
    assert.falsy(text:find("privileged", 1, true))
  end)

  it("asks for no limit that the box does not have", function()
    local text = words()
    for _, part in ipairs({ "--cpus", "--memory", "--ulimit", "--network", "label=disable" }) do
      assert.falsy(text:find(part, 1, true), part)
    end
  end)

  it("quotes directories with commas", function()
    assert.truthy(words({ run = "/a,b/run" }):find('type=bind,"source=/a,b/run",destination', 1, true))
  end)

  it("words what is done with a container", function()
    assert.same({ "/usr/bin/podman", "stop", "--ignore", "--time", "15", "--", "wrapix-builder" },
      podman.stop_argv(box(), 15))
    assert.same({ "/usr/bin/podman", "start", "--", "wrapix-builder" }, podman.start_argv(box()))
    assert.same({ "/usr/bin/podman", "exec", "--detach-keys=", "--interactive", "--tty", "--",
      "wrapix-builder", "sh", "-c", "x" },
      podman.exec_argv(box(), { "sh", "-c", "x" }, { stdin = true, tty = true }))
    assert.same({ "/usr/bin/podman", "logs", "--follow", "--tail", "5", "--", "wrapix-builder" },
      podman.logs_argv(box(), { follow = true, last = 5 }))
    assert.same({ "rm", "-rf", "--", "/d/nix" }, podman.erase_argv(box(), false))
    assert.same({ "/usr/bin/podman", "unshare", "rm", "-rf", "--", "/d/nix" },
      podman.erase_argv(box(), true))
  end)

  it("reads what inspect says", function()
    local function state(stdout) return podman.state({ code = 0, stdout = stdout }) end
    local found = assert(state([=[[{"State":{"Status":"running","StartedAt":"t","ExitCode":0},
      "ImageName":"localhost/i:1","Config":{"Labels":{"wrapix.builder":"abc"}}}]]=]))
    assert.same({ state = "running", digest = "abc", is_ours = true, image = "localhost/i:1",
      status = 0, started = "t" }, found)
    found = assert(state('[{"State":{"Status":"exited","ExitCode":70},"Config":{"Labels":null}}]'))
    assert.equal("stopped", found.state)
    assert.equal(70, found.status)
    assert.is_false(found.is_ours)
    for _, said in ipairs({ 'Error: no such container "wrapix-builder"',
      "Error: inspecting object: no such object: \"x\"" }) do
      assert.equal("absent", assert(podman.state({ code = 125, stdout = "[]", stderr = said })).state)
    end
  end)

  it("takes no answer for a container that is none", function()
    for _, stdout in ipairs({ "", "[]", "{}", "nonsense", "[5]", "null" }) do
      local found, message = podman.state({ code = 0, stdout = stdout })
      if found then
        assert.equal("stopped", found.state) -- an entry without a state runs nothing
        assert.is_false(found.is_ours)
      else
        assert.is_string(message)
      end
    end
    assert.is_nil((podman.state({ code = 125, stderr = "Error: database is locked\n" })))
  end)
end)
