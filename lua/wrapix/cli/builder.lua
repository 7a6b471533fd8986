-- SPDX-License-Identifier: MIT
-- `wrapix builder`, which is `wrapix-builder` too: the Linux builder for Nix, from its
-- start to its removal, and what clients of it have to know.

local lazy = require("wrapix.lazy")
local options = require("wrapix.cli.options")
local output = require("wrapix.cli.output")
local path = require("wrapix.path")
local prepare = require("wrapix.cli.prepare")

local engine = lazy("wrapix.builder.engine")
local forms = lazy("wrapix.builder.forms")
local keys_of = lazy("wrapix.builder.keys")
local life = lazy("wrapix.builder.life")
local setup = lazy("wrapix.cli.builder.setup")
local shell = lazy("wrapix.shell")
local text_table = lazy("wrapix.cli.text_table")

local function open(args, deps)
  local facts, message, code, hint = deps.gather({ workspace = "/", runtime = args.runtime })
  if not facts then return nil, message, code, hint end
  return life.open(facts, deps.report)
end

-- Opens the builder, does one thing with it and tells the outcome.
local function with_builder(args, deps, act, tell)
  local builder, message, code, hint = open(args, deps)
  if not builder then return prepare.refuse(deps, message, code, hint) end
  local result
  result, message, code, hint = act(builder)
  if not result then return prepare.refuse(deps, message, code, hint) end
  return tell(result, builder) or 0
end

-- start, stop, restart ---------------------------------------------------------------------

local function tell_started(deps)
  return function(result)
    local how = result.was_running and "runs already" or "is ready"
    deps.out(("wrapix-builder %s: 127.0.0.1:%d\n"):format(how, result.port))
    if not result.was_running then
      deps.report:note("`wrapix builder setup` tells ssh and Nix of it, once")
    end
  end
end

local function start(args, deps)
  return with_builder(args, deps, function(builder)
    return deps.interruptible(function() return life.start(builder) end)
  end, tell_started(deps))
end

local function restart(args, deps)
  return with_builder(args, deps, function(builder)
    return deps.interruptible(function() return life.restart(builder) end)
  end, tell_started(deps))
end

local function stop(args, deps)
  return with_builder(args, deps, life.stop, function(result)
    deps.out(("wrapix-builder %s\n"):format(result.was_running and "is stopped" or "does not run"))
  end)
end

-- status -----------------------------------------------------------------------------------

local function state_text(found)
  if found.state == "absent" then return "not made yet" end
  if found.state ~= "running" then return "stopped" end
  return found.ready and "runs, and answers" or "runs, and does not answer"
end

