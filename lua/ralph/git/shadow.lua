-- SPDX-License-Identifier: MIT
-- Runs git over a work tree whose repository a sandbox can write to. Git's directory
-- is one of ours: its config, index and new objects are ours, and of the workspace it
-- takes objects, which name no program. Refuses objects that lie behind links or
-- elsewhere. No other part of Ralph starts git.

local wrapix = require("wrapix")
local home = require("ralph.git.home")
local place_of = require("ralph.git.place")
local walk = require("ralph.git.walk")

local M = {}

local SECONDS, MOST_OUTPUT = 120, 64 << 20
local LOCK_SECONDS = 300
local TIDY_AFTER = 24 * 3600
local CHECK_SECONDS = 1

---@class ralph.GitShadow
---@field dir string
---@field place ralph.GitPlace
---@field _checked number? when the objects were looked at
local Shadow = {}
Shadow.__index = Shadow

-- --- the environment -----------------------------------------------------------------

-- The list is divided by colons, but within quotes.
local function quoted(dir) return '"' .. dir:gsub('[\\"]', "\\%0"):gsub("\n", "\\n") .. '"' end

---What git gets to know of the world.
---@return table<string, string>
function Shadow:environment()
  local place = self.place
  return {
    PATH = walk.safe_path(place.root), HOME = "/nonexistent", LC_ALL = "C",
    GIT_CONFIG_NOSYSTEM = "1", GIT_CONFIG_GLOBAL = "/dev/null", GIT_CONFIG_SYSTEM = "/dev/null",
    GIT_ATTR_NOSYSTEM = "1", GIT_DIR = self.dir, GIT_WORK_TREE = place.root,
    GIT_INDEX_FILE = self.dir .. "/index", GIT_OBJECT_DIRECTORY = self.dir .. "/objects",
    GIT_ALTERNATE_OBJECT_DIRECTORIES = quoted(place_of.path(place.common, "objects")),
    GIT_OPTIONAL_LOCKS = "0", GIT_TERMINAL_PROMPT = "0", GIT_NO_LAZY_FETCH = "1",
    GIT_NO_REPLACE_OBJECTS = "1", GIT_LITERAL_PATHSPECS = "1", GIT_ALLOW_PROTOCOL = "none", GIT_PAGER = "cat",
    GIT_AUTHOR_NAME = "wrapix", GIT_AUTHOR_EMAIL = "wrapix@localhost",
    GIT_COMMITTER_NAME = "wrapix", GIT_COMMITTER_EMAIL = "wrapix@localhost",
  }
end

-- --- the workspace's objects ---------------------------------------------------------

local function check_alternates(self)
  local text, _, code = place_of.read(self.place.common, "objects/info/alternates", 1 << 20)
  if not text and code ~= "ENOENT" then
    return place_of.unreadable(self.place.common, "objects/info/alternates", code)
  end
  if not text or not text:find("%S") then return true end
  return place_of.fail(place_of.path(self.place.common, "objects/info/alternates"),
    "borrows objects from elsewhere, which whoever can write this file chooses", "EUNSAFE",
    "git repack -a -d, and remove the file")
end

---Looks whether what git will read of the workspace's objects are plain files there.
---@return true|nil
---@return string? message
---@return string? code "EUNSAFE"
---@return string? hint
function Shadow:check()
  -- What changes right after a look could as well change while git runs.
  local now = wrapix.sys.clock()
  if self._checked and now - self._checked < CHECK_SECONDS then return true end
  local common = self.place.common
  local _, msg, code, hint
  _, _, code = wrapix.fs.list_beneath(common.anchor, place_of.rel(common, "objects"))
  if code then return place_of.unreadable(common, "objects", code) end
  local odd
  odd, msg, code, hint = walk.odd_object(self.place)
  if not odd then return nil, msg, code, hint end
  if odd ~= "" then
    return place_of.fail(place_of.path(common, odd),
      "is no plain file and could lead anywhere", "EUNSAFE")
  end
  local ok
  ok, msg, code, hint = check_alternates(self)
  if not ok then return nil, msg, code, hint end
  self._checked = now
  return true
end

-- --- running -------------------------------------------------------------------------

local function reason_of(result, limit)
  if result.timed_out then return "took too long and was ended", "ETIMEDOUT" end
  local line = (result.stderr or ""):match("[^\r\n]+") or ""
  line = line:gsub("^fatal: ", ""):gsub("^error: ", "")
  if result.signal then return ("was ended by signal %d"):format(result.signal), "EGIT" end
  if line ~= "" then return wrapix.path.show(line:sub(1, limit)), "EGIT" end
  return ("ended with status %d"):format(result.code), "EGIT"
end

