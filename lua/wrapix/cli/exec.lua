-- SPDX-License-Identifier: MIT
-- `wrapix exec NAME -- COMMAND`: one more command in a sandbox that runs, with a
-- terminal when there is one at both ends. Its exit status is ours.

local find = require("wrapix.cli.find")
local options = require("wrapix.cli.options")
local output = require("wrapix.cli.output")
local path = require("wrapix.path")
local prepare = require("wrapix.cli.prepare")

local function check_workdir(text)
  if path.is_absolute(text) then return true end
  return nil, "is no absolute path inside"
end

---@type wrapix.CliCommand
local M = {
  name = "exec",
  summary = "Run a command in a running sandbox.",
  description = "Runs one more command, or a shell, in a sandbox that is running, as its user and "
    .. "under its limits. With a terminal at both ends the command gets one; otherwise standard "
    .. "input, output and error are passed on as they are. Ends with the command's status.",
  arguments = {
    { name = "name", argname = "NAME", offers = "sandbox",
      description = "Name or session of the sandbox, or the beginning of one." },
  },
  rest = { argname = "COMMAND [ARG...]", description = "What to run; nothing: a shell." },
  extra_hint = "the command to run stands after --: wrapix exec NAME -- COMMAND [ARG...]",
  options = options.list(
    options.env,
    { flags = { "-w", "--workdir" }, argname = "DIR", check = check_workdir,
      description = "Directory inside to run it in (default: /workspace)." },
    { flags = { "-T", "--no-tty" }, description = "Give it no terminal, even where there is one." },
    { flags = { "--json" },
      description = "Collect the output and print it with the status as JSON." },
    options.quiet, options.verbose
  ),
  example = {
    { "wrapix exec web", "a shell in the sandbox whose name begins with web" },
    { "wrapix exec web -e LEVEL=debug -- make test", "a command, with one variable more" },
  },
}

