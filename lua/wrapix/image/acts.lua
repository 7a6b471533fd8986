-- SPDX-License-Identifier: MIT
-- The means of a build: a long command with its output shown and kept, a lock that
-- says what is waited for, an image looked at, a Containerfile built and, when it is
-- cut short, nothing left of it. What is built and in which order is build.lua's.

local logged = require("wrapix.image.logged")
local runtimes = require("wrapix.runtime")

local M = {}

-- How long a build whose program was killed may take to clear up, in seconds.
local CLEANUP = 10
-- So much of a line goes into an error.
local SHOWN_BYTES = 160

---@class wrapix.ImageContext
---@field facts wrapix.Facts
---@field deps table fs, proc, sys, task, flags
---@field engine { path: string } the facts' engine
---@field images table the engine's words for images, see runtime/podman/images.lua
---@field dir string the cache's directory of images
---@field now fun(): integer seconds since 1970
---@field step fun(text: string) tells what begins now
---@field warn fun(text: string, hint: string?)
---@field elapsed fun(): integer seconds since the act began
---@field going fun(): true|nil, string?, string? nil once a look was cancelled: what waits again
--- raises, so each act asks here first
---@field heed fun(message: string?, code: string?) keeps a cancel for `going`
---@field service fun(): true|nil, string?, string?, string? what the engine needs to be asked runs
---@field run fun(argv: string[], job: table): true|nil, string?, string?, string?
---@field exists fun(ref: string): boolean
---@field holds fun(image: wrapix.StageImage): boolean it is there, and says that it is this one
---@field label fun(ref: string, name: string): string? of an image that is there
---@field size fun(ref: string): integer? bytes of all its layers
---@field tag fun(from: string, to: string): boolean
---@field adopt fun(image: wrapix.StageImage): boolean its content was there under another name
---@field lock fun(path: string, what: string): table|nil, string?, string?
---@field lock_image fun(image: table): table|nil, string?, string? until the result is closed
---@field try_image fun(image: table): table|nil the lock if nobody has it
---@field remove fun(ref: string): string? nil, or why it was not removed
---@field remove_container fun(name: string) one that nothing runs in
---@field forget fun(ref: string) takes away what a build left of it in the cache
---@field once fun(image: table, make: fun(): true|nil, string?, string?, string?): true|nil,
--- string?, string?, string? makes what is not there, under its lock
---@field containerfile fun(job: table): true|nil, string?, string?, string?

-- Where a service stands behind the engine, it has to run before anything can be asked.
local function ensure_service(facts, report)
  if facts.engine.name ~= "container" then return true end
  local proc = require("wrapix.proc")
  local runs, message, code =
    require("wrapix.runtime.apple.probe").service(facts.engine, { proc = proc })
  if code == "ECANCELED" then return nil, message, code end
  if runs ~= false then return true end
  local plan = { runtime = facts.engine.name, engine = facts.engine }
  return require("wrapix.launch.service").start(plan, report)
end

local function real_deps()
  return {
    service = ensure_service,
    fs = require("wrapix.fs"),
    json = require("wrapix.json"),
    proc = require("wrapix.proc"),
    sys = require("wrapix.sys"),
    task = require("wrapix.task"),
    flags = function(facts)
      if facts.engine.name == "container" then return {} end
      return require("wrapix.runtime.podman").build_flags(facts)
    end,
  }
end

