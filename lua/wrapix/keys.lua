-- SPDX-License-Identifier: MIT
-- Deploy keys and the agent's socket: their names, what of them a sandbox sees,
-- and how ssh and git inside are told to use nothing else. Looks at the host
-- through the given file functions and never reads a private key.

local git = require("wrapix.git")
local known_hosts = require("wrapix.known_hosts")
local path = require("wrapix.path")

local M = {}

-- Inside.
local KEYS, SSH = "/etc/wrapix/keys", "/run/wrapix/ssh"
local AGENT = "/run/wrapix-ssh-agent"

local FOREIGN_LIMIT = 1 << 20
local LONGEST, LONGEST_PART = 100, 45

-- Names ---------------------------------------------------------------------------

--- Whether a text may name a deploy key: it becomes a file's name here and a
--- word of ssh's settings inside.
---@param text any
---@return boolean
function M.is_name(text)
  return type(text) == "string" and #text <= LONGEST and not text:find("%.pub$")
    and not text:find("%-signing$") and text:find("^[A-Za-z0-9][A-Za-z0-9._-]*$") ~= nil
end

local function clean(text, fallback)
  local name = text:gsub("[^A-Za-z0-9._-]+", "-"):gsub("^[^A-Za-z0-9]+", "")
  name = name:sub(1, LONGEST_PART):gsub("[^A-Za-z0-9]+$", "")
  return name ~= "" and name or fallback
end

--- The parts of a repository's address.
---@param url string?
---@return { host: string, port: integer?, path: string, ssh: boolean }? nil: it is no address
function M.parse_url(url)
  if type(url) ~= "string" or url == "" then return nil end
  local scheme, authority, rest = url:match("^([%w+.-]+)://([^/]*)/?(.*)$")
  if scheme then
    local address = authority:match("([^@]*)$")
    local host, port = address:match("^%[(.-)%]:?(%d*)$")
    if not host then host, port = address:match("^([^:]*):?(%d*)$") end
    if not host or host == "" then return nil end
    local over_ssh = scheme == "ssh" or scheme == "git+ssh" or scheme == "ssh+git"
    return { host = host:lower(), port = tonumber(port), path = rest, ssh = over_ssh }
  end
  -- As git reads it: a colon before any slash makes it host:path.
  local address, where = url:match("^([^/:]+):(.*)$")
  if not address or where == "" then return nil end
  local host = address:match("([^@]*)$")
  if host == "" then return nil end
  return { host = host:lower(), path = where, ssh = true }
end

--- The name of a deploy key when none is given: what `wrapix deploy-key` makes
--- and what a sandbox of the same clone on the same host looks for.
---@param origin string? address of the remote `origin`
---@param workspace string root of the checkout
---@param hostname string
---@return string
function M.default_name(origin, workspace, hostname)
  local parts = M.parse_url(origin)
  local where = parts and parts.path or origin or ""
  local repo = where:gsub("/+$", ""):match("([^/\\]*)$"):gsub("%.git$", "")
  if repo == "" then repo = path.basename(workspace) end
  local name = clean(repo, "repo") .. "-" .. clean(hostname:match("^[^.]*"), "host")
  return M.is_name(name) and name or name .. "-key"
end

--- The name a profile's `deploy_key` means.
---@param choice string|true
---@param facts wrapix.Facts
---@param settings wrapix.GitSetting[] of the workspace's repository
---@param root string of the checkout
---@return string
function M.name(choice, facts, settings, root)
  if choice ~= true then return choice end
  return M.default_name(git.text(settings, "remote.origin.url"), root, facts.hostname)
end

--- Where deploy keys are kept.
---@param home string
---@return string
function M.dir(home) return home .. "/.ssh/deploy_keys" end

-- One start -----------------------------------------------------------------------

---@class wrapix.KeysPlan
---@field mounts { source: string?, file: string?, dest: string, mode: "ro", text: string }[]
---@field files { path: string, text: string }[] below the session's directory
---@field env table<string, string>
---@field git_config { [1]: string, [2]: string }[] settings of git inside
---@field notes { what: string, reason: string, hint: string? }[] worth a warning

local function new_found()
  return { mounts = {}, files = {}, env = {}, git_config = {}, notes = {} }
end

