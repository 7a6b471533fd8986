-- SPDX-License-Identifier: MIT
-- Gets the image a recipe builds on: the one in storage, the registry's, or,
-- where no registry answers and the base is a release of Debian, one made from
-- Debian's packages by mmdebstrap. Decides nothing about what goes on top.
--
-- WRAPIX_BASE=registry or =mmdebstrap forces the way. Which way was taken is
-- written in a label, and is no part of the image's name: both bases are the
-- same release with the same packages to within a handful.

local failure = require("wrapix.image.failure")

local M = {}

-- Long enough for a slow line, short enough to be waited for. The answer to
-- this is a page of text; the download itself has no limit.
local ANSWER_SECONDS = 15
-- How long a silent registry is left alone.
local SILENCE_SECONDS = 6 * 3600

-- The same to leave out as the registry's slim image; see image/debian.lua.
local BOOTSTRAP = {
  "--format=tar",
  "--variant=minbase",
  "--include=ca-certificates",
  '--aptopt=Acquire::Languages "none"',
  "--dpkgopt=force-unsafe-io",
  "--dpkgopt=path-exclude=/usr/share/man/*",
  "--dpkgopt=path-exclude=/usr/share/doc/*",
  "--dpkgopt=path-include=/usr/share/doc/*/copyright",
  "--dpkgopt=path-exclude=/usr/share/locale/*",
  -- Both are copies of this host's; the engine writes its own into a container.
  '--customize-hook=rm -f "$1/etc/hostname" "$1/etc/resolv.conf"',
}

--- The Debian release of a base that mmdebstrap could make as well, or nil.
---@param base string in full
---@return string? suite
function M.suite(base)
  local tag = base:match("^docker%.io/library/debian:([a-z]+)$")
    or base:match("^docker%.io/library/debian:([a-z]+)%-slim$")
  return tag == "latest" and "stable" or tag
end

local function silence_file(ctx) return ctx.dir .. "/registry-silent" end

local function is_silent(ctx)
  local since = tonumber(ctx.deps.fs.read(silence_file(ctx)) or "", 10)
  local age = since and ctx.now() - since
  return age ~= nil and age >= 0 and age < SILENCE_SECONDS
end

local function remember_silence(ctx)
  ctx.deps.fs.write_atomic(silence_file(ctx), ("%d"):format(ctx.now()))
end

