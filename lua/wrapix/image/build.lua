-- SPDX-License-Identifier: MIT
-- The acts: build an image once however many ask for it, or pull it; show what
-- is going on; leave nothing half-made. What goes in is decided elsewhere.
-- A tag is set only by a build that succeeded, so what was there stays usable.

local first_use = require("wrapix.image.first_use")
local logged = require("wrapix.image.logged")
local recipes = require("wrapix.image.recipe")

local M = {}

-- How long a build whose program was killed may take to clear up, in seconds.
local CLEANUP = 10
-- So much of a line goes into an error.
local SHOWN_BYTES = 160

---@class wrapix.ImageContext
---@field facts wrapix.Facts
---@field deps table fs, proc, sys, task, flags
---@field engine string path of the engine
---@field dir string the cache's directory of images
---@field now fun(): integer seconds since 1970
---@field step fun(text: string) tells what begins now
---@field run fun(argv: string[], job: table): true|nil, string?, string?, string?
---@field exists fun(ref: string): boolean
---@field lock fun(path: string, what: string): table|nil, string?, string?
---@field containerfile fun(job: table): true|nil, string?, string?, string?

local function real_deps()
  return {
    fs = require("wrapix.fs"),
    proc = require("wrapix.proc"),
    sys = require("wrapix.sys"),
    task = require("wrapix.task"),
    flags = require("wrapix.runtime.podman").build_flags,
  }
end

local function default_report()
  return {
    note = function(_, text) io.stderr:write("wrapix: ", text, "\n") end,
    detail = function() end,
  }
end

-- What podman's and apt's lines tell about how far things are.
local BUILD_STAGES = {
  { "^Get:%d", "downloading packages" },
  { "^Unpacking ", "installing packages" },
  { "^COMMIT ", "storing the image" },
}

-- Tells each stage once, in the order in which they come.
local function stage_teller(stages, ctx)
  local told = 0
  return function(line)
    for i = told + 1, #stages do
      if line:find(stages[i][1]) then
        told = i
        ctx.step(stages[i][2])
        return
      end
    end
  end
end

-- Podman repeats whole instructions; the log has them in full.
local function shorten(line)
  if #line <= SHOWN_BYTES then return line end
  local last = utf8.len(line) and utf8.offset(line, 0, SHOWN_BYTES) or SHOWN_BYTES
  return line:sub(1, last - 1) .. "…"
end

