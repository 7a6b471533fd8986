-- SPDX-License-Identifier: MIT
-- What the git of a workspace needs beyond the workspace, found by reading
-- files alone: git itself would obey a hostile checkout. A `.git` file may name
-- any directory of this host, so one outside the workspace counts only when it
-- is a git directory of the same user that points back to this very workspace,
-- from a place the workspace cannot write to. All else is refused with a note.
--
-- Inside, everything has the path it has here, the workspace too: git keeps
-- absolute paths, and takes a worktree whose path is missing for a dead one.

local config = require("wrapix.git.config")
local path = require("wrapix.path")

local M = {}

---Reads the text of a configuration file; see wrapix.git.config.
M.config = config

local POINTER_LIMIT, CONFIG_LIMIT = 8 << 10, 1 << 20
-- A hostile checkout could name thousands.
local MOST_WORKTREES = 64

---@class wrapix.GitRepo
---@field kind "plain"|"inside"|"worktree"|"submodule"
---@field root string directory that holds `.git`
---@field dir string the git directory of this worktree
---@field common string the git directory with objects, refs and settings
---@field settings wrapix.GitSetting[]? of the common directory
---@field config_text string?

---@class wrapix.GitMounts
---@field mounts { source: string?, file: string?, dest: string, mode: "ro"|"rw", text: string }[]
--- `file` names one of `files` in place of a source; `text` says what it is
---@field files { path: string, text: string }[] to be written for the sandbox
---@field git_config { [1]: string, [2]: string }[] settings of git inside
---@field notes { what: string, reason: string, hint: string? }[] what was found but not used
---@field workdir string? where git works when it does not at /workspace
---@field exposes string? directory around the workspace that becomes readable

local function refuse(what, reason, hint)
  return nil, { what = what, reason = reason, hint = hint }
end

local function is_absent(code) return code == "ENOENT" or code == "ENOTDIR" end

local function real_type(fs, file)
  local stat = fs.lstat(file)
  return stat and stat.type
end

local function is_owned_dir(fs, dir, uid)
  local stat = fs.lstat(dir)
  return stat ~= nil and stat.type == "directory" and stat.uid == uid
end

