-- SPDX-License-Identifier: MIT
-- What a client of the builder is told, in the form each program wants: ssh_config,
-- known_hosts, /etc/nix/machines, nix.conf, nix-darwin. Pure; contains no private key.

local M = {}

--- The name ssh and Nix know the builder by.
M.alias = "wrapix-builder"
M.address = "127.0.0.1"
local USER = "builder"

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

--- Base64 with padding, in one line.
---@param data string
---@return string
function M.base64(data)
  local out = {}
  for i = 1, #data, 3 do
    local a, b, c = data:byte(i, i + 2)
    local word = a << 16 | (b or 0) << 8 | (c or 0)
    local quad = {}
    for k = 0, 3 do
      local at = (word >> (18 - 6 * k) & 63) + 1
      quad[k + 1] = ALPHABET:sub(at, at)
    end
    if not b then quad[3] = "=" end
    if not c then quad[4] = "=" end
    out[#out + 1] = table.concat(quad)
  end
  return table.concat(out)
end

---@class wrapix.BuilderClient what the forms are made of
---@field port integer
---@field key string path of the client's private key
---@field host_public string
---@field known_hosts string path of a file with the host's key
---@field settings wrapix.BuilderSettings

--- The host's key as Nix wants it: base64 of the line of the .pub file.
---@param client wrapix.BuilderClient
---@return string
function M.host_key(client) return M.base64(client.host_public) end

-- ssh_config takes a word with blanks in double quotes, and has no way to escape one.
local function ssh_word(text) return text:find("[%s#]") and '"' .. text .. '"' or text end

--- The lines of ssh_config. The second name is for versions of Nix that hand an
--- address with its port to ssh as one word (2.8 does); `Match` is for those that
--- give ssh the port. The last line ends the part that is ours: what came first in a
--- file before it was put there holds for every host again.
---@param client wrapix.BuilderClient
---@return string[]
function M.ssh_config(client)
  local known, key = ssh_word(client.known_hosts), ssh_word(client.key)
  return {
    ("Host %s %s:%d"):format(M.alias, M.address, client.port),
    "  HostName " .. M.address,
    "  Port " .. client.port,
    "  User " .. USER,
    "  HostKeyAlias " .. M.alias,
    "  IdentityFile " .. key,
    "  IdentitiesOnly yes",
    "  UserKnownHostsFile " .. known,
    "  StrictHostKeyChecking yes",
    ("Match originalhost %s user %s"):format(M.address, USER),
    "  IdentityFile " .. key,
    "Match all",
  }
end

--- The lines of known_hosts: by the alias, and by the address with its port.
---@param client wrapix.BuilderClient
---@return string[]
function M.known_hosts(client)
  return {
    ("%s %s"):format(M.alias, client.host_public),
    ("[%s]:%d %s"):format(M.address, client.port, client.host_public),
  }
end

local function list(words) return #words > 0 and table.concat(words, ",") or "-" end

--- The line of /etc/nix/machines; the URI has the alias, for a port in it is known to
--- newer versions of Nix only.
---@param client wrapix.BuilderClient
---@return string
function M.machine(client)
  local settings = client.settings
  return table.concat({
    ("ssh-ng://%s@%s"):format(USER, M.alias), list(settings.systems), client.key,
    tostring(settings.max_jobs), tostring(settings.speed_factor), list(settings.features), "-",
    M.host_key(client),
  }, " ")
end

--- Lines of the client's nix.conf.
---@param client wrapix.BuilderClient
---@return string[]
function M.nix_conf(client)
  return {
    "builders = @/etc/nix/machines ; " .. M.machine(client),
    "builders-use-substitutes = true",
  }
end

local function nix_string(text)
  return '"' .. text:gsub('[\\"]', "\\%0"):gsub("%${", "\\${") .. '"'
end

local function nix_list(words)
  local parts = {}
  for i, word in ipairs(words) do parts[i] = nix_string(word) end
  return #parts == 0 and "[ ]" or "[ " .. table.concat(parts, " ") .. " ]"
end

--- A module for nix-darwin or NixOS.
---@param client wrapix.BuilderClient
---@return string
function M.nix_darwin(client)
  local settings = client.settings
  local ssh = {}
  for i, line in ipairs(M.ssh_config(client)) do ssh[i] = "    " .. line end
  return ([[
{
  nix.distributedBuilds = true;
  nix.settings.builders-use-substitutes = true;
  nix.buildMachines = [ {
    hostName = %s;
    protocol = "ssh-ng";
    sshUser = %s;
    sshKey = %s;
    publicHostKey = %s;
    systems = %s;
    maxJobs = %d;
    speedFactor = %d;
    supportedFeatures = %s;
  } ];
  programs.ssh.extraConfig = ''
%s
  '';
  programs.ssh.knownHosts.%s = {
    hostNames = [ %s "[%s]:%d" ];
    publicKey = %s;
  };
}
]]):format(nix_string(M.alias), nix_string(USER), nix_string(client.key),
    nix_string(M.host_key(client)), nix_list(settings.systems), settings.max_jobs,
    settings.speed_factor, nix_list(settings.features),
    (table.concat(ssh, "\n"):gsub("''", "'''")), M.alias, nix_string(M.alias), M.address,
    client.port, nix_string(client.host_public))
end

--- Options of ssh with which this machine itself speaks to the builder: nothing of
--- the person's configuration, agent or known hosts.
---@param client wrapix.BuilderClient
---@return string[]
function M.ssh_options(client)
  return {
    "-F", "none", "-i", client.key, "-p", tostring(client.port),
    "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes",
    "-o", "StrictHostKeyChecking=yes", "-o", "HostKeyAlias=" .. M.alias,
    -- ssh splits it at blanks, unless it is quoted.
    "-o", ('UserKnownHostsFile="%s"'):format(client.known_hosts),
    "-o", "GlobalKnownHostsFile=/dev/null", "-o", "ConnectTimeout=10", "-o", "LogLevel=ERROR",
  }
end

--- The command line of ssh to the builder.
---@param client wrapix.BuilderClient
---@param words string[]? options before the address
---@param command string? for the shell inside
---@return string[]
function M.ssh_argv(client, words, command)
  local argv = { "ssh" }
  local function add(more) table.move(more, 1, #more, #argv + 1, argv) end
  add(M.ssh_options(client))
  add(words or {})
  add({ "--", USER .. "@" .. M.address, command })
  return argv
end

return M