---Runs git. The working directory is the top of the work tree, where paths start.
---@param args string[] command of git and its words
---@param opts { input?: string, limit?: integer, cut?: boolean, accept?: table<integer, boolean>, seconds?: number, index?: string, plain?: boolean }?
--- limit: bytes of output; more is an error unless `cut`. accept: statuses besides 0 that are none.
--- plain: for a command that does not take pathspecs literally
---@return string|nil stdout
---@return string|boolean|nil message or, of a success, whether stdout was cut
---@return string|integer|nil code "ETIMEDOUT", "EFBIG", "EGIT"; or, of a success, the exit status
---@return string? hint
function Shadow:git(args, opts)
  opts = opts or {}
  local argv = table.move(args, 1, #args, 3, { "git", "--no-pager" })
  local environment = self:environment()
  if opts.index then environment.GIT_INDEX_FILE = opts.index end
  if opts.plain then environment.GIT_LITERAL_PATHSPECS = nil end
  local result, msg, code = wrapix.proc.run(argv, {
    cwd = self.place.root, env = environment, clear_env = true, input = opts.input,
    timeout = opts.seconds or SECONDS, grace = 1, max_output = opts.limit or MOST_OUTPUT,
  })
  if not result then
    local hint = code == "ENOENT" and "install git" or nil
    return nil, ("git: %s: %s"):format(args[1], msg), code, hint
  end
  local accepted = result.code == 0 or opts.accept and opts.accept[result.code]
  if result.timed_out or not accepted then
    local why, what = reason_of(result, 300)
    return nil, ("git: %s: %s"):format(args[1], why), what
  elseif result.truncated and not opts.cut then
    return nil, ("git: %s: said more than %d bytes"):format(args[1], opts.limit or MOST_OUTPUT), "EFBIG"
  end
  return result.stdout, result.truncated or false, result.code
end

---One word that git prints, such as an id.
---@param args string[]
---@param opts table? of Shadow:git
---@return string|nil
---@return string? message
---@return string? code
function Shadow:word(args, opts)
  local out, msg, code = self:git(args, opts)
  if not out then return nil, msg, code end
  local word = out:match("^(%S+)%s*$")
  if word then return word end
  return nil, ("git: %s: no answer"):format(args[1]), "EGIT"
end

---Both `check` and a look for directories with a `.git` of their own: each is a walk, and a long
---one is a program that others need not wait for.
---@return string[]|nil paths from the top of the work tree, an outer one before its inner ones
---@return string? state of the files, see walk.nested; or the message
---@return string? code
---@return string? hint
function Shadow:look()
  local dirs, state
  local ok, msg, code, hint = wrapix.task.scope(function(scope)
    scope:spawn(function()
      local what, advice
      dirs, state, what, advice = walk.nested(self.place)
      if not dirs then return nil, state, what, advice end
      return true
    end)
    return self:check()
  end)
  if not ok then return nil, msg, code, hint end
  return dirs, state
end

---Takes away what no tree of the last two weeks needs, at most once a day.
function Shadow:tidy()
  local stamp = self.dir .. "/tidied"
  local stat = wrapix.fs.stat(stamp)
  if stat and wrapix.sys.time() - stat.mtime < TIDY_AFTER then return true end
  wrapix.fs.write_atomic(stamp, "", { sync = false })
  if not stat then return true end -- new: nothing is that old
  local out, msg, code = self:git({ "repack", "-q", "-A", "-d", "-l",
    "--unpack-unreachable=14.days.ago" })
  if not out then return nil, msg, code end
  return self:git({ "prune", "--expire=14.days.ago" })
end

---Holds off other processes that use this directory.
---@return wrapix.Lock|nil, string? message, string? code
function Shadow:lock()
  local lock, msg, code = wrapix.fs.lock(self.dir .. "/lock", { wait = LOCK_SECONDS })
  -- Whoever had it and left git's own lock behind is gone.
  if lock then
    wrapix.fs.unlink(self.dir .. "/index.lock")
    return lock
  end
  return nil, "git: wait for another use of the repository: " .. tostring(msg), code
end

---Opens the directory of ours for a repository, and makes it when missing.
---@param dir string absolute; not in the workspace
---@param place ralph.GitPlace
---@return ralph.GitShadow|nil
---@return string? message
---@return string? code
function M.open(dir, place)
  if wrapix.path.is_within(place.workspace, wrapix.fs.realpath(dir) or dir) then
    return place_of.fail(dir, "lies in the workspace, where a sandbox could write to it", "EUNSAFE")
  end
  local ok, msg, code = home.prepare(dir, place)
  if not ok then return nil, msg, code end
  return setmetatable({ dir = dir, place = place }, Shadow)
end

return M
