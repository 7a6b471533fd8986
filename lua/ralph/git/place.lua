-- SPDX-License-Identifier: MIT
-- Where the repository of a workspace lies, and the few of its settings that change
-- what a file's content is to git. A sandbox can write all of it: files are read
-- through functions that follow no link, settings are taken one by one, and what
-- is not understood is refused. Runs nothing.

local wrapix = require("wrapix")

local M = {}

local CONFIG_LIMIT, POINTER_LIMIT = 1 << 20, 8 << 10

---@class ralph.GitDir
---@field anchor string directory whose own way is trusted
---@field rel string from there, "" for itself

---@class ralph.GitPlace
---@field root string top of the work tree
---@field workspace string
---@field prefix string from root to workspace with a "/" at its end, or ""
---@field dir ralph.GitDir of this worktree: HEAD
---@field common ralph.GitDir objects and refs
---@field format "sha1"|"sha256"
---@field hex integer digits of an object's id
---@field settings table<string, string> those of core that say how files are read

-- Settings of core that describe the file system and the ends of lines: data, and
-- only in these forms.
local SAFE = {
  filemode = "^[%a01]+$", ignorecase = "^[%a01]+$", precomposeunicode = "^[%a01]+$",
  symlinks = "^[%a01]+$", autocrlf = "^[%a01]+$", eol = "^%l+$",
}

local KNOWN_EXTENSIONS = {
  noop = true, ["noop-v1"] = true, partialclone = true, worktreeconfig = true,
  objectformat = true, preciousobjects = true, relativeworktrees = true, refstorage = true,
}

local TRUE = { ["true"] = true, yes = true, on = true, ["1"] = true }

---The name of something in a git directory, from the directory's anchor.
---@param dir ralph.GitDir
---@param name string
---@return string
function M.rel(dir, name)
  if dir.rel == "" then return name end
  return name == "" and dir.rel or dir.rel .. "/" .. name
end

---@param dir ralph.GitDir
---@param name string
---@param limit integer
---@return string|nil text, string? message, string? code
function M.read(dir, name, limit)
  return wrapix.fs.read_beneath(dir.anchor, M.rel(dir, name), limit)
end

---@param dir ralph.GitDir
---@param name string?
---@return string absolute path, for messages and for git
function M.path(dir, name)
  return wrapix.path.join(dir.anchor, M.rel(dir, name or ""))
end

---Tells what could not be read or is not what it should be.
---@param what string
---@param reason string
---@param code string
---@param hint string?
function M.fail(what, reason, code, hint)
  return nil, ("git: %s: %s"):format(wrapix.path.show(what), reason), code, hint
end

---A failure of the file system in words that name the file.
---@param dir ralph.GitDir
---@param name string
---@param code string?
function M.unreadable(dir, name, code)
  local reasons = {
    ELOOP = "is a link, which could lead anywhere", ENOTDIR = "lies behind what is no directory",
    EFBIG = "is too large", EINVAL = "is no regular file", EISDIR = "is a directory",
    ENOENT = "is missing", EACCES = "cannot be read by this user",
  }
  return M.fail(M.path(dir, name), reasons[code] or ("cannot be read (%s)"):format(code or "?"),
    code == "ENOENT" and "ENOENT" or "EUNSAFE")
end

local function anchored(root, dir)
  if not wrapix.path.is_within(root, dir) then return { anchor = dir, rel = "" } end
  local rel = wrapix.path.relative(dir, root)
  return { anchor = root, rel = rel == "." and "" or rel }
end

-- A worktree whose git directory lies in the work tree itself names the common
-- one in a file, which must not lead out.
local function common_dir(repo, dir, top)
  if repo.kind ~= "inside" then return anchored(top, repo.common) end
  local text, _, code = M.read(dir, "commondir", POINTER_LIMIT)
  if not text then
    if code == "ENOENT" then return dir end
    return M.unreadable(dir, "commondir", code)
  end
  local line = text:match("^([^\r\n%z]+)[\r\n]*$") or "/"
  local common = wrapix.path.normalize(wrapix.path.join(M.path(dir), line))
  if not wrapix.path.is_within(repo.root, common) then
    return M.fail(M.path(dir, "commondir"), "leads out of the work tree", "EUNSAFE")
  end
  return anchored(top, common)
