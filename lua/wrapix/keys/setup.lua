-- SPDX-License-Identifier: MIT
-- Makes the two keys of a repository, one to push with and one to sign with
-- (GitHub refuses one key as both), and registers them. Everything that can be
-- looked at is looked at first; the files get their names when GitHub has both.

local git = require("wrapix.git")
local github = require("wrapix.keys.github")
local keys = require("wrapix.keys")
local path = require("wrapix.path")

local M = {}

local PRIVATE = tonumber("700", 8)

local function fail(object, reason, code, hint)
  return nil, ("deploy-key: %s: %s"):format(object, reason), code, hint
end

local function check_program(name, deps, hint)
  if deps.sys.which(name) then return true end
  return fail(name, "is not installed", "ENOENT", hint)
end

-- The repository and the key's name.
local function read_target(target, opts, deps)
  local repo, note = git.find(opts.workspace, deps.fs, deps.sys.uid())
  if not repo then
    local reason = note and ("%s %s"):format(note.what, note.reason) or "is not in a git repository"
    return fail(path.show(opts.workspace), reason, "ENOREPO")
  end
  local settings = git.settings(opts.workspace, deps.fs, deps.sys.uid())
  local origin = git.text(settings, "remote.origin.url")
  if not origin then
    return fail(path.show(repo.root), "has no remote called origin", "ENOREPO",
      "git remote add origin git@github.com:OWNER/NAME.git")
  end
  target.repository = github.repository(keys.parse_url(origin))
  if not target.repository then
    return fail(path.show(origin), "is not a repository on github.com", "EHOST",
      "make the keys with ssh-keygen and register them where the repository is")
  end
  target.name = opts.name or keys.default_name(origin, repo.root, deps.sys.hostname() or "host")
  if not keys.is_name(target.name) then
    return fail(path.show(target.name), "is not a key's name", "EINVAL",
      "letters, digits, and . _ - after the first character")
  end
  target.dir = keys.dir(opts.home)
  target.titles = { deploy = target.name, signing = "signing-" .. target.name }
  target.files = {
    deploy = target.dir .. "/" .. target.name,
    signing = ("%s/%s-signing"):format(target.dir, target.name),
  }
  return true
end

local function check_programs(_, _, deps)
  local ok, message, code, hint = check_program("ssh-keygen", deps, "apt install openssh-client")
  if ok then ok, message, code, hint = check_program("gh", deps, "apt install gh") end
  return ok, message, code, hint
end

local function check_files(target, opts, deps)
  for _, kind in ipairs({ "deploy", "signing" }) do
    for _, ending in ipairs({ "", ".pub" }) do
      local file = target.files[kind] .. ending
      if not opts.force and deps.fs.lstat(file) then
        return fail(path.show(file), "is there already", "EEXIST", "-f replaces it")
      end
    end
  end
  return true
end

local function with_title(list, title)
  local found = {}
  for _, key in ipairs(list) do
    if key.title == title then found[#found + 1] = key.id end
  end
  return found
end

-- By title: a key that is made anew has another fingerprint.
local function find_old(target, opts, deps)
  local list, message, code, hint = github.deploy_keys(deps, target.repository)
  if not list then return nil, message, code, hint end
  target.old_deploy = with_title(list, target.titles.deploy)
  list, message, code, hint = github.signing_keys(deps)
  if not list then return nil, message, code, hint end
  target.old_signing = with_title(list, target.titles.signing)
  for _, kind in ipairs({ "deploy", "signing" }) do
    if #target["old_" .. kind] > 0 and not opts.force then
      local what = ("%s key '%s'"):format(kind, target.titles[kind])
      return fail(what, "is on GitHub already", "EEXIST", "-f replaces it")
    end
  end
  return true
end

local function check_login(_, _, deps) return github.check_login(deps) end

-- Making ----------------------------------------------------------------------------

local function keygen(file, comment, deps)
  local argv = { "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", file }
  local result, message, code = deps.proc.run(argv, { stdin = "null", timeout = 30 })
  if not result then return fail("ssh-keygen", message, code) end
  if result.code ~= 0 then
    return fail("ssh-keygen", (result.stderr or ""):match("[^\r\n]+") or "failed", "EKEYGEN")
  end
  return true
end

local function make(target, _, deps)
  local fs = deps.fs
  local ok, message, code = fs.ensure_dir(target.dir, PRIVATE)
  if ok then ok, message, code = fs.chmod(target.dir, PRIVATE) end
  if ok then
    target.temp, message, code = fs.temp_dir(".new-", target.dir)
    ok = target.temp
  end
  if not ok then return nil, message, code end
  for _, kind in ipairs({ "deploy", "signing" }) do
    local comment = ("%s-key-%s"):format(kind, target.name)
    ok, message, code = keygen(target.temp .. "/" .. kind, comment, deps)
    if not ok then return nil, message, code end
  end
  return true
end

-- Best effort: the failure that led here is what the person has to know.
local function take_back(target, deps)
  local is_old = {}
  for _, id in ipairs(target.old_deploy) do is_old[id] = true end
  for _, id in ipairs(with_title(github.deploy_keys(deps, target.repository) or {},
    target.titles.deploy)) do
    if not is_old[id] then github.remove_deploy_key(deps, target.repository, id) end
  end
end

-- The new ones first: whoever pushes meanwhile has a key that works.
local function register(target, _, deps)
  local titles = target.titles
  local ok, message, code =
    github.add_deploy_key(deps, target.repository, target.temp .. "/deploy.pub", titles.deploy)
  if not ok then return nil, message, code end
  local hint
  ok, message, code, hint =
    github.add_signing_key(deps, target.temp .. "/signing.pub", titles.signing)
  if not ok then
    take_back(target, deps)
    return nil, message, code, hint
  end
  return true
end

local function install(target, _, deps)
  for _, kind in ipairs({ "deploy", "signing" }) do
    for _, ending in ipairs({ ".pub", "" }) do
      local from = ("%s/%s%s"):format(target.temp, kind, ending)
      local ok, message, code = deps.fs.rename(from, target.files[kind] .. ending)
      if not ok then return nil, message, code end
    end
  end
  return true
end

local function remove_old(target, _, deps)
  for _, id in ipairs(target.old_deploy) do
    local ok, message, code = github.remove_deploy_key(deps, target.repository, id)
    if not ok then return nil, message, code end
  end
  for _, id in ipairs(target.old_signing) do
    local ok, message, code = github.remove_signing_key(deps, id)
    if not ok then return nil, message, code end
  end
  return true
end

local STEPS = {
  read_target, check_programs, check_files, check_login, find_old, make, register, install,
  remove_old,
}

---@class wrapix.DeployKey
---@field name string
---@field repository string "owner/name"
---@field deploy_key string path of the private key
---@field signing_key string
---@field replaced boolean keys of these titles were on GitHub

--- Makes and registers the keys of a checkout.
---@param opts { workspace: string, home: string, name: string?, force: boolean? }
---@param deps { fs: table, sys: table, proc: table, json: table }
---@return wrapix.DeployKey|nil
---@return string? message
---@return string? code
---@return string? hint
function M.run(opts, deps)
  local target = {}
  local ok, message, code, hint
  for _, step in ipairs(STEPS) do
    ok, message, code, hint = step(target, opts, deps)
    if not ok then break end
  end
  if target.temp then deps.fs.remove_tree(target.temp) end
  if not ok then return nil, message, code, hint end
  return {
    name = target.name, repository = target.repository, deploy_key = target.files.deploy,
    signing_key = target.files.signing, replaced = #target.old_deploy + #target.old_signing > 0,
  }
end

return M
