-- SPDX-License-Identifier: MIT

local runtimes = require("wrapix.runtime")
local sys = require("wrapix.sys")

describe("the runtimes", function()
  it("are found by name, and Podman without one", function()
    assert.equal("podman", runtimes.of("podman").name)
    assert.equal(runtimes.of("podman"), runtimes.of(nil))
    assert.error(function() runtimes.of("docker") end)
  end)

  it("are those of --runtime, container with a version", function()
    assert.same({ "podman", n = 2 }, table.pack(runtimes.parse("podman")))
    assert.same({ "container", "0.12", n = 2 }, table.pack(runtimes.parse("container@0.12")))
    for _, word in ipairs({ "docker", "", "podman@5", "container@", "container@x", "container@1 2" }) do
      assert.is_nil((runtimes.parse(word)), word)
    end
  end)

  it("are chosen by the platform", function()
    local real = sys.platform
    finally(function() sys.platform = real end)
    sys.platform = function() return "macos" end
    assert.equal("container", runtimes.default())
    sys.platform = function() return "linux" end
    assert.equal("podman", runtimes.default())
  end)

  it("answer all that is asked of one", function()
    local podman = runtimes.of("podman")
    for _, name in ipairs({ "flags", "argv", "stop_argv", "kill_argv", "remove_argv", "exec_argv",
      "attach_argv", "list_argv", "containers", "session_argv", "session_ids", "missing_image",
      "closed_output", "failure", "is_down", "service_argv", "stage" }) do
      assert.equal("function", type(podman[name]), name)
    end
    assert.is_false(podman.is_down("anything"))
    assert.is_nil(podman.service_argv({}))
    assert.is_nil(podman.stage({}, {}))
  end)
end)
