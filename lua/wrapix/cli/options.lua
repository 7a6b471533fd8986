-- SPDX-License-Identifier: MIT
-- The options that several commands share, each written once. Values are
-- checked here only as far as their form goes, so that a mistyped one is wrong
-- usage; what they mean on this host is the plan's to decide.

local mount = require("wrapix.lazy")("wrapix.mount")
local path = require("wrapix.path")
local runtimes = require("wrapix.lazy")("wrapix.runtime")
local schema = require("wrapix.schema")
local units = require("wrapix.plan.units")

local M = {}

local function check_env(text)
  if schema.is_env_name(text:match("^[^=]*")) then return true end
  return nil, "is not a variable name: letters, digits and _ only"
end

-- Of a sandbox that is not there yet, some are wrapix's own.
local function check_own_env(text) return units.variable_name(text:match("^[^=]*")) end

-- The mount language's messages name what they are about, as here the option does.
local function check_mount(text)
  local spec, message, code, hint = mount.parse(text)
  if spec then return spec end
  local prefix = ("mount: %s: "):format(path.show(text))
  local reason = message:gsub("^mount: ", "")
  if message:sub(1, #prefix) == prefix then reason = message:sub(#prefix + 1) end
  return nil, "is no mount: " .. reason, code, hint
end

local function check_directory(text)
  if text ~= "" then return true end
  return nil, "is no directory"
end

local function check_runtime(text)
  local name, reason = runtimes.parse(text)
  if name then return true end
  return nil, reason
end

M.json = { flags = { "--json" }, description = "Print JSON instead of text." }
M.quiet = { flags = { "-q", "--quiet" }, description = "Print no notices." }
M.verbose = { flags = { "-v", "--verbose" }, description = "Print more of what is done." }

M.workspace = {
  flags = { "-C", "--workspace" }, argname = "DIR", check = check_directory,
  offers = "directory",
  description = "Use DIR as the workspace instead of the current directory.",
}

local function env_option(check)
  return {
    flags = { "-e", "--env" }, argname = "NAME[=VALUE]", count = "*", check = check,
    shown = function(text) return text:match("^[^=]*") end,
    description = "Set a variable; NAME alone passes the host's value as a secret. Repeatable.",
  }
end

M.env = env_option(check_env)

M.image = {
  flags = { "--image" }, argname = "REF", check = units.image_reference,
  description = "Use this image instead of the profile's.",
}

M.runtime = {
  flags = { "--runtime" }, argname = "podman|container", check = check_runtime,
  offers = { "podman", "container" },
  description = "The container engine (default: container on macOS, podman elsewhere). "
    .. "container@VERSION is assumed by --dry-run and explain.",
}

--- What decides about a sandbox: the options of run and explain.
---@type wrapix.CliOption[]
M.sandbox = {
  M.workspace,
  env_option(check_own_env),
  { flags = { "-m", "--mount" }, argname = "SRC:DST[:ro|rw][:optional]", count = "*",
    target = "mounts", check = check_mount, offers = "file",
    description = "Show SRC of the host at DST, read-only unless rw is said. Repeatable." },
  M.image,
  { flags = { "--agent" }, argname = "NAME", offers = "agent", description = "Run this agent." },
  { flags = { "--network" }, argname = "open|none", choices = { "open", "none" },
    description = "Full network or none at all." },
  M.runtime,
  { flags = { "--cpus" }, argname = "N", check = units.cpus,
    description = "Processors, such as 2 or 1.5." },
  { flags = { "--memory" }, argname = "SIZE", check = units.size,
    description = "Memory, such as 512m or 4g." },
  { flags = { "--pids" }, argname = "N", check = units.count,
    description = "Number of processes and threads." },
  { flags = { "--timeout" }, argname = "DUR", check = units.duration,
    description = "End the command after this time, such as 90s, 5m or 1h30m." },
  { flags = { "--name" }, argname = "NAME", check = units.container_name,
    description = "Name of the container." },
  { flags = { "-d", "--detach" }, description = "Leave it running and return at once." },
  { flags = { "--keep" }, description = "Keep the container after the command has ended." },
}

--- A list of options made of single ones and lists of them.
---@param ... wrapix.CliOption|wrapix.CliOption[]
---@return wrapix.CliOption[]
function M.list(...)
  local list = {}
  for _, part in ipairs({ ... }) do
    if part.flags then part = { part } end
    table.move(part, 1, #part, #list + 1, list)
  end
  return list
end

return M
