-- SPDX-License-Identifier: MIT
-- What `wrapix doctor` tells of Apple's container: version, service, macOS, network, and
-- what this version lacks. Asks, and changes nothing: a service that is down stays down.

local path = require("wrapix.path")
local probe = require("wrapix.runtime.apple.probe")
local versions = require("wrapix.runtime.apple.versions")

local M = {}

local START = "container system start --enable-kernel-install"

---@class wrapix.AppleSeen
---@field rows string[][] for explain.section
---@field lacks { text: string, hint: string }[]
---@field problems { text: string, hint: string? }[]
---@field warnings { text: string, hint: string? }[]
---@field service boolean?
---@field gateway string?

local function add_network(seen, engine, deps)
  local gateway, message, _, hint = probe.gateway(engine, deps)
  if not gateway then
    seen.warnings[#seen.warnings + 1] = { text = message, hint = hint }
    return "unknown"
  end
  seen.gateway = gateway
  local reason, line = probe.vpn_problem(gateway, deps)
  if reason then
    local needs = not versions.can(engine.version, "sockets")
    local list = needs and seen.problems or seen.warnings
    list[#list + 1] = { text = reason, hint = line }
  end
  return gateway
end

--- Looks at the container of this host.
---@param engine wrapix.AppleEngine
---@param deps { proc: table, sys: table }
---@return wrapix.AppleSeen
function M.look(engine, deps)
  local seen = { rows = {}, lacks = {}, problems = {}, warnings = {} }
  seen.service = probe.service(engine, deps)
  local network = "not asked: the service is down"
  if seen.service then
    network = add_network(seen, engine, deps)
  else
    seen.warnings[1] = { text = "the service of container does not run: the first start brings it up",
      hint = START }
  end
  for i, one in ipairs(versions.missing(engine.version)) do
    seen.lacks[i] = { text = one.text, hint = ("container %s has it"):format(one.since) }
  end
  local macos = engine.macos
  seen.rows = {
    { "container", engine.version_text, { text = path.show(engine.path) } },
    { "macOS", macos and ("%d.%d"):format(macos[1], macos[2]) or "not macOS" },
    { "service", seen.service and "runs" or "down" },
    { "network gateway", network },
    { "sockets", versions.can(engine.version, "sockets") and "go into the VM"
      or "go over TCP to the gateway" },
  }
  return seen
end

return M
