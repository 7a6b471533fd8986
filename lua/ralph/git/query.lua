-- SPDX-License-Identifier: MIT
-- What trees and commits say: changes, commits, files, differences. Bounded; paths
-- are the bytes git has, texts of commits are cleaned. Changes nothing.

local wrapix = require("wrapix")
local text_of = require("ralph.inside.text")

local M = {}

local MOST_CHANGES, MOST_COMMITS = 5000, 500
local CHANGES_OUTPUT, COMMITS_OUTPUT = 16 << 20, 4 << 20
local FILE_LIMIT, DIFF_LIMIT = 4 << 20, 1 << 20
local SUBJECT_LIMIT, AUTHOR_LIMIT = 300, 200
local EMPTY = {
  sha1 = "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
  sha256 = "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
-- Neither programs nor the person's taste come into it.
local PLAIN = { "--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules=none" }

local function is_id(place, id)
  return type(id) == "string" and #id == place.hex and not id:find("[^%x]")
end

---Checks the id of a commit or tree; nil stands for the empty tree.
---@param place ralph.GitPlace
---@param id string?
---@param name string of the argument
---@return string
function M.id(place, id, name)
  if id == nil then return EMPTY[place.format] end
  if not is_id(place, id) then
    error(("git: %s: an id of %d digits expected"):format(name, place.hex), 3)
  end
  return id
end

local function command(name, words)
  local args = { name }
  table.move(words, 1, #words, 2, args)
  return table.move(PLAIN, 1, #PLAIN, #args + 1, args)
end

local function add_words(args, ...)
  for i = 1, select("#", ...) do args[#args + 1] = (select(i, ...)) end
  return args
end

-- A path of the workspace in git's words: names that mean themselves.
local function full_path(place, path)
  local is_plain = type(path) == "string" and path ~= "" and not path:find("%z")
    and path:sub(1, 1) ~= "/"
  for name in (is_plain and path or ""):gmatch("[^/]+") do
    if name == "." or name == ".." then is_plain = false end
  end
  if is_plain then return place.prefix .. path end
end

local function unfit(path)
  return nil, ("git: %s: is no path in the workspace"):format(wrapix.path.show(tostring(path))), "EINVAL"
end

-- --- changes --------------------------------------------------------------------------

---@class ralph.GitChange
---@field path string from the workspace
---@field status "A"|"M"|"D"|"T"
---@field added integer? lines; nil for a binary file
---@field removed integer?
---@field link boolean? an inner repository

-- First one record a file with its status, then one with its lines.
local function parse_changes(out, place)
  local list, by_path, at = { truncated = false }, {}, 1
  while true do
    local old, new, status, path, after = out:match("^:(%d+) (%d+) %x+ %x+ (%a)%d*%z([^%z]+)%z()", at)
    if not old then break end
    at = after
    local change = { path = path:sub(#place.prefix + 1), status = status,
      link = (old == "160000" or new == "160000") or nil }
    by_path[path] = change
    if #list < MOST_CHANGES then list[#list + 1] = change else list.truncated = true end
  end
  for added, removed, path in out:sub(at):gmatch("([%d-]+)\t([%d-]+)\t([^%z]+)%z") do
    local change = by_path[path]
    if change then
      change.added, change.removed = math.tointeger(tonumber(added)), math.tointeger(tonumber(removed))
    end
  end
  return list
end

-- The last two that were found the same: what an id stands for never changes, and a work tree
-- without changes is compared with its commit again and again.
local function same_line(shadow, from, to)
  return ("%s %s %s\n"):format(from, to, wrapix.sha256.hex(shadow.place.prefix))
end

local function is_same(shadow, from, to)
  return wrapix.fs.read(shadow.dir .. "/same") == same_line(shadow, from, to)
end

local function note_same(shadow, from, to)
  wrapix.fs.write_atomic(shadow.dir .. "/same", same_line(shadow, from, to), { sync = false })
end

---What differs between two trees or commits, in the workspace, `.wrapix` left out. A
---renamed file is one removed and one added.
---@param shadow ralph.GitShadow
---@param from string? nil: the empty tree
---@param to string?
---@return ralph.GitChange[]|nil with `truncated` when there are more than 5000
---@return string? message
---@return string? code
function M.changes(shadow, from, to)
  local place = shadow.place
  if from == to or is_same(shadow, from, to) then return { truncated = false } end
  local args = add_words(command("diff-tree", { "-r", "-z", "--raw", "--numstat", "--no-abbrev" }),
    from, to, "--")
  if place.prefix ~= "" then add_words(args, place.prefix) end
  local out, cut, code = shadow:git(args, { limit = CHANGES_OUTPUT, cut = true })
  if not out then return nil, cut, code end
  local list = parse_changes(out, place)
  list.truncated = list.truncated or cut
  for i = #list, 1, -1 do
    local path = list[i].path
    if path == ".wrapix" or path:sub(1, 8) == ".wrapix/" then table.remove(list, i) end
  end
  if #list == 0 and not list.truncated then note_same(shadow, from, to) end
  return list
end

-- --- commits --------------------------------------------------------------------------

---@class ralph.GitCommit
---@field id string
---@field subject string cleaned
---@field author string cleaned: "Name <address>"

---Commits that one has and the other has not, newest first.
---@param shadow ralph.GitShadow
---@param from string? nil: all that `to` has
---@param to string
---@param most integer?
---@return ralph.GitCommit[]|nil with `truncated` when there are more
---@return string? message
---@return string? code
function M.commits(shadow, from, to, most)
  most = most or MOST_COMMITS
  local args = { "log", "-z", "--no-show-signature", "--no-color", "--encoding=UTF-8",
    "--no-mailmap", "--format=%H%n%an <%ae>%n%s", "-n", tostring(most + 1), to }
  if from then add_words(args, "--not", from) end
  local out, cut, code = shadow:git(add_words(args, "--"), { limit = COMMITS_OUTPUT, cut = true })
  if not out then return nil, cut, code end
  local list = { truncated = cut }
  for record in out:gmatch("[^%z]+") do
    local id, author, subject = record:match("^(%x+)\n([^\n]*)\n(.*)$")
    if id and #list < most then
      list[#list + 1] = { id = id, subject = text_of.line(subject, SUBJECT_LIMIT),
        author = text_of.line(author, AUTHOR_LIMIT) }
    elseif id then
      list.truncated = true
    end
  end
  return list
end

-- --- files ----------------------------------------------------------------------------

---A file's text in a commit or tree.
---@param shadow ralph.GitShadow
---@param id string
---@param path string from the workspace
---@param limit integer? bytes; 4 MiB
---@return string|nil
---@return string? message
---@return string? code "ENOENT", "EINVAL" for what is no file, "EFBIG"
function M.file(shadow, id, path, limit)
  local full = full_path(shadow.place, path)
  if not full then return unfit(path) end
  local out, msg, code = shadow:git({ "ls-tree", "-z", "-l", "--full-tree", id, "--", full })
  if not out then return nil, msg, code end
  local mode, kind, blob, size = out:match("^(%d+) (%l+) (%x+) +([%d-]+)\t")
  local shown = wrapix.path.show(path)
  if not mode then return nil, ("git: %s: is not in %s"):format(shown, id:sub(1, 12)), "ENOENT" end
  if kind ~= "blob" or mode == "120000" then
    return nil, ("git: %s: is no file in %s"):format(shown, id:sub(1, 12)), "EINVAL"
  end
  if tonumber(size) > (limit or FILE_LIMIT) then
    return nil, ("git: %s: has %s bytes in %s, more than %d"):format(shown, size, id:sub(1, 12),
      limit or FILE_LIMIT), "EFBIG"
  end
  return shadow:git({ "cat-file", "blob", blob }, { limit = tonumber(size) })
end

---The difference of one path, as people read it.
---@param shadow ralph.GitShadow
---@param from string? nil: the empty tree
---@param to string?
---@param path string? from the workspace; nil: all of it
---@param limit integer? bytes; 1 MiB
---@return string|nil
---@return string|boolean message, or whether it was cut
---@return string? code
function M.diff(shadow, from, to, path, limit)
  local place = shadow.place
  local full = path == nil and place.prefix or full_path(place, path)
  if not full then return unfit(path) end
  local args = add_words(command("diff-tree", { "-r", "-p", "--no-color", "-U3",
    "--src-prefix=a/", "--dst-prefix=b/" }), from, to, "--")
  if full ~= "" then add_words(args, full) end
  local out, cut, code = shadow:git(args, { limit = limit or DIFF_LIMIT, cut = true })
  if not out then return nil, cut, code end
  return out, cut
end

return M
