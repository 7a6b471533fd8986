-- SPDX-License-Identifier: MIT
-- `wrapix login AGENT` opens a sandbox with nothing in it but that agent's login
-- and runs its login command at the terminal; `wrapix login status` lists which
-- agent is logged in where. Never reads a token: what a store says of itself is
-- the agent's table to tell.

local options = require("wrapix.cli.options")
local output = require("wrapix.cli.output")
local path = require("wrapix.path")
local prepare = require("wrapix.cli.prepare")
local schema = require("wrapix.schema")

local lazy = require("wrapix.lazy")
local text_table = lazy("wrapix.cli.text_table")

local STATUS = "status"
-- A store is a sandbox's to write, and an agent's table a person's.
local LONGEST_DETAIL = 500

local function check_name(text)
  if schema.is_word(text) then return true end
  return nil, "is no name of a login: a-z, 0-9, - and _ only"
end

---@type wrapix.CliCommand
local M = {
  name = "login",
  summary = "Log an agent in, once for all projects, or show what is logged in.",
  description = "Opens a sandbox that has the agent, its login store and an empty workspace, and "
    .. "runs the agent's own login command in it. The login is kept on this host and mounted into every "
    .. "sandbox whose profile has the agent. `wrapix login status` lists agents and logins.",
  usage = { "wrapix login AGENT [--name NAME]", "wrapix login status [--json]" },
  arguments = {
    { name = "agent", argname = "AGENT|status", offers = "login",
      description = "Name of the agent, such as claude; status lists." },
  },
  options = options.list(
    { flags = { "--name" }, argname = "NAME", check = check_name,
      description = "Which login, as the profile's `login` names it (default: default)." },
    { flags = { "--image" }, argname = "REF", check = options.image.check,
      description = "Use this image, which has the agent, instead of building one." },
    { flags = options.workspace.flags, argname = "DIR", check = options.workspace.check,
      offers = "directory",
      description = "As root: log in the user who owns DIR (default: the current directory)." },
    options.json, options.quiet, options.verbose
  ),
  example = {
    { "wrapix login claude", "log Claude Code in for all sandboxes" },
    { "wrapix login claude --name work", "a second login, for profiles with login = \"work\"" },
    { "wrapix login status --json", "what is logged in, as JSON" },
  },
}

-- Status -------------------------------------------------------------------------

local STATES = {
  there = "logged in", expired = "expired", none = "none", unreadable = "unreadable",
}

