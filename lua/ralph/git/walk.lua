-- SPDX-License-Identifier: MIT
-- Looks through what git is about to read, for what could lead it elsewhere: a tree of a size
-- that is usual in this process, a larger one by `find`, which is slower to start and holds
-- nothing in memory. Follows no link, changes nothing.

local wrapix = require("wrapix")
local place_of = require("ralph.git.place")

local M = {}

local SECONDS = 120
-- Entries that this process looks at by itself; where it has to ask for the state of each,
-- fewer: everything waits meanwhile.
local MOST_OBJECTS, MOST_FILES = 20000, 5000
-- A file of rules that is larger is one that git would take into memory.
local LARGEST_RULES = 1 << 20

-- The times of files are ticks of the kernel, or whole seconds where a file system has no
-- finer ones: a file that is younger may be changed again and look the same.
local TICK, SECOND = 0.02, 2.1

local paths = {}

---A directory of the workspace on PATH could hold a program of its own. The real ones are named:
---a link on the way may lead into the workspace later.
---@param root string
---@return string PATH
function M.safe_path(root)
  if paths[root] then return paths[root] end
  local kept = {}
  for dir in (os.getenv("PATH") or "/usr/local/bin:/usr/bin:/bin"):gmatch("[^:]+") do
    local real = dir:sub(1, 1) == "/" and wrapix.fs.realpath(dir)
    if real and not real:find(":", 1, true) and not wrapix.path.is_within(root, real) then
      kept[#kept + 1] = real
    end
  end
  paths[root] = table.concat(kept, ":")
  return paths[root]
end

local function find(place, dir, words, most)
  words = table.move(words, 1, #words, 2, { "find" })
  local result, msg, code = wrapix.proc.run(words, {
    cwd = dir, env = { PATH = M.safe_path(place.root), LC_ALL = "C" }, clear_env = true,
    timeout = SECONDS, max_output = most,
  })
  if not result then
    return nil, ("git: look through %s: %s"):format(wrapix.path.show(dir), msg), code,
      code == "ENOENT" and "install findutils" or nil
  elseif result.timed_out then
    return place_of.fail(dir, "took too long to look through", "ETIMEDOUT")
  end
  return result.stdout, result.truncated
end

-- Objects -------------------------------------------------------------------------------

-- A git that tidies up takes directories away while `find` looks, which then knows no type
-- of them: what is gone, or is what it should be, is looked at again.
local MOST_LOOKS = 5

local function find_odd(place)
  local dir, odd = place_of.path(place.common), nil
  for _ = 1, MOST_LOOKS do
    local out, msg, code, hint = find(place, dir,
      { "objects", "!", "-type", "d", "!", "-type", "f", "-print", "-quit" }, 4096)
    if not out then return nil, msg, code, hint end
    odd = out:match("^[^\n]*")
    local stat = odd ~= "" and wrapix.fs.lstat(dir .. "/" .. odd)
    if odd == "" or stat and stat.type ~= "directory" and stat.type ~= "file" then break end
  end
  return odd
end

---The first of the workspace's objects that is neither file nor directory.
---@param place ralph.GitPlace
---@return string|nil path from the common directory, "" when there is none
---@return string? message
---@return string? code
---@return string? hint
function M.odd_object(place)
  local common = place.common
  local seen = wrapix.fs.survey_beneath(common.anchor, place_of.rel(common, "objects"), { most = MOST_OBJECTS })
  if seen then return seen.odd and "objects/" .. seen.odd or "" end
  return find_odd(place)
end

-- Files ---------------------------------------------------------------------------------

local RULES = { ".gitignore", ".gitattributes" }
local TYPES = { file = true, symlink = true, directory = true }

-- Rules of which git would wait for the writer, or that it would take into memory.
local BAD_RULES = { "(", "-name", RULES[1], "-o", "-name", RULES[2], ")", "(",
  "!", "-type", "f", "!", "-type", "l", "!", "-type", "d", "-o", "-size", "+2048", ")", "-print0" }

local function bad_rules(path)
  return place_of.fail(path, "is no file of rules, or larger than 1 MiB", "EUNSAFE")
end

local function find_nested(place)
  local start = "./" .. place.prefix:sub(1, -2)
  local words = { start == "./" and "." or start, "-name", ".git", "-prune", "-print0", "-o" }
  table.move(BAD_RULES, 1, #BAD_RULES, #words + 1, words)
  local out, msg, code, hint = find(place, place.root, words, 1 << 20)
  if not out then return nil, msg, code, hint end
  if msg then return place_of.fail(place.root, "has too many repositories in it", "EFBIG") end
  local found = {}
  for item in out:gmatch("[^%z]+") do
    if item:find("/%.git%a+$") then return bad_rules(item:sub(3)) end
    found[#found + 1] = item:match("^%./(.+)/%.git$")
  end
  return found
end

local function survey_nested(place, seen)
  local found = {}
  for i, path in ipairs(seen.paths) do
    local full, stat = place.prefix .. path, seen.stats[i]
    if wrapix.path.basename(path) == ".git" then
      found[#found + 1] = full:match("^(.+)/%.git$")
    elseif not TYPES[stat.type] or stat.size > LARGEST_RULES then
      return bad_rules(full)
    end
  end
  return found
end

-- What nobody has changed since is known by this; nil for what may be changed unseen.
local function state_of(seen, began)
  local newest = seen.newest_ns
  local age = newest % 1000000000 == 0 and SECOND or TICK
  if newest / 1e9 > began - age then return nil end
  return wrapix.sha256.hex(seen.digest)
end

---Directories with a `.git` of their own.
---@param place ralph.GitPlace
---@return string[]|nil paths from the top of the work tree, an outer one before its inner ones
---@return string? state of all files, where it is known: the same only while nobody changed any;
--- or the message
---@return string? code
---@return string? hint
function M.nested(place)
  local began = wrapix.sys.time()
  local seen = wrapix.fs.survey_beneath(place.root, place.prefix:sub(1, -2), { most = MOST_FILES,
    names = RULES, stop = { ".git" }, skip = ".wrapix", digest = true })
  local found, msg, code, hint
  if seen then
    found, msg, code, hint = survey_nested(place, seen)
  else
    found, msg, code, hint = find_nested(place)
  end
  if not found then return nil, msg, code, hint end
  local prefix, list = place.prefix, {}
  for _, dir in ipairs(found) do
    if dir .. "/" ~= prefix and (dir .. "/"):sub(1, #prefix + 8) ~= prefix .. ".wrapix/" then
      list[#list + 1] = dir
    end
  end
  table.sort(list, function(x, y) return x .. "/" < y .. "/" end)
  -- Rules above the workspace count as well.
  return list, seen and prefix == "" and state_of(seen, began) or nil
end

return M
