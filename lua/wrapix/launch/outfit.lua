-- SPDX-License-Identifier: MIT
-- What a runtime that makes a VM wants to find before its start: its service, the image,
-- the sockets of the session, and the files from which the sandbox is put together
-- inside. Podman wants none of it, and this file is not loaded for it.

local crossings = require("wrapix.launch.crossing")
local proc = require("wrapix.proc")
local runtimes = require("wrapix.runtime")
local service = require("wrapix.launch.service")
local stage = require("wrapix.launch.stage")

local M = {}

-- Reading an image's description takes a moment, a busy service some.
local ASK_SECONDS = 60

---Whether the image of a plan is there. Starts the runtime's service if it is down.
---@param launch wrapix.Launch
---@return boolean|nil
---@return string? message
---@return string? code
---@return string? hint
function M.has_image(launch)
  local plan = launch.plan
  local images = runtimes.of(plan.runtime).images
  local argv = images.exists_argv(plan.engine, plan.image.ref)
  local result, message, code, hint = service.ask(plan, launch.report, argv, ASK_SECONDS)
  if not result then return nil, message, code, hint end
  return result.code == 0 and images.exists(result.stdout)
end

-- Sockets of a script's own are known to the launch alone.
local function add_handed_over(plan, handover)
  local known = {}
  for _, one in ipairs(plan.crossing.sockets) do known[one.name] = true end
  local names = {}
  for name in pairs(handover and handover.sockets or {}) do names[#names + 1] = name .. ".sock" end
  table.sort(names)
  for _, name in ipairs(names) do
    if not known[name] then table.insert(plan.crossing.sockets, { name = name }) end
  end
end

-- One that is not there cannot be handed in.
local function drop(plan, name)
  for i, one in ipairs(plan.crossing.sockets) do
    if one.name == name then return table.remove(plan.crossing.sockets, i) end
  end
end

local function gateway_of(launch)
  local plan = launch.plan
  if plan.crossing.gateway then return plan.crossing.gateway end
  local probe = runtimes.probe(plan.runtime)
  local gateway, message, code, hint = probe.gateway(plan.engine, { proc = proc })
  if gateway or code ~= "EDOWN" then return gateway, message, code, hint end
  local ok
  ok, message, code, hint = service.start(plan, launch.report)
  if not ok then return nil, message, code, hint end
  return probe.gateway(plan.engine, { proc = proc })
end

local function open_crossing(launch)
  local plan = launch.plan
  if plan.crossing.mode ~= "tcp" then return true end
  if not launch.crossing then
    local gateway, message, code, hint = gateway_of(launch)
    if not gateway then return nil, message, code, hint end
    launch.crossing, message, code = crossings.open(gateway, launch.report)
    if not launch.crossing then return nil, message, code end
  end
  for _, one in ipairs(plan.crossing.sockets) do
    launch.crossing:add(one.name, ("%s/%s"):format(launch.session.dir, one.name))
  end
  return true
end

---Makes ready what the start of a plan needs.
---@param launch wrapix.Launch
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.prepare(launch)
  local plan, session = launch.plan, launch.session
  add_handed_over(plan, launch.opts.handover)
  launch:serve_notify()
  if not launch.notify then drop(plan, "notify.sock") end
  local ok, message, code, hint = open_crossing(launch)
  if not ok then return nil, message, code, hint end
  local wanted = runtimes.of(plan.runtime).stage(plan, {
    root = session.root, dir = session.dir, served = launch.crossing and launch.crossing:served(),
  })
  return stage.write(session.root, wanted)
end

return M