-- One line that names a path.
local function read_line(fs, file, prefix)
  if real_type(fs, file) ~= "file" then return nil end
  local text = fs.read(file, POINTER_LIMIT)
  local line = text and text:match("^([^\r\n%z]+)[\r\n]*$")
  if not line or line:sub(1, #prefix) ~= prefix then return nil end
  return line:sub(#prefix + 1)
end

local function real_from(fs, base, text) return fs.realpath(path.join(base, text)) end

local function read_config(fs, common)
  local file = common .. "/config"
  if real_type(fs, file) ~= "file" then return nil end
  local text = fs.read(file, CONFIG_LIMIT)
  local settings = text and config.parse(text)
  if not settings then return nil end
  return settings, text
end

-- Genuine git directories -------------------------------------------------------

-- Links count as nothing: what they lead to was not looked at.
local function is_git_dir(fs, dir, uid)
  return is_owned_dir(fs, dir, uid) and real_type(fs, dir .. "/HEAD") == "file"
    and is_owned_dir(fs, dir .. "/objects", uid) and is_owned_dir(fs, dir .. "/refs", uid)
end

local function bad_text(text)
  return text:find("%c") ~= nil or not utf8.len(text)
end

local function check_worktree(repo, fs, uid)
  local parent = path.dirname(repo.dir)
  repo.kind, repo.common = "worktree", path.dirname(parent)
  local named = read_line(fs, repo.dir .. "/commondir", "")
  if path.basename(parent) ~= "worktrees" or not named
    or real_from(fs, repo.dir, named) ~= repo.common then
    return refuse(repo.dir, "is no worktree's directory of the repository it lies in")
  end
  local back = read_line(fs, repo.dir .. "/gitdir", "")
  if not back or real_from(fs, repo.dir, back) ~= repo.root .. "/.git" then
    return refuse(repo.dir, "does not name this worktree as its own", "git worktree repair")
  end
  if is_git_dir(fs, repo.common, uid) then return true end
  return refuse(repo.common, "is no git directory of this user")
end

local function check_submodule(repo, fs, uid)
  repo.kind, repo.common = "submodule", repo.dir
  if not is_git_dir(fs, repo.dir, uid) then
    return refuse(repo.dir, "is no git directory of this user")
  end
  local settings = read_config(fs, repo.dir)
  local back = settings and config.get(settings, "core.worktree")
  if not back or real_from(fs, repo.dir, back) ~= repo.root then
    return refuse(repo.dir, "does not name this directory as its worktree",
      ("git -C %s config core.worktree DIRECTORY"):format(path.show(repo.dir)))
  end
  return true
end

-- What a `.git` file leads to.
local function follow(repo, workspace, fs, uid)
  local file = repo.root .. "/.git"
  local target = read_line(fs, file, "gitdir: ")
  if not target then return refuse(file, "is not in the form `gitdir: PATH`") end
  repo.dir = real_from(fs, repo.root, target)
  if not repo.dir then return refuse(file, "names a directory that is not there") end
  if bad_text(repo.dir) or path.is_within(repo.dir, repo.root) then
    return refuse(file, ("names %s, which cannot be its git directory"):format(path.show(repo.dir)))
  end
  if path.is_within(workspace, repo.dir) then
    repo.kind, repo.common = "inside", repo.dir
    repo.is_absolute = path.is_absolute(target)
    return repo
  end
  if not is_owned_dir(fs, repo.dir, uid) then
    return refuse(repo.dir, "is no directory of this user")
  end
  local check = real_type(fs, repo.dir .. "/commondir") and check_worktree or check_submodule
  local ok, note = check(repo, fs, uid)
  if not ok then return nil, note end
  return repo
end

local function examine(root, stat, workspace, fs, uid)
  local repo = { root = root, dir = root .. "/.git", common = root .. "/.git", kind = "plain" }
  if stat.type == "file" then return follow(repo, workspace, fs, uid) end
  if stat.type ~= "directory" then
    return refuse(repo.dir, ("is a %s, which could lead anywhere"):format(stat.type))
  end
  if root == workspace then return repo end
  if not is_git_dir(fs, repo.dir, uid) or real_type(fs, repo.dir .. "/commondir") then
    return refuse(repo.dir, "is no git directory of this user")
  end
  return repo
end

--- Finds the repository a directory belongs to, as git would: upwards, within
--- one file system.
---@param workspace string real path
---@param fs table
---@param uid integer who must own what lies outside the workspace
---@return wrapix.GitRepo? repo nil: there is none, or it is refused
---@return { what: string, reason: string, hint: string? }? note why it is refused
function M.find(workspace, fs, uid)
  local start, dir = fs.stat(workspace), workspace
  while start do
    local stat, _, code = fs.lstat(dir .. "/.git")
    if stat then return examine(dir, stat, workspace, fs, uid) end
    local above = path.dirname(dir)
    local next_stat = above ~= dir and fs.stat(above)
    if not is_absent(code) or not next_stat or next_stat.dev ~= start.dev then return nil end
    dir = above
  end
end

-- Mounts -------------------------------------------------------------------------

local function adder(found, text)
  return function(mode, source, dest)
    found.mounts[#found.mounts + 1] =
      { source = source, dest = dest or source, mode = mode, text = text }
  end
end

local function add_file(found, name, content, text, ...)
  found.files[#found.files + 1] = { path = "git/" .. name, text = content }
  for _, dest in ipairs({ ... }) do
    found.mounts[#found.mounts + 1] =
      { file = "git/" .. name, dest = dest, mode = "ro", text = text }
  end
end

local function note(found, what, reason, hint)
  found.notes[#found.notes + 1] = { what = what, reason = reason, hint = hint }
end

-- Settings and hooks name programs that the person's own git will run.
local function protect(add, found, fs, dir, names)
  for name, wanted in pairs(names) do
    local file = dir .. "/" .. name
    local kind = real_type(fs, file)
    if kind == wanted then
      add("ro", file)
    elseif kind then
      note(found, file, ("is a %s and cannot be made read-only inside"):format(kind))
    end
  end
end

local function add_common(add, found, repo, fs)
  local common = repo.common
  add("rw", common)
  protect(add, found, fs, common,
    { hooks = "directory", worktrees = "directory", ["config.worktree"] = "file" })
  -- Checkouts of submodules outside the workspace, with settings of their own.
  if repo.kind ~= "submodule" then protect(add, found, fs, common, { modules = "directory" }) end
  if not real_type(fs, common .. "/hooks") then
    note(found, common .. "/hooks", "is missing, so that it can be made inside",
      ("mkdir %s"):format(path.show(common .. "/hooks")))
  end
  local settings, text = read_config(fs, common)
  if repo.kind == "submodule" and settings then
    -- Without core.worktree git takes the directory it found `.git` in, which is
    -- right at /workspace and at the path of the host alike.
    add_file(found, "config", config.without(text, settings, "core.worktree"),
      "settings of " .. path.show(common), common .. "/config")
  else
    protect(add, found, fs, common, { config = "file" })
  end
end

local function add_own(add, found, repo, fs)
  add("rw", repo.dir)
  protect(add, found, fs, repo.dir,
    { gitdir = "file", commondir = "file", ["config.worktree"] = "file" })
end

-- The workspace as the root of its worktree.
local function add_root(add, found, repo, workspace)
  add("rw", workspace)
  if repo.kind == "worktree" or repo.kind == "submodule" then
    local dests = { workspace .. "/.git" }
    if workspace ~= "/workspace" then dests[2] = "/workspace/.git" end
    add_file(found, "dotgit", ("gitdir: %s\n"):format(repo.dir),
      "way to " .. path.show(repo.dir), table.unpack(dests))
  end
end

-- The workspace as a directory inside a worktree. Without the rest of it git
-- would take every other file for deleted and commit that.
local function add_around(add, found, repo, workspace)
  add("ro", repo.root)
  add("rw", workspace)
  found.workdir, found.exposes = workspace, repo.root
end

local TITLES = {
  plain = "git repository around the workspace: %s",
  worktree = "git worktree of %s",
  submodule = "git submodule in %s",
}

local function add_outside(found, repo, workspace, fs)
  local add = adder(found, TITLES[repo.kind]:format(path.show(repo.common)))
  add_common(add, found, repo, fs)
  if repo.kind == "worktree" then add_own(add, found, repo, fs) end
  if real_type(fs, repo.common .. "/worktrees") then
    -- It would stop at the logs of the other worktrees, and leave a complaint in
    -- the repository that keeps the person's own git from collecting.
    found.git_config = { { "gc.auto", "0" } }
  end
  local place = repo.root == workspace and add_root or add_around
  place(add, found, repo, workspace)
end

-- Worktrees of a clone that is the workspace itself. Their metadata is in the
-- workspace; `git worktree prune` inside would remove that of every worktree
-- whose `.git` it does not see, so it is shown them, and nothing else of them.
local function add_stand_in(found, workspace, fs, name)
  local dir = ("%s/.git/worktrees/%s"):format(workspace, name)
  local target = real_type(fs, dir) == "directory" and read_line(fs, dir .. "/gitdir", "")
  if not target or not path.is_absolute(target) or bad_text(target) then return end
  target = path.normalize(target)
  local back = path.basename(target) == ".git" and read_line(fs, target, "gitdir: ")
  if not back or fs.realpath(path.join(path.dirname(target), back)) ~= dir then return end
  if path.is_within(workspace, target) then return true end
  add_file(found, "worktree-" .. #found.files, ("gitdir: %s\n"):format(dir),
    "sign of the worktree " .. path.show(path.dirname(target)), target)
end

local function add_plain(found, workspace, fs)
  local dir = workspace .. "/.git"
  local is_dir = real_type(fs, dir .. "/worktrees") == "directory"
  local has_inner = false
  for i, name in ipairs(is_dir and fs.list(dir .. "/worktrees") or {}) do
    if i > MOST_WORKTREES then
      note(found, dir .. "/worktrees", ("only %d worktrees are shown"):format(MOST_WORKTREES))
      break
    end
    has_inner = add_stand_in(found, workspace, fs, name) or has_inner
  end
  if has_inner then adder(found, "worktrees in the workspace")("rw", workspace) end
end

local function note_alternates(found, repo, fs)
  local text = fs.read(repo.common .. "/objects/info/alternates", POINTER_LIMIT)
  for line in (text or ""):gmatch("[^\r\n]+") do
    local place = real_from(fs, repo.common .. "/objects", line)
    if line:sub(1, 1) ~= "#" and place and not path.is_within(repo.root, place) then
      note(found, place, "holds objects this repository borrows, and is not shown unasked",
        ("-m %s:%s"):format(path.show(place), path.show(place)))
    end
  end
end

-- Twice the same would be a mistake of the plan.
local function without_repeats(mounts)
  local seen, list = {}, {}
  for _, mount in ipairs(mounts) do
    if not seen[mount.dest] and mount.dest ~= "/workspace" then
      seen[mount.dest] = true
      list[#list + 1] = mount
    end
  end
  return list
end

--- What has to be mounted, beside the workspace at /workspace, for git to work.
---@param workspace string real path
---@param fs table
---@param uid integer who must own what lies outside the workspace
---@return wrapix.GitMounts
function M.mounts(workspace, fs, uid)
  local found = { mounts = {}, files = {}, git_config = {}, notes = {} }
  local repo, problem = M.find(workspace, fs, uid)
  if not repo then
    found.notes[1] = problem
    return found
  end
  if repo.root ~= workspace and repo.kind == "inside" then
    note(found, repo.dir, "is a git directory in a part of its own worktree")
    return found
  elseif repo.kind == "inside" then
    if repo.is_absolute then adder(found, "git directory in the workspace")("rw", workspace) end
  elseif repo.kind == "plain" and repo.root == workspace then
    add_plain(found, workspace, fs)
  else
    add_outside(found, repo, workspace, fs)
  end
  note_alternates(found, repo, fs)
  found.mounts = without_repeats(found.mounts)
  return found
end

-- Settings ------------------------------------------------------------------------

--- The settings of a workspace's repository; none when there is no repository.
---@param workspace string real path
---@param fs table
---@param uid integer
---@return wrapix.GitSetting[]
function M.settings(workspace, fs, uid)
  local repo = M.find(workspace, fs, uid)
  return repo and read_config(fs, repo.common) or {}
end

--- A setting of a repository that may become a variable or a name.
---@param settings wrapix.GitSetting[]
---@param key string
---@return string? nil also for control bytes and broken UTF-8
function M.text(settings, key)
  local value = config.get(settings, key)
  if value and value ~= "" and not bad_text(value) then return value end
end

return M