-- NAME alone is inherited by the engine's process, so that a secret is in no
-- command line; an empty one counts as unset, as at the start of a sandbox.
local function variables(words, deps)
  local out, environ = {}, deps.sys.environ()
  for _, text in ipairs(words or {}) do
    local value = text:find("=", 1, true) and text or environ[text]
    if value == nil or value == "" then
      local why = value and "is empty" or "is not set"
      deps.report:warn(("-e %s: %s in the environment, so it is not passed"):format(
        path.show(text), why))
    else
      out[#out + 1] = text
    end
  end
  return out
end

-- The sandbox was started from another terminal, or from none.
local function add_terminal(env, deps)
  local environ = deps.sys.environ()
  for _, name in ipairs({ "TERM", "COLORTERM" }) do
    if environ[name] then table.insert(env, 1, ("%s=%s"):format(name, environ[name])) end
  end
end

-- A socket that was not there at the start is not in a VM: the command comes over its
-- network, if it has one. The token is inherited by name, so that it is in no command line.
local function cross(lease, name, live, info, deps)
  local why, gateway, crossing = "the sandbox has no network", nil, nil
  if info.network == "open" then
    gateway, why = deps.runtimes.probe(live.runtime).gateway(live.engine, { proc = deps.proc })
  end
  if gateway then crossing, why = deps.crossing.open(gateway, deps.report) end
  if not crossing then
    lease:close()
    deps.report:detail("exec: no lease, so it gets no signals: " .. why)
    return nil
  end
  local token = crossing:add(name, ("%s/run/%s"):format(live.dir, name))
  crossing:serve(function(message) deps.report:detail("exec: no lease: " .. message) end)
  return lease, { ("WRAPIX_LEASE=tcp:%s:%d"):format(crossing.host, crossing.port), "WRAPIX_LEASE_TOKEN" },
    { WRAPIX_LEASE_TOKEN = token }, crossing
end

-- A lease of its own: the command gets our signals over it, and ends when we die.
-- The engine passes neither on. Without the session's directory there is none.
local function open_lease(live, deps)
  local info = live.dir and deps.reap.read(live.dir)
  if not info then return nil end
  local mode = deps.sys.euid() ~= info.uid and "direct" or "keep-id"
  local name = ("exec-%s.sock"):format(deps.sys.random_hex(4))
  local user = { uid = info.uid, gid = deps.sys.gid(), mode = mode }
  local lease, message = deps.lease.open(live.dir .. "/run", user, name)
  if not lease then deps.report:detail("exec: no lease: " .. message) end
  if not lease or not deps.runtimes.has_vm(live.runtime) then
    return lease, { "WRAPIX_LEASE=/run/wrapix/" .. name }
  end
  return cross(lease, name, live, info, deps)
end

-- What signals do: the command gets the first of a kind that asks it to end; a second
-- takes the lease away, and with it the command.
local function signals_of(lease, deps)
  local asked = false
  return function(name, running)
    local ends = name == "TERM" or name == "HUP"
    if not lease then return running:kill(name) end
    if ends and asked then return lease:close() end
    asked = asked or ends
    deps.task.spawn(function()
      lease:signal(deps.proc.signal_number(name))
      return true
    end)
  end
end

local function run_engine(argv, lease, opts, deps)
  local process
  local pass_on = signals_of(lease, deps)
  return deps.container.run(argv, {
    stdout = opts.stdout, stderr = opts.stderr, on_stderr = opts.on_stderr,
    -- What is typed goes to the command over its lease; the engine's process would end.
    session = lease and not opts.tty
      and (opts.has_vm or not deps.container.is_terminal("inherit")),
    env = opts.env,
    on_start = function(running) process = running end,
    on_signal = function(name)
      if process and not process:exited() then pass_on(name, process) end
    end,
  })
end

-- The lease is served beside the engine, for as long as that runs.
local function run_with(argv, lease, deps, opts)
  if not lease then return run_engine(argv, nil, opts, deps) end
  return deps.task.scope(function(scope)
    local serving = scope:spawn(function()
      lease:serve(function() end)
      return true
    end)
    local result, message, code = run_engine(argv, lease, opts, deps)
    if result and result.code ~= 0 then lease:let_take() end
    serving:cancel()
    return result, message, code
  end)
end

local function status_of(result) return result.signal and 128 + result.signal or result.code end

local function run_collected(argv, lease, deps, opts)
  local errors = {}
  local result, message, code = run_with(argv, lease, deps, {
    env = opts.env, has_vm = opts.has_vm, stdout = "pipe", stderr = "pipe",
    on_stderr = function(chunk) errors[#errors + 1] = chunk end,
  })
  if result then result.stderr = table.concat(errors) end
  return result, message, code
end

local function print_collected(result, deps)
  local written = output.json({
    code = result.code, signal = result.signal, seconds = result.seconds,
    stdout = deps.logfile.utf8(result.stdout or ""), stderr = deps.logfile.utf8(result.stderr),
  }, deps)
  return written ~= 0 and written or status_of(result)
end

-- One that its launcher says runs needs no other engine process than the command's
-- own, whose refusal is the second witness. Without a lease nobody could tell a
-- refusal from a failing command, so the engine is asked first.
---@return { live: wrapix.Live, tty: boolean, lease: wrapix.Lease?, variables: string[]?,
--- env: table?, crossing: wrapix.Crossing? }?
local function find_live(word, deps)
  local live = deps.live.known(deps.dirs(), word)
  if live then
    local lease, words, env, crossing = open_lease(live, deps)
    if lease then
      return { live = live, tty = deps.has_terminal(), lease = lease, variables = words,
        env = env, crossing = crossing }
    end
  end
  local found, facts, code, hint = find.running(word, "exec", deps)
  if not found then return nil, facts, code, hint end
  local lease, words, env, crossing = open_lease(found, deps)
  return { live = found, tty = facts.stdin_tty and facts.stdout_tty, lease = lease,
    variables = words, env = env, crossing = crossing }
end

-- Why nothing ran. A reason of the engine's own it has said itself.
local function explain_refusal(live, args, deps)
  local now, message, code, hint = find.running(live.session, "exec", deps)
  if now then
    local why = "the engine could not start the command"
    return ("exec: %s: %s"):format(path.show(live.name), why), "EENGINE",
      args.workdir and "--workdir names a directory inside" or nil
  end
  if code ~= "ENOENT" then return message, code, hint end
  return ("exec: %s: has just ended"):format(path.show(live.name)), "ESRCH"
end

-- What podman exec ends with by itself: 255 where no program runs any more.
local REFUSALS = { [125] = true, [126] = true, [127] = true, [255] = true }
-- What container exec ends with by itself.
local VM_REFUSALS = { [1] = true, [64] = true, [125] = true }

local function is_refused(result, found, deps)
  local known = deps.runtimes.has_vm(found.live.runtime) and VM_REFUSALS or REFUSALS
  return found.lease ~= nil and not found.lease.is_taken and known[result.code] == true
end

local function words_of(args, live, env, tty, deps)
  return deps.runtimes.of(live.runtime).exec_argv(deps.live.plan(live), args.rest and args.rest[1] and args.rest, {
    stdin = true, tty = tty, workdir = args.workdir, env = env,
  })
end

function M.run(args, deps)
  local found, message, code, hint = find_live(args.name, deps)
  if not found then return prepare.refuse(deps, message, code, hint) end
  local lease <close>, env = found.lease, variables(args.env, deps)
  local _ <close> = found.crossing
  local tty = found.tty and not (args.json or args.no_tty)
  if tty then add_terminal(env, deps) end
  if lease then table.move(found.variables, 1, #found.variables, #env + 1, env) end
  local run, result = args.json and run_collected or run_with
  result, message, code =
    run(words_of(args, found.live, env, tty, deps), lease, deps,
      { tty = tty, env = found.env, has_vm = deps.runtimes.has_vm(found.live.runtime) })
  if not result then return prepare.refuse(deps, message, code) end
  if is_refused(result, found, deps) then
    if args.json then deps.err(result.stderr) end
    message, code, hint = explain_refusal(found.live, args, deps)
    return prepare.refuse(deps, message, code, hint)
  end
  return args.json and print_collected(result, deps) or status_of(result)
end

return M
