-- SPDX-License-Identifier: MIT
-- The two keys of the builder: the client's, with which this machine is let in, and the
-- host's, by which the builder is known. Made once, beside their place and renamed into
-- it, so that there are either all four files or none. Private halves leave the
-- directory only for the container's own (the host's) and are printed nowhere.

local fs = require("wrapix.fs")
local path = require("wrapix.path")
local proc = require("wrapix.proc")
local sha256 = require("wrapix.sha256")
local sys = require("wrapix.sys")

local M = {}

local PRIVATE_DIR, PRIVATE_FILE = tonumber("700", 8), tonumber("600", 8)
local LIMIT = 16384
local STAGING = ".keys-"
local NAMES = { "client", "host" }
local COMMENTS = { client = "wrapix-builder client", host = "wrapix-builder" }
local NEW_HINT = "`wrapix builder reset --keys` makes new ones; clients then need `setup` again"

---@class wrapix.BuilderKeys
---@field dir string
---@field client string path of the private half
---@field client_public string "ssh-ed25519 AAAA…", without a comment
---@field host_public string
---@field host_private string the text of the host's private half, for the container
---@field digest string of both public halves

local function keygen(...)
  local result, message, code = proc.run({ "ssh-keygen", ... }, { stdin = "null", timeout = 30 })
  if not result then
    if code ~= "ENOENT" then return nil, message, code end
    return nil, "builder: keys: ssh-keygen is not on PATH", code, "apt install openssh-client"
  elseif result.code ~= 0 then
    local said = (result.stderr or ""):match("([^\n]+)%s*$") or "ssh-keygen failed"
    return nil, "builder: keys: " .. said, "EKEY"
  end
  return result.stdout
end

-- Once more through our own hands: these writes are on the disk before the rename.
local function settle(file)
  local text, message, code = fs.read(file, LIMIT)
  if not text then return nil, message, code end
  return fs.write_atomic(file, text, { mode = PRIVATE_FILE })
end

local function make_in(dir)
  for _, name in ipairs(NAMES) do
    local file = ("%s/%s"):format(dir, name)
    local made, message, code, hint = keygen("-q", "-t", "ed25519", "-N", "", "-C", COMMENTS[name],
      "-f", file)
    if not made then return nil, message, code, hint end
    for _, half in ipairs({ file, file .. ".pub" }) do
      local ok
      ok, message, code = settle(half)
      if not ok then return nil, message, code end
    end
  end
  return true
end

-- What a crash left; whoever makes keys holds the builder's lock.
local function sweep(parent)
  for _, name in ipairs(fs.list(parent) or {}) do
    if name:sub(1, #STAGING) == STAGING then fs.remove_tree(parent .. "/" .. name) end
  end
end

local function make(dir)
  local parent = path.dirname(dir)
  local ok, message, code = fs.ensure_dir(parent, PRIVATE_DIR)
  if not ok then return nil, message, code end
  sweep(parent)
  local staging, hint
  staging, message, code = fs.temp_dir(STAGING, parent)
  if not staging then return nil, message, code end
  ok, message, code, hint = make_in(staging)
  if ok then ok, message, code = fs.rename(staging, dir) end
  if not ok then
    fs.remove_tree(staging)
    return nil, message, code, hint
  end
  return true
end

-- Checking ---------------------------------------------------------------------------

local function broken(file, reason, hint)
  return nil, ("builder: key %s: %s"):format(path.show(file), reason), "EKEY", hint or NEW_HINT
end

local function check_stat(file, type_wanted, mode)
  local stat, message, code = fs.lstat(file)
  if not stat then
    if code == "ENOENT" then return broken(file, "is missing") end
    return nil, message, code
  elseif stat.type ~= type_wanted then
    return broken(file, "is a " .. stat.type)
  elseif stat.uid ~= sys.euid() then
    return broken(file, ("belongs to uid %d"):format(stat.uid))
  elseif stat.mode & tonumber("77", 8) ~= 0 then
    return broken(file, ("can be read by others (mode %o)"):format(stat.mode),
      ("chmod %o %s"):format(mode, file))
  end
  return true
end

local function public_part(text) return (text or ""):match("^(ssh%-ed25519 [%w+/=]+)%f[%s\0]") end

local function check_pair(dir, name)
  local file = ("%s/%s"):format(dir, name)
  for _, half in ipairs({ file, file .. ".pub" }) do
    local ok, message, code, hint = check_stat(half, "file", PRIVATE_FILE)
    if not ok then return nil, message, code, hint end
  end
  local public = public_part(fs.read(file .. ".pub", LIMIT))
  if not public then return broken(file .. ".pub", "is no key of type ed25519") end
  -- A key with a passphrase cannot be used by a daemon either.
  local said, message, code, hint = keygen("-y", "-P", "", "-f", file)
  if not said then
    if code ~= "EKEY" then return nil, message, code, hint end
    return broken(file, "cannot be used")
  elseif public_part(said) ~= public then
    return broken(file .. ".pub", "does not belong to its private half")
  end
  return public
end

--- Reads the keys and checks that they are whole, private, and pairs.
---@param dir string
---@return wrapix.BuilderKeys|nil
---@return string? message
---@return string? code "EKEY" for what is broken, "ENOENT" where there are none
---@return string? hint
function M.read(dir)
  if not fs.lstat(dir) then
    return nil, ("builder: keys: %s: there are none yet"):format(path.show(dir)), "ENOENT",
      "`wrapix builder start` makes them"
  end
  local ok, message, code, hint = check_stat(dir, "directory", PRIVATE_DIR)
  if not ok then return nil, message, code, hint end
  local client, host
  client, message, code, hint = check_pair(dir, "client")
  if not client then return nil, message, code, hint end
  host, message, code, hint = check_pair(dir, "host")
  if not host then return nil, message, code, hint end
  local secret
  secret, message, code = fs.read(dir .. "/host", LIMIT)
  if not secret then return nil, message, code end
  return { dir = dir, client = dir .. "/client", client_public = client, host_public = host,
    host_private = secret, digest = sha256.hex(client .. "\n" .. host):sub(1, 16) }
end

--- The keys; made when there are none. The caller holds the builder's lock.
---@param dir string
---@return wrapix.BuilderKeys|nil
---@return string? message
---@return string? code
---@return string? hint
function M.ensure(dir)
  if not fs.lstat(dir) then
    local ok, message, code, hint = make(dir)
    if not ok then return nil, message, code, hint end
  end
  return M.read(dir)
end

return M
