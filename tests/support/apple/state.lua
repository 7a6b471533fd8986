-- SPDX-License-Identifier: MIT
-- What the daemon of the double knows between two commands: containers, images,
-- volumes, networks, and whether it runs. One directory, JSON files; new, it is a Mac
-- on which the CLI has just been installed: not started, no kernel, no image.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local sys = require("wrapix.sys")

local M = {}

---@class apple.State
---@field dir string
---@field id string tells this state's containers in Podman from any other's
local State = {}
State.__index = State

---@param dir string made when it is not there
---@return apple.State
function M.open(dir)
  assert(fs.ensure_dir(dir))
  local self = setmetatable({ dir = assert(fs.realpath(dir)) }, State)
  self.id = fs.read(self.dir .. "/id")
  if not self.id then
    self.id = sys.random_hex(4)
    assert(fs.write_atomic(self.dir .. "/id", self.id, { sync = false }))
  end
  return self
end

---Holds every other command off while fn runs.
function State:locked(fn, ...)
  local lock = assert(fs.lock(self.dir .. "/lock", { wait = 30 }))
  local out = table.pack(pcall(fn, ...))
  lock:close()
  if not out[1] then error(out[2], 0) end
  return table.unpack(out, 2, out.n)
end

local function load(path, default)
  local text = fs.read(path)
  return text and assert(json.decode(text)) or default
end

local function save(path, value)
  assert(fs.write_atomic(path, assert(json.encode(value)), { sync = false }))
end

---@param name string such as "system"
function State:load(name, default) return load(("%s/%s.json"):format(self.dir, name), default) end
function State:save(name, value) save(("%s/%s.json"):format(self.dir, name), value) end

---@return string a lowercase UUID
function State.uuid()
  local hex = sys.random_hex(16)
  return ("%s-%s-4%s-a%s-%s"):format(hex:sub(1, 8), hex:sub(9, 12), hex:sub(14, 16),
    hex:sub(18, 20), hex:sub(21, 32))
end

-- Entries of a kind: one directory each, config.json in it ----------------------------

---@param kind "containers"|"volumes"
---@return string
function State:place(kind, name) return ("%s/%s/%s"):format(self.dir, kind, name) end

function State:get(kind, name) return load(self:place(kind, name) .. "/config.json", nil) end

function State:put(kind, name, value)
  assert(fs.ensure_dir(self:place(kind, name)))
  save(self:place(kind, name) .. "/config.json", value)
end

function State:remove(kind, name) assert(fs.remove_tree(self:place(kind, name))) end

---@return string[] names, sorted
function State:names(kind)
  local names, out = fs.list(("%s/%s"):format(self.dir, kind)) or {}, {}
  for _, name in ipairs(names) do
    if fs.stat(self:place(kind, name) .. "/config.json") then out[#out + 1] = name end
  end
  table.sort(out)
  return out
end

return M