end

local function read_settings(dir, name)
  local text, _, code = M.read(dir, name, CONFIG_LIMIT)
  if not text then
    if code == "ENOENT" then return {} end
    return M.unreadable(dir, name, code)
  end
  local settings = wrapix.git.config.parse(text)
  if not settings then return M.fail(M.path(dir, name), "is not in git's form", "EUNSAFE") end
  return settings
end

local function check_extensions(place, settings)
  for _, setting in ipairs(settings) do
    local name = setting.key:match("^extensions%.(.*)$")
    if name and not KNOWN_EXTENSIONS[name] then
      return M.fail(place.root, ("has the extension %s, which is not known here")
        :format(wrapix.path.show(name)), "ENOTSUP")
    end
  end
  local get = wrapix.git.config.get
  local refs = get(settings, "extensions.refstorage") or "files"
  if refs:lower() ~= "files" then
    return M.fail(place.root, ("keeps its refs as %s; only files can be read here")
      :format(wrapix.path.show(refs)), "ENOTSUP", "git refs migrate --ref-format=files")
  end
  place.format = (get(settings, "extensions.objectformat") or "sha1"):lower()
  place.hex = ({ sha1 = 40, sha256 = 64 })[place.format]
  if place.hex then return true end
  return M.fail(place.root, ("names objects by %s, which is not known here")
    :format(wrapix.path.show(place.format)), "ENOTSUP")
end

local function take_settings(place, settings)
  for name, form in pairs(SAFE) do
    local value = wrapix.git.config.get(settings, "core." .. name)
    if value and #value <= 8 and value:find(form) then place.settings[name] = value:lower() end
  end
  local sparse = wrapix.git.config.get(settings, "core.sparsecheckout") or "false"
  if not TRUE[sparse:lower()] then return true end
  return M.fail(place.root, "is a sparse checkout: what is not checked out looks deleted", "ENOTSUP",
    "git sparse-checkout disable")
end

local function read_config(place)
  local settings, msg, code, hint = read_settings(place.common, "config")
  if not settings then return nil, msg, code, hint end
  local ok
  ok, msg, code, hint = check_extensions(place, settings)
  if not ok then return nil, msg, code, hint end
  local more = wrapix.git.config.get(settings, "extensions.worktreeconfig")
  if more and TRUE[more:lower()] then
    local own
    own, msg, code, hint = read_settings(place.dir, "config.worktree")
    if not own then return nil, msg, code, hint end
    table.move(own, 1, #own, #settings + 1, settings)
  end
  return take_settings(place, settings)
end

---Finds the repository of a directory.
---@param directory string
---@param top string? real path of a directory around it, to which the way is trusted
---@return ralph.GitPlace|nil
---@return string? message
---@return string? code "ENOTGIT"; "EUNSAFE" for what could lead elsewhere, "ENOTSUP"
---@return string? hint
function M.find(directory, top)
  local workspace, msg, code = wrapix.fs.realpath(directory)
  if not workspace then return nil, msg, code end
  local repo, note = wrapix.git.find(workspace, wrapix.fs, wrapix.sys.euid())
  if note then return M.fail(note.what, note.reason, "EUNSAFE", note.hint) end
  if not repo then
    return M.fail(workspace, "is in no git repository", "ENOTGIT", "git init")
  end
  local rel = wrapix.path.relative(workspace, repo.root)
  top = top or repo.root
  local place = { root = repo.root, workspace = workspace, settings = {},
    prefix = rel == "." and "" or rel .. "/", dir = anchored(top, repo.dir) }
  local hint
  place.common, msg, code, hint = common_dir(repo, place.dir, top)
  if not place.common then return nil, msg, code, hint end
  local ok
  ok, msg, code, hint = read_config(place)
  if not ok then return nil, msg, code, hint end
  return place
end

return M
