-- SPDX-License-Identifier: MIT
-- Networks: `default` is Podman's own bridge, whose subnet and gateway are told
-- truthfully (facts A7: read them, another subnet than 192.168.64.0/24 is possible);
-- those that are created are networks of Podman.

local encode = require("support.apple.encode")
local fail = require("support.apple.fail")
local json = require("wrapix.json")
local shapes = require("support.apple.shapes")
local values = require("support.apple.values")

local M = {}

local function all(cx) return cx.state:load("networks", {}) end

---@param name string
---@return string its name in Podman
function M.podman(cx, name)
  return name == "default" and "podman" or ("apple-%s-%s"):format(cx.state.id, name)
end

---@return { name: string, builtin: boolean }
function M.get(cx, name)
  if name == "default" then
    return { name = "default", builtin = true, created = 1767225600, labels = {}, options = {} }
  end
  local found = all(cx)[name]
  if not found then fail.with("notFound", ("network %s not found"):format(name)) end
  return found
end

---@return { subnet: string, gateway: string }
function M.status(cx, name) return cx.engine:network(M.podman(cx, name)) end

local function names(cx)
  local out = {}
  for name in pairs(all(cx)) do out[#out + 1] = name end
  table.sort(out)
  table.insert(out, 1, "default")
  return out
end

local function shape(cx, name) return shapes.network(cx.version, M.get(cx, name), M.status(cx, name)) end

---@type table<string, fun(cx: apple.Context, parse: apple.Parse): integer?>
M.commands = {}

M.commands["network list"] = function(cx, parse)
  local list, out = names(cx), json.array({})
  if parse.opts.quiet and (parse.opts.format or "table") == "table" then
    for _, name in ipairs(list) do cx:print(name) end
    return
  end
  for i, name in ipairs(list) do out[i] = shape(cx, name) end
  local header = cx.version:before("1.0.0") and { "NETWORK", "STATE", "SUBNET" }
    or { "NETWORK", "SUBNET" }
  cx:render(parse.opts.format, out, header, function(i)
    local subnet = out[i].status.ipv4Subnet
    return cx.version:before("1.0.0") and { list[i], "running", subnet } or { list[i], subnet }
  end)
end

M.commands["network inspect"] = function(cx, parse)
  local out, known, missing = json.array({}), all(cx), {}
  for _, name in ipairs(parse.args.networks) do
    if name == "default" or known[name] then
      out[#out + 1] = shape(cx, name)
    else
      missing[#missing + 1] = name
    end
  end
  table.sort(missing)
  if #missing > 0 and cx.version:since("1.0.0") then
    fail.with("notFound", "network not found: " .. table.concat(missing, ", "))
  end
  cx:print(encode.text(out, encode.style(cx.version, "inspect")))
end

M.commands["network create"] = function(cx, parse)
  local name, opts = parse.args.name, parse.opts
  if not name:match("^[a-z0-9][a-z0-9._%-]*$") or #name > 63 or not name:match("[a-z0-9]$") then
    fail.with("invalidArgument", ("invalid network ID: %s"):format(name))
  end
  if name == "none" or name == "default" or all(cx)[name] then
    fail.with("exists", ("network %s already exists"):format(name))
  end
  local words = { "network", "create" }
  if opts.internal then words[#words + 1] = "--internal" end
  if opts.subnet then table.move({ "--subnet", opts.subnet }, 1, 2, #words + 1, words) end
  words[#words + 1] = M.podman(cx, name)
  local result = cx.engine:call(words)
  if result.code ~= 0 then fail.with("internalError", result.stderr:gsub("%s+$", "")) end
  local list = all(cx)
  list[name] = { name = name, builtin = false, created = cx.now(), internal = opts.internal == true,
    labels = values.pairs(opts.label), options = values.pairs(opts.option) }
  cx.state:save("networks", list)
  cx:print(name)
end

M.commands["network delete"] = function(cx, parse)
  local list = all(cx)
  local wanted = parse.args.network_names
  if #wanted == 0 and not parse.opts.all then
    fail.with("invalidArgument", "no networks specified and --all not supplied")
  end
  if parse.opts.all then
    wanted = names(cx)
    table.remove(wanted, 1)
  end
  for _, name in ipairs(wanted) do
    if name == "default" then
      fail.with("invalidArgument", "cannot delete a builtin network: default")
    elseif not list[name] then
      fail.with("notFound", ('failed to delete one or more networks: ["%s"]'):format(name))
    end
    local result = cx.engine:call({ "network", "rm", M.podman(cx, name) })
    if result.code ~= 0 then fail.with("invalidState", result.stderr:gsub("%s+$", "")) end
    list[name] = nil
    cx.state:save("networks", list)
    cx:print(name)
  end
end

return M
