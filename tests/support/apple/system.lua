-- SPDX-License-Identifier: MIT
-- The daemon: started, stopped, asked how it is (facts A6, A9, corrections 7, 8). It is a
-- line in the state: nothing runs between two commands.

local encode = require("support.apple.encode")
local fail = require("support.apple.fail")

local M = {}

---@class apple.System
local System = {}
System.__index = System

---@param state apple.State
function M.of(state) return setmetatable({ state = state }, System) end

function System:_load() return self.state:load("system", { up = false, kernel = false }) end

---@return boolean whether the daemon answers
function System:is_up() return self:_load().up end

---@return boolean whether there is a kernel to start a VM with
function System:has_kernel() return self:_load().kernel end

---The refusal of every command that needs the daemon, while it is down.
function System:check_up()
  if self:is_up() then return end
  fail.with("interrupted", 'interrupted: "XPC connection error: Connection invalid"\n'
    .. "Ensure container system service has been started with `container system start`.")
end

---The refusal of `run` and `create` without a kernel.
function System:check_kernel(architecture)
  if self:has_kernel() then return end
  fail.with("notFound", ("default kernel not configured for architecture %s, please use the "
    .. "`container system kernel set` command to configure it"):format(architecture))
end

local KERNEL = "https://github.com/kata-containers/kata-containers/releases/download/3.17.0/"
  .. "kata-static-3.17.0-arm64.tar.xz"

---@type table<string, fun(cx: apple.Context, parse: apple.Parse): integer?>
M.commands = {}

local function say(cx, text)
  if cx.version:since("1.0.0") then cx:log(text) else cx:print(text) end
end

local function install_kernel(cx, opts, system)
  if opts.disable_kernel_install then return end
  if not opts.enable_kernel_install then
    say(cx, "No default kernel configured.")
    io.stdout:write(("Install the recommended default kernel from [%s]? [Y/n]: "):format(KERNEL))
    io.stdout:flush()
    local answer = io.stdin:read("l")
    if not answer then fail.with("internalError", "failed to read user input") end
    if answer ~= "" and answer:lower() ~= "y" then
      return say(cx, "Please use the `container system kernel set --recommended` command to "
        .. "configure the default kernel")
    end
  end
  say(cx, "Installing kernel...")
  system.kernel = true
  cx.state:save("system", system)
end

M.commands["system start"] = function(cx, parse)
  local opts = parse.opts
  if opts.enable_kernel_install and opts.disable_kernel_install then
    fail.usage("system start", "Value to be set with flag '--disable-kernel-install' had already been "
      .. "set with flag '--enable-kernel-install'", "container system start [<options>] [--debug]")
  end
  if opts.timeout and not tonumber(opts.timeout) then
    fail.usage("system start", "The value '" .. opts.timeout .. "' is invalid for '--timeout <timeout>': "
      .. "Invalid timeout value: " .. opts.timeout, "container system start [<options>] [--debug]")
  end
  local system = cx.system:_load()
  local is_new = not system.up
  system.up, system.app_root = true, opts.app_root or system.app_root
  if cx.version:since("1.0.0") then
    cx:log("Launching container-apiserver...")
    cx:log("Testing access to container-apiserver...")
    cx:log("Verifying machine API server is running...")
  else
    if cx.version:since("0.12.0") then cx:print("Registering API server with launchd...") end
    cx:print("Verifying apiserver is running...")
  end
  cx.state:save("system", system)
  if is_new and not system.kernel then say(cx, "Installing base container filesystem...") end
  if not system.kernel then install_kernel(cx, opts, system) end
end

M.commands["system stop"] = function(cx)
  local system = cx.system:_load()
  if system.up then
    require("support.apple.containers").stop_all(cx)
    system.up = false
    cx.state:save("system", system)
  end
end

-- status ---------------------------------------------------------------------------------

local COMMIT = "af405ff0000000000000000000000000000000000"

local function details(cx, system)
  local home = cx.environ.HOME or "/Users/nobody"
  return {
    appRoot = system.app_root or home .. "/Library/Application Support/com.apple.container/",
    installRoot = "/usr/local/", apiServerVersion = "container-apiserver version " .. cx.version.text
      .. " (build: release, commit: af405ff)", apiServerCommit = COMMIT,
    apiServerBuild = "release", apiServerAppName = "container-apiserver",
  }
end

-- 1.4.1 nests what was flat, and says nothing but `status` when down (known from threads).
local function json_status(cx, status, found)
  if cx.version:before("1.4.0") then
    local out = { status = status, appRoot = "", installRoot = "", apiServerVersion = "",
      apiServerCommit = "", apiServerBuild = "", apiServerAppName = "" }
    for key, value in pairs(found or {}) do out[key] = value end
    return out
  end
  if not found then return { status = status } end
  return { status = status,
    paths = { appRoot = found.appRoot, installRoot = found.installRoot },
    server = { version = found.apiServerVersion, commit = found.apiServerCommit,
      build = found.apiServerBuild, appName = found.apiServerAppName } }
end

local function plain_status(cx, found)
  if cx.version:before("0.10.0") then
    cx:print("apiserver is running\napplication data root: " .. found.appRoot
      .. "\napplication install root: " .. found.installRoot
      .. "\ncontainer-apiserver version: " .. found.apiServerVersion
      .. "\ncontainer-apiserver commit: " .. found.apiServerCommit)
    return
  end
  cx:table({ "FIELD", "VALUE" }, {
    { "status", "running" }, { "appRoot", found.appRoot }, { "installRoot", found.installRoot },
    { "logRoot", "" }, { "apiserver.version", found.apiServerVersion },
    { "apiserver.commit", found.apiServerCommit }, { "apiserver.build", found.apiServerBuild },
    { "apiserver.appName", found.apiServerAppName },
  })
end

M.commands["system status"] = function(cx, parse)
  local system, format = cx.system:_load(), parse.opts.format or "table"
  if format == "yaml" or format == "toml" then
    fail.unknown("A6, --format", ("%s is not acted out"):format(format))
  end
  local found = system.up and details(cx, system) or nil
  if format == "json" then
    cx:print(encode.text(json_status(cx, system.up and "running" or "unregistered", found),
      encode.style(cx.version, "list")))
  elseif found then
    plain_status(cx, found)
  else
    cx:print("apiserver is not running and not registered with launchd")
  end
  return system.up and 0 or 1
end

M.commands["system version"] = function(cx, parse)
  local json = require("wrapix.json")
  local function one(name, version)
    return { appName = name, version = version, buildType = "release", commit = COMMIT }
  end
  local list = json.array({ one("container", cx.version.text) })
  if cx.system:is_up() then
    list[2] = one("container-apiserver", details(cx, cx.system:_load()).apiServerVersion)
  end
  cx:render(parse.opts.format, list, { "COMPONENT", "VERSION", "BUILD", "COMMIT" }, function(i)
    return { list[i].appName, list[i].version, list[i].buildType, list[i].commit }
  end)
end

return M