--- Asks for the base's manifest, which is small and comes at once or never.
---@return boolean|nil answers nil: cancelled
---@return string? reason why not
---@return string? code "ECANCELED"
local function registry_answers(base, ctx)
  local argv = ctx.images.manifest_argv(ctx.engine, base)
  local result, message, code = ctx.deps.proc.run(argv, {
    stdin = "null", stdout = "pipe", stderr = "pipe", timeout = ANSWER_SECONDS,
    max_output = 65536,
  })
  if code == "ECANCELED" then return nil, message, code end
  if not result then return false, message end
  if result.timed_out then return false, ("no answer in %d seconds"):format(ANSWER_SECONDS) end
  if result.code == 0 then return true end
  local lines = {}
  for line in (result.stderr or ""):gmatch("[^\n]+") do lines[#lines + 1] = line end
  return false, failure.explain(lines) or lines[#lines] or ctx.images.title .. " failed"
end

--- Pulls an image, with its progress shown.
---@param ref string
---@param ctx wrapix.ImageContext
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.pull(ref, ctx)
  ctx.step("pulling " .. ref)
  local ok, message, code, hint = ctx.run(ctx.images.pull_argv(ctx.engine, ref), {
    what = "pull", object = ref, name = "pull", explain = failure.explain,
  })
  if ok then return true end
  return nil, message, code, hint or ("is the name right, and is its registry reached from here? "
    .. "`%s` asks it again"):format(table.concat(ctx.images.pull_argv({ path = ctx.images.title }, ref), " "))
end

local STAGES = {
  { "^I: downloading", "downloading the base's packages" },
  { "^I: extracting", "unpacking the base" },
  { "^I: installing essential", "setting up the base" },
  { "^I: creating tarball", "packing the base" },
}

local function bootstrap(suite, tar, ctx)
  ctx.step(("making a Debian %s base with mmdebstrap (once; about half a minute)"):format(suite))
  local partial = tar .. ".partial"
  local mode = ctx.facts.euid == 0 and "root" or "unshare"
  local argv = { "mmdebstrap", "--mode=" .. mode }
  table.move(BOOTSTRAP, 1, #BOOTSTRAP, #argv + 1, argv)
  table.move({ suite, partial }, 1, 2, #argv + 1, argv)
  local ok, message, code, hint = ctx.run(argv, {
    what = "make base", object = "debian " .. suite, name = "base-" .. suite,
    explain = failure.explain, stages = STAGES,
  })
  if not ok then
    ctx.deps.fs.unlink(partial)
    if code == "ENOENT" then
      return nil, "make base: mmdebstrap: is not installed, and no registry answers", "EIMAGE",
        "apt install mmdebstrap uidmap debian-archive-keyring"
    end
    return nil, message, code, hint
  end
  -- Renamed first and written later, it could be found empty after a crash.
  local _, why, what = ctx.deps.proc.run({ "sync", partial }, { stdin = "null" })
  if what == "ECANCELED" then
    ctx.deps.fs.unlink(partial)
    return nil, why, what
  end
  return ctx.deps.fs.rename(partial, tar)
end

local function import(tar, ref, suite, ctx)
  ctx.step("importing the base")
  local changes = { 'CMD ["/bin/bash"]', "LABEL wrapix.bootstrap=" .. suite }
  return ctx.run(ctx.images.import_argv(ctx.engine, tar, ref, changes),
    { what = "import base", object = ref, name = "import", explain = failure.explain })
end

-- The archive stays: importing takes seconds, and storage may be emptied.
local function bootstrapped(suite, ctx)
  local ref = "localhost/wrapix-base-debian:" .. suite
  if ctx.exists(ref) then return ref end
  local tar = ("%s/base-%s-%s.tar"):format(ctx.dir, suite, ctx.deps.sys.arch())
  local lock <close>, message, code = ctx.lock(tar .. ".lock", "the base " .. ref)
  if not lock then return nil, message, code end
  if ctx.exists(ref) then return ref end
  local ok, hint
  if not ctx.deps.fs.stat(tar) then
    ok, message, code, hint = bootstrap(suite, tar, ctx)
    if not ok then return nil, message, code, hint end
  end
  ok, message, code, hint = import(tar, ref, suite, ctx)
  if not ok then
    -- Made anew next time: it may be the archive that is bad.
    if code ~= "ECANCELED" and code ~= "ENOSPC" then ctx.deps.fs.unlink(tar) end
    return nil, message, code, hint
  end
  return ref
end

local function from_registry(base, ctx)
  if base:find("^localhost/") then
    return nil, ("base %s: no such image"):format(base), "ENOENT",
      "build it, or name another base in the profile"
  end
  local ok, message, code, hint = M.pull(base, ctx)
  if not ok then return nil, message, code, hint end
  return base
end

--- Finds, pulls or makes the image to build on.
---@param base string in full
---@param ctx wrapix.ImageContext
---@return string|nil ref what to write after FROM
---@return string? message
---@return string? code
---@return string? hint
function M.ensure(base, ctx)
  local forced, suite = ctx.facts.env.WRAPIX_BASE, M.suite(base)
  -- Made on this host, whose system has to be Linux, and taken in as a tree of files.
  local can_make = ctx.images.import_argv ~= nil
  if forced == "mmdebstrap" and not can_make then
    return nil, ("base %s: %s cannot take in what mmdebstrap makes"):format(base, ctx.images.title),
      "EIMAGE", "unset WRAPIX_BASE"
  elseif forced == "mmdebstrap" then
    if suite then return bootstrapped(suite, ctx) end
    return nil, ("base %s: mmdebstrap makes releases of Debian only"):format(base), "EIMAGE",
      "unset WRAPIX_BASE"
  end
  if ctx.exists(base) then return base end
  local going, why, what = ctx.going()
  if not going then return nil, why, what end
  if forced == "registry" or not suite or not can_make then return from_registry(base, ctx) end
  if is_silent(ctx) then return bootstrapped(suite, ctx) end
  ctx.step("looking for " .. base)
  local answers, reason, problem = registry_answers(base, ctx)
  if answers == nil then return nil, reason, problem end
  if answers then
    local ref, message, code, hint = from_registry(base, ctx)
    if ref or code == "ECANCELED" or code == "ENOSPC" then return ref, message, code, hint end
    reason = message:match("^[^\n]+")
  end
  ctx.step("no registry: " .. reason)
  remember_silence(ctx)
  return bootstrapped(suite, ctx)
end

return M
