-- SPDX-License-Identifier: MIT
-- The commands about a container that is there: stop, signal, remove, look, run one
-- more program in it; and about the service behind them. Pure: builds words, starts
-- nothing. `plan` may be the small one of live.plan.

local M = {}

-- /mnt/wrapix is covered once the sandbox is put together.
local STARTER = "/run/wrapix/bin/wrapix-vm"
-- The service is given so long to come up, in seconds (from 0.10.0 on its default too).
M.service_seconds = 60

--- Stops the container: TERM, then KILL after the grace. An absent one is an error from
--- 0.11.0 on, see failure.is_absent.
---@param plan table
---@param grace number? seconds, default 10
---@return string[]
function M.stop_argv(plan, grace)
  local seconds = ("%d"):format(math.ceil(grace or 10))
  return { plan.engine.path, "stop", "--time", seconds, plan.name }
end

--- Sends a signal to the container's first process.
---@param plan table
---@param signal string such as "TERM" or "SIGTERM"
---@return string[]
function M.kill_argv(plan, signal)
  if not signal:match("^%u[%u%d+-]*$") then
    error(("kill_argv: %q is not a signal name"):format(signal), 2)
  end
  return { plan.engine.path, "kill", "--signal", (signal:gsub("^SIG", "")), plan.name }
end

--- Removes the container, running or not; an absent one is an error, see failure.is_absent.
---@param plan table
---@return string[]
function M.remove_argv(plan)
  return { plan.engine.path, "delete", "--force", plan.name }
end

--- Runs one more command in the container of a plan, or its shell: as root of the VM
--- first, since wrapix-vm takes the same way down for it as for the first one.
---@param plan table
---@param command string[]? nil: a shell
---@param opts wrapix.ExecOptions?
---@return string[]
function M.exec_argv(plan, command, opts)
  opts = opts or {}
  local argv = { plan.engine.path, "exec" }
  local function add(...) table.move({ ... }, 1, select("#", ...), #argv + 1, argv) end
  if opts.stdin or opts.tty then add("--interactive") end
  if opts.tty then add("--tty") end
  add("--user", "0:0", "--workdir", "/")
  for _, text in ipairs(opts.env or {}) do add("--env", text) end
  add(plan.name, STARTER, "--exec")
  -- As the user, who may go where the VM's root has nothing to do.
  if opts.workdir then add("--cwd", opts.workdir) end
  -- The first ends wrapix-vm's own words, the second those of wrapix-init.
  add("--", command and "--" or "--shell")
  if command then add(table.unpack(command)) end
  return argv
end

--- Connecting to a sandbox that runs: the CLI has no such command.
---@return nil
---@return string reason
function M.attach_argv()
  return nil, "container cannot attach to a running sandbox; `wrapix exec` runs a program in it"
end

--- Lists all containers as JSON, also those that have ended (0.9.0 leaves them out).
---@param engine { path: string }
---@return string[]
function M.list_argv(engine)
  return { engine.path, "list", "--all", "--format", "json" }
end

--- The same: the CLI does not look for labels.
---@param engine { path: string }
---@return string[]
function M.session_argv(engine) return M.list_argv(engine) end

--- Starts the service every other command talks to. Without the flag it asks at the
--- terminal whether to install a kernel, and fails when nobody answers.
---@param engine { path: string }
---@return string[]
function M.service_argv(engine)
  return { engine.path, "system", "start", "--enable-kernel-install" }
end

--- Asks whether the service runs: status 1 when not.
---@param engine { path: string }
---@return string[]
function M.status_argv(engine) return { engine.path, "system", "status" } end

--- Describes the network sandboxes are in.
---@param engine { path: string }
---@return string[]
function M.network_argv(engine) return { engine.path, "network", "inspect", "default" } end

return M
