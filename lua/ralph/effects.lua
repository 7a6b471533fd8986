-- SPDX-License-Identifier: MIT
-- The one way a step changes anything: effects by name, plain tables in and plain tables
-- out, so that whoever runs a step may replace one, or write down what each did. What an
-- effect is made of stands in the modules it calls; nothing else of a step acts.

local attempts = require "ralph.attempts"
local lazy = require "ralph.lazy"
local wrapix = require "wrapix"

local hooks, protected = lazy "ralph.hooks", lazy "ralph.protected"

local M = {}

---@alias ralph.Effect fun(ctx: ralph.StepContext, args: table): table|nil, string?, string?, string?

local BUILT_IN = {}

-- { issue, commands, tree? } → { results, cached }
function BUILT_IN.verify(ctx, args) return ctx:verifying():perform(args) end

-- { id } → issue
function BUILT_IN.claim(ctx, args) return ctx.tracker:claim(args.id) end

-- { issue, attempt, prompt } → outcome; .said and .requests by the socket
function BUILT_IN.agent(ctx, args) return require("ralph.attempt.agent").run(ctx, args) end

-- { issue, message, paths?, exclude } → { committed }; no paths: all but what is excluded
function BUILT_IN.commit(ctx, args) return ctx:verifying():commit(args) end

-- {} → { count }: containers of processes that died
function BUILT_IN.reap(ctx) return { count = wrapix.reap(ctx.project.log) } end

-- { since } → { removed }: lock files of a git that was killed with its sandbox
function BUILT_IN.unlock(ctx, args)
  if not ctx.repo then return { removed = {} } end
  local removed, kept = ctx.repo:unlock(args.since)
  for _, file in ipairs(removed) do
    ctx.project.log:note(("git: %s: was left by a git that was killed; removed"):format(wrapix.path.show(file)))
  end
  for _, file in ipairs(kept) do
    ctx.project.log:warn(("git: %s: is there, and a git is at work"):format(wrapix.path.show(file)),
      "remove it when that is none of yours: until then nothing can be committed")
  end
  return { removed = removed }
end

-- { id, attempt, message } → { ref, commit }; nothing when there is nothing to keep
function BUILT_IN.rescue(ctx, args)
  if not ctx.repo then return nil, "rescue: there is no repository", "ENOREPO" end
  return ctx.repo:rescue(args.id, args.attempt, args.message)
end

-- { id, running } → {}
function BUILT_IN.begin(ctx, args)
  local ok, message, code = attempts.begin(ctx.project, args.id, args.running)
  if not ok then return nil, message, code end
  return {}
end

-- { evidence, ended } → {}
function BUILT_IN.finish(ctx, args)
  local evidence, ok, message, code, hint = args.evidence, true, nil, nil, nil
  if #evidence.protected > 0 then ok, message, code, hint = protected.book(ctx.project, evidence) end
  if ok then ok, message, code = attempts.finish(ctx.project, evidence, args.ended) end
  if not ok then return nil, message, code, hint end
  return {}
end

-- { id, fields? } → issue
function BUILT_IN.release(ctx, args) return ctx.tracker:release(args.id, args.fields) end

-- { id, reason } → issue
function BUILT_IN.park(ctx, args) return ctx.tracker:park(args.id, args.reason) end

-- { id, text, options? } → issue
function BUILT_IN.ask(ctx, args)
  return ctx.tracker:ask(args.id, { text = args.text, options = args.options })
end

-- { id, reason? } → issue
function BUILT_IN.close(ctx, args) return ctx.tracker:close(args.id, args.reason) end

-- { id, text } → issue
function BUILT_IN.comment(ctx, args) return ctx.tracker:comment(args.id, args.text, "ralph") end

-- { fields, blocks? } → issue: discovered by the agent
function BUILT_IN.add(ctx, args)
  local issue, message, code = ctx.tracker:add(args.fields)
  if not issue or not args.blocks then return issue, message, code end
  local ok
  ok, message, code = ctx.tracker:dep(args.blocks, issue.id, "blocks")
  if not ok then
    return nil, ("%s was added, but does not block: %s"):format(issue.id, message), code
  end
  return issue
end

-- { id, text } → issue: what the agent notes
function BUILT_IN.note(ctx, args) return ctx.tracker:comment(args.id, args.text, "agent") end

-- { agent, login, reset, kind } → {}
function BUILT_IN.limit(ctx, args)
  local limits = require("ralph.attempt.limits")
  local ok, message, code = limits.note(ctx.limits_dir, limits.account(args.agent, args.login), args,
    wrapix.sys.time())
  if not ok then return nil, message, code end
  return {}
end

-- { title, message, urgency? } → {}
function BUILT_IN.notify(ctx, args)
  if not ctx.config.notify then return {} end
  wrapix.notify.send({ title = args.title, message = args.message, urgency = args.urgency })
  return {}
end

-- { name, arg } → {}
function BUILT_IN.hook(ctx, args)
  local ok, message, code = hooks.run(ctx.config.hooks, args.name, args.arg)
  if not ok then return nil, message, code end
  return {}
end

--- The names of all effects, sorted.
---@return string[]
function M.names()
  local list = {}
  for name in pairs(BUILT_IN) do list[#list + 1] = name end
  table.sort(list)
  return list
end

--- Checks a table of replacements: unknown names are slips.
---@param effects table<string, ralph.Effect>?
---@param level integer of the caller who is to blame
function M.check(effects, level)
  for name, fn in pairs(effects or {}) do
    if not BUILT_IN[name] then
      error(("effects: unknown effect '%s'%s"):format(tostring(name),
        wrapix.nearest.hint(name, BUILT_IN)), level + 1)
    end
    if type(fn) ~= "function" then
      error(("effects: %s: a function expected"):format(name), level + 1)
    end
  end
end

--- Carries out an effect. A replacement gets the built-in one as its third argument.
---@param ctx ralph.StepContext
---@param name string
---@param args table plain data
---@return table|nil result plain data
---@return string? message
---@return string? code
---@return string? hint
function M.perform(ctx, name, args)
  local built_in = BUILT_IN[name]
  if not built_in then error(("effects: unknown effect '%s'"):format(tostring(name)), 2) end
  local own = ctx.effects and ctx.effects[name]
  if not own then return built_in(ctx, args) end
  return own(ctx, args, function(more) return built_in(ctx, more or args) end)
end

return M
