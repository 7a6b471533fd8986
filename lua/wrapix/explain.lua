-- SPDX-License-Identifier: MIT
-- A plan as people read it: every item with where it comes from, then what was
-- left out and why, then the engine's command line flag by flag. Pure; it
-- decides nothing and sees no secret, because a plan holds none.

local path = require("wrapix.path")
local shell = require("wrapix.shell")

local M = {}

-- After a longer cell the row goes on in the next line, so that columns stay columns.
local WIDEST = { 34, 58 }

local UNITS = { { 1 << 30, "GiB" }, { 1 << 20, "MiB" }, { 1 << 10, "KiB" } }

local function size(bytes)
  for _, unit in ipairs(UNITS) do
    if bytes >= unit[1] then return ("%.4g %s"):format(bytes / unit[1], unit[2]) end
  end
  return ("%d bytes"):format(bytes)
end

local function width(text) return utf8.len(text) or #text end

local function text_of(origin) return origin and origin.text or "" end

local function yes_no(value) return value and "yes" or "no" end

-- Sections -----------------------------------------------------------------------

local function terminal_text(terminal)
  if terminal.tty then
    local at = terminal.size and (" %dx%d"):format(terminal.size.cols, terminal.size.rows) or ""
    return "stdin and a terminal" .. at
  end
  return terminal.stdin and "stdin" or "none"
end

