-- SPDX-License-Identifier: MIT
-- The CLI's own words, as its sources have them, and what they come to.

local failure = require "wrapix.runtime.apple.failure"

local DOWN = [[
Error: interrupted: "interrupted: "XPC connection error: Connection invalid"
Ensure container system service has been started with `container system start`."
]]

describe("failure.is_down", function()
  it("knows the words of each command", function()
    for _, text in ipairs({ DOWN, "apiserver is not running\n",
      "apiserver is not running and not registered with launchd\n",
      'Error: timeout: "unable to retrieve application data root from API server"' }) do
      assert.is_true(failure.is_down(text))
      local reason, hint = failure.failure(text)
      assert.truthy(reason:find("service", 1, true))
      assert.equal("container system start --enable-kernel-install", hint)
    end
    assert.is_false(failure.is_down("Error: something else"))
    assert.is_false(failure.is_down(""))
  end)
end)

describe("failure.is_absent", function()
  it("knows a container that is not there, in each generation", function()
    for _, text in ipairs({
      'Error: notFound: "get failed: container x not found"',
      'Error: notFound: "container with ID x not found"',
      'Error: notFound: "container not found: x"',
      'Error: notFound: "failed to delete one or more containers: ["x"]"',
    }) do assert.is_true(failure.is_absent(text), text) end
    assert.is_false(failure.is_absent('Error: notFound: "image not found: x"'))
    assert.is_false(failure.is_absent(DOWN))
  end)
end)

describe("failure.failure", function()
  it("names the cause and what helps", function()
    for _, case in ipairs({
      { 'Error: exists: "container with id n already exists"', "of this name" },
      { 'Error: exists: "container already exists: n"', "of this name" },
      { 'Error: exists: "hostname(s) already exist: ["n"]"', "host name" },
      { "Error: `container` is currently running under Rosetta Translation, which could be", "Rosetta" },
      { 'Error: invalidArgument: "non-default network configuration requires macOS 26 or newer"',
        "macOS is too old" },
      { 'Error Domain=VZErrorDomain Code=2 "A directory sharing device configuration is invalid."',
        "cannot be shared" },
      { 'Error Domain=VZErrorDomain Code=1 "Internal Virtualization error."', "virtual machine" },
      { 'Error: internalError: "write: No space left on device"', "disk is full" },
      { "volume 'v' is currently in use and cannot be accessed by another container, or deleted",
        "volume" },
      { 'Error: notFound: "default kernel not found at /x"', "kernel" },
      { 'Error: notFound: "image with reference localhost/x:1"', "image" },
      { 'Error: invalidArgument: "minimum memory amount allowed is 200 MiB (got 1 bytes)"', "200 MiB" },
    }) do
      local reason, hint = failure.failure(case[1])
      assert.truthy(reason and reason:find(case[2], 1, true), case[1])
      assert.is_string(hint)
      assert.is_nil(hint:find("\n", 1, true))
    end
    assert.is_nil(failure.failure("Error: unheard of"))
    assert.is_nil(failure.failure(""))
  end)

  it("tells a missing image", function()
    assert.is_true(failure.missing_image('Error: notFound: "image with reference localhost/x:1"'))
    assert.is_true(failure.missing_image('Error: notFound: "image not found: localhost/x:1"'))
    assert.is_false(failure.missing_image("image with reference x"))
    assert.is_false(failure.missing_image(DOWN))
  end)
end)

describe("failure.vpn_problem", function()
  local function answer(interface)
    return ("   route to: 192.168.64.1\ndestination: 192.168.64.1\n  interface: %s\n      flags: <UP>\n")
      :format(interface)
  end

  it("explains the way a VPN took, with the lines that give it back", function()
    local reason, hint = failure.vpn_problem(answer("utun4"), "192.168.64.1", "bridge101")
    assert.equal("a VPN (utun4) has taken the way to the sandboxes' network 192.168.64.0/24", reason)
    assert.equal("sudo route -n add -net 192.168.64.0/25 -interface bridge101 && "
      .. "sudo route -n add -net 192.168.64.128/25 -interface bridge101", hint)
  end)

  it("says nothing where the way is the network's own, or not known", function()
    assert.is_nil(failure.vpn_problem(answer("bridge100"), "192.168.64.1"))
    assert.is_nil(failure.vpn_problem("route: writing to routing socket: not in table", "192.168.64.1"))
    assert.is_nil(failure.vpn_problem(answer("utun4"), "x; rm -rf /"))
  end)
end)
