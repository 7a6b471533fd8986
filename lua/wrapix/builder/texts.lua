-- SPDX-License-Identifier: MIT
-- What the container reads at its start, as texts: the settings of sshd and of Nix, who
-- is let in, and what its image is called. Pure. The private half of the host's key is
-- the one secret among them, and goes into a file that only its owner reads.

local host = require("wrapix.host")
local sha256 = require("wrapix.sha256")

local M = {}

--- Where the container finds them; a mount, read-only.
M.dest = "/etc/wrapix-builder"
--- Where guest.sh lays out what sshd wants to have to itself.
local WORK = "/run/wrapix-builder"

M.user = "builder"

-- UsePAM no: no account, session or password module of the image has a say. Nothing is
-- forwarded: Nix speaks over stdin and stdout of one command. MaxStartups and
-- MaxSessions have room for many builds that begin at the same moment.
local SSHD = [[
# Written by wrapix; a start writes it anew.
Port 22
HostKey %s/ssh/host_key
AuthorizedKeysFile %s/ssh/authorized_keys
PidFile none
AllowUsers %s
PermitRootLogin no
AuthenticationMethods publickey
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
HostbasedAuthentication no
GSSAPIAuthentication no
PermitEmptyPasswords no
UsePAM no
StrictModes yes
MaxAuthTries 3
LoginGraceTime 30
DisableForwarding yes
PermitTunnel no
PermitUserEnvironment no
PermitUserRC no
PrintMotd no
PrintLastLog no
MaxSessions 100
MaxStartups 100:30:200
ClientAliveInterval 60
ClientAliveCountMax 10
LogLevel INFO
]]

--- The settings of sshd.
---@return string
function M.sshd_config() return SSHD:format(WORK, WORK, M.user) end

local function sorted(map)
  local names = {}
  for name in pairs(map) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function features(settings)
  return table.concat(settings.features, " ")
end

--- The settings of Nix inside. Without a line about the sandbox guest.sh adds one,
--- after it has looked at what the engine lets it.
---@param settings wrapix.BuilderSettings
---@return string
function M.nix_conf(settings)
  local lines = {
    "# Written by wrapix; a start writes it anew.",
    "build-users-group = nixbld",
    -- Whoever has the client's key decides what is copied in: ssh-ng needs that.
    "trusted-users = root " .. M.user,
    "allowed-users = root " .. M.user,
    "max-jobs = " .. settings.max_jobs,
    "cores = " .. settings.cpus,
    "system-features = " .. features(settings),
    "min-free = " .. settings.gc.min_free,
    "max-free = " .. settings.gc.max_free,
  }
  local defaults = {
    ["experimental-features"] = "nix-command flakes",
    ["builders-use-substitutes"] = "true",
    ["keep-outputs"] = "false",
  }
  if #settings.systems > 1 then
    lines[#lines + 1] = "extra-platforms = " .. table.concat(settings.systems, " ")
  end
  if settings.sandbox ~= nil then lines[#lines + 1] = "sandbox = " .. tostring(settings.sandbox) end
  for name, value in pairs(settings.nix) do defaults[name] = value end
  for _, name in ipairs(sorted(defaults)) do
    lines[#lines + 1] = ("%s = %s"):format(name, defaults[name])
  end
  return table.concat(lines, "\n") .. "\n"
end

---@class wrapix.BuilderFile
---@field name string
---@field text string
---@field mode integer

--- All files of the directory that is mounted at `dest`.
---@param settings wrapix.BuilderSettings
---@param keys wrapix.BuilderKeys
---@param image string its reference
---@return wrapix.BuilderFile[]
function M.files(settings, keys, image)
  local public, secret = tonumber("644", 8), tonumber("600", 8)
  -- restrict: whatever a later sshd learns to forward is off as well.
  local authorized = ("restrict,pty %s wrapix-builder client\n"):format(keys.client_public)
  return {
    { name = "guest.sh", text = assert(host.script("wrapix/builder/guest.sh")), mode = public },
    { name = "sshd_config", text = M.sshd_config(), mode = public },
    { name = "nix.conf", text = M.nix_conf(settings), mode = public },
    { name = "authorized_keys", text = authorized, mode = public },
    { name = "image", text = image .. "\n", mode = public },
    { name = "host_key", text = keys.host_private, mode = secret },
  }
end

--- One word for all that decides what the container does.
---@param files wrapix.BuilderFile[]
---@param words string[] its command line
---@return string 16 hex digits
function M.digest(files, words)
  local parts = {}
  for _, file in ipairs(files) do parts[#parts + 1] = file.name .. "\0" .. file.text end
  for _, word in ipairs(words) do parts[#parts + 1] = word end
  return sha256.hex(table.concat(parts, "\0")):sub(1, 16)
end

return M
