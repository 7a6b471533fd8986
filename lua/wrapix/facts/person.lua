-- What of the person at this host goes into a sandbox: time zone and the name
-- on commits. Starts at most one process, git, and only when the environment
-- does not already say who commits.
--
-- SPDX-License-Identifier: MIT

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

local function ask_git(deps, cwd)
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

---@class wrapix.GitFacts
---@field author { name: string, email: string }
---@field committer { name: string, email: string }
---@field origin wrapix.Origin

--- Who commits: the environment's GIT_* names, git's global settings, else a
--- name of ours, so that a commit inside never fails for the want of one.
---@param deps { sys: table, proc: table }
---@param env table<string,string>
---@param cwd string
---@return wrapix.GitFacts
function M.git(deps, env, cwd)
  local name, email = text_or_nil(env.GIT_AUTHOR_NAME), text_or_nil(env.GIT_AUTHOR_EMAIL)
  local origin = "environment"
  if not (name and email) then
    local asked = ask_git(deps, cwd)
    origin = (asked.name or asked.email) and "git config --global" or origin
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
