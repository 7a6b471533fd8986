-- SPDX-License-Identifier: MIT
-- Which programs of a workspace the user has agreed to run: path and digest of the
-- content, in $XDG_STATE_HOME/wrapix/trust.json. What runs in a sandbox can write
-- to the workspace, so a file that has changed is one nobody has agreed to.
-- Answers and keeps; asks nobody and runs nothing.

local fs = require "wrapix.fs"
local path = require "wrapix.path"

local lazy = require "wrapix.lazy"
local json = lazy "wrapix.json"
local sha256 = lazy "wrapix.sha256"

local M = {}

local STORE, LOCK = "trust.json", "trust.lock"
local LARGEST_STORE = 4 << 20
local PRIVATE_FILE, PRIVATE_DIR = tonumber("600", 8), tonumber("700", 8)
local PATIENCE = 5

--- The largest file that can be trusted, in bytes.
M.LARGEST = 1 << 20

--- The profile of a workspace that is used without being named.
M.OWN = "wrapix.lua"

--- The settings of its workflow.
M.RALPH = "ralph.lua"

local PROFILES = ".wrapix/profiles"

-- The store -------------------------------------------------------------------------

local function broken(dirs, reason)
  local file = dirs.state .. "/" .. STORE
  return nil, ("trust: %s: %s"):format(path.show(file), reason), "EINVAL",
    "remove the file; `wrapix trust` writes it anew"
end

local function is_entry(file, entry)
  return path.is_absolute(file) and type(entry) == "table" and type(entry.sha256) == "string"
    and #entry.sha256 == 64 and not entry.sha256:find("[^0-9a-f]") and type(entry.time) == "number"
end

--- Reads the store.
---@param dirs { state: string }
---@return table<string, { sha256: string, time: integer }>? by real path
---@return string? message
---@return string? code
---@return string? hint
function M.load(dirs)
  local text, message, code = fs.read_beneath(dirs.state, STORE, LARGEST_STORE)
  if not text then
    if code == "ENOENT" then return {} end
    return broken(dirs, message)
  end
  local data
  data, message = json.decode(text, { max_depth = 4 })
  if message then return broken(dirs, message) end
  if type(data) ~= "table" or data.version ~= 1 or type(data.files) ~= "table" then
    return broken(dirs, "is no list of trusted files")
  end
  for file, entry in pairs(data.files) do
    if type(file) ~= "string" or not is_entry(file, entry) then
      return broken(dirs, "has an entry that is none")
    end
  end
  return data.files
end

-- Changes the store under its lock; change(files) may return false for "nothing to write".
local function update(dirs, change)
  local ok, message, code = fs.ensure_dir(dirs.state, PRIVATE_DIR)
  if not ok then return nil, "trust: " .. message, code end
  local lock <close>, why, what = fs.lock(dirs.state .. "/" .. LOCK, { wait = PATIENCE })
  if not lock then return nil, "trust: " .. why, what end
  local files, hint
  files, message, code, hint = M.load(dirs)
  if not files then return nil, message, code, hint end
  if change(files) == false then return true end
  local text = assert(json.encode({ version = 1, files = files }, { pretty = true }))
  local file = dirs.state .. "/" .. STORE
  ok, message, code = fs.write_atomic(file, text .. "\n", { mode = PRIVATE_FILE })
  if not ok then return nil, "trust: " .. message, code end
  return true
end

-- Files -----------------------------------------------------------------------------

--- Whether a path below a workspace is one that trust is about.
---@param rel string
---@return boolean
function M.is_candidate(rel)
  return rel == M.OWN or rel == M.RALPH or rel:find("^%.wrapix/profiles/[^/]+%.lua$") ~= nil
end

---@class wrapix.TrustFile
---@field file string real path of the workspace and the place in it
---@field rel string
---@field text string?
---@field problem string? why there is no text
---@field code string? of the problem
---@field state "trusted"|"changed"|"unknown"

local function state_of(entry, text)
  if not entry then return "unknown" end
  return text and sha256.hex(text) == entry.sha256 and "trusted" or "changed"
end

--- Reads a file of a workspace, without following a link in it, and tells what
--- the user has said of it.
---@param workspace string real path
---@param rel string
---@param files table<string, table> as load gives them
---@return wrapix.TrustFile
function M.look(workspace, rel, files)
  local file = path.join(workspace, rel)
  local text, message, code = fs.read_beneath(workspace, rel, M.LARGEST)
  if code == "ELOOP" or code == "ENOTDIR" then message = "is a link, or below one" end
  if code == "EFBIG" then message = "is larger than 1 MiB" end
  return {
    file = file, rel = rel, text = text, problem = not text and message or nil, code = code,
    state = state_of(files[file], text),
  }
end

