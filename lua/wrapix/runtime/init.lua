-- SPDX-License-Identifier: MIT
-- The container runtimes by name. All that differs between them is behind the table
-- `of` returns (docs/architecture.md, "Two runtimes"); only the one that is used is
-- loaded. Decides nothing else.

local sys = require("wrapix.sys")

local M = {}

local MODULES = {
  podman = { runtime = "wrapix.runtime.podman", probe = "wrapix.runtime.probe" },
  container = { runtime = "wrapix.runtime.apple", probe = "wrapix.runtime.apple.probe" },
}

M.names = { "podman", "container" }

---@class wrapix.Runtime
---@field name "podman"|"container"
---@field title string as people write it
---@field detaches boolean its run returns while the container goes on
---@field passes_signals boolean the engine's process may stand to our terminal, as it passes signals on
---@field kill_means_gone boolean what was killed needs no removal of its own
---@field flags fun(plan: table): wrapix.Flag[]
---@field argv fun(plan: table): string[]
---@field stop_argv fun(plan: table, grace: number?): string[]
---@field kill_argv fun(plan: table, signal: string): string[]
---@field remove_argv fun(plan: table): string[]
---@field exec_argv fun(plan: table, command: string[]?, opts: wrapix.ExecOptions?): string[]
---@field attach_argv fun(plan: table, opts: table): string[]|nil, string?
---@field list_argv fun(engine: table): string[]
---@field containers fun(stdout: string, engine: table): table<string, table>|nil, string?
---@field session_argv fun(engine: table, session: string): string[]
---@field session_ids fun(stdout: string, session: string): string[]|nil, string?
---@field missing_image fun(stderr: string): boolean
---@field closed_output fun(stderr: string): boolean
---@field failure fun(stderr: string): string?, string?
---@field is_down fun(stderr: string): boolean
---@field service_argv fun(engine: table): string[]|nil
---@field stage fun(plan: table, session: table): table|nil

---The runtime of a plan, of facts or of a session.
---@param name string? nil: Podman, which a session that says nothing of it was started with
---@return wrapix.Runtime
function M.of(name)
  local known = MODULES[name or "podman"]
  if not known then error(("unknown runtime %q"):format(tostring(name)), 2) end
  return require(known.runtime)
end

---@param name any
---@return boolean
function M.is_known(name) return MODULES[name] ~= nil end

---Whether a sandbox of it has a kernel of its own, which no socket of this host enters by itself.
---@param name string?
---@return boolean
function M.has_vm(name) return name == "container" end

---What finds a runtime on this host: `read(deps, opts)` as of runtime/probe.lua.
---@param name string
---@return table
function M.probe(name) return require(MODULES[name].probe) end

---Reads what people write: a name, and after `@` a version where one is to be assumed.
---@param word string
---@return string|nil name
---@return string? version or why it is none
function M.parse(word)
  local name, version = word:match("^(%a+)@(%d[%d.]*)$")
  if name == "podman" then return nil, "a version can be named of container alone" end
  name = name or word
  if MODULES[name] then return name, version end
  return nil, ("is no runtime (%s)"):format(table.concat(M.names, ", "))
end

---The one that is used where nobody says otherwise.
---@return string name
function M.default() return sys.platform() == "macos" and "container" or "podman" end

---What the commands about a container want to know of the engine.
---@param facts wrapix.Facts
---@return { name: string, path: string, oci_runtime: string?, version: integer[]? }
function M.engine(facts)
  local engine = facts.engine
  if engine.name == "container" then
    return { name = engine.name, path = engine.path, version = engine.version }
  end
  local oci_runtime = require("wrapix.plan.host").runtime(facts) or nil
  return { name = "podman", path = engine.path, oci_runtime = oci_runtime }
end

return M
