-- SPDX-License-Identifier: MIT
-- What `wrapix builder setup` changes on this machine: marked blocks in files of ssh and
-- Nix. Which and with what is decided here, purely, from what the files hold; they are
-- written by `apply`, whole and in one step, through sudo only where this user may not.
-- Nothing outside the marks is touched, and doing it twice changes nothing.

local forms = require("wrapix.builder.forms")
local fs = require("wrapix.fs")
local path = require("wrapix.path")
local proc = require("wrapix.proc")

local M = {}

M.begins = "# >>> wrapix-builder: written by `wrapix builder setup` >>>"
M.ends = "# <<< wrapix-builder <<<"

local LIMIT = 8 << 20
local PUBLIC, PRIVATE = tonumber("644", 8), tonumber("600", 8)
local PRIVATE_DIR = tonumber("700", 8)
local CONTEXT = 2

---@class wrapix.BuilderTarget
---@field path string
---@field lines string[] of our block
---@field top boolean? the block goes before all else; where the first word on a matter counts
---@field mode integer of a new file
---@field dir_mode integer? of a new directory

---@class wrapix.BuilderEdit
---@field path string the file itself, links followed
---@field before string
---@field after string
---@field mode integer
---@field dir_mode integer?

-- Where --------------------------------------------------------------------------------

--- The files of this machine.
---@param client wrapix.BuilderClient
---@param has_parts boolean /etc/ssh/ssh_config.d is there
---@return wrapix.BuilderTarget[]
function M.system_targets(client, has_parts)
  return {
    { path = has_parts and "/etc/ssh/ssh_config.d/wrapix-builder.conf" or "/etc/ssh/ssh_config",
      lines = forms.ssh_config(client), top = true, mode = PUBLIC },
    { path = "/etc/ssh/ssh_known_hosts", lines = forms.known_hosts(client), mode = PUBLIC },
    { path = "/etc/nix/machines", lines = { forms.machine(client) }, mode = PUBLIC },
  }
end

--- The files of one user.
---@param client wrapix.BuilderClient
---@param home string
---@param config string $XDG_CONFIG_HOME or what stands for it
---@return wrapix.BuilderTarget[]
function M.user_targets(client, home, config)
  return {
    { path = home .. "/.ssh/config", lines = forms.ssh_config(client), top = true, mode = PRIVATE,
      dir_mode = PRIVATE_DIR },
    { path = home .. "/.ssh/known_hosts", lines = forms.known_hosts(client), mode = PRIVATE,
      dir_mode = PRIVATE_DIR },
    { path = config .. "/nix/nix.conf", lines = forms.nix_conf(client), mode = PUBLIC },
  }
end

-- Blocks ---------------------------------------------------------------------------------