-- Whose logins are looked at: as root also those of the users it starts sandboxes for.
local function users(dirs, deps)
  local list = { { uid = deps.sys.uid(), gid = deps.sys.gid(), mode = "keep-id" } }
  for _, uid in ipairs(deps.sys.euid() == 0 and deps.logins.uids(dirs) or {}) do
    list[#list + 1] = { uid = uid, gid = uid, mode = "direct" }
  end
  return list
end

local function shorten(text)
  if type(text) ~= "string" or not utf8.len(text) then return nil end
  return text_table.cut(text, LONGEST_DETAIL)
end

-- The table of an agent may be the user's own, and the files in the store are a sandbox's.
local function state_of(agent, stored, dirs, user, deps)
  if stored.problem then return "refused", stored.problem end
  local read = deps.logins.reader(dirs, user, agent.name, stored.name)
  local reason
  local ok, state, detail = pcall(agent.login.status, function(name)
    local text, message, code = read(name)
    if not text and code and code ~= "ENOENT" then reason = message end
    return text, message, code
  end, os.time())
  if not ok then
    local what = type(state) == "string" and state or "an error of type " .. type(state)
    return "unknown", "the agent's table failed: " .. what
  end
  -- What an agent takes for none may be there.
  if reason and state == "none" then state = "unreadable" end
  if state == "unreadable" then detail = detail or reason or "holds nothing that can be read" end
  return STATES[state] or "unknown", detail
end

local function add_logins(rows, agent, dirs, user, deps)
  local found = {}
  for _, stored in ipairs(deps.logins.list(dirs, user)) do
    if stored.agent == agent.name then found[#found + 1] = stored end
  end
  if #found == 0 and user.mode == "keep-id" then
    found[1] = { agent = agent.name, name = deps.store.DEFAULT }
  end
  for _, stored in ipairs(found) do
    local state, detail = state_of(agent, stored, dirs, user, deps)
    rows[#rows + 1] = {
      agent = agent.name, login = stored.name, state = state, detail = shorten(detail),
      changed = stored.changed and math.floor(stored.changed), uid = user.uid,
    }
  end
end

local function add_variables(rows, agent, deps)
  local env = deps.sys.environ()
  for _, name in ipairs(agent.secrets) do
    if (env[name] or "") ~= "" then
      rows[#rows + 1] = { agent = agent.name, variable = name, state = "by variable" }
    end
  end
end

local function collect(deps)
  local rows, dirs = {}, deps.dirs()
  for _, name in ipairs(deps.agents.names()) do
    local agent, message = deps.agents.get(name)
    if not agent then
      deps.report:warn(message)
    else
      add_variables(rows, agent, deps)
      for _, user in ipairs(agent.login and users(dirs, deps) or {}) do
        add_logins(rows, agent, dirs, user, deps)
      end
    end
  end
  return rows
end

local function print_status(rows, deps)
  local cells = { { "AGENT", "LOGIN", "STATE", "CHANGED", "DETAIL" } }
  for i, row in ipairs(rows) do
    local name = row.variable or row.login
    if row.uid and row.uid ~= deps.sys.uid() then name = ("%s (uid %d)"):format(name, row.uid) end
    cells[i + 1] = {
      path.show(row.agent), path.show(name), row.state,
      row.changed and os.date("%Y-%m-%d %H:%M", row.changed) or "-",
      row.detail and path.show(row.detail) or "",
    }
  end
  local size = deps.sys.term_size(1)
  deps.out(text_table.render(cells, { color = deps.color, columns = size and size.cols }))
end

local function status(args, deps)
  local rows = collect(deps)
  if args.json then return output.json(deps.json.array(rows), deps) end
  print_status(rows, deps)
  return 0
end

-- Logging in ---------------------------------------------------------------------------

-- An empty directory in the place of a workspace, gone with this variable. As root it
-- decides whose login it is: that of the owner of the directory one is in.
local function empty_workspace(args, deps)
  local dir, message, code = deps.fs.temp_dir("wrapix-login-")
  if not dir then return nil, message, code end
  local function remove() deps.fs.remove_tree(dir) end
  local workspace = setmetatable({ path = dir }, { __close = remove })
  if deps.sys.euid() ~= 0 then return workspace end
  local owner
  owner, message, code = deps.fs.stat(prepare.workspace(args, deps))
  local ok = owner
  if owner then ok, message, code = deps.fs.chown(dir, owner.uid, owner.gid) end
  if ok then return workspace end
  deps.fs.remove_tree(dir)
  return nil, message, code
end

-- base with this one agent; what else base names is no part of a login.
local function login_profile(agent, args, deps)
  local profile, message, code, hint = deps.profile.load("base", deps.context(deps.cwd()))
  if not profile then return nil, message, code, hint end
  profile.name, profile.agents, profile.agent = "login", { agent.name }, agent.name
  profile.login, profile.network = args.name, "open"
  return profile
end

local function find(name, deps)
  local agent, message, code, hint = deps.agents.get(name)
  if not agent then return nil, message, code == "ENOAGENT" and "EUSAGE" or code, hint end
  if agent.login then return agent end
  local names = table.concat(agent.secrets, ", ")
  return nil, ("login: %s: this agent has no login"):format(path.show(name)), "EUSAGE",
    names ~= "" and ("set a variable of its own: %s"):format(names) or nil
end

local function report(agent, plan, deps)
  local login = plan.agents and plan.agents[1] and plan.agents[1].login
  if not login then return end
  local state = state_of(agent, { name = login.name }, deps.dirs(), plan.user, deps)
  deps.report:note(("%s: login '%s': %s"):format(agent.title, login.name, state))
end

local function login(args, deps)
  local agent, message, code, hint = find(args.agent, deps)
  if not agent then return prepare.refuse(deps, message, code, hint) end
  local profile
  profile, message, code, hint = login_profile(agent, args, deps)
  if not profile then return prepare.refuse(deps, message, code, hint) end
  local workspace <close>, why, what = empty_workspace(args, deps)
  if not workspace then return prepare.refuse(deps, why, what) end
  local facts, plan
  facts, message, code, hint = deps.gather({ workspace = workspace.path })
  if facts then
    plan, message, code, hint = deps.plan.make(profile, {
      agent = agent.name, image = args.image, command = agent.login.command, login = true,
    }, facts, { runs = true })
  end
  if not plan then return prepare.refuse(deps, message, code, hint) end
  for _, warning in ipairs(args.quiet and {} or plan.warnings) do
    deps.report:warn(warning.text, warning.hint)
  end
  local result
  result, message, code, hint = deps.launch.run(plan, facts, { log = deps.report })
  if not result then return prepare.refuse(deps, message, code, hint) end
  if not args.quiet then report(agent, plan, deps) end
  return result.signal and 128 + result.signal or result.code
end

function M.run(args, deps)
  local is_status = args.agent == STATUS
  local reason = not is_status and args.json and "--json goes with `wrapix login status`"
    or is_status and args.name and "--name goes with an AGENT; status lists all logins"
    or is_status and args.workspace and "-C goes with an AGENT; status lists all logins"
    or is_status and args.image and "--image goes with an AGENT; status starts nothing"
  if reason then
    return prepare.refuse(deps, "usage: " .. reason, "EUSAGE", "`wrapix login --help` shows how")
  end
  return (is_status and status or login)(args, deps)
end

return M
