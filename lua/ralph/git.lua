-- SPDX-License-Identifier: MIT
-- The repository of a workspace, to which a sandbox can write: what the host may ask
-- of it. HEAD and refs are read as files; for the rest git runs in a directory of
-- ours and obeys no setting, hook or filter of the workspace. See docs/architecture.md.
-- Changes nothing in the repository but `rescue`, which adds.

local index = require("ralph.git.index")
local place_of = require("ralph.git.place")
local lazy = require("ralph.lazy")
local refs = require("ralph.git.refs")
local shadow_of = require("ralph.git.shadow")

local query, rescue = lazy("ralph.git.query"), lazy("ralph.git.rescue")

local M = {}

---@class ralph.Git
---@field root string top of the work tree; the workspace or a directory around it
---@field place ralph.GitPlace
---@field _shadow ralph.GitShadow
local Repo = {}
Repo.__index = Repo

---Opens the repository of a workspace.
---@param root string the workspace
---@param shadow_dir string absolute; ours alone, made when missing
---@return ralph.Git|nil
---@return string? message
---@return string? code "ENOTGIT" without a repository, "EUNSAFE", "ENOTSUP"
---@return string? hint
function M.open(root, shadow_dir)
  local place, msg, code, hint = place_of.find(root)
  if not place then return nil, msg, code, hint end
  local shadow
  shadow, msg, code, hint = shadow_of.open(shadow_dir, place)
  if not shadow then return nil, msg, code, hint end
  return setmetatable({ root = place.root, place = place, _shadow = shadow }, Repo)
end

---What is checked out.
---@return ralph.GitHead|nil { id?, ref?, branch? }
---@return string? message
---@return string? code "EUNSAFE"
function Repo:head() return refs.head(self.place) end

-- The tree of the workspace, once nothing in the repository leads elsewhere. With the
-- lock held; then goes on with fn(tree, head, left_out).
local function with_tree(self, fn)
  local lock <close>, msg, code = self._shadow:lock()
  if not lock then return nil, msg, code end
  local dirs, state, what, hint = self._shadow:look()
  if not dirs then return nil, state, what, hint end
  local head
  head, msg, code = self:head()
  if not head then return nil, msg, code end
  local id, left_out
  id, left_out, code = index.tree(self._shadow, head.id, dirs, state)
  if not id then return nil, left_out, code end
  return fn(id, head, left_out)
end

---The whole workspace as it is: see ralph.git.index for what is left out.
---@return string|nil id of a tree
---@return ralph.GitLeftOut[]|string left_out, or message
---@return string? code
---@return string? hint
function Repo:tree()
  return with_tree(self, function(id, _, left_out)
    self._shadow:tidy()
    return id, left_out
  end)
end

---What differs between two trees or commits; see ralph.git.query.
---@param from string? nil: the empty tree
---@param to string?
---@return ralph.GitChange[]|nil
---@return string? message
---@return string? code
---@return string? hint
function Repo:changes(from, to)
  from, to = query.id(self.place, from, "from"), query.id(self.place, to, "to")
  local ok, msg, code, hint = self._shadow:check()
  if not ok then return nil, msg, code, hint end
  return query.changes(self._shadow, from, to)
end

---Commits of `to` that `from` has not, newest first, at most 500.
---@param from string? nil: all
---@param to string? nil: none
---@param most integer?
---@return ralph.GitCommit[]|nil
---@return string? message
---@return string? code
---@return string? hint
function Repo:commits(from, to, most)
  if from then query.id(self.place, from, "from") end
  if not to or from == to then return { truncated = false } end
  query.id(self.place, to, "to")
  local ok, msg, code, hint = self._shadow:check()
  if not ok then return nil, msg, code, hint end
  return query.commits(self._shadow, from, to, most)
end

---Tells whether the workspace differs from HEAD, `.wrapix` aside.
---@return boolean|nil
---@return string? message
---@return string? code
---@return string? hint
function Repo:is_dirty()
  return with_tree(self, function(id, head)
    local changes, msg, code = query.changes(self._shadow, query.id(self.place, head.id, "head"), id)
    if not changes then return nil, msg, code end
    return #changes > 0
  end)
end

---Keeps the workspace as it is in a commit on refs/wrapix/rescue/ISSUE/N, or N-2 and so
---on when that has other work. Nothing else changes.
---@param issue string id of an issue
---@param n integer attempt
---@param message string
---@param parent string? commit; HEAD's
---@return { ref: string, commit: string }|nil nil alone: nothing differs from the parent
---@return string? message
---@return string? code
---@return string? hint
function Repo:rescue(issue, n, message, parent)
  if math.type(n) ~= "integer" or type(message) ~= "string"
    or not refs.is_name(("%s/%s/%d"):format(rescue.PREFIX, issue, n)) or issue:find("/", 1, true) then
    error("git.rescue: an issue's id, a number and a message expected", 2)
  end
  if parent then query.id(self.place, parent, "parent") end
  return with_tree(self, function(id, head)
    return rescue.keep(self._shadow, id, parent or head.id, issue, n, message)
  end)
end

---Takes away lock files that a git left which was killed with its sandbox.
---@param since number seconds since 1970, when nothing of the sandbox ran yet
---@return string[] removed
---@return string[] kept they may be a living git's
function Repo:unlock(since) return require("ralph.git.locks").clear(self.place, since) end

---What was rescued, by name.
---@return { ref: string, commit: string, issue: string, n: integer }[]
function Repo:rescues() return rescue.list(self.place) end

---A file's text in a commit or tree.
---@param id string
---@param path string from the workspace
---@param limit integer? bytes; 4 MiB
---@return string|nil
---@return string? message
---@return string? code "ENOENT", "EINVAL", "EFBIG"
function Repo:file(id, path, limit)
  query.id(self.place, id, "id")
  local ok, msg, code, hint = self._shadow:check()
  if not ok then return nil, msg, code, hint end
  return query.file(self._shadow, id, path, limit)
end

---The difference between two commits or trees as unified text.
---@param from string? nil: the empty tree
---@param to string? nil: the workspace as it is
---@param path string? from the workspace; nil: all of it
---@param limit integer? bytes; 1 MiB
---@return string|nil
---@return boolean|string whether it was cut, or message
---@return string? code
---@return string? hint
function Repo:diff(from, to, path, limit)
  from = query.id(self.place, from, "from")
  if to then
    query.id(self.place, to, "to")
  else
    local msg, code, hint
    to, msg, code, hint = self:tree()
    if not to then return nil, msg, code, hint end
  end
  local ok, msg, code, hint = self._shadow:check()
  if not ok then return nil, msg, code, hint end
  return query.diff(self._shadow, from, to, path, limit)
end

return M
