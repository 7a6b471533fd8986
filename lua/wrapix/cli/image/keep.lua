-- SPDX-License-Identifier: MIT
-- `wrapix image prune`, `export` and `import`: what is taken away, and what is taken
-- along.

local common = require("wrapix.cli.image.common")
local output = require("wrapix.cli.output")
local path = require("wrapix.path")

local M = {}

local function print_pruned(done, args, deps)
  for _, one in ipairs(done.images) do
    local size = one.size and (" (%s)"):format(common.size(one.size)) or ""
    if one.error then
      deps.report:warn(("kept %s: %s"):format(common.show(one.ref), one.error))
    else
      deps.out(("%s %s%s: %s\n"):format(args.dry_run and "would remove" or "removed",
        common.show(one.ref), size, one.why))
    end
  end
  local verb = args.dry_run and "would free" or "freed"
  deps.report:note(("%s %s; %d image%s stay%s"):format(verb, common.size(done.freed), done.kept,
    done.kept == 1 and "" or "s", done.kept == 1 and "s" or ""))
end

function M.prune(args, deps)
  local facts, message, code, hint = common.facts(args, deps)
  if not facts then return common.refuse(deps, message, code, hint) end
  local profiles = common.profiles(args, facts, deps)
  local done
  done, message, code, hint = deps.interruptible(function()
    return deps.image.prune(facts, profiles, { dry_run = args.dry_run, report = deps.report })
  end)
  if not done then return common.refuse(deps, message, code, hint) end
  if args.json then
    deps.json.array(done.images)
    return output.json(done, deps)
  end
  print_pruned(done, args, deps)
  return 0
end

local function finish(result, args, deps, text)
  if args.json then return output.json(result, deps) end
  deps.report:note(text)
  deps.out(result.ref .. "\n")
  return 0
end

function M.export(args, deps)
  local facts, message, code, hint = common.facts(args, deps)
  if not facts then return common.refuse(deps, message, code, hint) end
  local ref
  ref, message, code, hint = common.reference(args, facts, deps, "image export")
  if not ref then return common.refuse(deps, message, code, hint) end
  local file = path.join(deps.cwd(), args.file)
  local result
  result, message, code, hint = deps.interruptible(function()
    return deps.image.export(ref, file, facts, { report = deps.report })
  end)
  if not result then return common.refuse(deps, message, code, hint) end
  local size = common.size(result.size)
  return finish(result, args, deps, ("%s: %s"):format(common.show(args.file), size))
end

function M.import(args, deps)
  local facts, message, code, hint = common.facts(args, deps)
  if not facts then return common.refuse(deps, message, code, hint) end
  local file = path.join(deps.cwd(), args.file)
  local result
  result, message, code, hint = deps.interruptible(function()
    return deps.image.import(file, facts, { report = deps.report })
  end)
  if not result then return common.refuse(deps, message, code, hint) end
  return finish(result, args, deps, result.loaded and "loaded" or "it is there already")
end

return M