local function default_report()
  return {
    note = function(_, text) io.stderr:write("wrapix: ", text, "\n") end,
    warn = function(_, text) io.stderr:write("wrapix: warning: ", text, "\n") end,
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
    local going, why, what = ctx.going()
    if not going then return nil, why, what end
    local tell = stage_teller(job.stages or {}, ctx)
    local result, message, code, hint = logged.run(argv, {
      log = ("%s/log/%s.log"):format(ctx.dir, job.name),
      env = job.env,
      interrupt = job.interrupt,
      feed = job.feed,
      as_written = ctx.images.line,
      on_line = function(line)
        tell(line)
        if job.on_line then job.on_line(line) end
        report:detail(line)
      end,
    }, ctx.deps)
    if not result then
      return nil, ("%s: %s: %s"):format(job.what, job.object, message or "failed"), code, hint
    end
    if result.code == 0 then return true end
    return step_failed(job, result)
  end
end

local QUIET = { stdin = "null", stdout = "pipe", stderr = "pipe", timeout = 60 }

-- A cancel is told once. Who only wants to know whether something is there cannot pass it
-- on, so it is kept for the act that comes next.
local function add_going(ctx)
  local cut
  function ctx.going()
    if cut then return nil, cut, "ECANCELED" end
    return true
  end
  function ctx.heed(message, code)
    if code == "ECANCELED" then cut = message end
  end
end

local function quiet(ctx, argv)
  local going, message, code = ctx.going()
  if not going then return nil, message, code end
  local result
  result, message, code = ctx.deps.proc.run(argv, QUIET)
  if not result then ctx.heed(message, code) end
  return result, message, code
end

local function ask(ctx, argv)
  local result = quiet(ctx, argv)
  return result and result.code == 0 and (result.stdout or "") or nil
end

-- A name alone proves nothing: it may have been given to something else, or to what
-- a crash left. Only an image that says of itself what it was made from counts.
local function add_looks(ctx)
  local images, engine = ctx.images, ctx.engine
  function ctx.exists(ref)
    local said = ask(ctx, images.exists_argv(engine, ref))
    return said ~= nil and images.exists(said, ref)
  end
  function ctx.holds(image)
    return ctx.label(image.ref, "wrapix.recipe") == image.hash
  end
  function ctx.label(ref, name)
    local said = ask(ctx, images.label_argv(engine, ref, name))
    return said and images.label(said, name)
  end
  function ctx.size(ref)
    local said = ask(ctx, images.size_argv(engine, ref))
    return said and images.size(said)
  end
end

local function file_name(ref) return (ref:gsub("^localhost/", ""):gsub("[^%w._-]", "_")) end

local function add_removal(ctx)
  --- nil, or why not.
  function ctx.remove(ref)
    local result, message = quiet(ctx, ctx.images.remove_argv(ctx.engine, ref))
    if not result then return message end
    if result.code == 0 then return nil end
    return (result.stderr or ""):match("([^\n]+)%s*$") or ctx.images.title .. " failed"
  end
  function ctx.remove_container(name)
    quiet(ctx, ctx.images.remove_container_argv(ctx.engine, name))
  end
  function ctx.forget(ref)
    local name = file_name(ref)
    ctx.deps.fs.remove_tree(ctx.dir .. "/context/" .. name)
    ctx.deps.fs.unlink(("%s/log/%s.log"):format(ctx.dir, name))
  end
end

-- Where the engine cannot be asked for a label, all images are looked through.
local function twin_of(ctx, hash)
  if ctx.images.twins_argv then
    local said = ask(ctx, ctx.images.twins_argv(ctx.engine, hash))
    return said and ctx.images.twin(said)
  end
  if not ctx.going() then return nil end
  local entries, message, code = require("wrapix.image.list").read(ctx.facts, { deps = ctx.deps })
  if not entries then ctx.heed(message, code) end
  for _, entry in ipairs(entries or {}) do
    if entry.hash == hash then return entry.ref end
  end
end

-- The same content may be there under another name.
local function add_twins(ctx)
  function ctx.tag(from, to)
    return ask(ctx, ctx.images.tag_argv(ctx.engine, from, to)) ~= nil
  end
  function ctx.adopt(image)
    local twin = twin_of(ctx, image.hash)
    return twin ~= nil and ctx.tag(twin, image.ref)
  end
end

-- Who has to wait is told for what.
local function locker(ctx)
  return function(path, what)
    local fs = ctx.deps.fs
    local ok, message, code = ctx.going()
    if ok then ok, message, code = fs.ensure_dir(path:match("^(.*)/"), tonumber("700", 8)) end
    if not ok then return nil, message, code end
    local lock
    lock, message, code = fs.lock(path, { wait = false })
    if lock or code ~= "EAGAIN" then return lock, message, code end
    ctx.step("waiting for another build of " .. what)
    return fs.lock(path, { wait = true })
  end
end

local function lock_file(ctx, image) return ("%s/lock/%s"):format(ctx.dir, image.hash) end

local function add_locks(ctx)
  ctx.lock = locker(ctx)
  function ctx.lock_image(image) return ctx.lock(lock_file(ctx, image), image.ref) end
  function ctx.try_image(image)
    local path = lock_file(ctx, image)
    if not ctx.deps.fs.ensure_dir(path:match("^(.*)/"), tonumber("700", 8)) then return nil end
    return (ctx.deps.fs.lock(path, { wait = false }))
  end
  function ctx.once(image, make)
    if ctx.holds(image) then return true end
    local lock <close>, message, code = ctx.lock_image(image)
    if not lock then return nil, message, code end
    if ctx.holds(image) or ctx.adopt(image) then return true end
    return make()
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

-- What lies beside the Containerfile: some engines give a build nothing else of the host.
local function write_context(fs, context, made)
  for _, file in ipairs(made.files) do
    local text, message, code = file.text, nil, nil
    if file.from then text, message, code = fs.read(file.from) end
    if not text then return nil, message, code end
    local ok
    ok, message, code = fs.write_atomic(context .. "/" .. file.name, text,
      { mode = tonumber("600", 8) })
    if not ok then return nil, message, code end
  end
  return fs.write_atomic(context .. "/Containerfile", made.text)
end

-- Builds a Containerfile. Its directory is the context.
local function builder(ctx)
  return function(job)
    local fs = ctx.deps.fs
    local flags, message, code, hint = ctx.going()
    if flags then flags, message, code, hint = ctx.deps.flags(ctx.facts) end
    if not flags then return nil, message, code, hint end
    local name = file_name(job.ref)
    local context, bundles = ctx.dir .. "/context/" .. name, ctx.dir .. "/tmp/" .. name
    local ok
    for _, dir in ipairs({ context, bundles }) do
      ok, message, code = fs.ensure_dir(dir, tonumber("700", 8))
      if not ok then return nil, message, code end
    end
    local made
    made, message, code, hint = ctx.images.build(job,
      { engine = ctx.engine, context = context, flags = flags })
    if not made then return nil, message, code, hint end
    ok, message, code = write_context(fs, context, made)
    if not ok then return nil, message, code end
    local env = { TMPDIR = bundles }
    for variable, value in pairs(made.env) do env[variable] = value end
    ctx.step(job.step)
    ok, message, code, hint = ctx.run(made.argv, {
      what = "build image", object = job.ref, name = name,
      explain = job.explain, stages = BUILD_STAGES,
      env = env, interrupt = interrupter(ctx, bundles),
    })
    fs.remove_tree(bundles)
    -- Mirrors may hold a password; what the host trusts is there anew each time.
    for _, file in ipairs(made.files) do fs.unlink(context .. "/" .. file.name) end
    return ok, message, code, hint
  end
end

--- Makes the means for one act.
---@param facts wrapix.Facts
---@param opts { report: table?, deps: table?, now: (fun(): integer)? }
---@return wrapix.ImageContext
function M.new(facts, opts)
  local report = opts.report or default_report()
  local ctx = {
    facts = facts,
    deps = opts.deps or real_deps(),
    engine = facts.engine,
    images = runtimes.of(facts.engine.name).images,
    dir = facts.dirs.cache .. "/images",
    now = opts.now or os.time,
  }
  local started = ctx.now()
  ctx.elapsed = function() return ctx.now() - started end
  ctx.step = function(text)
    local seconds = ctx.elapsed()
    report:note(seconds > 0 and ("%s (%d s so far)"):format(text, seconds) or text)
  end
  ctx.warn = function(text, hint) report:warn(text, hint) end
  ctx.service = function()
    if not ctx.deps.service then return true end
    return ctx.deps.service(facts, report)
  end
  add_going(ctx)
  ctx.run, ctx.containerfile = runner(ctx, report), builder(ctx)
  add_locks(ctx)
  add_looks(ctx)
  add_twins(ctx)
  add_removal(ctx)
  return ctx
end

return M