--- What of a failed step to tell: the reason, the last lines, the log.
local function step_failed(job, result)
  local reason, code, hint
  if job.explain then reason, code, hint = job.explain(result.lines) end
  reason = reason or (result.signal and ("ended by signal %s"):format(result.signal)
    or ("failed with status %s"):format(result.code))
  local text = { ("%s: %s: %s"):format(job.what, job.object, reason) }
  for _, line in ipairs(result.tail) do text[#text + 1] = "| " .. shorten(line) end
  if result.log then text[#text + 1] = "the whole output is in " .. result.log end
  return nil, table.concat(text, "\n"), code or "EIMAGE", hint
end

local function runner(ctx, report)
  return function(argv, job)
    local tell = stage_teller(job.stages or {}, ctx)
    local result, message, code = logged.run(argv, {
      log = ("%s/log/%s.log"):format(ctx.dir, job.name),
      env = job.env,
      interrupt = job.interrupt,
      on_line = function(line)
        tell(line)
        report:detail(line)
      end,
    }, ctx.deps)
    if not result then
      return nil, ("%s: %s: %s"):format(job.what, job.object, message or "failed"), code
    end
    if result.code == 0 then return true end
    return step_failed(job, result)
  end
end

local function exists(ctx)
  return function(ref)
    local argv = { ctx.engine, "image", "exists", "--", ref }
    local opts = { stdin = "null", stdout = "pipe", stderr = "pipe", timeout = 60 }
    local result = ctx.deps.proc.run(argv, opts)
    return result ~= nil and result.code == 0
  end
end

-- Who has to wait is told for what.
local function locker(ctx)
  return function(path, what)
    local fs = ctx.deps.fs
    local ok, message, code = fs.ensure_dir(path:match("^(.*)/"), tonumber("700", 8))
    if not ok then return nil, message, code end
    local lock
    lock, message, code = fs.lock(path, { wait = false })
    if lock or code ~= "EAGAIN" then return lock, message, code end
    ctx.step("waiting for another build of " .. what)
    return fs.lock(path, { wait = true })
  end
end

-- The engine starts the build's program in a session of its own and does not
-- end it when it is ended itself. So the program goes first: the build then
-- fails in the ordinary way, and the engine removes its working container.
local function end_program(ctx, bundles)
  local fs, proc, found = ctx.deps.fs, ctx.deps.proc, false
  for _, name in ipairs(fs.list(bundles) or {}) do
    local pid = (fs.read(bundles .. "/" .. name .. "/pid") or ""):match("^(%d+)%s*$")
    -- Only a process in a namespace of its own has two ids.
    local status = pid and fs.read("/proc/" .. pid .. "/status")
    if status and status:find("\nNSpid:%s+%d+%s+%d") then
      proc.run({ "kill", "-KILL", pid }, { stdin = "null" })
      found = true
    end
  end
  return found
end

-- What is left after it the caller kills.
local function interrupter(ctx, bundles)
  return function(process)
    if not end_program(ctx, bundles) then return end
    ctx.deps.task.timeout(CLEANUP, function() return process:wait() end)
  end
end

local function label_flags(job)
  local recipe, flags = job.recipe, {}
  for _, label in ipairs({
    { "wrapix.recipe", recipes.hash(recipe) },
    { "wrapix.profile", recipe.name },
    { "wrapix.base", job.from },
    { "wrapix.packages", #recipe.packages },
    { "wrapix.package-list", table.concat(recipe.packages, " ") },
  }) do
    flags[#flags + 1] = "--label"
    flags[#flags + 1] = label[1] .. "=" .. label[2]
  end
  return flags
end

local function build_argv(job, context, flags, engine)
  local argv = { engine, "build" }
  local function add(list) table.move(list, 1, #list, #argv + 1, argv) end
  add(flags)
  -- One layer on the base: nothing is reused from a failed build, and every
  -- instruction would else become an image of its own.
  add({ "--pull=never", "--layers=false", "--force-rm" })
  add(label_flags(job))
  add({ "--tag", job.ref, "--file", context .. "/Containerfile", "--", context })
  return argv
end

-- Builds a Containerfile. Its directory holds nothing else: it is the context.
local function builder(ctx)
  return function(job)
    local fs = ctx.deps.fs
    local flags, message, code, hint = ctx.deps.flags(ctx.facts)
    if not flags then return nil, message, code, hint end
    local name = job.ref:gsub("^localhost/", ""):gsub("[^%w._-]", "_")
    local context, bundles = ctx.dir .. "/context/" .. name, ctx.dir .. "/tmp/" .. name
    local ok
    for _, dir in ipairs({ context, bundles }) do
      ok, message, code = fs.ensure_dir(dir, tonumber("700", 8))
      if not ok then return nil, message, code end
    end
    ok, message, code = fs.write_atomic(context .. "/Containerfile", job.text)
    if not ok then return nil, message, code end
    local count = #job.recipe.packages
    ctx.step(("building %s with %d package%s (may take a minute or two)")
      :format(job.ref, count, count == 1 and "" or "s"))
    ok, message, code, hint = ctx.run(build_argv(job, context, flags, ctx.engine), {
      what = "build image", object = job.ref, name = name,
      explain = job.explain, stages = BUILD_STAGES,
      env = { TMPDIR = bundles }, interrupt = interrupter(ctx, bundles),
    })
    fs.remove_tree(bundles)
    return ok, message, code, hint
  end
end

local function make_context(facts, opts)
  local report = opts.report or default_report()
  local ctx = {
    facts = facts,
    deps = opts.deps or real_deps(),
    engine = facts.engine.path,
    dir = facts.dirs.cache .. "/images",
    now = opts.now or os.time,
  }
  local started = ctx.now()
  ctx.elapsed = function() return ctx.now() - started end
  ctx.step = function(text)
    local seconds = ctx.elapsed()
    report:note(seconds > 0 and ("%s (%d s so far)"):format(text, seconds) or text)
  end
  ctx.run, ctx.exists, ctx.lock = runner(ctx, report), exists(ctx), locker(ctx)
  ctx.containerfile = builder(ctx)
  return ctx
end

-- Another profile with the same packages has built it already.
local function tag_twin(recipe, ref, ctx)
  local argv = { ctx.engine, "images", "--quiet", "--no-trunc", "--filter",
    "label=wrapix.recipe=" .. recipes.hash(recipe) }
  local opts = { stdin = "null", stdout = "pipe", stderr = "pipe", timeout = 60 }
  local result = ctx.deps.proc.run(argv, opts)
  local id = result and result.code == 0 and (result.stdout or ""):match("^sha256:(%x+)\n")
  if not id then return false end
  ctx.step("an image with the same packages is there; giving it this name too")
  result = ctx.deps.proc.run({ ctx.engine, "tag", id, ref }, opts)
  return result ~= nil and result.code == 0
end

local function is_absent(ref, ctx) return not ctx.exists(ref) end

local function build_recipe(recipe, ref, ctx)
  if tag_twin(recipe, ref, ctx) then return true end
  return recipes.backend(recipe).make(recipe, ref, ctx)
end

local function pull_reference(ref, ctx)
  if ref:find("^localhost/") then
    return nil, ("image %s: no such image"):format(ref), "ENOENT",
      "build it with `podman build`, or name another one"
  end
  return require("wrapix.image.base").pull(ref, ctx)
end

local function lock_path(ref, ctx)
  return ("%s/lock/%s"):format(ctx.dir, ref:gsub("[^%w._-]", "_"):sub(-200))
end

local function consent(opts)
  if not opts or not opts.before then return true end
  return opts.before()
end

--- Makes sure an image is in the engine's storage: a recipe's is built, a
--- reference's pulled, by one process at a time; the others wait and find it.
---
--- Options: `before` runs when it is not there, and may refuse by returning nil, message;
--- `report` (note, detail; see cli/report.lua), `now` and `deps` (fs, proc, sys, task,
--- flags) for specs.
---@param target wrapix.Recipe|string
---@param facts wrapix.Facts
---@param opts { before: function?, report: table?, deps: table?, now: (fun(): integer)? }?
---@return { ref: string, built: boolean, seconds: number }|nil
---@return string? message may hold further lines: the end of the output, the log
---@return string? code "ENOPKG", "ENETUNREACH", "ENOSPC", "ECANCELED", "EIMAGE", …
---@return string? hint
function M.ensure(target, facts, opts)
  local ctx = make_context(facts, opts or {})
  local is_recipe = type(target) == "table"
  local ref = is_recipe and recipes.reference(target) or target
  if type(ref) ~= "string" then error("target: recipe or reference expected", 2) end
  if not is_absent(ref, ctx) then return { ref = ref, built = false, seconds = 0 } end
  local ok, message, code, hint = consent(opts)
  if not ok then return nil, message, code, hint end
  local lock <close>, why, what = ctx.lock(lock_path(ref, ctx), ref)
  if not lock then return nil, why, what end
  if not is_absent(ref, ctx) then
    return { ref = ref, built = false, seconds = ctx.elapsed() }
  end
  if is_recipe then
    ok, message, code, hint = build_recipe(target, ref, ctx)
  else
    ok, message, code, hint = pull_reference(ref, ctx)
  end
  if not ok then return nil, message, code, hint end
  first_use.forget(ref, facts, { deps = ctx.deps })
  ctx.step("ready: " .. ref)
  return { ref = ref, built = true, seconds = ctx.elapsed() }
end

return M