local function split(text)
  local lines = {}
  for line in text:gmatch("([^\n]*)\n") do lines[#lines + 1] = line end
  local rest = text:match("([^\n]+)$")
  if rest then lines[#lines + 1] = rest end
  return lines
end

local function find_block(lines)
  local from, to
  for i, line in ipairs(lines) do
    if line == M.begins then
      if from then return nil, "has the beginning of the block twice" end
      from = i
    elseif line == M.ends then
      if not from or to then return nil, "has an end of the block without its beginning" end
      to = i
    end
  end
  if from and not to then return nil, "has the beginning of the block, and not its end" end
  return from or 0, to or 0
end

--- A text with the block in it, in the place of one that is there.
---@param text string
---@param block string[]|nil nil takes it out
---@param top boolean? where a new one goes
---@return string|nil
---@return string? reason
function M.edit(text, block, top)
  local lines = split(text)
  local from, to = find_block(lines)
  if not from then return nil, to --[[@as string]] end
  local whole = {}
  if block then
    whole = { M.begins }
    table.move(block, 1, #block, 2, whole)
    whole[#whole + 1] = M.ends
  end
  local at = from > 0 and from or top and 1 or #lines + 1
  local out = table.move(lines, 1, at - 1, 1, {})
  table.move(whole, 1, #whole, #out + 1, out)
  local rest = from > 0 and to + 1 or at
  table.move(lines, rest, #lines, #out + 1, out)
  if #out == 0 then return "" end
  return table.concat(out, "\n") .. "\n"
end

--- What changes from one text to another, as a person reads it.
---@param name string of the file
---@param before string
---@param after string
---@return string "" where nothing does
function M.difference(name, before, after)
  if before == after then return "" end
  local old, new = split(before), split(after)
  local same = 0
  while same < math.min(#old, #new) and old[same + 1] == new[same + 1] do same = same + 1 end
  local tail = 0
  while tail < math.min(#old, #new) - same and old[#old - tail] == new[#new - tail] do
    tail = tail + 1
  end
  local out = { "--- " .. name, "+++ " .. name }
  local first = math.max(1, same - CONTEXT + 1)
  local last = math.min(#old, #old - tail + CONTEXT)
  out[3] = ("@@ -%d,%d +%d,%d @@"):format(first, last - first + 1, first,
    last - first + 1 + #new - #old)
  local function add(mark, list, from, to)
    for i = from, to do out[#out + 1] = mark .. list[i] end
  end
  add(" ", old, first, same)
  add("-", old, same + 1, #old - tail)
  add("+", new, same + 1, #new - tail)
  add(" ", old, #old - tail + 1, last)
  return table.concat(out, "\n") .. "\n"
end

-- Planning -------------------------------------------------------------------------------

local function refuse(file, reason, code, hint)
  return nil, ("builder: setup: %s: %s"):format(path.show(file), reason), code, hint
end

-- Links are followed: people keep such files elsewhere. Not into Nix's store, where
-- another program makes them.
local function real_path(file)
  local stat = fs.lstat(file)
  if not stat or stat.type ~= "symlink" then return file end
  local real = fs.realpath(file)
  if real and not real:find("^/nix/store/") then return real end
  return refuse(file, "is made by another program (a link into Nix's store)", "EROFS",
    "`wrapix builder config nix-darwin` prints what belongs there")
end

local function plan_one(target, is_removal)
  local file, message, code, hint = real_path(target.path)
  if not file then return nil, message, code, hint end
  local before
  before, message, code = fs.read(file, LIMIT)
  if not before and code ~= "ENOENT" and code ~= "ENOTDIR" then return nil, message, code end
  local after, reason = M.edit(before or "", not is_removal and target.lines or nil, target.top)
  if not after then
    return refuse(file, reason, "EINVAL", "take the marked lines out by hand, then try again")
  end
  local stat = before and fs.stat(file)
  return { path = file, before = before or "", after = after, exists = before ~= nil,
    mode = stat and stat.mode or target.mode, dir_mode = target.dir_mode }
end

--- What would be changed. Reads the files, changes none.
---@param targets wrapix.BuilderTarget[]
---@param is_removal boolean
---@return wrapix.BuilderEdit[]|nil only those that differ
---@return string? message
---@return string? code
---@return string? hint
function M.plan(targets, is_removal)
  local edits = {}
  for _, target in ipairs(targets) do
    local edit, message, code, hint = plan_one(target, is_removal)
    if not edit then return nil, message, code, hint end
    if edit.before ~= edit.after then edits[#edits + 1] = edit end
  end
  return edits
end

-- Writing ---------------------------------------------------------------------------------

-- The nearest directory above a file that is there.
local function existing_parent(file)
  local dir = path.dirname(file)
  while not fs.stat(dir) and dir ~= "/" do dir = path.dirname(dir) end
  return dir
end

--- Whether this user may not write a file himself.
---@param edit wrapix.BuilderEdit
---@return boolean
function M.needs_sudo(edit) return not fs.access(existing_parent(edit.path), "w") end

local function write_self(edit)
  if edit.after == "" then return fs.unlink(edit.path) end
  local ok, message, code = fs.ensure_dir(path.dirname(edit.path), edit.dir_mode)
  if not ok then return nil, message, code end
  local stat = fs.stat(edit.path)
  ok, message, code = fs.write_atomic(edit.path, edit.after, { mode = edit.mode })
  if ok and stat then fs.chown(edit.path, stat.uid, stat.gid) end
  return ok, message, code
end

local function sudo(...)
  local argv = { "sudo", ... }
  local result, message, code = proc.run(argv, { stdin = "inherit", stderr = "inherit" })
  if not result then
    if code ~= "ENOENT" then return nil, message, code end
    return nil, "builder: setup: sudo is not on PATH", code, "do it as root, or with --user"
  elseif result.code ~= 0 then
    return nil, ("builder: setup: sudo %s: failed with status %s"):format((...),
      tostring(result.code)), "EACCES", "do it as root, or with --user"
  end
  return true
end

-- Beside its place first, so that no half of it is ever read.
local function write_as_root(edit)
  if edit.after == "" then return sudo("rm", "-f", "--", edit.path) end
  local dir, message, code, hint = fs.temp_dir("wrapix-setup-")
  if not dir then return nil, message, code end
  local ok
  ok, message, code = fs.write_atomic(dir .. "/text", edit.after, { mode = PRIVATE })
  local beside = edit.path .. ".wrapix-new"
  local steps = {
    { "mkdir", "-p", "--", path.dirname(edit.path) },
    { "install", "-m", ("%o"):format(edit.mode), "--", dir .. "/text", beside },
    { "mv", "-f", "--", beside, edit.path },
  }
  for _, step in ipairs(steps) do
    if ok then ok, message, code, hint = sudo(table.unpack(step)) end
  end
  fs.remove_tree(dir)
  if not ok then return nil, message, code, hint end
  return true
end

--- Writes what was planned; a file that has nothing left is removed.
---@param edits wrapix.BuilderEdit[]
---@param needs_sudo (fun(edit: wrapix.BuilderEdit): boolean)? in place of needs_sudo, for specs
---@return string[]|nil paths
---@return string? message
---@return string? code
---@return string? hint
function M.apply(edits, needs_sudo)
  local done = {}
  for _, edit in ipairs(edits) do
    local write = (needs_sudo or M.needs_sudo)(edit) and write_as_root or write_self
    local ok, message, code, hint = write(edit)
    if not ok then return nil, message, code, hint end
    done[#done + 1] = edit.path
  end
  return done
end

return M
