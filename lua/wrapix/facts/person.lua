-- What of the person at this host goes into a sandbox: time zone and the name
-- on commits. Starts at most one process, git, and only when neither the
-- environment nor a kept answer says who commits.
--
-- SPDX-License-Identifier: MIT

local repository = require("wrapix.git")

local M = {}

local function text_or_nil(value)
  return type(value) == "string" and value ~= "" and value or nil
end

-- Names of the database only: a path would mean a file inside that is not there.
local function zone(text)
  local name = text_or_nil(text) and text:match("^:?([%w+_/,.<>:-]+)%s*$")
  if not name then
    return nil
  end
  name = name:match("zoneinfo/(.+)$") or name
  if name:sub(1, 1) == "/" or name:find("..", 1, true) then
    return nil
  end
  return name
end

--- The time zone's name: TZ, what /etc/localtime points to, /etc/timezone, UTC.
---@param fs table
---@param env table<string,string>
---@return string
function M.timezone(fs, env)
  return zone(env.TZ)
    or zone((fs.readlink("/etc/localtime") or ""):match("zoneinfo/.+$"))
    or zone(fs.read("/etc/timezone"))
    or "UTC"
end

-- `git config -z` prints "key\nvalue\0"; the last of several values counts.
local function parse_config(text)
  local found = {}
  for key, value in text:gmatch("([^\n%z]+)\n([^%z]*)%z") do
    found[key:lower()] = text_or_nil(value)
  end
  return { name = found["user.name"], email = found["user.email"] }
end

local function config_files(env, home)
  if text_or_nil(env.GIT_CONFIG_GLOBAL) then
    return { env.GIT_CONFIG_GLOBAL }
  end
  local config_home = text_or_nil(env.XDG_CONFIG_HOME) or (home .. "/.config")
  return { config_home .. "/git/config", home .. "/.gitconfig" }
end

-- Identity of the settings' files: nil when there are none, and whether the
-- answer depends on them alone.
local function settings(files, fs)
  local parts, is_whole = {}, true
  for _, file in ipairs(files) do
    local stat = fs.stat(file)
    if stat then
      local changed = stat.mtime_ns or stat.mtime
      parts[#parts + 1] = ("%s:%s:%s:%s"):format(file, stat.size, changed, stat.ino)
      is_whole = is_whole and not (fs.read(file) or "include"):lower():find("include", 1, true)
    end
  end
  return #parts > 0 and table.concat(parts, "\n") or nil, is_whole
end

local function run_git(deps, cwd)
  local git = deps.sys.which("git")
  if not git then
    return {}
  end
  -- --global keeps a checkout's own settings out; --includes follows the
  -- person's conditional ones, which is why the directory matters.
  local argv =
    { git, "config", "--global", "--includes", "-z", "--get-regexp", "^user\\.(name|email)$" }
  local opts = { stdin = "null", stdout = "pipe", stderr = "pipe", timeout = 5, cwd = cwd }
  local result = deps.proc.run(argv, opts)
  if not result or result.code ~= 0 then
    return {}
  end
  return parse_config(result.stdout)
end

-- A process costs more than all other facts together, so git's answer is kept
-- while the files it comes from are unchanged.
local function ask_git(deps, place, env)
  local key, is_whole = settings(config_files(env, place.home), deps.fs)
  if not key then
    return {}
  end
  local record = place.cache .. "/git-user.json"
  local text = is_whole and deps.fs.read(record)
  local kept = text and deps.json.decode(text)
  if type(kept) == "table" and kept.key == key then
    return { name = text_or_nil(kept.name), email = text_or_nil(kept.email) }
  end
  local asked = run_git(deps, place.cwd)
  if is_whole and deps.fs.ensure_dir(place.cache, tonumber("700", 8)) then
    text = deps.json.encode({ key = key, name = asked.name, email = asked.email })
    deps.fs.write_atomic(record, text, { mode = tonumber("600", 8) })
  end
  return asked
end

-- The name a repository has of its own. Read as a file: git would follow what a
-- hostile checkout includes.
local function of_repository(deps, place)
  if not place.uid then return {} end
  local found = repository.settings(place.cwd, deps.fs, place.uid)
  return {
    name = repository.text(found, "user.name"), email = repository.text(found, "user.email"),
  }
end

local ORIGINS = { [of_repository] = "git config --local", [ask_git] = "git config --global" }

---@class wrapix.GitFacts
---@field author { name: string, email: string }
---@field committer { name: string, email: string }
---@field origin wrapix.Origin

--- Who commits: the environment's GIT_* names, the repository's settings, git's
--- global ones, else a name of ours, so that a commit inside never fails for the
--- want of one.
---@param deps { fs: table, sys: table, proc: table, json: table }
---@param env table<string,string>
---@param place { home: string, cache: string, cwd: string, uid: integer? } uid: of the workspace
---@return wrapix.GitFacts
function M.git(deps, env, place)
  local name, email = text_or_nil(env.GIT_AUTHOR_NAME), text_or_nil(env.GIT_AUTHOR_EMAIL)
  local origin = "environment"
  for _, ask in ipairs({ of_repository, ask_git }) do
    if name and email then break end
    local asked = ask(deps, place, env)
    origin = (asked.name or asked.email) and ORIGINS[ask] or origin
    name, email = name or asked.name, email or asked.email
  end
  local kind = (name or email) and "host" or "default"
  name, email = name or "wrapix", email or "wrapix@localhost"
  return {
    author = { name = name, email = email },
    committer = {
      name = text_or_nil(env.GIT_COMMITTER_NAME) or name,
      email = text_or_nil(env.GIT_COMMITTER_EMAIL) or email,
    },
    origin = { kind = kind, text = kind == "host" and origin or "default" },
  }
end

return M
