-- SPDX-License-Identifier: MIT
-- What a container sees of the host: each mount of a record as Podman has to make it so
-- that it looks as through virtiofs (facts A4, A5, correction 12). Sockets inside a share
-- are covered with dead ones, a file's own parent directory loses its share.

local fail = require("support.apple.fail")
local fs = require("wrapix.fs")
local net = require("wrapix.net")
local path = require("wrapix.path")
local proc = require("wrapix.proc")
local volumes = require("support.apple.volumes")

local M = {}

-- A field of Podman's --mount is one of CSV.
local function field(name, value)
  local text = name .. "=" .. value
  if text:find('[,"\n]') then text = '"' .. text:gsub('"', '""') .. '"' end
  return text
end

---@param source string
---@param destination string
---@param read_only boolean?
---@return string the value of --mount
function M.bind(source, destination, read_only)
  return table.concat({ "type=bind", field("source", source), field("destination", destination),
    "bind-propagation=rprivate", read_only and "ro=true" or nil }, ",")
end

local function has(list, wanted)
  for _, one in ipairs(list) do
    if one == wanted then return true end
  end
  return false
end

local function tmpfs(mount)
  local words = { "rw", "exec", "suid", "dev", "notmpcopyup" }
  local mode = "mode=1777"
  for _, one in ipairs(mount.options) do
    if one == "ro" then
      words[1] = "ro"
    elseif one:match("^mode=") then
      mode = one
    else
      words[#words + 1] = one
    end
  end
  return ("%s:%s,%s"):format(mount.destination, table.concat(words, ","), mode)
end

-- Sockets ------------------------------------------------------------------------------

---A socket nobody listens at.
---@param place string directory of the container
---@return string
function M.dead_socket(place)
  local dead = place .. "/dead.sock"
  if not fs.lstat(dead) then
    assert(net.listen_unix(dead)):close()
  end
  return dead
end

local function sockets_in(directory)
  local found = assert(proc.run({ "find", directory, "-xdev", "-type", "s", "-print0" }))
  local out = {}
  for name in found.stdout:gmatch("([^%z]+)%z") do out[#out + 1] = name:sub(#directory + 2) end
  return out
end

---Whether a mount is a socket that is handed over a relay.
function M.is_socket(mount)
  local stat = mount.type == "virtiofs" and fs.stat(mount.source)
  return stat and stat.type == "socket" or false
end

-- Which mounts there are -----------------------------------------------------------------

local function parents_of_files(record)
  local out = {}
  for _, mount in ipairs(record.mounts) do
    local stat = mount.type == "virtiofs" and fs.stat(mount.source)
    if stat and stat.type == "file" then
      out[path.dirname(assert(fs.realpath(mount.source)))] = true
    end
  end
  return out
end

-- Before 0.12.0 mounts were made in the order of the words, so that a later one hid what
-- lies below it; since then they are sorted by depth (seen in the engine's source).
local function is_hidden(cx, list, at)
  if cx.version:since("0.12.0") then return false end
  for i = at + 1, #list do
    if path.is_within(list[i].destination, list[at].destination) then return true end
  end
  return false
end

local function add(words, ...)
  for _, word in ipairs({ ... }) do words[#words + 1] = word end
end

local function add_directory(words, place, mount, is_dropped)
  local source = assert(fs.realpath(mount.source))
  if is_dropped[source] then
    local empty = ("%s/empty.%d"):format(place, #words)
    assert(fs.ensure_dir(empty))
    return add(words, "--mount", M.bind(empty, mount.destination))
  end
  add(words, "--mount", M.bind(source, mount.destination, has(mount.options, "ro")))
  for _, name in ipairs(sockets_in(source)) do
    add(words, "--mount", M.bind(M.dead_socket(place), mount.destination .. "/" .. name))
  end
end

local function add_share(cx, words, place, mount, is_dropped)
  local stat = fs.stat(mount.source)
  if not stat then
    local text = cx.version:since("0.12.0") and "mount source path '%s' does not exist"
      or "path '%s' is not a directory"
    fail.with("invalidState", text:format(mount.source))
  end
  if stat.type == "directory" then
    add_directory(words, place, mount, is_dropped)
  elseif stat.type == "file" then
    add(words, "--mount",
      M.bind(assert(fs.realpath(mount.source)), mount.destination, has(mount.options, "ro")))
  else
    fail.unknown("A4", ("what sharing a %s does is not known: %s"):format(stat.type, mount.source))
  end
end

---The words for all mounts of a record.
---@param cx apple.Context
---@param record table
---@param relayed table<integer, string> by the number of the mount: the relay's socket
---@return string[]
function M.words(cx, record, relayed)
  local words, place = {}, cx.state:place("containers", record.id)
  local is_dropped = parents_of_files(record)
  for i, mount in ipairs(record.mounts) do
    if is_hidden(cx, record.mounts, i) then
      cx:note(("the mount at %s is hidden by a later one"):format(mount.destination))
    elseif mount.type == "tmpfs" then
      add(words, "--tmpfs", tmpfs(mount))
    elseif mount.type == "volume" then
      add(words, "--mount", M.bind(volumes.data(cx, mount.name), mount.destination,
        has(mount.options, "ro")))
    elseif relayed[i] then
      add(words, "--mount", M.bind(relayed[i], mount.destination))
    else
      add_share(cx, words, place, mount, is_dropped)
    end
  end
  return words
end

return M