local function command_rows(plan)
  local command = plan.command
  local words = command.shell and "a shell of the image" or shell.join(command.value)
  local rows = {
    { "command", words, command.origin },
    { "terminal", terminal_text(plan.terminal), plan.terminal.origin },
    { "container", path.show(plan.name), plan.name_origin },
    { "profile", path.show(plan.profile) },
    { "workspace", ("%s → %s"):format(path.show(plan.workspace.source), plan.workspace.dest),
      plan.workspace.origin },
  }
  if plan.terminal.watch then
    rows[#rows + 1] = { "watched", "bell, OSC 9, 99 and 777 are notifications",
      plan.terminal.watch_origin }
  end
  local lease = plan.lease
  if lease then
    rows[#rows + 1] = { "lease", ("%s %s"):format(lease.mode, path.show(lease.path)), lease.origin }
  end
  if plan.detach then rows[#rows + 1] = { "detached", "yes", plan.terminal.origin } end
  if plan.keep then rows[#rows + 1] = { "kept", "yes", { text = "--keep" } } end
  return rows
end

local function image_rows(plan)
  local recipe = plan.image.recipe
  local verb = recipe and (recipe.backend == "nix" and "loaded" or "built")
  local how = verb and verb .. " when it is not there" or "used as it is"
  return { { path.show(plan.image.ref), how, plan.image.origin } }
end

local USER_MODES = { ["keep-id"] = "as on the host", vm = "as on the host, made in the VM" }

local function user_rows(plan)
  local user = plan.user
  local how = USER_MODES[user.mode] or "given to the engine"
  return { { user.name, ("%d:%d, %s"):format(user.uid, user.gid, how), user.origin } }
end

local function mount_rows(plan)
  local rows = {}
  for i, mount in ipairs(plan.mounts) do
    local what = mount.type == "tmpfs" and ("tmpfs, at most %s"):format(size(mount.size))
      or path.show(mount.source)
    rows[i] = { path.show(mount.dest), ("%s  %s"):format(mount.mode, what), mount.origin }
  end
  return rows
end

local function env_rows(plan)
  local rows = {}
  for i, variable in ipairs(plan.env) do
    local value = variable.secret and "(secret, not shown)" or path.show(variable.value)
    rows[i] = { path.show(variable.name), value, variable.origin }
  end
  return rows
end

local function limit_rows(plan)
  local rows = {}
  for i, limit in ipairs(plan.limits) do
    local value = limit.name == "memory" and size(limit.value)
      or ("%.10g"):format(limit.value) .. (limit.name == "timeout" and " s" or "")
    if limit.note then value = ("%s, %s"):format(value, limit.note) end
    rows[i] = { limit.name, value, limit.origin }
  end
  return rows
end

-- Which credential an agent takes, and what it stands before.
local function credential_text(credentials)
  local names = {}
  for i, one in ipairs(credentials) do
    names[i] = one.kind == "login" and ("the login '%s'"):format(one.name) or one.name
  end
  if #names == 0 then return "none" end
  local first = table.remove(names, 1)
  return #names == 0 and first or ("%s, before %s"):format(first, table.concat(names, ", "))
end

local function agent_rows(plan)
  local rows = {}
  local function add(...) rows[#rows + 1] = { ... } end
  for _, agent in ipairs(plan.agents or {}) do
    add(agent.name, ("%s%s%s"):format(path.show(agent.title),
      agent.version and "" or ", the image's own version", agent.runs and ", runs" or ""),
      agent.origin)
    if agent.version then add("  version", agent.version, agent.version_origin) end
    if agent.login then add("  login", path.show(agent.login.source)) end
    add("  credential", credential_text(agent.credentials))
    for _, file in ipairs(agent.files) do add("  settings", path.show(file)) end
    for _, unused in ipairs(agent.unused) do
      add("  not carried", ("%s: %s"):format(path.show(unused.what), path.show(unused.reason)))
    end
  end
  return rows
end

local function network_rows(plan)
  local network = plan.network
  local how = network.mode == "none" and "no network" or "by " .. network.backend
  local rows = { { network.mode, how, network.origin } }
  for _, server in ipairs(network.dns or {}) do
    rows[#rows + 1] = { "dns", server.address, server.origin }
  end
  return rows
end

local function security_rows(plan)
  local security = plan.security
  local rows = {
    { "capabilities", security.cap_drop == "all" and "none" or "some", security.origin },
    { "no new privileges", yes_no(security.no_new_privileges), security.origin },
    { "system call filter", security.seccomp == "guest" and "set in the VM"
      or path.show(security.seccomp or "none"), security.seccomp_origin },
    { "user namespaces", security.userns and "allowed" or "refused", security.seccomp_origin },
    { "root file system", security.read_only and "read-only" or "writable",
      security.read_only_origin },
  }
  if security.label then
    rows[#rows + 1] = { "label", security.label, security.label_origin }
  end
  return rows
end

local function label_rows(plan)
  local rows = {}
  for i, label in ipairs(plan.labels) do
    rows[i] = { label.name, path.show(label.value), label.origin }
  end
  return rows
end

local function engine_rows(plan)
  local engine = plan.engine
  local rows = { { plan.runtime, path.show(engine.path), engine.origin } }
  if engine.oci_runtime then
    rows[2] = { "OCI runtime", path.show(engine.oci_runtime), engine.oci_runtime_origin }
  end
  return rows
end

local function skipped_rows(plan)
  local rows = {}
  for i, skipped in ipairs(plan.skipped) do
    local what = ("%s %s"):format(skipped.kind, path.show(skipped.what))
    rows[i] = { what, path.show(skipped.reason), skipped.origin }
  end
  return rows
end

local function warning_rows(plan)
  local rows = {}
  for _, warning in ipairs(plan.warnings) do
    rows[#rows + 1] = { path.show(warning.text) }
    if warning.hint then rows[#rows + 1] = { "hint: " .. path.show(warning.hint) } end
  end
  return rows
end

local function flag_rows(plan, flags)
  local rows = { { shell.join({ plan.engine.path, "run" }), nil, plan.engine.origin } }
  for i, flag in ipairs(flags) do
    local words = {}
    for j, word in ipairs(flag.args) do words[j] = shell.quote(word) end
    rows[i + 1] = { table.concat(words, " "), nil, flag.origin }
  end
  return rows
end

-- Where the engine has no flags for it, it is done inside, by lines of a file.
local function step_rows(_, _, steps)
  local rows = {}
  for i, step in ipairs(steps or {}) do
    local words = {}
    for j, word in ipairs(step.words) do words[j] = shell.quote(word) end
    rows[i] = { table.concat(words, " "), nil, step.origin }
  end
  return rows
end

local SECTIONS = {
  { "command", command_rows }, { "image", image_rows }, { "user", user_rows },
  { "agents", agent_rows }, { "mounts", mount_rows }, { "env", env_rows }, { "limits", limit_rows },
  { "network", network_rows }, { "security", security_rows }, { "labels", label_rows },
  { "engine", engine_rows }, { "skipped", skipped_rows }, { "warnings", warning_rows },
  { "command line", flag_rows, widest = 92 }, { "in the VM", step_rows, widest = 92 },
}

-- Text ---------------------------------------------------------------------------

local function painter(color)
  local function with(code)
    return function(text) return color and ("\27[%sm%s\27[0m"):format(code, text) or text end
  end
  return { bold = with("1"), dim = with("2") }
end

local function column_width(rows, index, widest)
  local found = 0
  for _, row in ipairs(rows) do
    local cell = row[index]
    if cell and width(cell) <= widest then found = math.max(found, width(cell)) end
  end
  return found
end

-- What is written so far, with a cell added at a column or in the next line.
local function with_cell(text, line_width, at, cell)
  if line_width > at then return ("%s\n%s  %s"):format(text, (" "):rep(at), cell) end
  return ("%s%s  %s"):format(text, (" "):rep(at - line_width), cell)
end

local function row_text(row, widths, paint)
  local text, line_width, at = "  " .. row[1], width(row[1]) + 2, widths[1] + 2
  if row[2] then
    text = with_cell(text, line_width, at, row[2])
    line_width, at = at + 2 + width(row[2]), at + 2 + widths[2]
  end
  local origin = text_of(row[3])
  if origin == "" then return text end
  return with_cell(text, line_width, at, paint.dim(path.show(origin)))
end

local function section_text(title, rows, widest, paint)
  local widths = { column_width(rows, 1, widest[1]), column_width(rows, 2, widest[2]) }
  local lines = { paint.bold(title) }
  for i, row in ipairs(rows) do lines[i + 1] = row_text(row, widths, paint) end
  return table.concat(lines, "\n") .. "\n"
end

--- A heading and aligned rows of two cells and an origin.
---@param title string
---@param rows { [1]: string, [2]: string?, [3]: wrapix.Origin? }[] texts safe for a terminal
---@param opts { color: boolean?, widest: integer[]? }?
---@return string
function M.section(title, rows, opts)
  opts = opts or {}
  return section_text(title, rows, opts.widest or WIDEST, painter(opts.color))
end

--- The plan as aligned text.
---@param plan table
---@param flags wrapix.Flag[] what the runtime made of it
---@param opts { color: boolean?, steps: wrapix.AppleStep[]? }? steps: what is done inside a VM
---@return string
function M.text(plan, flags, opts)
  local blocks, color = {}, opts and opts.color
  for _, section in ipairs(SECTIONS) do
    local rows = section[2](plan, flags, opts and opts.steps)
    local widest = section.widest and { section.widest, 0 }
    if #rows > 0 then
      blocks[#blocks + 1] = M.section(section[1], rows, { color = color, widest = widest })
    end
  end
  return table.concat(blocks, "\n")
end

return M
