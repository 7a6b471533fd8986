-- SPDX-License-Identifier: MIT
-- HEAD and refs of a repository, read as files: git would obey its settings. No
-- link is followed and no size believed. Writes refs of ours alone, and only new
-- ones.

local wrapix = require("wrapix")
local place_of = require("ralph.git.place")

local M = {}

local REF_LIMIT, PACKED_LIMIT = 4 << 10, 64 << 20
local NAME_LIMIT, MOST_HOPS, MOST_DEPTH = 1024, 5, 6
-- A hostile directory may hold any number.
local MOST_REFS = 1000

---@class ralph.GitHead
---@field id string? commit; nil on a branch without one
---@field ref string? "refs/heads/main"; nil when detached
---@field branch string? "main"

---Tells whether git would take this as the full name of a ref.
---@param name string
---@return boolean
function M.is_name(name)
  if #name > NAME_LIMIT or name:sub(1, 5) ~= "refs/" or name:find("[%c\x7f ~^:?*%[\\]")
    or name:find("..", 1, true) or name:find("//", 1, true) or name:find("@{", 1, true) then
    return false
  end
  for part in name:gmatch("[^/]+") do
    if part:sub(1, 1) == "." or part:sub(-5) == ".lock" then return false end
  end
  return not name:find("[/.]$")
end

-- What is of one worktree alone.
local function home_of(place, name)
  if name == "HEAD" or name:find("^refs/bisect/") or name:find("^refs/worktree/")
    or name:find("^refs/rewritten/") then
    return place.dir
  end
  return place.common
end

local function is_id(place, text) return #text == place.hex and not text:find("[^%x]") end

local function read_packed(place)
  local text, _, code = place_of.read(place.common, "packed-refs", PACKED_LIMIT)
  if text then return text end
  if code == "ENOENT" then return "" end
  return place_of.unreadable(place.common, "packed-refs", code)
end

-- The id a name has in packed-refs; "" when it has none.
local function find_packed(place, name)
  local text, msg, code = read_packed(place)
  if not text then return nil, msg, code end
  local at = 1
  while true do
    local from, to = text:find(" " .. name, at, true)
    if not from then return "" end
    local after, id = text:sub(to + 1, to + 1), text:sub(from - place.hex, from - 1)
    local before = text:sub(from - place.hex - 1, from - place.hex - 1)
    local is_line = (after == "\n" or after == "\r" or after == "")
      and (from - place.hex == 1 or before == "\n")
    if is_line and is_id(place, id) then return id end
    at = to + 1
  end
end

-- The id, or the name it stands for, or "" when there is no such ref. A ref's file
-- may be missing, or be a directory of other refs.
local function read_one(place, name)
  local home = home_of(place, name)
  local text, _, code = place_of.read(home, name, REF_LIMIT)
  if not text then
    local is_absent = name ~= "HEAD" and (code == "ENOENT" or code == "EISDIR")
    if is_absent then return find_packed(place, name) end
    return place_of.unreadable(home, name, code)
  end
  local target = text:match("^ref:[ \t]*([^\r\n]*[^%s])%s*$")
  if target then
    if M.is_name(target) then return target end
    return place_of.fail(place_of.path(home, name),
      ("names %s, which is no ref"):format(wrapix.path.show(target:sub(1, 80))), "EUNSAFE")
  end
  local id = text:match("^(%x+)%s*$")
  if id and is_id(place, id) then return id:lower() end
  return place_of.fail(place_of.path(home, name),
    ("holds neither a ref nor an id of %s"):format(place.format), "EUNSAFE")
end

-- The last name on the way and its id, "" when that has none yet.
local function follow(place, name)
  for _ = 1, MOST_HOPS do
    local value, msg, code = read_one(place, name)
    if not value then return nil, msg, code end
    if value:sub(1, 5) ~= "refs/" then return name, value end
    name = value
  end
  return place_of.fail(place_of.path(home_of(place, name), name), "leads in a circle", "EUNSAFE")
end

