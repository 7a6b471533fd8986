-- The commands about a container that is there: stop, signal, remove, look,
-- run one more program in it. Pure: builds words, starts nothing.
--
-- SPDX-License-Identifier: MIT

local M = {}

--- The first program of every sandbox.
M.init = "/run/wrapix/bin/wrapix-init"

-- Podman's global flag, wanted by every command that may start a process.
local function engine_argv(plan, ...)
  local argv = { plan.engine.path }
  if plan.engine.oci_runtime then
    table.move({ "--runtime", plan.engine.oci_runtime }, 1, 2, 2, argv)
  end
  local words = table.pack(...)
  return table.move(words, 1, words.n, #argv + 1, argv)
end

--- Stops the container: its stop signal, then KILL after the grace.
---@param plan table
---@param grace number? seconds, default 10
---@return string[]
function M.stop_argv(plan, grace)
  local seconds = ("%d"):format(math.ceil(grace or 10))
  return engine_argv(plan, "stop", "--ignore", "--time", seconds, "--", plan.name)
end

--- Sends a signal to the container's first process.
---@param plan table
---@param signal string such as "TERM" or "SIGTERM"
---@return string[]
function M.kill_argv(plan, signal)
  if not signal:match("^%u[%u%d+-]*$") then
    error(("kill_argv: %q is not a signal name"):format(signal), 2)
  end
  return engine_argv(plan, "kill", "--signal", signal, "--", plan.name)
end

--- Removes the container, running or not; an absent one is no error.
---@param plan table
---@return string[]
function M.remove_argv(plan)
  return engine_argv(plan, "rm", "--force", "--ignore", "--time", "0", "--volumes", "--", plan.name)
end

--- Tells by its status whether an image is there: 0 yes, 1 no.
---@param engine { path: string } a plan's or the facts' engine
---@param ref string
---@return string[]
function M.exists_argv(engine, ref)
  return { engine.path, "image", "exists", "--", ref }
end

---@class wrapix.ExecOptions
---@field stdin boolean?
---@field tty boolean?
---@field workdir string?
---@field env string[]? "NAME" or "NAME=VALUE"

--- Runs one more command in the container of a plan, or its shell. It goes
--- through the helper too, which gives it the sandbox's PATH and exit statuses.
---@param plan table
---@param command string[]? nil: a shell
---@param opts wrapix.ExecOptions?
---@return string[]
function M.exec_argv(plan, command, opts)
  opts = opts or {}
  local words = { "exec", "--detach-keys=" }
  words[#words + 1] = opts.stdin and "--interactive" or nil
  words[#words + 1] = opts.tty and "--tty" or nil
  table.move({ "--workdir", opts.workdir or plan.workspace.dest }, 1, 2, #words + 1, words)
  for _, text in ipairs(opts.env or {}) do
    table.move({ "--env", text }, 1, 2, #words + 1, words)
  end
  local tail = { "--", plan.name, M.init, command and "--" or "--shell" }
  table.move(tail, 1, 4, #words + 1, words)
  table.move(command or {}, 1, #(command or {}), #words + 1, words)
  return engine_argv(plan, table.unpack(words))
end

--- Keys that leave an attached sandbox without ending it.
M.detach_keys = "ctrl-p,ctrl-q"

--- Connects to the streams of a container's first program. Signals are the
--- caller's to pass on: Podman would send each to the program, TERM too.
---@param plan table
---@param opts { stdin: boolean?, tty: boolean? }
---@return string[]
function M.attach_argv(plan, opts)
  local keys = "--detach-keys=" .. (opts.tty and M.detach_keys or "")
  local words = { "attach", keys, "--sig-proxy=false" }
  words[#words + 1] = not opts.stdin and "--no-stdin" or nil
  table.move({ "--", plan.name }, 1, 2, #words + 1, words)
  return engine_argv(plan, table.unpack(words))
end

--- Lists the containers of wrapix as JSON, those that have ended as well.
---@param engine { path: string }
---@return string[]
function M.list_argv(engine)
  return { engine.path, "ps", "--all", "--no-trunc", "--filter", "label=wrapix.session",
    "--format", "json" }
end

--- Lists the ids of the containers of one session.
---@param engine { path: string }
---@param session string
---@return string[]
function M.session_argv(engine, session)
  return { engine.path, "ps", "--all", "--quiet", "--no-trunc",
    "--filter", "label=wrapix.session=" .. session }
end

return M
