-- SPDX-License-Identifier: MIT
-- `wrapix image update-agents`: moves the pins of agents to the newest versions, and
-- says which images are built anew because of it. Builds none.

local agents_of = require("wrapix.schema.check")
local common = require("wrapix.cli.image.common")
local lazy = require("wrapix.lazy")
local output = require("wrapix.cli.output")

local nearest = lazy("wrapix.nearest")

local M = {}

local function sorted(map)
  local names = {}
  for name in pairs(map) do names[#names + 1] = name end
  table.sort(names)
  return names
end

-- What a word asks for: "name", or "name@version".
local function asked(word, known)
  local name, version = agents_of.agent(word)
  if name and known[name] then return name, version end
  name = word:match("^[^@]*")
  local reason = known[name] and "is no version such as 1.2.3" or "no agent that can be installed"
  return nil, ("update-agents: %s: %s%s"):format(common.show(word), reason,
    known[name] and "" or nearest.hint(name, known)), "EUSAGE",
    not known[name] and "those are " .. table.concat(sorted(known), ", ") or nil
end

-- The agents that are installed, by name, all or those asked for; and the versions
-- that were asked for.
local function chosen(words, deps)
  local known, names = {}, deps.agents.names()
  for _, name in ipairs(names) do
    local agent, message, code, hint = deps.agents.get(name)
    if not agent then return nil, message, code, hint end
    local install = agent.install
    if install and (install.npm or install.commands) then known[name] = agent end
  end
  if #words == 0 then return known, {} end
  local out, versions = {}, {}
  for _, word in ipairs(words) do
    local name, version, code, hint = asked(word, known)
    if not name then return nil, version, code, hint end
    if version and versions[name] and version ~= versions[name] then
      return nil, ("update-agents: %s: two versions, %s and %s")
        :format(name, versions[name], version), "EUSAGE"
    end
    out[name], versions[name] = known[name], version or versions[name]
  end
  return out, versions
end

-- The newest versions of those that npm knows and nobody gave a version for. It is npm in
-- an image that is asked; where nobody has to be, no engine is needed.
local function newest_of(known, given, args, deps)
  local names = {}
  for name, agent in pairs(known) do
    if agent.install.npm and not given[name] then names[#names + 1] = name end
  end
  if #names == 0 then return {} end
  table.sort(names)
  local facts, message, code, hint = common.facts(args, deps)
  if not facts then return nil, message, code, hint end
  local recipe
  recipe, message, code, hint = deps.image.recipe({ name = "npm", agents = names }, facts.env)
  if not recipe then return nil, message, code, hint end
  return deps.interruptible(function()
    return deps.image.newest(recipe, facts, { report = deps.report })
  end)
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

local function compare(known, given, newest, recipes, deps)
  local list = {}
  for _, name in ipairs(sorted(known)) do
    local pin, message, code, hint = deps.pins.get(name)
    if message then return nil, message, code, hint end
    local old = pin or known[name].install.version
    local new = given[name] or newest[name] or old
    list[#list + 1] = { name = name, old = old, new = new, changed = old ~= new,
      by_hand = not known[name].install.npm or nil,
      rebuilds = deps.json.array(rebuilt(name, recipes)) }
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

local function line_of(one, given)
  if one.changed then return ("%s → %s"):format(one.old, one.new) end
  if given[one.name] then return one.old .. ", as before" end
  if not one.by_hand then return one.old .. ", the newest" end
  return ("%s, moved by hand: wrapix image update-agents %s@VERSION"):format(one.old, one.name)
end

local function print_list(list, given, args, deps)
  local count = 0
  for _, one in ipairs(list) do
    local line = line_of(one, given)
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
  local known, given, code, hint = chosen(args.names, deps)
  if not known then return common.refuse(deps, given, code, hint) end
  local newest, list, ok, message
  newest, message, code, hint = newest_of(known, given, args, deps)
  if not newest then return common.refuse(deps, message, code, hint) end
  local recipes = common.recipes(args, { env = deps.sys.environ() }, deps)
  list, message, code, hint = compare(known, given, newest, recipes, deps)
  if not list then return common.refuse(deps, message, code, hint) end
  if not args.dry_run then
    ok, message, code, hint = write(list, deps)
    if not ok then return common.refuse(deps, message, code, hint) end
  end
  if args.json then return output.json(deps.json.array(list), deps) end
  print_list(list, given, args, deps)
  return 0
end

return M
