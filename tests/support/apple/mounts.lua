-- SPDX-License-Identifier: MIT
-- Mounts and sockets as they are written: -v, --mount, --tmpfs, --publish-socket and
-- --publish (facts A3, A4, corrections 5, 12). Looks at the host's files as the CLI does,
-- changes none of them.

local fail = require("support.apple.fail")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local path = require("wrapix.path")
local values = require("support.apple.values")

local M = {}

local VOLUME_PATTERN = "^[A-Za-z0-9][A-Za-z0-9_.-]*$"

local function invalid(message, ...) fail.with("invalidArgument", message:format(...)) end

---@param name string
---@return boolean
function M.is_volume_name(name)
  return #name <= 255 and name:match("^[A-Za-z0-9][A-Za-z0-9_.%-]*$") ~= nil
end

local function check_volume_name(name)
  if not M.is_volume_name(name) then
    invalid("invalid volume name '%s': must match %s", name, VOLUME_PATTERN)
  end
end

local function anonymous(cx, destination)
  return { type = "volume", name = cx.state:uuid(), anonymous = true, destination = destination,
    options = json.array({}) }
end

---@class apple.Mount
---@field type "virtiofs"|"tmpfs"|"volume"
---@field source string? of a share: absolute
---@field name string? of a volume
---@field anonymous boolean?
---@field destination string
---@field options string[]

local function check_destination(mount)
  if mount.destination == "" then
    invalid("%s destination cannot be empty", mount.type == "volume" and "volume" or "mount")
  end
  if mount.destination:sub(1, 1) ~= "/" then
    fail.unknown("A4", ("what a destination that is no absolute path ('%s') does is not known"):format(
      mount.destination))
  end
  return mount
end

-- -v ---------------------------------------------------------------------------------

local function is_path(version, source)
  if source:find("/", 1, true) then return true end
  return version:since("0.11.0") and (source == "." or source == "..")
end

---SRC:DST[:opt,opt]; there is no way to write a ":" inside a path.
---@return apple.Mount
function M.volume(cx, text)
  local parts = values.split(text:gsub("^:+", ""), ":")
  if #parts == 1 then return check_destination(anonymous(cx, parts[1])) end
  if #parts ~= 2 and #parts ~= 3 then invalid("invalid volume format %s", text) end
  local source, destination = parts[1], parts[2]
  local options = json.array(parts[3] and values.split(parts[3], ",") or {})
  if not is_path(cx.version, source) then
    check_volume_name(source)
    return check_destination({
      type = "volume", name = source, destination = destination, options = options,
    })
  end
  local absolute = path.normalize(values.absolute(source))
  if not fs.stat(absolute) then invalid("path '%s' does not exist", source) end
  return check_destination({
    type = "virtiofs", source = absolute, destination = destination, options = options,
  })
end

-- --mount ----------------------------------------------------------------------------

local KEYS = { type = "type", size = "size", mode = "mode", source = "source", src = "source",
  destination = "destination", dst = "destination", target = "destination", readonly = "ro",
  ro = "ro" }

local function directives(text)
  local out = { type = "virtiofs" }
  local parts = values.split(text, ",")
  if #parts == 0 then invalid("invalid mount format: %s", text) end
  for _, part in ipairs(parts) do
    local pair = values.split(part, "=", 2)
    local key = KEYS[pair[1] or ""]
    if not key then invalid("unknown directive %s when parsing mount %s", pair[1] or "", text) end
    if key ~= "ro" and #pair ~= 2 then
      invalid("invalid directive format missing value %s in %s", part, text)
    end
    out[key] = key == "ro" and "" or pair[2]
  end
  return out
end

local function share_source(source)
  local absolute = path.normalize(values.absolute(source))
  local stat = fs.stat(absolute)
  if not stat then invalid("path '%s' does not exist", source) end
  if stat.type ~= "directory" then invalid("path '%s' is not a directory", source) end
  return absolute
end

