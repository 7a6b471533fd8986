-- SPDX-License-Identifier: MIT
-- The network: open, or none. Only addresses of this machine are used.

local e2e = require("support.e2e")
local net = require("wrapix.net")
local task = require("wrapix.task")

-- Answers every connection with a line until the scope ends.
local function serve(server)
  while true do
    local stream = server:accept()
    if not stream then return true end
    stream:write("hello from the host\n")
    stream:close()
  end
end

-- Runs fn(port) while somebody listens on an address of the host.
local function with_server(address, fn)
  local server = assert(net.listen_tcp(address, 0))
  local out = table.pack(task.scope(function(scope)
    local serving = scope:spawn(serve, server)
    local results = table.pack(pcall(fn, server:port()))
    serving:cancel()
    server:close()
    return table.unpack(results, 1, results.n)
  end))
  if not out[1] then error(out[2], 0) end
  return table.unpack(out, 2, out.n)
end

local ASK = "timeout 5 nc -w 3 host.containers.internal %d </dev/null"

describe("the open network", function()
  after_each(e2e.assert_clean)

  it("has an interface, a default route and a name server", function()
    local found = e2e.sections({
      links = "ls /sys/class/net", route = "ip route", dns = "grep nameserver /etc/resolv.conf",
      self = "grep wrapix /etc/hosts",
    }, {})
    assert.truthy(found.links.out:find("lo", 1, true))
    local _, links = found.links.out:gsub("%S+", "")
    assert.equal(2, links)
    assert.truthy(found.route.out:find("default via", 1, true), found.route.out)
    assert.equal(0, found.dns.code)
    assert.equal(0, found.self.code)
  end)

  it("reaches a server on the host", function()
    with_server("0.0.0.0", function(port)
      assert.equal("hello from the host", e2e.output(ASK:format(port)))
    end)
  end)

  it("has a loopback of its own", function()
    with_server("127.0.0.1", function(port)
      local result = e2e.sh(("timeout 5 nc -w 2 127.0.0.1 %d </dev/null"):format(port))
      assert.not_equal(0, result.code)
      assert.equal("", result.stdout)
    end)
  end)

  it("uses what this host has", function()
    local wanted = { deb13 = "pasta", deb12 = "slirp4netns", rootful = "bridge" }
    local result = e2e.cli({ "--image", e2e.image, "--dry-run", "--", "true" }, { cwd = e2e.dir() })
    assert.truthy(result.stdout:find("--network=" .. wanted[e2e.host], 1, true), result.stdout)
    local _, notices = result.stderr:gsub("network: slirp4netns", "")
    assert.equal(e2e.host == "deb12" and 1 or 0, notices, result.stderr)
  end)
end)

describe("no network", function()
  after_each(e2e.assert_clean)

  local opts = { args = { "--network", "none" } }

  it("is the loopback and nothing else", function()
    local found = e2e.sections({ links = "ls /sys/class/net", route = "ip route",
      context = "grep '\"network\"' /run/wrapix/context.json" }, opts)
    assert.equal("lo", found.links.out)
    assert.equal("", found.route.out)
    assert.truthy(found.context.out:find('"none"', 1, true))
  end)

  it("reaches nobody", function()
    with_server("0.0.0.0", function(port)
      local result = e2e.sh(ASK:format(port), opts)
      assert.not_equal(0, result.code)
      assert.equal("", result.stdout)
    end)
  end)

  it("can be the profile's wish, which an option overrides", function()
    local profile = e2e.file(e2e.tmp .. "/offline.lua",
      ("return { name = 'offline', image = %q, network = 'none' }"):format(e2e.image))
    assert.equal("lo", e2e.output("ls /sys/class/net", { image = false, args = { profile } }))
    assert.not_equal("lo", e2e.output("ls /sys/class/net",
      { image = false, args = { "--network", "open", profile } }))
  end)
end)
