-- SPDX-License-Identifier: MIT
-- Which directories of this host a project's devcontainer.json may well name, and a
-- person would not think of giving to an agent: those with credentials, and the system's
-- own to be written to. The mount language refuses neither, for a profile may mean it. Pure.

local path = require "wrapix.path"

local M = {}

-- Below the home directory.
local CREDENTIALS = {
  ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".netrc", ".git-credentials", ".npmrc",
  ".pypirc", ".password-store", ".mozilla", ".config/gh", ".config/gcloud", ".config/git/credentials",
  ".local/share/keyrings", ".cargo/credentials.toml", ".claude", ".claude.json", ".codex", ".gemini",
}
local INSTEAD = { [".ssh"] = "; `deploy_key` or `ssh_agent` are for git" }

local SYSTEM = { "/bin", "/boot", "/etc", "/home", "/lib", "/lib64", "/root", "/run", "/sbin", "/usr",
  "/var" }

local function holds_credentials(source, home)
  for _, name in ipairs(CREDENTIALS) do
    local place = path.join(home, name)
    if path.is_within(place, source) or path.is_within(source, place) then
      return ("~/%s has credentials of yours%s"):format(name, INSTEAD[name] or "")
    end
  end
end

--- Why a directory of the host is not given to a sandbox unasked, or nil.
---@param source string absolute
---@param mode "ro"|"rw"
---@param home string?
---@return string? reason
function M.reason(source, mode, home)
  source = path.normalize(source)
  local reason = home and holds_credentials(source, home)
  if reason or mode ~= "rw" then return reason end
  if home and path.is_within(home, source) then return nil end
  for _, place in ipairs(SYSTEM) do
    if path.is_within(place, source) then
      return ("%s is the system's own, and it would be written to"):format(place)
    end
  end
end

return M
