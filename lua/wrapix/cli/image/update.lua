-- SPDX-License-Identifier: MIT
-- `wrapix image update-agents`: moves the pins of agents to the newest versions, and
-- says which images are built anew because of it. Builds none.

local agents_of = require("wrapix.schema.check")
local common = require("wrapix.cli.image.common")
local lazy = require("wrapix.lazy")
local output = require("wrapix.cli.output")

local nearest = lazy("wrapix.nearest")

local M = {}

-- The agents that are installed, by name; all, or those asked for.
local function chosen(words, deps)
  local known, names = {}, deps.agents.names()
  for _, name in ipairs(names) do
    local agent, message, code, hint = deps.agents.get(name)
    if not agent then return nil, message, code, hint end
    if agent.install and agent.install.npm then known[name] = agent end
  end
  if #words == 0 then return known end
  local out = {}
  for _, word in ipairs(words) do
    if not known[word] then
      return nil, ("update-agents: %s: no agent that is installed%s")
        :format(common.show(word), nearest.hint(word, known)), "ENOAGENT"
    end
    out[word] = known[word]
  end
  return out
end

local function sorted(map)
  local names = {}
  for name in pairs(map) do names[#names + 1] = name end
  table.sort(names)
  return names
end

-- Profiles whose image the new pin changes: those that name no version themselves.
local function rebuilt(name, recipes)
  local out = {}
  for _, one in ipairs(recipes) do
    for _, entry in ipairs(one.profile.agents or {}) do
      local agent, version = agents_of.agent(entry)
      if agent == name and not version then out[#out + 1] = one.name end
    end
  end
  return out
end

local function compare(known, newest, recipes, deps)
  local list = {}
  for _, name in ipairs(sorted(known)) do
    local old = deps.pins.get(name) or known[name].install.version
    list[#list + 1] = { name = name, old = old, new = newest[name],
      changed = old ~= newest[name], rebuilds = deps.json.array(rebuilt(name, recipes)) }
  end
  return list
end

local function write(list, deps)
  for _, one in ipairs(list) do
    if one.changed then
      local ok, message, code, hint = deps.pins.set(one.name, one.new)
      if not ok then return nil, message, code, hint end
    end
  end
  return true
end

local function print_list(list, args, deps)
  local count = 0
  for _, one in ipairs(list) do
    local line = one.changed and ("%s → %s"):format(one.old, one.new) or one.old .. ", the newest"
    deps.out(("%s %s\n"):format(one.name, line))
    if one.changed then
      count = count + 1
      if #one.rebuilds > 0 then
        deps.report:note(("%s: the next start or `wrapix image build` makes the agents' stage anew of: %s")
          :format(one.name, table.concat(one.rebuilds, ", ")))
      end
    end
  end
  if args.dry_run and count > 0 then deps.report:note("nothing was changed (--dry-run)") end
end

function M.update(args, deps)
  local known, message, code, hint = chosen(args.names, deps)
  if not known then return common.refuse(deps, message, code, hint) end
  local facts, recipe, newest, ok
  facts, message, code, hint = common.facts(args, deps)
  if not facts then return common.refuse(deps, message, code, hint) end
  recipe, message, code, hint =
    deps.image.recipe({ name = "npm", agents = sorted(known) }, facts.env)
  if not recipe then return common.refuse(deps, message, code, hint) end
  newest, message, code, hint = deps.interruptible(function()
    return deps.image.newest(recipe, facts, { report = deps.report })
  end)
  if not newest then return common.refuse(deps, message, code, hint) end
  local list = compare(known, newest, common.recipes(args, facts, deps), deps)
  if not args.dry_run then
    ok, message, code, hint = write(list, deps)
    if not ok then return common.refuse(deps, message, code, hint) end
  end
  if args.json then return output.json(deps.json.array(list), deps) end
  print_list(list, args, deps)
  return 0
end

return M