local function show_status(found, deps)
  local rows = { { "builder", state_text(found) }, { "address", "127.0.0.1:" .. found.port },
    { "runtime", found.runtime }, { "store", path.show(found.store) } }
  local function add(name, value) if value then rows[#rows + 1] = { name, path.show(value) } end end
  add("image", found.image)
  add("since", found.started)
  add("key", found.key)
  add("host key", found.host_key)
  add("settings", found.settings)
  deps.out(text_table.render(rows))
  if found.problem then deps.report:warn("builder: " .. found.problem:gsub("^builder: ", "")) end
  if found.stale then
    deps.report:warn("builder: it was started with other settings, keys or another image",
      "`wrapix builder restart` takes the new ones")
  end
  if found.state ~= "running" then deps.report:note("`wrapix builder start` starts it") end
end

local function status(args, deps)
  return with_builder(args, deps, life.status, function(found)
    local code = found.ready and 0 or 1
    if args.json then return math.max(output.json(found, deps), code) end
    show_status(found, deps)
    return code
  end)
end

-- ssh, logs -----------------------------------------------------------------------------------

-- The status of a program that had our terminal.
local function run_inherited(argv, deps)
  local result, message, code = deps.proc.run(argv,
    { stdin = "inherit", stdout = "inherit", stderr = "inherit" })
  if not result then return prepare.refuse(deps, message, code) end
  return result.code or 128 + result.signal
end

-- One word is a line for the shell inside; several are an argument each.
local function command_line(args)
  local words = args.rest and #args.rest > 0 and args.rest or args.command or {}
  if #words == 0 then return nil end
  return #words == 1 and words[1] or shell.join(words)
end

local function ssh(args, deps)
  return with_builder(args, deps, function(builder)
    local keys, message, code, hint = keys_of.read(builder.places.keys)
    if not keys then return nil, message, code, hint end
    return life.client(builder, keys)
  end, function(client)
    local command = command_line(args)
    local terminal = not command and deps.has_terminal() and { "-t" } or { "-T" }
    deps.flush()
    return run_inherited(forms.ssh_argv(client, terminal, command), deps)
  end)
end

local function check_count(word)
  local count = word:match("^%d+$") and math.tointeger(tonumber(word))
  if count and count < 1 << 31 then return count end
  return nil, "is no number of lines"
end

local function logs(args, deps)
  return with_builder(args, deps, function(builder)
    local state, message, code = engine.inspect(builder)
    if not state then return nil, message, code end
    if state.state ~= "absent" then return builder end
    return nil, "builder: logs: there is no builder", "ENOENT", "`wrapix builder start` starts it"
  end, function(builder)
    deps.flush()
    return run_inherited(life.logs_argv(builder, { follow = args.follow,
      last = args.last and check_count(args.last) }), deps)
  end)
end

-- reset -----------------------------------------------------------------------------------

local function agrees(args, deps)
  if args.yes then return true end
  if not deps.has_terminal() then
    deps.report:error("builder: reset: needs an answer, and there is no terminal", "--yes answers")
    return false
  end
  local keys = args.keys and ", and its keys" or ""
  deps.err(("Remove the builder and everything that was built in it%s? [y/N] "):format(keys))
  local line = deps.read_line()
  if line and line:lower():find("^%s*y") then return true end
  deps.report:note("nothing was removed")
  return false
end

local function reset(args, deps)
  if not agrees(args, deps) then return 1 end
  return with_builder(args, deps, function(builder)
    return life.reset(builder, { keys = args.keys })
  end, function()
    deps.out("wrapix-builder is gone" .. (args.keys and "\n" or "; its keys are kept\n"))
    if args.keys then
      deps.report:note("clients know the old keys: after the next start, `wrapix builder setup`")
    end
  end)
end

-- config ------------------------------------------------------------------------------------

local function lines(list) return table.concat(list, "\n") .. "\n" end

local PRINTERS = {
  ["nix.conf"] = function(client) return lines(forms.nix_conf(client)) end,
  machines = function(client) return forms.machine(client) .. "\n" end,
  ["nix-darwin"] = function(client) return forms.nix_darwin(client) end,
  ssh_config = function(client) return lines(forms.ssh_config(client)) end,
  known_hosts = function(client) return lines(forms.known_hosts(client)) end,
  ["host-key"] = function(client) return forms.host_key(client) .. "\n" end,
}
local FORMS = { "nix.conf", "machines", "nix-darwin", "ssh_config", "known_hosts", "host-key" }
local TITLES = {
  ["nix.conf"] = "of a single user, or /etc/nix/nix.conf without a file machines",
  machines = "/etc/nix/machines", ["nix-darwin"] = "a module of nix-darwin or NixOS",
  ssh_config = "~/.ssh/config or /etc/ssh/ssh_config.d/wrapix-builder.conf",
  known_hosts = "~/.ssh/known_hosts or /etc/ssh/ssh_known_hosts",
  ["host-key"] = "base64, for the last field of machines",
}

local function check_form(word)
  if PRINTERS[word] then return word end
  return nil, "is none of " .. table.concat(FORMS, ", ")
end

local function print_config(client, args, deps)
  if args.json then
    local all = {}
    for _, form in ipairs(FORMS) do all[form] = PRINTERS[form](client) end
    return output.json(all, deps)
  elseif args.form then
    deps.out(PRINTERS[args.form](client))
    return 0
  end
  for i, form in ipairs(FORMS) do
    deps.out(("%s# %s: %s\n%s"):format(i > 1 and "\n" or "", form, TITLES[form],
      PRINTERS[form](client)))
  end
  return 0
end

local function config(args, deps)
  if args.form and not check_form(args.form) then
    deps.report:error(("usage: builder config: '%s' %s"):format(args.form,
      select(2, check_form(args.form))))
    return 2
  end
  return with_builder(args, deps, function(builder)
    local keys, message, code, hint = life.keys(builder)
    if not keys then return nil, message, code, hint end
    return life.client(builder, keys)
  end, function(client) return print_config(client, args, deps) end)
end

-- The group ------------------------------------------------------------------------------------

local SPEAK = options.list(options.runtime, options.quiet, options.verbose)
local JSON = options.list(options.runtime, options.json, options.quiet, options.verbose)

---@type wrapix.CliCommand
local M = {
  name = "builder",
  summary = "Run a Linux builder for Nix in a container.",
  description = "One container with sshd and nix-daemon, on 127.0.0.1 alone, with keys made for "
    .. "this machine. What it builds is kept until `reset`. $XDG_CONFIG_HOME/wrapix/builder.lua has its "
    .. "settings: processors, memory, port, systems, features, garbage collection.",
  commands = {
    { name = "start", summary = "Start it, and wait until a client is answered.",
      description = "The first start makes the keys, builds the image and fills /nix. One that runs "
        .. "is left alone; one that was stopped is started anew, with what it built.",
      options = SPEAK, run = start,
      example = { { "wrapix builder start", "ready when it returns" } } },
    { name = "stop", summary = "Stop it; what it built is kept.", options = SPEAK, run = stop,
      example = { { "wrapix builder stop", "builds that run there are lost" } } },
    { name = "restart", summary = "Stop and start it, with the settings as they are now.",
      options = SPEAK, run = restart,
      example = { { "wrapix builder restart", "after builder.lua was changed" } } },
    { name = "status", summary = "Show how it stands; status 0 when a client is answered, else 1.",
      options = JSON, run = status,
      example = { { "wrapix builder status --json", "the same as JSON" } } },
    { name = "ssh", summary = "Open a shell in it, or run a command, as the user builder.",
      description = "One word is a line for the shell inside; several, or those after --, are a "
        .. "program and its arguments.",
      arguments = { { name = "command", argname = "CMD", optional = true, many = true,
        description = "What to run (default: a shell)." } },
      rest = { argname = "CMD...", description = "A program with options of its own." },
      options = SPEAK, run = ssh,
      example = {
        { "wrapix builder ssh", "a shell" },
        { "wrapix builder ssh 'df /nix'", "a line of shell" },
        { "wrapix builder ssh -- nix-store --verify", "a program and its options" },
      } },
    { name = "setup", summary = "Tell ssh and Nix on this machine of it.",
      description = "Writes marked blocks into ssh's and Nix's files: for everybody, where Nix has "
        .. "a daemon (with sudo, unless you are root), else for you. Doing it again changes nothing.",
      options = options.list(
        { flags = { "-n", "--dry-run" }, description = "Show the difference; write nothing." },
        { flags = { "--remove" }, description = "Take the blocks out again." },
        { flags = { "--user" }, description = "Files of yours, though Nix has a daemon." },
        { flags = { "--system" }, description = "Files of this machine, though Nix has none." },
        SPEAK),
      run = function(args, deps) return setup.run(args, deps, with_builder) end,
      example = {
        { "wrapix builder setup --dry-run", "what would be written" },
        { "wrapix builder setup --remove", "as if it had never been set up" },
      } },
    { name = "config", summary = "Print what clients are configured with.",
      arguments = { { name = "form", argname = "FORM", optional = true,
        offers = FORMS,
        description = table.concat(FORMS, ", ") .. " (default: all)." } },
      options = JSON, run = config,
      example = {
        { "wrapix builder config nix-darwin", "a module" },
        { "wrapix builder config machines", "the line of /etc/nix/machines" },
      } },
    { name = "logs", summary = "Show what it has written.",
      options = options.list(
        { flags = { "-f", "--follow" }, description = "Go on until it ends." },
        { flags = { "-n", "--last" }, argname = "N", check = check_count,
          description = "Only the last N lines." },
        SPEAK),
      run = logs, example = { { "wrapix builder logs -n 20", "the last twenty lines" } } },
    { name = "reset", summary = "Remove it with all that was built; keep the keys.",
      options = options.list(
        { flags = { "-y", "--yes" }, description = "Do not ask." },
        { flags = { "--keys" }, description = "Remove the keys, too." },
        SPEAK),
      run = reset, example = { { "wrapix builder reset --yes", "without being asked" } } },
  },
  example = {
    { "wrapix builder start", "start it, and wait until it answers" },
    { "wrapix builder setup", "tell ssh and Nix of it" },
    { "nix build --store ssh-ng://builder@wrapix-builder ...", "build there, by hand" },
  },
}

return M
