-- SPDX-License-Identifier: MIT
-- Repositories inside the work tree (submodules and others). Git would look into
-- them, wherever their `.git` leads and whatever lies there, so it is kept away:
-- which commit is checked out is read here, from files, and put into the index as
-- an entry that git does not compare.

local wrapix = require("wrapix")
local place_of = require("ralph.git.place")
local refs = require("ralph.git.refs")

local M = {}

local MOST = 500
local FILE_LIMIT = 1 << 20

---@alias ralph.GitLinks table<string, string> path → commit

-- "KIND ID PATH" and a NUL each: paths are any other bytes.
local function parse(text)
  local links = { head = {}, now = {} }
  for kind, id, path in text:gmatch("(%l+) (%x+) ([^%z]+)%z") do
    if links[kind] then links[kind][path] = id end
  end
  return links
end

local function render(links)
  local lines = {}
  for _, kind in ipairs({ "head", "now" }) do
    for path, id in pairs(links[kind]) do
      lines[#lines + 1] = ("%s %s %s\0"):format(kind, id, path)
    end
  end
  table.sort(lines)
  return table.concat(lines)
end

local function save(shadow, links)
  return wrapix.fs.write_atomic(shadow.dir .. "/links", render(links), { sync = false })
end

local function put(shadow, lines, paths)
  if #lines > 0 then
    local out, msg, code = shadow:git({ "update-index", "-z", "--add", "--replace", "--index-info" },
      { input = table.concat(lines) })
    if not out then return nil, msg, code end
  end
  if #paths == 0 then return true end
  local out, msg, code = shadow:git({ "update-index", "-z", "--skip-worktree", "--stdin" },
    { input = table.concat(paths, "\0") .. "\0" })
  if not out then return nil, msg, code end
  return true
end

---Begins anew with those that the index has, which is as HEAD is.
---@param shadow ralph.GitShadow
---@return true|nil, string? message, string? code
function M.reset(shadow)
  local out, msg, code = shadow:git({ "ls-files", "-z", "-s" })
  if not out then return nil, msg, code end
  local links, paths = { head = {}, now = {} }, {}
  for id, path in out:gmatch("%f[^%z]160000 (%x+) %d\t([^%z]+)%z") do
    links.head[path], links.now[path] = id, id
    paths[#paths + 1] = path
  end
  local ok
  ok, msg, code = put(shadow, {}, paths)
  if not ok then return nil, msg, code end
  return save(shadow, links)
end

-- --- what is checked out --------------------------------------------------------------

-- The paths that git ignores, of these directories. "./" keeps a ":" from meaning more.
local function ignored(shadow, dirs)
  local words = {}
  for i, dir in ipairs(dirs) do words[i] = "./" .. dir .. "/\0" end
  local out, msg, code = shadow:git({ "check-ignore", "-z", "--no-index", "--stdin" },
    { input = table.concat(words), accept = { [1] = true }, plain = true })
  if not out then return nil, msg, code end
  local set = {}
  for path in out:gmatch("%./([^%z]+)/%z") do set[path] = true end
  return set
end

-- The directories that hold files of the index: to git they stay what they are, and
-- it does not look at their `.git`. A file of the index that such a directory took
-- the place of goes, for git would look there.
local function with_files(shadow, dirs)
  local args = table.move(dirs, 1, #dirs, 5, { "ls-files", "-z", "-s", "--" })
  local out, msg, code = shadow:git(args)
  if not out then return nil, msg, code end
  local is_dir, set, gone = {}, {}, {}
  for _, dir in ipairs(dirs) do is_dir[dir] = true end
  for mode, path in out:gmatch("%f[^%z](%d+) %x+ %d\t([^%z]+)%z") do
    if is_dir[path] and mode ~= "160000" then gone[#gone + 1] = path .. "\0" end
    for at in path:gmatch("()/") do set[path:sub(1, at - 1)] = true end
  end
  if #gone == 0 then return set end
  out, msg, code = shadow:git({ "update-index", "-z", "--force-remove", "--stdin" },
    { input = table.concat(gone) })
  if not out then return nil, msg, code end
  return set
end

local function commit_of(shadow, path)
  local place = shadow.place
  local inner, msg, code = place_of.find(place.root .. "/" .. path, place.root)
  if not inner then return nil, msg, code end
  if inner.root ~= place.root .. "/" .. path then
    return nil, "it is no work tree of its own", "EUNSAFE"
  end
  local head
  head, msg, code = refs.head(inner)
  if not head then return nil, msg, code end
  if not head.id then return nil, "no commit is checked out in it", "ENOENT" end
  if #head.id ~= place.hex then return nil, "it names objects in another way", "ENOTSUP" end
  return head.id
end

-- Those HEAD knows stay with what it says when nothing can be read.
local function known(shadow, links, found)
  local wanted = {}
  for path, id in pairs(links.head) do
    local stat = wrapix.fs.lstat(shadow.place.root .. "/" .. path)
    if stat and stat.type == "directory" then
      wanted[path] = found[path] and commit_of(shadow, path) or id
    end
  end
  return wanted
end

-- Returns the directories that git is to be kept away from. What lies in one of them
-- is no concern of ours.
local function add_new(shadow, links, dirs, wanted, left_out)
  local new = {}
  for _, path in ipairs(dirs) do
    if not links.head[path] then new[#new + 1] = path end
  end
  local skip, own = {}, {}
  if #new > 0 then
    local msg, code
    own, msg, code = with_files(shadow, new)
    if not own then return nil, msg, code end
    skip, msg, code = ignored(shadow, new)
    if not skip then return nil, msg, code end
  end
  local hidden, last = {}, nil
  for _, path in ipairs(dirs) do
    local is_inside = last and path:sub(1, #last + 1) == last .. "/"
    if not is_inside and not own[path] then
      hidden[#hidden + 1], last = path, path
      if not skip[path] and not links.head[path] then
        local id, why = commit_of(shadow, path)
        wanted[path] = id
        if not id then left_out[#left_out + 1] = { path = path, reason = "repository: " .. why } end
      end
    end
  end
  return hidden
end

-- As lines of --index-info: a mode of 0 takes an entry away.
local function differences(shadow, now, wanted)
  local lines, paths = {}, {}
  for path in pairs(now) do
    if not wanted[path] then
      lines[#lines + 1] = ("0 %s\t%s\0"):format(("0"):rep(shadow.place.hex), path)
    end
  end
  for path, id in pairs(wanted) do
    if now[path] ~= id then
      lines[#lines + 1] = ("160000 %s\t%s\0"):format(id, path)
      paths[#paths + 1] = path
    end
  end
  return lines, paths
end

---Puts what is checked out in inner repositories into the index.
---@param shadow ralph.GitShadow
---@param dirs string[] where they are: see shadow:look
---@param left_out table[] gets those of which no commit could be read
---@return string[]|nil hidden directories that git must not look into
---@return string|boolean message, or whether the index changed
---@return string? code
function M.update(shadow, dirs, left_out)
  if #dirs > MOST then
    return nil, ("git: %d repositories lie in the work tree, more than %d"):format(#dirs, MOST), "EFBIG"
  end
  local links = parse(wrapix.fs.read(shadow.dir .. "/links", FILE_LIMIT) or "")
  local found = {}
  for _, path in ipairs(dirs) do found[path] = true end
  local wanted = known(shadow, links, found)
  local hidden, msg, code = add_new(shadow, links, dirs, wanted, left_out)
  if not hidden then return nil, msg, code end
  local lines, paths = differences(shadow, links.now, wanted)
  if #lines == 0 then return hidden, false end
  local ok
  ok, msg, code = put(shadow, lines, paths)
  links.now = wanted
  if ok then ok, msg, code = save(shadow, links) end
  if not ok then return nil, msg, code end
  return hidden, true
end

return M
