-- SPDX-License-Identifier: MIT
-- Images that Nix made: `image = { nix = "/nix/store/…" }` names a program that
-- writes the archive of one image to stdout (dockerTools.streamLayeredImage), or
-- that archive itself (buildLayeredImage). It goes straight into `podman load`, once
-- for each store path. Pure but for `make`. The program runs on this host, so only
-- a path of Nix's store is taken, and it gets nothing of the environment but PATH.

local lazy = require("wrapix.lazy")
local paths = require("wrapix.path")

local failure = lazy("wrapix.image.failure")

local STORE = "/nix/store"
-- 160 bits in Nix's own base 32, which leaves out e, o, t and u; then a name. See
-- "Store path" in Nix's manual.
local HASH = ("[0-9a-df-np-sv-z]"):rep(32)
local NAME = "[%w+._?=-]+"
-- What src/nix/image.nix calls its images. Nobody needs the name beside ours.
local LOADED_NAME = "^localhost/wrapix%-nix/"
-- So many last lines of the program go into an error.
local KEPT_LINES = 5

local BUILD_HINT = "build it again: `nix build` in the flake it comes from"

local M = { name = "nix" }

local function fail(object, reason, code, hint)
  return nil, ("image: %s: %s"):format(paths.show(object), reason), code or "EIMAGE", hint
end

