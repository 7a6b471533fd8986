-- SPDX-License-Identifier: MIT
-- The network: open, or none. Only addresses of this machine are used.

local check = require("conformance.check")
local net = require("wrapix.net")
local task = require("wrapix.task")

local M = { title = "The network" }

local NO_LEASE = { { runtime = "container", before = "1.1.0",
  reason = "no socket crosses into a VM that has no network, so it would outlive its launcher",
  answers = "network" } }

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
end

-- The host by the name that an engine gives it, else the way out.
local ASK = "to=host.containers.internal; grep -q \"$to\" /etc/hosts || "
  .. "to=$(ip route | sed -n 's/^default via \\([0-9.]*\\).*/\\1/p'); timeout 10 nc -w 5 $to %d </dev/null"

M[#M + 1] = { id = "network.open", says = "an open network has a way out and a name server", group = "inside",
  inside = "ip route | grep -c '^default via'; grep -c '^nameserver' /etc/resolv.conf",
  check = function(_, answer) check.matches(answer.out, "^1\n[1-9]", "ways out, name servers") end }

M[#M + 1] = { id = "network.host", says = "it reaches what listens on the host's network",
  run = function(t)
    with_server("0.0.0.0", function(port)
      check.equal("hello from the host", t:out(ASK:format(port)), "answer")
    end)
  end }

M[#M + 1] = { id = "network.loopback", says = "what listens on the host's loopback alone is not reached",
  run = function(t)
    with_server("127.0.0.1", function(port)
      local result = t:sh(("nc -w 2 127.0.0.1 %d </dev/null"):format(port))
      check.equal("", result.stdout, "answer")
      check.holds(result.code ~= 0, "it was reached")
    end)
  end }

local function none(t, script) return t:sh(script, { args = { "--network", "none" }, loud = true }) end

M[#M + 1] = { id = "network.none", says = "no network is the loopback and nothing else", lacks = NO_LEASE,
  try = function(t) return none(t, "true") end,
  run = function(t)
    local result = none(t, "ls /sys/class/net; ip route; ip addr | grep -c 'inet '")
    check.status(result, 0)
    check.equal("lo\n1\n", (result.stdout:gsub("bonding_masters\n", "")), "interfaces, routes, addresses")
  end }

M[#M + 1] = { id = "network.profile", says = "it can be the profile's wish, which an option overrides",
  lacks = NO_LEASE,
  try = function(t) return t:run({ "true" }, { profile = { network = "none" }, loud = true }) end,
  run = function(t)
    local script = "ip route | grep -c '^default via' || true"
    check.equal("0", t:out(script, { profile = { network = "none" } }), "ways out")
    check.equal("1", t:out(script, { profile = { network = "none" }, args = { "--network", "open" } }), "ways out")
  end }

return M
