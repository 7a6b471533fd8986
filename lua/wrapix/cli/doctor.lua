-- SPDX-License-Identifier: MIT
-- `wrapix doctor`: whether sandboxes can start on this host, and the one command
-- that mends each thing in the way. Asks the same functions as the plan, so that
-- it cannot promise what a start then refuses. Changes nothing.

local explain = require("wrapix.explain")
local options = require("wrapix.cli.options")
local output = require("wrapix.cli.output")
local path = require("wrapix.path")
local prepare = require("wrapix.cli.prepare")

---@type wrapix.CliCommand
local M = {
  name = "doctor",
  summary = "Check whether sandboxes can start on this host.",
  description = "Shows the container engine and what this host lets it do. For each problem it "
    .. "prints one command that mends it. Ends with status 1 when something prevents a start.",
  options = options.list(options.workspace, options.runtime, options.json, options.quiet, options.verbose),
  example = {
    { "wrapix doctor", "what works here, and what does not" },
    { "wrapix doctor --json", "the same as JSON" },
    { "wrapix doctor --runtime container", "of Apple's container: version, service, network" },
  },
}

-- The parts of a plan that can fail because of the host alone.
local CHECKS = { "add_user", "add_network", "add_security", "add_engine" }

local function is_apple(facts) return facts.engine.name == "container" end

local function split_hint(message, hint)
  local text, inner = message:match("^(.-)\nhint: (.*)$")
  return { text = (text or message):gsub("^plan: ", ""), hint = inner or hint }
end

-- Runs every check, also after one has failed: a person wants to see them all.
local function examine(facts, deps)
  local plan = { skipped = {}, warnings = {}, limits = {} }
  local ctx = { plan = plan, profile = { name = "doctor" }, options = {}, facts = facts }
  local problems, decide = {}, is_apple(facts) and deps.plan_apple or deps.plan_host
  for _, name in ipairs(CHECKS) do
    local ok, message, _, hint = decide[name](ctx)
    if not ok then problems[#problems + 1] = split_hint(message, hint) end
  end
  if is_apple(facts) then return problems, plan end
  deps.plan_limits.add(ctx)
  return problems, plan
end

-- What only asking tells; it is told besides what the plan says.
local function look_at_apple(found, deps)
  local seen = deps.apple_doctor.look(found.facts.engine, deps)
  found.apple = seen
  for _, one in ipairs(seen.problems) do found.problems[#found.problems + 1] = one end
  for _, one in ipairs(seen.warnings) do found.warnings[#found.warnings + 1] = one end
end

local function engine_rows(facts)
  local engine = facts.engine
  local runtime = engine.oci_runtime
  local who = engine.rootless and "rootless" or "as root"
  return {
    { engine.name, ("%s, %s"):format(engine.version_text, who), { text = engine.path } },
    { "OCI runtime", ("%s %s"):format(runtime.name, runtime.version or ""),
      { text = runtime.path or "" } },
    { "storage", engine.graph_driver or "unknown" },
    { "pasta", path.show(engine.pasta or "missing") },
    { "slirp4netns", path.show(engine.slirp4netns or "missing") },
    { "system call filter", path.show(engine.seccomp_path or "missing") },
  }
end

local function most(value)
  return value == math.huge and "no limit" or ("at most %.0f"):format(value)
end

local function host_rows(facts, plan)
  local controllers = {}
  for name, on in pairs(facts.cgroup.controllers) do
    if on then controllers[#controllers + 1] = name end
  end
  table.sort(controllers)
  local delegated = #controllers > 0 and table.concat(controllers, " ") or "none"
  local network = plan.network and plan.network.backend or "not available"
  local ids = facts.subuid and "yes" or facts.engine.rootless and "none" or "not needed"
  return {
    { "network", network },
    { "/dev/net/tun", facts.tun_readable and "can be opened" or "cannot be opened" },
    { "cgroup", facts.cgroup.mode },
    { "controllers", delegated },
    { "subordinate ids", ids },
    { "open files", most(facts.limits.nofile.hard) },
    { "processes", most(facts.limits.nproc.hard) },
    { "processors", tostring(facts.cpus) },
    { "memory", ("%.1f GiB"):format(facts.memory_bytes / (1 << 30)) },
  }
end

local function message_rows(list)
  local rows = {}
  for _, entry in ipairs(list) do
    rows[#rows + 1] = { path.show(entry.text) }
    if entry.hint then rows[#rows + 1] = { "  hint: " .. path.show(entry.hint) } end
  end
  return rows
end

local function text_of(found, deps)
  local blocks = {}
  local function add(title, rows)
    if #rows == 0 then return end
    blocks[#blocks + 1] = explain.section(title, rows, { color = deps.color, widest = { 92, 58 } })
  end
  if found.apple then
    add("engine", found.apple.rows)
    add("what this version lacks", message_rows(found.apple.lacks))
  elseif found.facts then
    add("engine", engine_rows(found.facts))
    add("host", host_rows(found.facts, found.plan))
  end
  add("warnings", message_rows(found.warnings))
  add("problems", message_rows(found.problems))
  local verdict = #found.problems == 0 and "sandboxes can start here"
    or "sandboxes cannot start here"
  return table.concat(blocks, "\n") .. ("\n%s\n"):format(verdict)
end

-- JSON has no infinity, which is what "no limit" is.
local function finite(value, deps)
  if value == math.huge then return deps.json.null end
  if type(value) ~= "table" then return value end
  local copy = {}
  for key, inner in pairs(value) do copy[key] = finite(inner, deps) end
  return copy
end

-- Environment and file functions of the facts stay out: values of secrets.
local function data_of(found, deps)
  local facts, data = found.facts, {
    ok = #found.problems == 0,
    problems = deps.json.array(found.problems),
    warnings = deps.json.array(found.warnings),
  }
  if facts then
    for _, name in ipairs({ "engine", "cgroup", "limits", "cpus", "memory_bytes", "subuid",
      "tun_readable" }) do
      data[name] = finite(facts[name], deps)
    end
    if found.apple then
      data.service, data.gateway = found.apple.service, found.apple.gateway
      data.lacks = deps.json.array(found.apple.lacks)
    end
    data.network = found.plan.network and found.plan.network.backend
  end
  return data
end

function M.run(args, deps)
  local found = { problems = {}, warnings = {} }
  local facts, message, _, hint = deps.gather({
    workspace = prepare.workspace(args, deps), runtime = args.runtime,
  })
  if facts then
    found.facts = facts
    found.problems, found.plan = examine(facts, deps)
    found.warnings = found.plan.warnings
    if is_apple(facts) then look_at_apple(found, deps) end
  else
    found.problems[1] = split_hint(message, hint)
  end
  local status = #found.problems == 0 and 0 or 1
  if args.json then
    local written = output.json(data_of(found, deps), deps)
    return written ~= 0 and written or status
  end
  deps.out(text_of(found, deps))
  return status
end

return M