---The commit a ref stands for.
---@param place ralph.GitPlace
---@param name string "HEAD" or a full name
---@return string|nil id "" when there is no such ref
---@return string? message
---@return string? code
function M.resolve(place, name)
  if name ~= "HEAD" and not M.is_name(name) then
    error(("refs.resolve: %s: no name of a ref"):format(wrapix.path.show(name)), 2)
  end
  local last, id, code = follow(place, name)
  if not last then return nil, id, code end
  return id
end

---@param place ralph.GitPlace
---@return ralph.GitHead|nil
---@return string? message
---@return string? code "EUNSAFE", "ENOTSUP"
function M.head(place)
  local last, id, code = follow(place, "HEAD")
  if not last then return nil, id, code end
  local head = { id = id ~= "" and id or nil }
  if last ~= "HEAD" then head.ref, head.branch = last, last:match("^refs/heads/(.+)$") end
  return head
end

-- --- listing -------------------------------------------------------------------------

local function add_loose(place, name, found, depth)
  if depth > MOST_DEPTH then return end
  local names, stats = wrapix.fs.list_beneath(place.common.anchor, place_of.rel(place.common, name))
  for i, entry in ipairs(names or {}) do
    local full = name .. "/" .. entry
    if found.count >= MOST_REFS then return end
    if stats[i].type == "directory" then
      add_loose(place, full, found, depth + 1)
    elseif stats[i].type == "file" and M.is_name(full) then
      local id = M.resolve(place, full)
      if id and id ~= "" then
        found.count = found.count + (found.ids[full] and 0 or 1)
        found.ids[full] = id
      end
    end
  end
end

local function add_packed(place, prefix, found)
  local text = read_packed(place) or ""
  local at = 1
  while found.count < MOST_REFS do
    local from, to = text:find(" " .. prefix .. "/", at, true)
    if not from then return end
    local id = text:sub(math.max(1, from - place.hex), from - 1)
    local name = prefix .. "/" .. (text:match("^[^\r\n]*", to + 1))
    if is_id(place, id) and M.is_name(name) and not found.ids[name] then
      found.ids[name], found.count = id, found.count + 1
    end
    at = to + 1
  end
end

---Refs below a name, sorted, at most a thousand; what cannot be read is left out.
---@param place ralph.GitPlace
---@param prefix string "refs/wrapix/rescue"
---@return { ref: string, id: string }[]
function M.list(place, prefix)
  local found = { ids = {}, count = 0 }
  add_loose(place, prefix, found, 1)
  add_packed(place, prefix, found)
  local list = {}
  for ref, id in pairs(found.ids) do list[#list + 1] = { ref = ref, id = id } end
  table.sort(list, function(a, b) return a.ref < b.ref end)
  return list
end

-- --- writing -------------------------------------------------------------------------

---Makes a directory and those above it. One that is there keeps its mode.
---@param dir ralph.GitDir
---@param name string
---@return true|nil, string? message, string? code
function M.ensure_dir(dir, name)
  local rel = place_of.rel(dir, name)
  local names, _, code = wrapix.fs.list_beneath(dir.anchor, rel)
  if names then return true end
  if code ~= "ENOENT" then return place_of.unreadable(dir, name, code) end
  return wrapix.fs.ensure_dir_beneath(dir.anchor, rel,
    { mode = tonumber("755", 8), uid = wrapix.sys.euid(), gid = wrapix.sys.gid() })
end

---Makes a new ref, in one step; never changes one that is there.
---@param place ralph.GitPlace
---@param name string full name
---@param id string
---@return true|nil
---@return string? message
---@return string? code "EEXIST"
function M.create(place, name, id)
  local old, msg, code = M.resolve(place, name)
  if not old and code ~= "ENOENT" then return nil, msg, code end
  if old and old ~= "" then
    return place_of.fail(name, "is there already", "EEXIST")
  end
  local ok
  ok, msg, code = M.ensure_dir(place.common, name:match("^(.*)/"))
  if not ok then return nil, msg, code end
  local rel = place_of.rel(place.common, name)
  return wrapix.fs.create_beneath(place.common.anchor, rel, id .. "\n")
end

return M
