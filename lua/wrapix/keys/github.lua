-- SPDX-License-Identifier: MIT
-- Keys on GitHub, through the program `gh`: the only file that names it. Each
-- function starts one process with an argv of its own and keeps nothing.

local M = {}

local SIGNING = "user/ssh_signing_keys"
local SCOPE_HINT = "gh auth refresh -h github.com -s admin:ssh_signing_key"
-- One object a line: pages of a list are otherwise joined in a way that
-- depends on the version.
local EACH = ".[] | {id, title} | tojson"

local ENV = { GH_PROMPT_DISABLED = "1", GH_NO_UPDATE_NOTIFIER = "1", NO_COLOR = "1" }

-- What gh said, without the noise around it.
local function reason_of(result)
  if result.timed_out then return "no answer within a minute" end
  local said = (result.stderr or ""):match("[^\r\n]+") or ("exit status %s"):format(result.code)
  return (said:gsub("^gh: ", ""))
end

local function lacks_scope(result)
  local said = result.stderr or ""
  return said:find("ssh_signing_key", 1, true) ~= nil or said:find("HTTP 404", 1, true) ~= nil
    or said:find("HTTP 403", 1, true) ~= nil
end

local function gh(deps, what, ...)
  local opts = { stdin = "null", env = ENV, timeout = 60 }
  local result, message, code = deps.proc.run({ "gh", ... }, opts)
  if not result then return nil, ("deploy-key: gh: %s"):format(message), code end
  if result.code ~= 0 then
    return nil, ("deploy-key: %s: %s"):format(what, reason_of(result)), "EGH", result
  end
  return result.stdout or ""
end

--- The owner and name of a repository on github.com.
---@param parts { host: string, path: string }? see wrapix.keys.parse_url
---@return string? "owner/name"
function M.repository(parts)
  local host = parts and parts.host
  if host ~= "github.com" and host ~= "ssh.github.com" then return nil end
  local name = parts.path:gsub("^/+", ""):gsub("/+$", ""):gsub("%.git$", "")
  return name:match("^[%w][%w-]*/[%w_.-]+$")
end

--- Whether gh is logged in.
---@param deps { proc: table }
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.check_login(deps)
  local said, message, code = gh(deps, "github.com", "auth", "status", "--hostname", "github.com")
  if said then return true end
  if code ~= "EGH" then return nil, message, code end
  return nil, "deploy-key: gh: is not logged in to github.com", "ELOGIN", "gh auth login"
end

local function list(deps, what, address)
  local said, message, code, result =
    gh(deps, what, "api", "--paginate", address .. "?per_page=100", "--jq", EACH)
  if not said then return nil, message, code, result end
  local found = {}
  for line in said:gmatch("[^\r\n]+") do
    local key = deps.json.decode(line)
    if type(key) ~= "table" or not math.tointeger(key.id) or type(key.title) ~= "string" then
      return nil, ("deploy-key: %s: gh gave an answer of an unknown form"):format(what), "EGH"
    end
    found[#found + 1] = { id = math.tointeger(key.id), title = key.title }
  end
  return found
end

--- The deploy keys of a repository.
---@param deps { proc: table, json: table }
---@param repository string
---@return { id: integer, title: string }[]|nil
---@return string? message
---@return string? code
function M.deploy_keys(deps, repository)
  local found, message, code = list(deps, repository, ("repos/%s/keys"):format(repository))
  if not found then
    return nil, message, code, "only somebody who administers the repository can add deploy keys"
  end
  return found
end

--- The person's signing keys.
---@param deps { proc: table, json: table }
---@return { id: integer, title: string }[]|nil
---@return string? message
---@return string? code
---@return string? hint
function M.signing_keys(deps)
  local found, message, code, result = list(deps, "signing keys", SIGNING)
  if found then return found end
  return nil, message, code, result and lacks_scope(result) and SCOPE_HINT or nil
end

--- Registers a deploy key that may write.
---@param deps { proc: table }
---@param repository string
---@param file string the public key
---@param title string
---@return true|nil
---@return string? message
---@return string? code
function M.add_deploy_key(deps, repository, file, title)
  local said, message, code = gh(deps, repository, "repo", "deploy-key", "add", file,
    "--repo", repository, "--allow-write", "--title", title)
  if not said then return nil, message, code end
  return true
end

--- Registers a signing key.
---@param deps { proc: table }
---@param file string the public key
---@param title string
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.add_signing_key(deps, file, title)
  local said, message, code, result = gh(deps, "signing keys", "ssh-key", "add", file,
    "--type", "signing", "--title", title)
  if said then return true end
  return nil, message, code, result and lacks_scope(result) and SCOPE_HINT or nil
end

--- Takes a deploy key away.
---@param deps { proc: table }
---@param repository string
---@param id integer
---@return true|nil
---@return string? message
---@return string? code
function M.remove_deploy_key(deps, repository, id)
  local said, message, code =
    gh(deps, repository, "api", "--method", "DELETE", ("repos/%s/keys/%d"):format(repository, id))
  if not said then return nil, message, code end
  return true
end

--- Takes a signing key away.
---@param deps { proc: table }
---@param id integer
---@return true|nil
---@return string? message
---@return string? code
function M.remove_signing_key(deps, id)
  local said, message, code =
    gh(deps, "signing keys", "api", "--method", "DELETE", ("%s/%d"):format(SIGNING, id))
  if not said then return nil, message, code end
  return true
end

return M
