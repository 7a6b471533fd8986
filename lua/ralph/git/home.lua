-- SPDX-License-Identifier: MIT
-- The directory that is git's in place of the workspace's: its config, which names no
-- program and forbids what would start one, and what of a clone's form git has to know.
-- Must hold nothing that the workspace can choose but words checked in place.lua.

local wrapix = require("wrapix")
local place_of = require("ralph.git.place")

local M = {}

local PRIVATE = tonumber("700", 8)
local SHALLOW_LIMIT = 1 << 20
-- Larger files count as binary and pass through in pieces.
local BIG_FILE = "32m"

local CONFIG = [=[
[core]
	repositoryformatversion = 1
	bare = false
	hooksPath = /dev/null
	fsmonitor = false
	untrackedCache = false
	commitGraph = false
	multiPackIndex = false
	logAllRefUpdates = false
	protectNTFS = false
	protectHFS = false
	attributesFile = /dev/null
	excludesFile = /dev/null
	bigFileThreshold = %s
%s[extensions]
	objectFormat = %s
[pack]
	writeReverseIndex = false
[gc]
	auto = 0
[maintenance]
	auto = false
[diff]
	ignoreSubmodules = all
[submodule]
	recurse = false
[protocol]
	allow = never
[user]
	name = wrapix
	email = wrapix@localhost
	useConfigOnly = true
[commit]
	gpgSign = false
]=]

local function config_of(place)
  local lines = {}
  for name, value in pairs(place.settings) do lines[#lines + 1] = ("\t%s = %s\n"):format(name, value) end
  table.sort(lines)
  return CONFIG:format(BIG_FILE, table.concat(lines), place.format)
end

-- The commits a clone was cut off at: ids, and nothing else.
local function shallow_of(place)
  local text = place_of.read(place.common, "shallow", SHALLOW_LIMIT) or ""
  local ids = {}
  for line in text:gmatch("[^\n]+") do
    if #line == place.hex and not line:find("[^%x]") then ids[#ids + 1] = line .. "\n" end
  end
  return table.concat(ids)
end

local function sync_file(file, text)
  if wrapix.fs.read(file) == text then return true end
  if text == "" then
    wrapix.fs.unlink(file)
    return true
  end
  return wrapix.fs.write_atomic(file, text, { sync = false })
end

-- What git's own objects begin with, which are deflated.
local DEFLATED = "x"

local function is_torn(objects, rel, stat)
  if stat.type ~= "file" or not rel:find("^%x%x/%x+$") then return false end
  return stat.size == 0 or wrapix.fs.read_part_beneath(objects, rel, 0, 1) ~= DEFLATED
end

-- Nothing here waits for the disk, so that a step does not. A start of the machine may have
-- come after a power cut: what is torn goes, and the index is made anew. git would take an
-- empty file for the object whose name it has, and fail for good.
local function mend(dir)
  local fs, boot = wrapix.fs, wrapix.sys.boot_id() or "none"
  if fs.read(dir .. "/boot") == boot then return true end
  local objects = dir .. "/objects"
  for rel, stat in fs.walk(objects) or function() end do
    if is_torn(objects, rel, stat) then fs.unlink(objects .. "/" .. rel) end
  end
  for _, name in ipairs({ "index", "base", "links", "tree", "origin" }) do fs.unlink(dir .. "/" .. name) end
  return fs.write_atomic(dir .. "/boot", boot, { sync = false })
end

---Makes the directory, and brings it up to date with what the workspace's repository is:
---another way to name objects makes all that is there worthless; another setting may
---change what a file's content is, so that the index has to be made anew.
---@param dir string
---@param place ralph.GitPlace
---@return true|nil
---@return string? message
---@return string? code
function M.prepare(dir, place)
  local fs, config = wrapix.fs, config_of(place)
  local old = fs.read(dir .. "/config")
  local format = old and old:match("objectFormat = (%w+)")
  if old ~= config then
    if format and format ~= place.format then
      local ok, msg, code = fs.remove_tree(dir .. "/objects")
      if not ok then return nil, msg, code end
    end
    for _, name in ipairs({ "index", "base", "config" }) do fs.unlink(dir .. "/" .. name) end
  end
  for _, name in ipairs({ "", "/objects/pack", "/refs/heads", "/info", "/out" }) do
    local ok, msg, code = fs.ensure_dir(dir .. name, PRIVATE)
    if not ok then return nil, msg, code end
  end
  local mended, why, what = mend(dir)
  if not mended then return nil, why, what end
  local files = { { "HEAD", "ref: refs/heads/none\n" }, { "config", config },
    { "shallow", shallow_of(place) } }
  for _, file in ipairs(files) do
    local ok, msg, code = sync_file(("%s/%s"):format(dir, file[1]), file[2])
    if not ok then return nil, msg, code end
  end
  return true
end

return M
