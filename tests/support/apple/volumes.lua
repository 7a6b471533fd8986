-- SPDX-License-Identifier: MIT
-- Named volumes: directories of the state in place of disk images (facts A4, "Named
-- volume"; correction 4). One container at a time, as with a disk.

local encode = require("support.apple.encode")
local fail = require("support.apple.fail")
local fleet = require("support.apple.fleet")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local mounts = require("support.apple.mounts")
local shapes = require("support.apple.shapes")
local values = require("support.apple.values")

local M = {}

local ANONYMOUS = "com.apple.container.resource.anonymous"
local DEFAULT_SIZE = 512 * 1024 ^ 3 // 1 | 0

---@return string the directory that is the volume
function M.data(cx, name) return cx.state:place("volumes", name) .. "/data" end

local function create(cx, name, labels, opts)
  if not mounts.is_volume_name(name) then
    fail.with("invalidArgument", ("invalid volume name '%s'"):format(name))
  end
  if cx.state:get("volumes", name) then
    fail.with("exists", ("volume '%s' already exists"):format(name))
  end
  cx.state:put("volumes", name, {
    name = name, created = cx.now(), labels = labels, options = opts,
    size = opts.size and values.size(opts.size) or DEFAULT_SIZE,
    source = cx.state:place("volumes", name) .. "/volume.img",
  })
  assert(fs.ensure_dir(M.data(cx, name)))
  assert(fs.chmod(M.data(cx, name), 493)) -- 0755, owned by root: a fresh ext4
end

---Makes the volumes of a container that are not there yet; a named one with a warning.
---@param list apple.Mount[]
function M.ensure(cx, list)
  for _, mount in ipairs(list) do
    if mount.type == "volume" and not cx.state:get("volumes", mount.name) then
      create(cx, mount.name, mount.anonymous and { [ANONYMOUS] = "" } or {}, {})
      if not mount.anonymous then
        cx:log(("named volume was automatically created: [\"volume\": \"%s\"]"):format(mount.name))
      end
    end
  end
end

local function users_of(cx, name, running_only)
  local out = {}
  for _, one in ipairs(fleet.all(cx)) do
    for _, mount in ipairs(one.record.mounts) do
      local is_ours = mount.type == "volume" and mount.name == name
      if is_ours and (not running_only or one.state == "running") then
        out[#out + 1] = one.record.id
      end
    end
  end
  return out
end

local function in_use(name)
  fail.with("invalidState", ("volume '%s' is currently in use and cannot be accessed by another "
    .. "container, or deleted"):format(name))
end

---Refuses a start while another container holds one of the volumes.
---@param record table
function M.check_free(cx, record)
  for _, mount in ipairs(record.mounts) do
    for _, id in ipairs(mount.type == "volume" and users_of(cx, mount.name, true) or {}) do
      if id ~= record.id then in_use(mount.name) end
    end
  end
end

-- Commands --------------------------------------------------------------------------------

---@type table<string, fun(cx: apple.Context, parse: apple.Parse): integer?>
M.commands = {}

M.commands["volume create"] = function(cx, parse)
  local opts = values.pairs(parse.opts.opt)
  opts.size = parse.opts.s or opts.size
  for key in pairs(opts) do
    if key ~= "size" and key ~= "journal" then
      fail.unknown("A4, volume create --opt", ("option '%s' of a volume is not known"):format(key))
    end
  end
  if opts.size and values.size(opts.size) < 1048576 then
    fail.with("internalError", "storage error: volume size too small: minimum 1MiB")
  end
  create(cx, parse.args.name, values.pairs(parse.opts.label), opts)
  cx:print(parse.args.name)
end

M.commands["volume list"] = function(cx, parse)
  local out = json.array({})
  for i, name in ipairs(cx.state:names("volumes")) do
    if parse.opts.quiet then cx:print(name) end
    out[i] = shapes.volume(cx.version, cx.state:get("volumes", name))
  end
  if parse.opts.quiet and (parse.opts.format or "table") == "table" then return end
  cx:render(parse.opts.format, out, { "NAME", "TYPE", "DRIVER", "OPTIONS" }, function(i)
    local volume = cx.state:get("volumes", cx.state:names("volumes")[i])
    local options = {}
    for key, value in pairs(volume.options) do options[#options + 1] = key .. "=" .. value end
    table.sort(options)
    return { volume.name, volume.labels[ANONYMOUS] and "anonymous" or "named", "local",
      table.concat(options, ",") }
  end)
end

M.commands["volume inspect"] = function(cx, parse)
  local out = json.array({})
  for i, name in ipairs(parse.args.names) do
    local volume = cx.state:get("volumes", name)
    if not volume then
      fail.with("notFound", (cx.version:since("1.0.0") and "volume not found: %s"
        or "volume '%s' not found"):format(name))
    end
    out[i] = shapes.volume(cx.version, volume)
  end
  -- The one resource whose inspect was pretty and sorted from the start.
  cx:print(encode.text(out, { sorted = true, iso = true, pretty = true }))
end

local function delete(cx, name)
  if #users_of(cx, name) > 0 then in_use(name) end
  cx.state:remove("volumes", name)
  cx:print(name)
end

M.commands["volume delete"] = function(cx, parse)
  local names = parse.opts.all and cx.state:names("volumes") or parse.args.names
  if #names == 0 and not parse.opts.all then
    if cx.version:before("1.0.0") then return end
    fail.with("invalidArgument", "no volumes specified and --all not supplied")
  end
  local failed = {}
  for _, name in ipairs(names) do
    if not cx.state:get("volumes", name) then
      fail.with("notFound", ('failed to delete one or more volumes: ["%s"]'):format(name))
    end
  end
  for _, name in ipairs(names) do
    local ok, why = pcall(delete, cx, name)
    if not ok then
      if not fail.is(why) then error(why, 0) end
      cx:log(("failed to delete volume: %s"):format(why.message))
      failed[#failed + 1] = ('"%s"'):format(name)
    end
  end
  if #failed > 0 then
    fail.with("internalError", ("delete failed for one or more volumes: [%s]"):format(
      table.concat(failed, ", ")))
  end
end

M.commands["volume prune"] = function(cx)
  for _, name in ipairs(cx.state:names("volumes")) do
    if #users_of(cx, name) == 0 then delete(cx, name) end
  end
  cx:log("Reclaimed Zero KB in disk space")
end

return M
