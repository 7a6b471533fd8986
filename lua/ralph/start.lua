-- SPDX-License-Identifier: MIT
-- The first phase: a spec from the template, its row in the list of specs, and the project
-- remembering that this is what is in work. What is there already is never overwritten, so
-- that doing it twice, or after a crash in the middle, completes it.

local names = require "ralph.names"
local specs = require "ralph.specs"
local states = require "ralph.state"
local wrapix = require "wrapix"

local M = {}

---@class ralph.StartResult
---@field spec ralph.Spec
---@field created boolean false: it was there
---@field listed boolean a row was added

-- The spec, found or made.
local function ensure_spec(project, name, is_hidden)
  local spec, message, code, hint = specs.read(project, name)
  if not spec and code == "ENOENT" then
    spec, message, code, hint = specs.create(project, name, { hidden = is_hidden })
    if not spec then return nil, message, code, hint end
    return spec, true
  end
  if not spec then return nil, message, code, hint end
  if is_hidden and not spec.hidden then
    return nil, ("start: %s: is in the work tree, so it is not hidden"):format(spec.rel), "EEXIST",
      "take another name, or move that file away first"
  end
  return spec, false
end

--- Makes a spec, or takes the one there is, as what is in work.
---@param project ralph.Project
---@param name string
---@param opts { hidden: boolean? }?
---@return ralph.StartResult?
---@return string? message
---@return string? code
---@return string? hint
function M.run(project, name, opts)
  local ok, message, code, hint = names.spec(name)
  if not ok then return nil, message, code, hint end
  local spec, is_created
  spec, is_created, code, hint = ensure_spec(project, name, opts and opts.hidden or false)
  if not spec then return nil, is_created, code, hint end
  local is_listed = false
  if not spec.hidden then
    ok, is_listed, code, hint = specs.add_row(project, spec)
    if not ok then return nil, is_listed, code, hint end
  end
  local state
  state, message, code, hint = M.use(project, spec)
  if not state then return nil, message, code, hint end
  return { spec = spec, created = is_created, listed = is_listed }
end

--- Remembers that a spec is in work.
---@param project ralph.Project
---@param spec ralph.Spec
---@return ralph.State?
---@return string? message
---@return string? code
---@return string? hint
function M.use(project, spec)
  return states.update(project, function(state)
    state.current = spec.name
    local own = state.specs[spec.name] or { created = math.floor(wrapix.sys.time()) }
    own.hidden = spec.hidden or nil
    state.specs[spec.name] = own
  end)
end

--- The spec that is meant: the one named, else the one in work.
---@param project ralph.Project
---@param name string?
---@return string?
---@return string? message
---@return string? code "ENOENT" when none is in work
---@return string? hint
function M.name(project, name)
  if name then return names.spec(name) end
  local state, message, code, hint = states.read(project)
  if not state then return nil, message, code, hint end
  if state.current then return state.current end
  return nil, ("spec: %s: none is in work"):format(wrapix.path.show(project.name)), "ENOENT",
    "`ralph start NAME` makes one, `ralph use NAME` takes one that is there"
end

return M
