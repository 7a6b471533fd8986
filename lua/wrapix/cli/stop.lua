-- SPDX-License-Identifier: MIT
-- `wrapix stop NAME...`: ends sandboxes and waits until they are gone.

local find = require("wrapix.cli.find")
local options = require("wrapix.cli.options")
local output = require("wrapix.cli.output")
local path = require("wrapix.path")
local prepare = require("wrapix.cli.prepare")
local units = require("wrapix.plan.units")

-- At most so many at once: each keeps an engine process busy.
local PARALLEL = 8

local function check_grace(text)
  if text:match("^0[hms]?$") then return 0 end
  return units.duration(text)
end

---@type wrapix.CliCommand
local M = {
  name = "stop",
  summary = "End running sandboxes.",
  description = "Ends sandboxes and waits until they are gone. The program inside is asked first "
    .. "and killed after the grace; a second stop does not wait for it. One that has ended and was "
    .. "kept by --keep is removed.",
  arguments = {
    { name = "names", argname = "NAME", many = true, optional = true, offers = "sandbox",
      description = "Name or session of a sandbox, or the beginning of one." },
  },
  options = options.list(
    { flags = { "-a", "--all" }, description = "End all of yours that run." },
    { flags = { "-t", "--grace" }, argname = "DUR", check = check_grace,
      description = "How long a program may take to end, such as 3s or 1m (default: 10s)." },
    options.json, options.quiet, options.verbose
  ),
  example = {
    { "wrapix stop web", "end the sandbox whose name begins with web" },
    { "wrapix stop --all --grace 1s", "end all of them, quickly" },
  },
}

local ENDED = { exited = true, dead = true }

-- Which ones are meant. Nothing is stopped when one of the words is wrong.
local function choose(args, list, deps)
  local chosen, seen = {}, {}
  local function add(live)
    if not seen[live.session] then chosen[#chosen + 1] = live end
    seen[live.session] = true
  end
  if args.all then
    for _, live in ipairs(list) do
      if not ENDED[live.state] then add(live) end
    end
    return chosen
  end
  for _, word in ipairs(args.names) do
    local live, message, code, hint = deps.live.find(list, word)
    if not live then return nil, (message:gsub("^find", "stop")), code, hint end
    add(live)
  end
  return chosen
end

local function stop_all(chosen, grace, facts, deps)
  return deps.task.parallel(PARALLEL, chosen, function(live)
    local result, message, code = deps.stopping.one(live, facts, { grace = grace })
    return result or { session = live.session, name = live.name, result = "failed",
      error = message, code = code }
  end)
end

local function show(results, deps)
  for _, one in ipairs(results) do
    if one.result == "failed" then
      deps.report:error(("stop: %s: %s"):format(path.show(one.name), one.error))
    else
      deps.out(("%s  %s\n"):format(path.show(one.name), one.result))
    end
  end
end

function M.run(args, deps)
  if (args.all == true) == (args.names[1] ~= nil) then
    local message = args.all and "usage: --all goes without a NAME" or "usage: NAME is missing"
    deps.report:error(message, "`wrapix ps` lists the names, --all means all of them")
    return 2
  end
  local list, facts, code, hint = find.all(deps)
  if not list then return prepare.refuse(deps, facts, code, hint) end
  local chosen, message
  chosen, message, code, hint = choose(args, list, deps)
  if not chosen then return prepare.refuse(deps, message, code, hint) end
  if #chosen == 0 and not args.json then deps.report:note("no sandbox is running") end
  local results
  results, message, code = stop_all(chosen, args.grace and check_grace(args.grace), facts, deps)
  if not results then return prepare.refuse(deps, message, code) end
  local status = 0
  for _, one in ipairs(results) do
    if one.result == "failed" then status = 125 end
  end
  if args.json then return math.max(output.json(deps.json.array(results), deps), status) end
  show(results, deps)
  return status
end

return M
