-- SPDX-License-Identifier: MIT
-- What the double's records look like in the JSON of a version (facts A9, corrections
-- 3 and 4). Pure: records in, tables for encode.lua out.

local encode = require("support.apple.encode")
local json = require("wrapix.json")

local M = {}

local function copy(list) return json.array(table.move(list or {}, 1, #(list or {}), 1, {})) end

-- Containers --------------------------------------------------------------------------

local function filesystem(mount, volume_source)
  local kind, source = mount.type, mount.source
  if kind == "volume" then
    -- The cases of an enum with values are objects of their own.
    kind = { volume = { name = mount.name, format = "ext4", cache = { on = {} }, sync = { fsync = {} } } }
    source = volume_source(mount.name)
  else
    kind = { [kind] = {} }
  end
  return { type = kind, source = source or "tmpfs", destination = mount.destination,
    options = copy(mount.options) }
end

local function user(value)
  if value.raw then return { raw = { userString = value.raw } } end
  return { id = { uid = value.uid, gid = value.gid } }
end

local function rlimits(list)
  local out = json.array({})
  for i, one in ipairs(list) do
    out[i] = { limit = "RLIMIT_" .. one.name:upper(), soft = one.soft, hard = one.hard }
  end
  return out
end

local function process(record)
  local p = record.process
  return {
    executable = p.executable, arguments = copy(p.arguments), environment = copy(p.environment),
    workingDirectory = p.workdir, terminal = p.terminal, user = user(p.user),
    supplementalGroups = copy(p.groups), rlimits = rlimits(p.limits),
  }
end

local function attachments(version, record)
  local out = json.array({})
  for i, one in ipairs(record.networks) do
    local options = { hostname = one.hostname, macAddress = one.mac }
    if version:since("0.11.0") then options.mtu = one.mtu or 1280 end
    out[i] = { network = one.name, options = options }
  end
  return out
end

local function sockets(version, list)
  local out = json.array({})
  for i, one in ipairs(list) do
    local scheme = version:before("1.0.0") and "file://" or ""
    out[i] = { containerPath = scheme .. one.container, hostPath = scheme .. one.host }
  end
  return out
end

local function configuration(version, record, volume_source)
  local mounts = json.array({})
  for i, mount in ipairs(record.mounts) do mounts[i] = filesystem(mount, volume_source) end
  local out = {
    id = record.id, image = record.image, mounts = mounts, publishedPorts = copy(record.ports),
    publishedSockets = sockets(version, record.sockets), labels = record.labels, sysctls = {},
    networks = attachments(version, record), dns = record.dns, rosetta = record.rosetta,
    initProcess = process(record),
    platform = { os = "linux", architecture = record.architecture },
    resources = { cpus = record.cpus, memoryInBytes = record.memory },
    runtimeHandler = record.runtime or "container-runtime-linux",
    virtualization = record.virtualization, ssh = record.ssh, readOnly = record.read_only,
  }
  if version:since("0.10.0") then out.useInit = record.init end
  if version:since("0.12.0") then
    out.capAdd, out.capDrop = copy(record.cap_add), copy(record.cap_drop)
  end
  if version:since("1.0.0") then
    out.creationDate = encode.date(record.created)
    out.stopSignal, out.shmSize = record.stop_signal, record.shm_size
    out.resources.cpuOverhead = 1
  end
  return out
end

local function live_networks(version, record, live)
  local out = json.array({})
  if live.state ~= "running" or not live.address then return out end
  for i, one in ipairs(record.networks) do
    out[i] = {
      network = one.name, hostname = one.hostname,
      ipv4Address = ("%s/%d"):format(live.address, live.prefix), ipv4Gateway = live.gateway,
      macAddress = live.mac,
    }
    if version:since("0.11.0") then out[i].mtu = one.mtu or 1280 end
  end
  return out
end

---@param live apple.Live?
---@return "running"|"stopped"
function M.state(live) return live and live.state == "running" and "running" or "stopped" end

---@param version apple.Version
---@param record table
---@param live apple.Live?
---@param volume_source fun(name: string): string
function M.container(version, record, live, volume_source)
  live = live or { state = "stopped" }
  local state, networks = M.state(live), live_networks(version, record, live)
  local started = live.started and encode.date(live.started) or nil
  local config = configuration(version, record, volume_source)
  if version:before("1.0.0") then
    return { status = state, configuration = config, networks = networks, startedDate = started }
  end
  return { id = record.id, configuration = config,
    status = { state = state, networks = networks, startedDate = started } }
end

-- Images --------------------------------------------------------------------------------

local function bytes(size) return ("%.1f MB"):format(size / 1000000) end

---@param image table of the store: reference, descriptor, size, created, architecture
function M.image(version, image)
  if version:before("1.0.0") then
    return { reference = image.reference, fullSize = bytes(image.size),
      descriptor = image.descriptor }
  end
  local platform = { os = "linux", architecture = image.architecture }
  return {
    id = image.descriptor.digest:gsub("^[^:]*:", ""),
    configuration = { name = image.reference, creationDate = encode.date(image.created),
      descriptor = image.descriptor },
    variants = json.array({ { platform = platform, digest = image.descriptor.digest,
      size = image.size, config = { os = "linux", architecture = image.architecture,
        config = image.config, rootfs = { type = "layers", diff_ids = json.array({}) } } } }),
  }
end

---What `image inspect` prints up to 0.12.3.
function M.image_details(image)
  return {
    name = image.reference, index = image.descriptor,
    variants = json.array({ { platform = { os = "linux", architecture = image.architecture },
      size = image.size, config = { os = "linux", architecture = image.architecture,
        config = image.config, rootfs = { type = "layers", diff_ids = json.array({}) } } } }),
  }
end

-- Networks --------------------------------------------------------------------------------

---@param network { name: string, created: number, builtin: boolean, labels: table, internal: boolean, options: table }
---@param status { subnet: string, gateway: string }
function M.network(version, network, status)
  local labels = {}
  for key, value in pairs(network.labels) do labels[key] = value end
  if network.builtin then labels["com.apple.container.resource.role"] = "builtin" end
  local config = { mode = network.internal and "hostOnly" or "nat",
    creationDate = encode.date(network.created), labels = labels }
  local state = { ipv4Subnet = status.subnet, ipv4Gateway = status.gateway }
  if version:before("1.0.0") then
    config.id = network.name
    if version:since("0.10.0") then
      config.pluginInfo = { plugin = "container-network-vmnet" }
    end
    return { id = network.name, state = "running", config = config, status = state }
  end
  config.name, config.plugin, config.options = network.name, "container-network-vmnet", network.options
  return { id = network.name, configuration = config, status = state }
end

-- Volumes -----------------------------------------------------------------------------------

function M.volume(version, volume)
  local out = { name = volume.name, driver = "local", format = "ext4", source = volume.source,
    labels = volume.labels, options = volume.options, sizeInBytes = volume.size }
  if version:before("1.0.0") then
    out.createdAt = encode.date(volume.created)
    return out
  end
  out.creationDate = encode.date(volume.created)
  return { id = volume.name, configuration = out }
end

return M