--- The files of a workspace that trust is about: those there are.
---@param workspace string real path
---@param files table<string, table>
---@return wrapix.TrustFile[]
function M.find(workspace, files)
  local list = {}
  local function add(rel)
    local found = M.look(workspace, rel, files)
    if found.code ~= "ENOENT" then list[#list + 1] = found end
  end
  add(M.OWN)
  add(M.RALPH)
  for _, name in ipairs(fs.list_beneath(workspace, PROFILES) or {}) do
    local rel = PROFILES .. "/" .. name
    if M.is_candidate(rel) then add(rel) end
  end
  return list
end

--- Splits the path of a candidate into the real path of its workspace and the rest.
---@param file string absolute
---@return string? workspace nil when it is no candidate, or not there
---@return string? rel
function M.split(file)
  local normal = path.normalize(file)
  for _, depth in ipairs({ 1, 3 }) do
    local dir = normal
    for _ = 1, depth do dir = path.dirname(dir) end
    local rel = path.relative(normal, dir)
    if rel and M.is_candidate(rel) then
      local real = fs.realpath(dir)
      if real then return real, rel end
    end
  end
end

--- Whether the user has agreed to this content at this place. A store that
--- cannot be read answers no.
---@param file string absolute
---@param text string? its content; read when it is not given
---@param dirs { state: string }
---@return boolean
---@return string? problem why nobody can agree to it, such as that it is a link
function M.is_trusted(file, text, dirs)
  local workspace, rel = M.split(file)
  local files = workspace and M.load(dirs)
  if not files then return false end
  if text and state_of(files[path.join(workspace, rel)], text) == "trusted" then return true end
  local found = M.look(workspace, rel, files)
  return not text and found.state == "trusted", found.problem and "it " .. found.problem
end

local function unusable(found, file)
  local shown = path.show(file)
  if found.code == "ENOENT" and found.state == "unknown" then
    return nil, ("trust: %s: no such file"):format(shown), "ENOENT"
  elseif found.code == "ENOENT" then
    return nil, ("trust: %s: is gone since it was trusted"):format(shown), "EUNTRUSTED",
      ("`wrapix trust --remove %s` forgets it"):format(shown)
  elseif found.problem then
    return nil, ("trust: %s: %s"):format(shown, found.problem), found.code
  end
  local reason = found.state == "changed" and "has changed since it was trusted"
    or "is not trusted"
  return nil, ("trust: %s: %s"):format(shown, reason), "EUNTRUSTED",
    ("`wrapix trust %s` shows it and asks"):format(shown)
end

--- Reads a file of a workspace that is about to be run, if the user has agreed to what
--- it holds now.
---@param file string one that trust is about; a relative path starts at the process's own
---@param dirs { state: string }
---@return string? text
---@return string? message
---@return string? code "EUNTRUSTED"; "ENOENT" for one that was never there
---@return string? hint
function M.read(file, dirs)
  if type(file) ~= "string" then error("trust.read: string expected, got " .. type(file), 3) end
  local full = path.join(fs.realpath(".") or "/", file)
  local workspace, rel = M.split(full)
  if not workspace then
    local shown = path.show(file)
    if M.is_candidate(path.basename(full)) then
      return nil, ("trust: %s: no such file"):format(shown), "ENOENT"
    end
    return nil, ("trust: %s: is no file that trust is about"):format(shown), "EINVAL"
  end
  local files, message, code, hint = M.load(dirs)
  if not files then return nil, message, code, hint end
  local found = M.look(workspace, rel, files)
  if found.text and found.state == "trusted" then return found.text end
  return unusable(found, file)
end

-- Changes ---------------------------------------------------------------------------

--- Keeps that the user has agreed to files as they are.
---@param list { file: string, text: string }[] file: real path
---@param dirs { state: string }
---@return true|nil
---@return string? message
---@return string? code
---@return string? hint
function M.add(list, dirs)
  return update(dirs, function(files)
    for _, item in ipairs(list) do
      files[item.file] = { sha256 = sha256.hex(item.text), time = os.time() }
    end
  end)
end

--- Takes back what was said of a file, or of all below a directory.
---@param place string absolute
---@param dirs { state: string }
---@return string[]? removed
---@return string? message
---@return string? code
---@return string? hint
function M.remove(place, dirs)
  local removed = {}
  local names = { path.normalize(place), fs.realpath(place) }
  -- The file itself may be gone; the directory it was in has a real path still.
  local dir = fs.realpath(path.dirname(names[1]))
  names[#names + 1] = dir and path.join(dir, path.basename(names[1]))
  local ok, message, code, hint = update(dirs, function(files)
    for file in pairs(files) do
      for _, name in ipairs(names) do
        if files[file] and path.is_within(name, file) then
          removed[#removed + 1], files[file] = file, nil
        end
      end
    end
    return #removed > 0
  end)
  if not ok then return nil, message, code, hint end
  table.sort(removed)
  return removed
end

return M