local function tmpfs_options(set)
  if set.source then invalid("cannot specify source for tmpfs mount") end
  local options = json.array({ set.ro and "ro" })
  if set.size then
    options[#options + 1] = ("size=%d"):format(values.size(set.size) // 1048576 * 1048576)
  end
  if set.mode then options[#options + 1] = "mode=" .. set.mode end
  return options
end

local function check_tmpfs_only(set, kind)
  for _, key in ipairs({ "size", "mode" }) do
    if set[key] then invalid("unsupported option %s for %s mount", key, kind) end
  end
end

---@return apple.Mount
function M.mount(cx, text)
  local set = directives(text)
  local destination = set.destination or ""
  if set.type == "tmpfs" then
    return check_destination({
      type = "tmpfs", destination = destination, options = tmpfs_options(set),
    })
  end
  local options = json.array({ set.ro and "ro" })
  if set.type == "bind" or set.type == "virtiofs" then
    check_tmpfs_only(set, set.type)
    if not set.source then invalid(" is not an absolute path on the host") end
    return check_destination({ type = "virtiofs", source = share_source(set.source),
      destination = destination, options = options })
  elseif set.type == "volume" then
    check_tmpfs_only(set, set.type)
    if not set.source then return check_destination(anonymous(cx, destination)) end
    check_volume_name(set.source)
    return check_destination({ type = "volume", name = set.source, destination = destination,
      options = options })
  end
  invalid("unsupported mount type %s", set.type)
end

local function deduplicated(list)
  local seen, out = {}, {}
  for _, text in ipairs(list or {}) do
    if not seen[text] then out[#out + 1] = text end
    seen[text] = true
  end
  return out
end

---All mounts of a command, in the order in which the VM makes them: tmpfs, -v, --mount.
---@param cx apple.Context
---@param opts table tmpfs, volume, mount
---@return apple.Mount[]
function M.all(cx, opts)
  local out = json.array({})
  for _, place in ipairs(deduplicated(opts.tmpfs)) do
    if place:find("[:,]") then
      fail.unknown("A3, --tmpfs", ("--tmpfs takes a path and no options: '%s'"):format(place))
    end
    out[#out + 1] = check_destination({ type = "tmpfs", destination = place,
      options = json.array({}) })
  end
  for _, text in ipairs(opts.volume or {}) do out[#out + 1] = M.volume(cx, text) end
  for _, text in ipairs(deduplicated(opts.mount)) do out[#out + 1] = M.mount(cx, text) end
  return out
end

-- Sockets ------------------------------------------------------------------------------

---HOST:CONTAINER; a file in the way is removed, a socket is not, the directory is made.
---@return { host: string, container: string }
function M.publish_socket(text)
  local parts = values.split(text, ":")
  if #parts ~= 2 then
    invalid("invalid publish-socket format %s. Expected: host_path:container_path", text)
  end
  local host, container = path.normalize(values.absolute(parts[1])), parts[2]
  if container:sub(1, 1) ~= "/" then
    invalid("container socket path must be absolute: %s", container)
  end
  local stat = fs.lstat(host)
  if stat and stat.type == "socket" then
    invalid("host socket %s already exists and may be in use", host)
  end
  if stat then fs.unlink(host) end
  assert(fs.ensure_dir(path.dirname(host)))
  return { host = host, container = container }
end

-- Ports ----------------------------------------------------------------------------------

local function range(text, what)
  local parts = values.split(text, "-")
  local first, last = parts[1], parts[2] or parts[1]
  local function port(part)
    local number = part and part:match("^%d+$") and math.tointeger(tonumber(part))
    if not number or number > 65535 then invalid("invalid publish %s port: %s", what, text) end
    return number
  end
  if #parts > 2 then invalid("invalid publish %s port: %s", what, text) end
  first, last = port(first), port(last)
  if first <= 1 or first > last then invalid("invalid publish %s port range: %s", what, text) end
  return first, last - first + 1
end

local function address(text, spec)
  if not text or text == "" then return "0.0.0.0" end
  local bare = text:match("^%[(.*)%]$")
  local is_six = (bare or text):find(":", 1, true) ~= nil
  if not values.is_address(bare or text) or is_six ~= (bare ~= nil) then
    invalid("invalid publish IPv%d address: %s", bare and 6 or 4, spec)
  end
  return bare or text
end

local function publish(spec)
  local text, protocol = spec:match("^(.*)/(.*)$")
  text, protocol = text or spec, (protocol or "tcp"):lower()
  if protocol ~= "tcp" and protocol ~= "udp" then
    invalid("invalid publish protocol: %s", protocol)
  end
  local front, container = text:match("^(.*):([^:/]*)$")
  if not front or front == "" then invalid("invalid publish value: %s", spec) end
  local host_address, host = front:match("^(.*):([^:]+)$")
  if front:match("^%[.*%]$") then invalid("invalid publish value: %s", spec) end
  local first, count = range(host or front, "host")
  local inside, inside_count = range(container, "container")
  if count ~= inside_count then
    invalid("publish host and container port counts are not equal: %s:%s", host or front, container)
  end
  return { hostAddress = address(host_address, spec), hostPort = first, containerPort = inside,
    proto = protocol, count = count }
end

---@param list string[]?
---@return table[]
function M.ports(list)
  local out, taken = json.array({}), {}
  for i, spec in ipairs(list or {}) do out[i] = publish(spec) end
  if #out > 64 then invalid("cannot exceed more than 64 port publish descriptors") end
  for _, one in ipairs(out) do
    for port = one.hostPort, one.hostPort + one.count - 1 do
      local key = ("%d/%s"):format(port, one.proto)
      if taken[key] then invalid("host ports for different publish port specs may not overlap") end
      taken[key] = true
    end
  end
  return out
end

return M