local function note(found, what, reason, hint)
  found.notes[#found.notes + 1] = { what = what, reason = reason, hint = hint }
end

local function add_mount(found, source, dest, text)
  found.mounts[#found.mounts + 1] = { source = source, dest = dest, mode = "ro", text = text }
end

local function add_file(found, name, content, dest)
  local file = "ssh/" .. name
  found.files[#found.files + 1] = { path = file, text = content }
  if dest then
    local text = "ssh set up by wrapix"
    found.mounts[#found.mounts + 1] = { file = file, dest = dest, mode = "ro", text = text }
  end
end

-- What ssh would refuse inside, said before the start.
local function check_key(file, uid, fs)
  local real, _, code = fs.realpath(file)
  local stat = real and fs.stat(real)
  if not stat then
    return nil, code == "EACCES" and "cannot be read" or "does not exist",
      "wrapix deploy-key makes it"
  elseif stat.type ~= "file" then
    return nil, ("is a %s"):format(stat.type)
  elseif stat.uid ~= uid then
    return nil, ("belongs to uid %d, and the sandbox runs as %d"):format(stat.uid, uid)
  elseif stat.mode & 63 ~= 0 then
    return nil, "may be read by others, so ssh refuses it", "chmod 600 " .. path.show(file)
  end
  return real
end

local function add_key(found, name, ctx)
  local file = M.dir(ctx.home) .. "/" .. name
  local real, reason, hint = check_key(file, ctx.uid, ctx.fs)
  if not real then return nil, file, reason, hint end
  local dest = KEYS .. "/" .. name
  add_mount(found, real, dest, "deploy key " .. name)
  local public = ctx.fs.realpath(file .. ".pub")
  local stat = public and ctx.fs.stat(public)
  if stat and stat.type == "file" then
    add_mount(found, public, dest .. ".pub", "deploy key " .. name)
  end
  return dest, public
end

-- A line of allowed_signers has patterns of names in its first field.
local function signer(email)
  return email:find("^[%w._%%+-]+@[%w.-]+$") and email or "*"
end

local function add_signing(found, name, ctx)
  if ctx.sign == false then return end
  local file = M.dir(ctx.home) .. "/" .. name .. "-signing"
  -- Not every deploy key has one; commits are then as they always are.
  if not ctx.fs.realpath(file) then return end
  local dest, public, reason, hint = add_key(found, name .. "-signing", ctx)
  if not dest then return note(found, public, reason .. "; commits are not signed", hint) end
  found.env.WRAPIX_SIGNING_KEY = dest
  local config = found.git_config
  config[#config + 1] = { "gpg.format", "ssh" }
  config[#config + 1] = { "user.signingkey", dest }
  config[#config + 1] = { "commit.gpgsign", "true" }
  local text = public and ctx.fs.read(public, 16 << 10)
  local key = text and text:match("^(ssh%-%S+ [%w+/=]+)")
  if not key then
    return note(found, file .. ".pub", "is not there, so signatures cannot be checked inside")
  end
  add_file(found, "allowed_signers", ('%s namespaces="git" %s\n'):format(signer(ctx.email), key))
  config[#config + 1] = { "gpg.ssh.allowedSignersFile", SSH .. "/allowed_signers" }
end

-- Host keys: pinned ones, and what the person's own file says of the origin.
local function add_known_hosts(found, ctx)
  local lines, parts = {}, M.parse_url(git.text(ctx.settings, "remote.origin.url"))
  local name = parts and parts.ssh and known_hosts.name(parts.host, parts.port)
  if name and not known_hosts.is_pinned(name) then
    local text = ctx.fs.read(ctx.home .. "/.ssh/known_hosts", FOREIGN_LIMIT) or ""
    lines = known_hosts.lines_for(text, name)
    if #lines == 0 then
      note(found, path.show(name), "its host key is not in ~/.ssh/known_hosts, so ssh refuses it",
        "connect to it once from here, and compare the fingerprint")
    end
  end
  add_file(found, "known_hosts", known_hosts.text(lines), "/etc/ssh/ssh_known_hosts")
end

local COMMON = [[
    GlobalKnownHostsFile /etc/ssh/ssh_known_hosts
    UserKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    UpdateHostKeys no
    PreferredAuthentications publickey
    ForwardAgent no
]]

-- Also where ssh itself looks: only git reads GIT_SSH_COMMAND.
local function add_settings(found, lines)
  local text = "# Made by wrapix for this sandbox.\nHost *\n" .. lines .. COMMON
  add_file(found, "config", text, "/etc/ssh/ssh_config")
  found.env.GIT_SSH_COMMAND = "ssh -F " .. SSH .. "/config"
end

local function with_key(found, name, ctx)
  local dest, file, reason, hint = add_key(found, name, ctx)
  if not dest then return note(found, file, reason, hint) end
  found.env.WRAPIX_DEPLOY_KEY = dest
  add_settings(found, ([[
    IdentityFile %s
    IdentitiesOnly yes
    IdentityAgent none
    BatchMode yes
]]):format(dest))
  add_signing(found, name, ctx)
  add_known_hosts(found, ctx)
end

local function with_agent(found, ctx)
  local socket = ctx.env.SSH_AUTH_SOCK
  local real = socket and path.is_absolute(socket) and ctx.fs.realpath(socket)
  local stat = real and ctx.fs.stat(real)
  if not stat or stat.type ~= "socket" or stat.uid ~= ctx.uid then
    local reason = not socket and "is not set" or not stat and "leads nowhere"
      or stat.type ~= "socket" and "is no socket"
      or ("belongs to uid %d, and the sandbox runs as %d"):format(stat.uid, ctx.uid)
    return note(found, "SSH_AUTH_SOCK", reason .. ", so there is no agent inside",
      "eval \"$(ssh-agent)\" && ssh-add")
  end
  add_mount(found, real, AGENT, "ssh agent")
  found.env.SSH_AUTH_SOCK = AGENT
  add_settings(found, "    IdentityAgent SSH_AUTH_SOCK\n")
  add_known_hosts(found, ctx)
end

---@class wrapix.KeysContext
---@field deploy_key string|boolean|nil name, or true for the default one
---@field ssh_agent boolean?
---@field name string? of the key, when deploy_key is set
---@field home string
---@field uid integer of the user inside
---@field email string of the committer
---@field env table<string, string> the launcher's environment
---@field sign boolean? false: commits are not signed
---@field settings wrapix.GitSetting[] of the workspace's repository
---@field fs table

--- What a profile's `deploy_key` or `ssh_agent` brings into a sandbox.
---@param ctx wrapix.KeysContext
---@return wrapix.KeysPlan
function M.plan(ctx)
  local found = new_found()
  if ctx.deploy_key then
    with_key(found, ctx.name, ctx)
  elseif ctx.ssh_agent then
    with_agent(found, ctx)
  end
  return found
end

return M
