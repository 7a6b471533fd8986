-- SPDX-License-Identifier: MIT
-- Work that would be lost, as a commit on a ref of its own. The commit is made in the
-- directory of ours; what it needs is then put into the workspace's repository as
-- one pack, through functions that follow no link. Changes no branch, no index of the
-- person's and no file of the work tree.

local wrapix = require("wrapix")
local place_of = require("ralph.git.place")
local refs = require("ralph.git.refs")

local M = {}

M.PREFIX = "refs/wrapix/rescue"

local MESSAGE_LIMIT = 16 << 10
local MOST_TRIES = 20
local PACK_SECONDS = 900

-- --- the commit -----------------------------------------------------------------------

-- The list of issues stays as the parent has it: a rescue must not look as if it
-- took it away.
local function with_wrapix(shadow, tree, parent)
  if not parent then return tree end
  local name = shadow.place.prefix .. ".wrapix"
  local out, msg, code = shadow:git({ "ls-tree", "-r", "-z", "--full-tree", parent, "--", name })
  if not out then return nil, msg, code end
  if out == "" then return tree end
  local index = { index = shadow.dir .. "/index.rescue" }
  wrapix.fs.unlink(index.index)
  local ok
  ok, msg, code = shadow:git({ "read-tree", tree }, index)
  if not ok then return nil, msg, code end
  ok, msg, code = shadow:git({ "update-index", "-z", "--add", "--index-info" },
    { index = index.index, input = out })
  if not ok then return nil, msg, code end
  return shadow:word({ "write-tree" }, index)
end

local function commit(shadow, tree, parent, message)
  local args = { "commit-tree", "--no-gpg-sign", "-F", "-", tree }
  if parent then
    args[#args + 1], args[#args + 2] = "-p", parent
  end
  message = message:gsub("%z", ""):sub(1, MESSAGE_LIMIT)
  return shadow:word(args, { input = message .. "\n" })
end

-- --- into the workspace ---------------------------------------------------------------

local function copy(shadow, file, dir, name)
  local proc <close>, msg, code = wrapix.proc.spawn({ "cat", "--", file },
    { stdout = "pipe", stderr = "null", clear_env = true, env = shadow:environment() })
  if not proc then return nil, msg, code end
  local rel, bytes = place_of.rel(dir, name), 0
  while true do
    local chunk
    chunk, msg, code = proc.stdout:read()
    if not chunk then
      if msg then return nil, msg, code end
      break
    end
    local ok
    ok, msg, code = wrapix.fs.append_beneath(dir.anchor, rel, chunk)
    if not ok then return nil, msg, code end
    bytes = bytes + #chunk
  end
  local stat = wrapix.fs.stat(file)
  if stat and stat.size == bytes then return true end
  return nil, ("git: copy %s: it was cut short"):format(file), "EIO"
end

-- A pack without an index is nothing to git, so one that was cut short does no harm;
-- another name is taken then.
local function free_name(common, name)
  local names, _, code = wrapix.fs.list_beneath(common.anchor, place_of.rel(common, "objects/pack"))
  if not names then return place_of.unreadable(common, "objects/pack", code) end
  local taken = {}
  for _, entry in ipairs(names) do taken[entry] = true end
  if taken[name .. ".idx"] then return "" end
  return taken[name .. ".pack"] and "pack-" .. wrapix.sys.random_hex(20) or name
end

local function put_pack(shadow, hash)
  local common = shadow.place.common
  local ok, msg, code = refs.ensure_dir(common, "objects/pack")
  if not ok then return nil, msg, code end
  local name
  name, msg, code = free_name(common, "pack-" .. hash)
  if not name then return nil, msg, code end
  if name == "" then return true end
  local made = ("%s/out/pack-%s"):format(shadow.dir, hash)
  ok, msg, code = copy(shadow, made .. ".pack", common, ("objects/pack/%s.pack"):format(name))
  if not ok then return nil, msg, code end
  local index
  index, msg, code = wrapix.fs.read(made .. ".idx", 1 << 30)
  if not index then return nil, msg, code end
  return wrapix.fs.create_beneath(common.anchor,
    place_of.rel(common, ("objects/pack/%s.idx"):format(name)), index)
end

local function transfer(shadow, id, parent)
  local want = id .. "\n" .. (parent and "^" .. parent .. "\n" or "")
  local hash, msg, code = shadow:word({ "pack-objects", "-q", "--revs", "--local",
    shadow.dir .. "/out/pack" }, { input = want, seconds = PACK_SECONDS })
  if not hash then return nil, msg, code end
  local ok
  ok, msg, code = put_pack(shadow, hash)
  for _, kind in ipairs({ "pack", "idx", "rev" }) do
    wrapix.fs.unlink(("%s/out/pack-%s.%s"):format(shadow.dir, hash, kind))
  end
  return ok, msg, code
end

-- --- the ref --------------------------------------------------------------------------

local function name_of(issue, n, try)
  local name = ("%s/%s/%d"):format(M.PREFIX, issue, n)
  return try == 1 and name or ("%s-%d"):format(name, try)
end

-- The tree of a commit that was rescued before; nil when it cannot be read.
local function tree_of(shadow, id)
  return (shadow:word({ "rev-parse", "--verify", "--quiet", "--end-of-options", id .. "^{tree}" }))
end

-- The first name that is free, or one that has this very work already.
local function find_place(shadow, issue, n, tree)
  for try = 1, MOST_TRIES do
    local name = name_of(issue, n, try)
    local id, msg, code = refs.resolve(shadow.place, name)
    if not id then return nil, msg, code end
    if id == "" then return name end
    if tree_of(shadow, id) == tree then return name, id end
  end
  return nil, ("git: %s/%s/%d: is taken %d times"):format(M.PREFIX, issue, n, MOST_TRIES), "EEXIST"
end

---Keeps a tree. Nothing to do when the parent has the same content.
---@param shadow ralph.GitShadow
---@param tree string
---@param parent string? commit
---@param issue string
---@param n integer attempt
---@param message string
---@return { ref: string, commit: string }|nil nil without a message: nothing to keep
---@return string? message
---@return string? code
function M.keep(shadow, tree, parent, issue, n, message)
  local whole, msg, code = with_wrapix(shadow, tree, parent)
  if not whole then return nil, msg, code end
  local before = parent and tree_of(shadow, parent)
  if parent and not before then return nil, ("git: %s: is no commit"):format(parent), "EGIT" end
  local empty = shadow:word({ "mktree" }, { input = "" })
  if whole == (before or empty) then return nil end
  local name, old
  name, old, code = find_place(shadow, issue, n, whole)
  if not name then return nil, old, code end
  if old then return { ref = name, commit = old } end
  local id, ok
  id, msg, code = commit(shadow, whole, parent, message)
  if not id then return nil, msg, code end
  ok, msg, code = transfer(shadow, id, parent)
  if ok then ok, msg, code = refs.create(shadow.place, name, id) end
  if not ok then return nil, msg, code end
  return { ref = name, commit = id }
end

---@param place ralph.GitPlace
---@return { ref: string, commit: string, issue: string, n: integer }[]
function M.list(place)
  local list = {}
  for _, one in ipairs(refs.list(place, M.PREFIX)) do
    local issue, n = one.ref:sub(#M.PREFIX + 2):match("^([^/]+)/(%d+)[%d-]*$")
    if issue then
      list[#list + 1] = { ref = one.ref, commit = one.id, issue = issue, n = math.tointeger(tonumber(n)) }
    end
  end
  return list
end

return M