--- Tells whether a text is a path of a store: the store's directory, a hash with
--- a name, and perhaps a file below it.
---@param text any
---@param store string the store's directory
---@return boolean
function M.is_store_path(text, store)
  if type(text) ~= "string" or #text > 1024 or text:sub(1, #store + 1) ~= store .. "/" then
    return false
  end
  local first, below = text:sub(#store + 2):match("^([^/]*)(.*)$")
  if not first:find("^" .. HASH .. "%-" .. NAME .. "$") then return false end
  for word in below:gmatch("/([^/]*)") do
    if not word:find("^" .. NAME .. "$") or word == "." or word == ".." then return false end
  end
  return true
end

--- Where the store is: where the environment's NIX_STORE_DIR, which Nix itself
--- obeys, says; /nix/store as a rule.
---@param env table<string, string>?
---@return string
function M.store_of(env)
  local dir = env and env.NIX_STORE_DIR
  if type(dir) ~= "string" or dir:sub(1, 1) ~= "/" then return STORE end
  return paths.normalize(dir)
end

--- The part of a recipe this backend answers for.
---@param profile table with `image` and `env`, the launcher's environment
---@return table|nil
---@return string? message
---@return string? code "EIMAGE"
---@return string? hint
function M.describe(profile)
  local path, store = profile.image.nix, M.store_of(profile.env)
  if not M.is_store_path(path, store) then
    local form = 'write image = { nix = "%s/HASH-NAME" }, as `lib.mkSandbox` of the flake does'
    return fail(path, "is not a path of Nix's store, " .. store, "EIMAGE", form:format(store))
  end
  return { base = path, packages = {}, links = {}, stages = { { kind = "nix", path = path } } }
end

--- The path, which has the hash of all that went in.
---@param _ wrapix.Recipe
---@param stage wrapix.Stage
---@return string
function M.source(_, stage) return ("nix %s\n"):format(stage.path) end

-- Loading ------------------------------------------------------------------------------

-- What a link in the store leads to is of the store as well.
local function examine(path, ctx)
  local fs = ctx.deps.fs
  local stat, message, code = fs.stat(path)
  if not stat then
    if code ~= "ENOENT" then return nil, message, code end
    return fail(path, "is not in the store; it was removed or never built here", "ENOENT",
      BUILD_HINT)
  end
  local store = M.store_of(ctx.facts.env)
  local real, within
  real, message, code = fs.realpath(path)
  if real then within, message, code = fs.realpath(store) end
  if not within then return nil, message, code end
  if real:sub(1, #within + 1) ~= within .. "/" then
    return fail(path, "leads out of the store to " .. paths.show(real), "EACCES")
  elseif stat.type ~= "file" then
    return fail(path, ("is a %s; a program or an archive expected"):format(stat.type), "EIMAGE",
      "name the result of dockerTools.streamLayeredImage or buildLayeredImage")
  end
  return { path = real, is_program = stat.mode & tonumber("111", 8) ~= 0 }
end

-- Names every layer on stderr, which is more than a pipe holds.
local function keep_last(stream, last)
  for line in function() return stream:read_line() end do
    if #last == KEPT_LINES then table.remove(last, 1) end
    last[#last + 1] = line:gsub("[%c\x7f]", "?"):sub(1, 300)
  end
  -- After a line that was too long: who is not read, waits.
  while stream:read() do end
  return true
end

local function pump(from, to)
  while true do
    local chunk, message, code = from:read()
    if not chunk then return message == nil or nil, message, code end
    local ok
    ok, message, code = to:write(chunk)
    if not ok then return nil, message, code end
  end
end

local function program_failed(result, last)
  local how = result.signal and ("was ended by signal %s"):format(result.signal)
    or ("failed with status %s"):format(result.code)
  local lines = { "the program that makes it " .. how }
  for _, line in ipairs(last) do lines[#lines + 1] = "| " .. line end
  local reason, code, hint = failure.explain(last)
  if reason then lines[1] = lines[1] .. ": " .. reason end
  return nil, table.concat(lines, "\n"), code or "EIMAGE", hint
end

-- The engine is told of the end of its input only when the program succeeded, so that
-- half an image is never taken for one.
local function feed(found, ctx, stdin)
  local source <close>, message, code = ctx.deps.proc.spawn({ found.path }, {
    clear_env = true, env = { PATH = ctx.facts.env.PATH or "/usr/bin:/bin" },
    stdout = "pipe", stderr = "pipe", session = true,
  })
  if not source then
    return nil, ("the program cannot be run: %s"):format(message), code, BUILD_HINT
  end
  local last = {}
  return ctx.deps.task.scope(function(scope)
    local words = scope:spawn(keep_last, source.stderr, last)
    local ok
    ok, message, code = pump(source.stdout, stdin)
    if not ok then
      source:stop(1)
      words:wait()
      -- Why it reads no more, the engine says itself.
      return code == "EPIPE" or nil, message, code
    end
    words:wait()
    local result
    result, message, code = source:wait()
    if not result then return nil, message, code end
    if result.code ~= 0 then return program_failed(result, last) end
    stdin:close()
    return true
  end)
end

local MEANINGS = {
  { "payload does not match any of the supported image formats",
    "what it gives is not the archive of an image" },
  { "unexpected EOF", "its archive ends too early" },
}

--- What the output of a failed load means.
---@param lines string[]
---@return string? reason
---@return string? code
---@return string? hint
function M.explain(lines)
  local reason, code, hint = failure.explain(lines)
  if reason then return reason, code, hint end
  for _, line in ipairs(lines) do
    for _, meaning in ipairs(MEANINGS) do
      if line:find(meaning[1], 1, true) then return meaning[2], "EIMAGE", BUILD_HINT end
    end
  end
end

-- Into the engine, which says the image's name.
local function take(argv, recipe, image, ctx, job)
  local names = {}
  job.what, job.object, job.name = "load image", recipe.base, "load-" .. image.hash
  job.explain = M.explain
  job.on_line = function(line) names[#names + 1] = ctx.images.loaded(line) end
  local ok, message, code, hint = ctx.run(argv, job)
  if not ok then return nil, message, code, hint end
  if #names ~= 1 then
    return fail(recipe.base, ("holds %d images; one expected"):format(#names))
  end
  return names[1]
end

local function load(recipe, image, found, ctx)
  ctx.step(("loading %s from %s"):format(image.ref, recipe.base))
  local file = not found.is_program and found.path or nil
  return take(ctx.images.load_argv(ctx.engine, file), recipe, image, ctx, {
    feed = found.is_program and function(stdin) return feed(found, ctx, stdin) end or nil,
  })
end

-- A stream of Docker's kind as a file, whole or not there.
local function store(found, file, ctx)
  local fs = ctx.deps.fs
  fs.unlink(file)
  local sink = { closed = false }
  function sink.write(_, chunk) return fs.append(file, chunk) end
  function sink.close(self) self.closed = true end
  local ok, message, code, hint = feed(found, ctx, sink)
  if ok and sink.closed then return true end
  fs.unlink(file)
  return nil, message or "the archive could not be written", code or "EIMAGE", hint
end

-- For an engine that takes OCI archives alone: by way of two files beside the images'.
local function load_converted(recipe, image, found, ctx)
  local fs, oci = ctx.deps.fs, require("wrapix.image.oci")
  local docker, archive = ("%s/nix-%s.docker"):format(ctx.dir, image.hash),
    ("%s/nix-%s.oci"):format(ctx.dir, image.hash)
  local loaded = "localhost/wrapix-nix/loaded:" .. image.hash
  local ok, message, code, hint = fs.ensure_dir(ctx.dir, tonumber("700", 8))
  ctx.step(("converting %s from %s"):format(image.ref, recipe.base))
  if ok and found.is_program then ok, message, code, hint = store(found, docker, ctx) end
  if ok then
    ok, message, code, hint =
      oci.convert(found.is_program and docker or found.path, archive, loaded, ctx)
  end
  local name
  if ok then
    ctx.step(("loading %s"):format(image.ref))
    name, message, code, hint = take(ctx.images.load_argv(ctx.engine, archive), recipe, image, ctx, {})
  end
  fs.unlink(docker)
  fs.unlink(archive)
  if not name then return nil, message, code, hint end
  if name ~= loaded and not ctx.tag(name, loaded) then
    ok, message, code = ctx.going()
    if not ok then return nil, message, code end
    return fail(name, "was loaded, but cannot be given a name", "EENGINE")
  end
  return loaded
end

local function id_of(name, ctx)
  local argv = ctx.images.id_argv(ctx.engine, name)
  local result, message, code =
    ctx.deps.proc.run(argv, { stdin = "null", stdout = "pipe", stderr = "pipe", timeout = 60 })
  if not result then return nil, message, code end
  local id = result.code == 0 and ctx.images.id(result.stdout or "")
  if not id then return fail(name, "was loaded, but the engine does not know it", "EENGINE") end
  return id
end

--- Loads the image and gives it its name and its labels. The name is set when the
--- image is whole; the record of what was loaded goes.
---@param recipe wrapix.Recipe
---@param image wrapix.StageImage
---@param ctx wrapix.ImageContext
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.make(recipe, image, ctx)
  local found, message, code, hint = examine(image.stage.path, ctx)
  if not found then return nil, message, code, hint end
  local name, id, ok
  local bring = ctx.images.loads_docker and load or load_converted
  name, message, code, hint = bring(recipe, image, found, ctx)
  if not name then return nil, message, code, hint end
  id, message, code, hint = id_of(name, ctx)
  if not id then return nil, message, code, hint end
  ok, message, code, hint = ctx.containerfile({
    ref = image.ref, text = ("FROM %s\n"):format(id), step = "naming " .. image.ref,
    labels = {
      { "wrapix.recipe", image.hash }, { "wrapix.profile", recipe.name },
      { "wrapix.stage", image.kind }, { "wrapix.base", recipe.base },
    },
    explain = M.explain,
  })
  if not ok then return nil, message, code, hint end
  if name:find(LOADED_NAME) then
    -- Its layers stay, as those of the image just made. Untagged only, it would be left
    -- behind when that one is removed.
    ctx.remove(name)
  end
  return true
end

return M
