-- SPDX-License-Identifier: MIT
-- Plan → the words Apple's `container` takes, for the version the plan names, and the
-- meaning of the words it answers with. Only this file and those in apple/ know its
-- flags. What the CLI has no flag for wrapix-vm does inside (apple/staging.lua). Pure.

local control = require("wrapix.runtime.apple.control")
local failure = require("wrapix.runtime.apple.failure")
local lazy = require("wrapix.lazy")
local runtime_flags = require("wrapix.runtime.flags")
local staging = require("wrapix.runtime.apple.staging")
local versions = require("wrapix.runtime.apple.versions")

local images = lazy("wrapix.runtime.apple.images")
local list = lazy("wrapix.runtime.apple.list")

local M = {
  name = "container",
  title = "Apple's container",
  --- `run --detach` gives no stream and no end to wait for, so the keeper keeps the process.
  detaches = false,
  --- From 1.0.0 to 1.2.2 it passes none on, and before that under wrong numbers.
  passes_signals = false,
  kill_means_gone = true,
  --- A start would pull an image that is not there, a name of this machine too, from
  --- whoever listens: so it is asked for before.
  asks_first = true,
  images = images,
}

-- What wrapix decides by itself for every sandbox, with no item in the plan.
local ALWAYS = { kind = "default", text = "default" }
local MIB = 1 << 20
-- The first program needs what the VM's user must not have; it gives all of it up.
local STARTER = "/mnt/wrapix/bin/wrapix-vm"

--- The value of a label as the CLI takes it: it refuses one with an equal sign in it.
---@param text string
---@return string
function M.label_value(text)
  return (text:gsub("[%%=]", function(char) return ("%%%02X"):format(char:byte()) end))
end

local function add_life(add, plan)
  add("name", plan.name_origin, "--name", plan.name)
  if not plan.keep then add("engine", ALWAYS, "--rm") end
  -- On a line of its own progress would be taken for the program's output.
  add("engine", ALWAYS, "--progress", "none")
  -- Nothing is pulled at a start; if it were, then not from whoever listens in the clear.
  add("image", ALWAYS, "--scheme", "https")
  if plan.terminal.stdin then add("terminal", plan.terminal.origin, "--interactive") end
  if plan.terminal.tty then add("terminal", plan.terminal.origin, "--tty") end
  for _, label in ipairs(plan.labels) do
    add("label", label.origin, "--label", label.name .. "=" .. M.label_value(label.value))
  end
end

-- As root of the VM, whatever user the image names: wrapix-vm becomes the user.
local function add_starter(add, plan)
  add("user", ALWAYS, "--user", "0:0")
  if versions.can(plan.engine.version, "capabilities") then
    add("security", ALWAYS, "--cap-add", "SYS_ADMIN", "--cap-add", "SYS_RESOURCE")
  end
end

local LIMIT_FLAGS = {
  cpus = function(value) return "--cpus", ("%d"):format(value) end,
  memory = function(value) return "--memory", ("%dM"):format(value // MIB) end,
}

local function add_limits(add, plan)
  for _, limit in ipairs(plan.limits) do
    local flag = LIMIT_FLAGS[limit.name]
    if flag then add("limit", limit.origin, flag(limit.value)) end
  end
end

local function add_network(add, plan)
  local network = plan.network
  add("network", network.origin, "--network", network.backend)
  for _, server in ipairs(network.dns or {}) do
    add("network", server.origin, "--dns", server.address)
  end
end

local function add_share(add, share)
  if share.form == "mount" then
    local text = ("type=bind,source=%s,destination=%s"):format(share.source, share.at)
    add(share.what, share.origin, "--mount", share.mode == "ro" and text .. ",readonly" or text)
    return
  end
  local text = ("%s:%s"):format(share.source, share.at)
  add(share.what, share.origin, "--volume", share.mode == "ro" and text .. ":ro" or text)
end

local function add_env(add, plan)
  for _, variable in ipairs(plan.env) do
    -- A name alone is taken from the CLI's environment, so that a secret is in no
    -- command line.
    local text = variable.secret and variable.name or (variable.name .. "=" .. variable.value)
    add("env", variable.origin, "--env", text)
  end
end

local function add_command(add, plan)
  local command = plan.command
  add("command", command.origin, "--entrypoint", STARTER)
  -- The workspace is not there before wrapix-vm has put it there.
  add("workspace", ALWAYS, "--workdir", "/")
  add("image", plan.image.origin, plan.image.ref)
  local words = table.move(command.value, 1, #command.value, 1, {})
  -- After the image nothing is parsed, this included: it is wrapix-init's.
  if not command.shell and not command.init then table.insert(words, 1, "--") end
  add("command", command.origin, table.unpack(words))
end

--- The flags of `container run` for a plan, in order, each with where it comes from;
--- the last are the image and the command. Option and value are always two words.
---@param plan table
---@return wrapix.Flag[]
function M.flags(plan)
  local flags = {}
  local add = runtime_flags.adder(flags)
  add_life(add, plan)
  add_starter(add, plan)
  add_limits(add, plan)
  add_network(add, plan)
  for _, share in ipairs(staging.layout(plan).shares) do add_share(add, share) end
  add_env(add, plan)
  add_command(add, plan)
  return flags
end

--- The whole command line: the program's path, `run`, and the flags.
---@param plan table
---@return string[]
function M.argv(plan) return runtime_flags.argv(plan, M.flags(plan)) end

--- What is done inside the VM, line by line, for people: see apple/staging.lua.
---@param plan table
---@return wrapix.AppleStep[]
function M.steps(plan) return staging.steps(plan) end

M.stage = staging.stage
M.stop_argv = control.stop_argv
M.kill_argv = control.kill_argv
M.remove_argv = control.remove_argv
M.exec_argv = control.exec_argv
M.attach_argv = control.attach_argv
M.list_argv = control.list_argv
M.session_argv = control.session_argv
M.service_argv = control.service_argv
M.missing_image = failure.missing_image
M.closed_output = failure.closed_output
M.name_taken = failure.name_taken
M.failure = failure.failure
M.is_down = failure.is_down
M.is_absent = failure.is_absent
M.vpn_problem = failure.vpn_problem

--- Reads the answer to `list_argv`.
function M.containers(stdout, engine) return list.containers(stdout, engine) end

--- Reads the answer to `session_argv`.
function M.session_ids(stdout, session) return list.session_ids(stdout, session) end

return M
