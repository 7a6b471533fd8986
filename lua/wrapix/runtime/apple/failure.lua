-- SPDX-License-Identifier: MIT
-- What the error output of Apple's `container` means, read from the messages in its
-- sources (0.9.0 to 1.2.2). Only for a start that failed before the program ran: a
-- program inside can print the same words.

local M = {}

-- Each line of it begins so; Swift's logger prints dates and levels before it.
local function is_error(line) return line:find("[Ee]rror") ~= nil end

local function any_line(stderr, found)
  for line in stderr:gmatch("[^\r\n]+") do
    if found(line) then return true end
  end
  return false
end

--- Tells whether a command failed because the service behind the CLI does not run.
---@param stderr string
---@return boolean
function M.is_down(stderr)
  return any_line(stderr, function(line)
    return line:find("XPC connection error", 1, true) ~= nil
      or line:find("Ensure container system service has been started", 1, true) ~= nil
      or line:find("apiserver is not running", 1, true) ~= nil
      or line:find("unable to retrieve application data root from API server", 1, true) ~= nil
  end)
end

--- Tells whether stop, kill, exec or delete failed because the container is not there.
---@param stderr string
---@return boolean
function M.is_absent(stderr)
  return any_line(stderr, function(line)
    return (line:find("container with ID .* not found") or line:find("container %S+ not found")
      or line:find("container not found: ", 1, true)
      or line:find("failed to delete one or more containers: ", 1, true)
      or line:find("no such container", 1, true)) ~= nil
  end)
end

--- Tells whether a `container run` failed because there is no such image and none could
--- be pulled. The launch asks for the image first, so this is one that went away since.
---@param stderr string
---@return boolean
function M.missing_image(stderr)
  return any_line(stderr, function(line)
    return is_error(line) and (line:find("image with reference ", 1, true)
      or line:find("[Ii]mage not found")) ~= nil
  end)
end

--- Tells whether the CLI ended because nobody reads its output: it dies of SIGPIPE, and
--- says nothing.
---@return boolean
function M.closed_output() return false end

--- Tells whether a start failed because another container has the name.
---@param stderr string
---@return boolean
function M.name_taken(stderr)
  return any_line(stderr, function(line)
    return (line:find("container with id %S+ already exists")
      or line:find("container already exists: ", 1, true)) ~= nil
  end)
end

local START = "container system start --enable-kernel-install"

-- What it says, what that means, and the one line that helps. The first that fits counts.
local FAILURES = {
  { "[Rr]osetta Translation", "container runs under Rosetta, because the terminal or wrapix does",
    "turn off `Open using Rosetta` of the terminal (Finder, Get Info), and install for arm64" },
  { "requires macOS 26 or newer", "this macOS is too old: sandboxes need 26 or newer",
    "softwareupdate --install --all" },
  { "container with id %S+ already exists", "a container of this name is there already",
    "choose another --name; `wrapix stop NAME` ends a sandbox, `container delete NAME` removes any" },
  { "container already exists: ", "a container of this name is there already",
    "choose another --name; `wrapix stop NAME` ends a sandbox, `container delete NAME` removes any" },
  { "hostname%(s%) already exist", "another container has this name as its host name",
    "choose another --name" },
  { "No space left on device", "the disk is full",
    "`wrapix image prune` and `container image prune` make room" },
  { "NSPOSIXErrorDomain Code=28", "the disk is full",
    "`wrapix image prune` and `container image prune` make room" },
  { "VZErrorDomain Code=2.*directory sharing", "a shared file or directory cannot be shared",
    "brew upgrade container: single files need 0.9.0 or newer" },
  { "VZErrorDomain.*[Nn]ot supported", "this Mac cannot run virtual machines",
    "Apple silicon is needed, and no VM around this macOS without nested virtualization" },
  { "[Vv]irtualization is not available", "this Mac cannot run virtual machines",
    "Apple silicon is needed, and no VM around this macOS without nested virtualization" },
  { "maximum supported number of active virtual machines", "too many virtual machines are running",
    "`wrapix ps` and `container list` show them; stop one" },
  { "VZErrorDomain Code=6", "too many virtual machines are running",
    "`wrapix ps` and `container list` show them; stop one" },
  { "VZErrorDomain", "the virtual machine could not be started",
    "the reason is in `container system logs`" },
  { "is currently in use and cannot be accessed by another container",
    "a volume belongs to another container while that runs", "`container list` shows it; stop it" },
  { "minimum memory amount allowed", "a VM has at least 200 MiB", 'write memory = "200m"' },
  { "default kernel not found", "no Linux kernel is installed for container", START },
  { "kernel not found at", "no Linux kernel is installed for container", START },
  { "failed to find runtime plugin", "a part of container is missing", "install container anew" },
  { "unable to locate runtime plugin", "a part of container is missing", "install container anew" },
  { "network not found", "the network of the sandboxes is not there",
    "container system stop && " .. START },
  { "failed to get plugin for network", "the network of the sandboxes is not there",
    "container system stop && " .. START },
}

--- Names the cause of a failure of the CLI itself, where it is a known one.
---@param stderr string
---@return string|nil reason
---@return string? hint
function M.failure(stderr)
  if M.is_down(stderr) then return "the service of container does not run", START end
  for line in stderr:gmatch("[^\r\n]+") do
    for _, known in ipairs(FAILURES) do
      if line:find(known[1]) then return known[2], known[3] end
    end
  end
  if M.missing_image(stderr) then
    return "the image is not there any more", "start again: it is built or pulled then"
  end
  return nil
end

-- A VPN that took the route -------------------------------------------------------------

local function octets(address)
  local a, b, c, d = tostring(address):match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  if not a then return nil end
  local list = { tonumber(a), tonumber(b), tonumber(c), tonumber(d) }
  for _, part in ipairs(list) do if part > 255 then return nil end end
  return list
end

--- The question whose answer `vpn_problem` reads.
---@param gateway string
---@return string[]
function M.route_argv(gateway) return { "/sbin/route", "-n", "get", gateway } end

--- Tells from `route -n get GATEWAY` whether a VPN has taken the way to the sandboxes'
--- network, and which commands give it back. Their host is then not reached from inside.
---@param answer string
---@param gateway string
---@param bridge string? interface of the network, such as "bridge100"
---@return string|nil reason nil: the way is not a VPN's
---@return string? hint
function M.vpn_problem(answer, gateway, bridge)
  local interface = answer:match("interface:%s*(%S+)")
  local parts = octets(gateway)
  if not interface or not parts or not interface:find("^utun%d+$") then return nil end
  local net = ("%d.%d.%d"):format(parts[1], parts[2], parts[3])
  local line = "sudo route -n add -net %s.%d/25 -interface %s"
  local on = bridge or "bridge100"
  -- Two halves: each is closer than the whole net the VPN announces.
  local hint = ("%s && %s"):format(line:format(net, 0, on), line:format(net, 128, on))
  return ("a VPN (%s) has taken the way to the sandboxes' network %s.0/24"):format(interface, net),
    hint
end

return M
