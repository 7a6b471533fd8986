-- SPDX-License-Identifier: MIT
-- `wrapix FILE.lua [ARG...]`: runs the file. One that returns a table is a
-- profile and goes back to the caller; any other was a script, and its first
-- result is the exit status.

local path = require("wrapix.path")
local prepare = require("wrapix.cli.prepare")
local spec = require("wrapix.cli.spec")
local run = require("wrapix.cli.run")
local task = require("wrapix.task")

local M = {}

-- A script decides for itself; saying nothing would let a limit seem to hold.
local function warn_unused(args, deps)
  for _, option in ipairs(run.options) do
    local target = spec.target(option)
    local given = args[target]
    local is_given = given ~= nil and (type(given) ~= "table" or #given > 0)
    if is_given and target ~= "quiet" and target ~= "verbose" then
      deps.report:warn(("run: %s: is a script, so %s had no effect")
        :format(path.show(args.profile), option.flags[#option.flags]))
    end
  end
end

--- The exit status a script's results ask for: an integer is the status, nil
--- with a message and false are failures, anything else is success.
local function status_of(results, name, deps)
  local first, message = results[1], results[2]
  if math.type(first) == "integer" then return first & 0xff end
  if first == nil and type(message) == "string" then
    deps.report:error(("run: %s: %s"):format(path.show(name), message))
    return 1
  end
  return first == false and 1 or 0
end

-- The tasks that the file leaves are waited for; one that raises has failed it.
local function run_file(args, words, deps)
  local ctx = deps.context(prepare.workspace(args, deps))
  local out = table.pack(pcall(task.root, deps.profile.load_file, args.profile, ctx, words))
  if out[1] then return table.unpack(out, 2, out.n) end
  local message, traceback = tostring(out[2]):match("^([^\n]*)\n?(.*)$")
  return nil, ("run: %s: %s"):format(path.show(args.profile), message), "EINVAL", nil, traceback
end

--- Runs a file.
---@param args table parsed words up to the file's name
---@param words string[] the words after it
---@param deps table
---@return table? profile nil when it was a script, or failed
---@return integer? status when there is no profile
function M.load(args, words, deps)
  local kind, value, code, hint, traceback = run_file(args, words, deps)
  if traceback then deps.report:detail(traceback) end
  if not kind then return nil, prepare.refuse(deps, value, code, hint) end
  if kind == "profile" then return value end
  warn_unused(args, deps)
  return nil, status_of(value, args.profile, deps)
end

return M
