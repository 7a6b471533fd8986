-- SPDX-License-Identifier: MIT
-- `wrapix completion names KIND`: names of what is there, for the completion scripts.
-- Says nothing of what goes wrong: whoever presses TAB has not asked anything yet.
-- Starts no program that a workspace names, and changes nothing.

local find = require("wrapix.cli.find")
local path = require("wrapix.path")
local prepare = require("wrapix.cli.prepare")

local M = {}

--- What there are names of, besides the words that the scripts know.
M.KINDS = { "sandbox", "session", "spec", "issue", "closed-issue" }

-- As many of the sessions that have ended.
local LAST = 100
local LONGEST = 256

local of = {}

function of.sandbox(_, deps) return find.all(deps) end

-- Those that have an output: detached ones.
function of.session(_, deps)
  local list = {}
  for _, live in ipairs(find.all(deps) or {}) do
    if live.detach then list[#list + 1] = live end
  end
  for _, entry in ipairs(deps.record.read(deps.dirs().state, { last = LAST }) or {}) do
    if entry.detach then list[#list + 1] = entry end
  end
  return list
end

function of.spec(args, deps)
  return require("ralph.offers").specs(prepare.workspace(args, deps))
end

function of.issue(args, deps)
  return require("ralph.offers").issues(prepare.workspace(args, deps), false)
end

of["closed-issue"] = function(args, deps)
  return require("ralph.offers").issues(prepare.workspace(args, deps), true)
end

-- One word on one line, which starts no option.
local function is_plain(name)
  return type(name) == "string" and name ~= "" and #name <= LONGEST and name:sub(1, 1) ~= "-"
    and not name:find("[%c\127]") and path.show(name) == name
end

--- Prints the names of a kind.
---@param args { kind: string, workspace: string? }
---@param deps table
---@return integer status
function M.run(args, deps)
  local list_names = of[args.kind]
  if not list_names then
    deps.report:error(("usage: '%s' is no kind of name"):format(path.show(args.kind)),
      "there are " .. table.concat(M.KINDS, ", "))
    return 2
  end
  local names, seen = {}, {}
  for _, one in ipairs(list_names(args, deps) or {}) do
    if is_plain(one.name) and not seen[one.name] then
      seen[one.name] = true
      names[#names + 1] = one.name .. "\n"
    end
  end
  table.sort(names)
  deps.out(table.concat(names))
  return 0
end

return M
