-- SPDX-License-Identifier: MIT
local apple = require("wrapix.builder.apple")

local function box(version, more)
  local one = { name = "wrapix-builder", engine = { path = "/c", version = version or { 1, 2, 2 } },
    image = "localhost/i:1", port = 2222, run = "/d/run", nix = { volume = "wrapix-builder-nix" },
    cpus = 4, memory = 4 << 30, digest = "abc" }
  for name, value in pairs(more or {}) do one[name] = value end
  return one
end

local function words(...) return table.concat(assert(apple.create_argv(box(...))), " ") end

describe("builder.apple", function()
  it("shares one directory flat, keeps /nix in a volume, and listens on 127.0.0.1", function()
    local text = words()
    for _, part in ipairs({ "/c run --detach --name wrapix-builder --label wrapix.builder=abc",
      "--cpus 4 --memory 4096M", "--publish 127.0.0.1:2222:22", "--volume wrapix-builder-nix:/nix",
      "--volume /d/run:/etc/wrapix-builder:ro",
      "--user 0:0 --entrypoint /bin/sh localhost/i:1 /etc/wrapix-builder/guest.sh" }) do
      assert.truthy(text:find(part, 1, true), part .. "\n" .. text)
    end
  end)

  it("names capabilities from 0.12 on, where there are flags for them", function()
    assert.truthy(words({ 0, 12, 0 }):find("--cap-drop ALL --cap-add CHOWN", 1, true))
    assert.truthy(words({ 1, 4, 1 }):find("--cap-add SYS_CHROOT", 1, true))
    for _, version in ipairs({ { 0, 9, 0 }, { 0, 11, 0 } }) do
      assert.falsy(words(version):find("--cap-", 1, true))
    end
  end)

  it("passes no flag that the CLI does not have", function()
    for _, version in ipairs({ { 0, 9, 0 }, { 1, 2, 2 } }) do
      local text = words(version)
      for _, flag in ipairs({ "--pull", "--hostname", "--security-opt", "--pids-limit", "--restart",
        "--log-driver", "--init", "--network" }) do
        assert.falsy(text:find(flag, 1, true), flag)
      end
    end
  end)

  it("finds a way for a path with a colon, and says when there is none", function()
    assert.truthy(words(nil, { run = "/a:b/run" })
      :find("--mount type=virtiofs,source=/a:b/run,destination=/etc/wrapix-builder,readonly", 1, true))
    local argv, message, code, hint = apple.create_argv(box(nil, { run = "/a:b,c/run" }))
    assert.is_nil(argv)
    assert.matches("cannot share", message)
    assert.equal("EINVAL", code)
    assert.matches("XDG_DATA_HOME", hint)
  end)

  it("asks for the memory the CLI wants at least", function()
    assert.truthy(words(nil, { memory = 100 << 20 }):find("--memory 200M", 1, true))
  end)

  it("reads inspect up to 0.12 and from 1.0 on", function()
    local function state(stdout) return assert(apple.state({ code = 0, stdout = stdout })) end
    local old = state([=[[{"status":"running","configuration":{"id":"wrapix-builder",
      "labels":{"wrapix.builder":"abc"},"image":{"reference":"localhost/i:1"}},"networks":[]}]]=])
    assert.equal("running", old.state)
    assert.equal("abc", old.digest)
    assert.equal("localhost/i:1", old.image)
    local new = state([=[[{"id":"wrapix-builder","configuration":{"labels":{"wrapix.builder":"abc"},
      "image":{"reference":"localhost\/i:1"}},
      "status":{"state":"stopped","startedDate":"2026-08-07T00:00:00Z"}}]]=])
    assert.equal("stopped", new.state)
    assert.equal("localhost/i:1", new.image)
    assert.equal("2026-08-07T00:00:00Z", new.started)
    assert.equal("absent", state("[]").state)
    assert.equal("absent", assert(apple.state({ code = 1, stderr = "Error: container not found: x" })).state)
    assert.is_nil((apple.state({ code = 1, stderr = "Error: XPC connection error" })))
    assert.is_nil((apple.state({ code = 0, stdout = "nonsense" })))
  end)

  it("knows what is there and what is gone", function()
    assert.is_true(apple.is_there("Error: volume 'wrapix-builder-nix' already exists"))
    assert.is_false(apple.is_there("Error: no space"))
    assert.is_true(apple.is_gone('Error: notFound: "container wrapix-builder not found"'))
    assert.is_false(apple.is_gone("Error: currently in use"))
  end)

  it("passes options and their values as two words", function()
    assert.same({ "/c", "stop", "--time", "15", "wrapix-builder" }, apple.stop_argv(box(), 15))
    assert.same({ "/c", "logs", "--follow", "-n", "5", "wrapix-builder" },
      apple.logs_argv(box(), { follow = true, last = 5 }))
    assert.same({ "/c", "exec", "--interactive", "--tty", "wrapix-builder", "sh" },
      apple.exec_argv(box(), { "sh" }, { stdin = true, tty = true }))
    assert.same({ "/c", "volume", "create", "wrapix-builder-nix" }, apple.volume_argv(box()))
    assert.same({ "/c", "volume", "delete", "wrapix-builder-nix" }, apple.erase_argv(box()))
  end)
end)
