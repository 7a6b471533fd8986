-- SPDX-License-Identifier: MIT
-- Writes into the session's directory what a runtime wants to find there before the
-- start: texts, and copies of what is there already. What, the runtime says; nothing
-- is written outside that directory, and no link is followed.

local fs = require("wrapix.fs")

local M = {}

local PRIVATE = tonumber("700", 8)

-- A link would lead to other places inside than here.
local function find_link(from, stat)
  if stat.type == "symlink" then return from end
  if stat.type ~= "directory" then return nil end
  local entries, message = fs.walk(from)
  if not entries then return message end
  for rel, inner in entries do
    if inner.type == "symlink" then return from .. "/" .. rel end
  end
end

local function copy_safely(from, to, stat)
  local link = find_link(from, stat)
  if link then return nil, ("copy: %s: is a link"):format(link), "ELOOP" end
  return fs.copy_tree(from, to)
end

-- Sockets are none of it: they are handed in by themselves.
local function copy_entries(from, to, without)
  local left_out = {}
  for _, name in ipairs(without or {}) do left_out[name] = true end
  local names, message, code = fs.list(from)
  if not names then return nil, message, code end
  for _, name in ipairs(names) do
    local stat = fs.lstat(from .. "/" .. name)
    if stat and stat.type ~= "socket" and not left_out[name] then
      local ok
      ok, message, code = copy_safely(from .. "/" .. name, to .. "/" .. name, stat)
      if not ok then return nil, message, code end
    end
  end
  return true
end

local function each(list, act)
  for _, entry in ipairs(list or {}) do
    local ok, message, code = act(entry)
    if not ok then return nil, "stage: " .. message, code end
  end
  return true
end

---Makes what `runtime.stage` asks for; what an earlier start of the same session left
---of it goes first.
---@param root string sessions/ID
---@param wanted { dirs: string[]?, files: { path: string, text: string, mode: integer }[]?,
--- copies: { from: string, path: string, tree: boolean?, without: string[]? }[]? }
---@return true|nil
---@return string? message
---@return string? code
function M.write(root, wanted)
  local seen = {}
  for _, dir in ipairs(wanted.dirs or {}) do
    local top = dir:match("^[^/]*")
    if not seen[top] then fs.remove_tree(root .. "/" .. top) end
    seen[top] = true
  end
  local ok, message, code = each(wanted.dirs, function(dir) return fs.mkdir(root .. "/" .. dir, PRIVATE) end)
  if ok then
    ok, message, code = each(wanted.copies, function(copy)
      local to = root .. "/" .. copy.path
      if copy.tree then return copy_entries(copy.from, to, copy.without) end
      local stat, why, what = fs.lstat(copy.from)
      if not stat then return nil, why, what end
      return copy_safely(copy.from, to, stat)
    end)
  end
  if not ok then return nil, message, code end
  return each(wanted.files, function(file)
    return fs.write_atomic(root .. "/" .. file.path, file.text, { mode = file.mode, sync = false })
  end)
end

return M
