-- SPDX-License-Identifier: MIT
-- `wrapix builder setup`: chooses between the files of this machine and those of the
-- user, shows what would change or has it written. What is written is builder/setup.lua's.

local keys_of = require("wrapix.builder.keys")
local life = require("wrapix.builder.life")
local path = require("wrapix.path")
local setup = require("wrapix.builder.setup")

local M = {}

local DAEMON_SOCKET = "/nix/var/nix/daemon-socket/socket"

local function targets(builder, client, args, deps)
  local is_system = args.system or not args.user and deps.fs.exists(DAEMON_SOCKET)
  if is_system then
    return setup.system_targets(client, deps.fs.exists("/etc/ssh/ssh_config.d"))
  end
  local home = builder.facts.home
  local config = deps.sys.env("XDG_CONFIG_HOME")
  if not config or config:sub(1, 1) ~= "/" then config = home .. "/.config" end
  return setup.user_targets(client, home, config)
end

-- The builder is this user's: under sudo the keys, the directory and the engine would
-- be those of root.
local function check_user(deps)
  if deps.sys.euid() ~= 0 or (deps.sys.env("SUDO_USER") or "root") == "root" then return true end
  return nil, "builder: setup: started with sudo", "EUSAGE",
    "start it as yourself; it asks sudo where it needs to"
end

local function plan(builder, args, deps)
  local ok, message, code, hint = check_user(deps)
  if not ok then return nil, message, code, hint end
  local keys
  if args.dry_run then
    keys, message, code, hint = keys_of.read(builder.places.keys)
  else
    keys, message, code, hint = life.keys(builder)
  end
  if not keys then return nil, message, code, hint end
  local client = life.client(builder, keys)
  if not args.dry_run then ok, message, code = life.write_known_hosts(client) end
  if not ok then return nil, message, code end
  return setup.plan(targets(builder, client, args, deps), args.remove == true)
end

local function show(edits, deps)
  for _, edit in ipairs(edits) do
    if setup.needs_sudo(edit) then deps.out("# with sudo\n") end
    deps.out(setup.difference(edit.path, edit.before, edit.after))
  end
end

--- Runs the command.
---@param args table
---@param deps table
---@param with_builder function see cli/builder.lua
---@return integer status
function M.run(args, deps, with_builder)
  if args.user and args.system then
    deps.report:error("usage: builder setup: either --user or --system")
    return 2
  end
  return with_builder(args, deps, function(builder)
    local edits, message, code, hint = plan(builder, args, deps)
    if not edits or args.dry_run then return edits, message, code, hint end
    deps.flush()
    local done
    done, message, code, hint = setup.apply(edits)
    if not done then return nil, message, code, hint end
    return edits
  end, function(edits)
    if #edits == 0 then
      deps.report:note("nothing to change")
    elseif args.dry_run then
      show(edits, deps)
    else
      for _, edit in ipairs(edits) do
        local done = edit.after == "" and "removed" or "wrote"
        deps.out(("%s %s\n"):format(done, path.show(edit.path)))
      end
    end
  end)
end

return M
