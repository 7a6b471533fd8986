-- SPDX-License-Identifier: MIT
-- One state of the double of Apple's CLI for one spec: its version, its words, what it
-- printed. Takes everything away again when closed.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local proc = require("wrapix.proc")

local M = {}

M.program = WRAPIX_ROOT .. "/tests/support/container"
-- What the program does, without the shell that finds it.
local INNER = { assert(fs.realpath("/proc/self/exe")), "--run",
  WRAPIX_ROOT .. "/tests/support/apple/main.lua" }

---@class wrapix.test.Apple
---@field dir string
---@field env table<string, string>
local Apple = {}
Apple.__index = Apple

---@param version string
---@param opts { env: table?, down: boolean? }? env: more variables; down: never started
---@return wrapix.test.Apple
function M.new(version, opts)
  opts = opts or {}
  local dir = assert(fs.temp_dir("apple-double"))
  local self = setmetatable({ dir = dir, env = {
    CONTAINER_DOUBLE_VERSION = version, CONTAINER_DOUBLE_STATE = dir .. "/state",
    CONTAINER_DOUBLE_WRAPIX = assert(fs.realpath("/proc/self/exe")), SSH_AUTH_SOCK = false,
  } }, Apple)
  for name, value in pairs(opts.env or {}) do self.env[name] = value end
  if not opts.down then assert(self:run("system", "start", "--enable-kernel-install").code == 0) end
  return self
end

local function options(self, opts)
  local all = { timeout = 60 }
  for name, value in pairs(opts or {}) do all[name] = value end
  all.env = {}
  for name, value in pairs(self.env) do all.env[name] = value end
  for name, value in pairs(opts and opts.env or {}) do all.env[name] = value end
  return all
end

---Runs the CLI to its end. A table as the last word: options of proc.run.
---@return wrapix.ProcResult
function Apple:run(...)
  local words = { ... }
  local opts = type(words[#words]) == "table" and table.remove(words) or nil
  local argv = table.move(words, 1, #words, #INNER + 1, table.move(INNER, 1, #INNER, 1, {}))
  return assert(proc.run(argv, options(self, opts)))
end

---Starts it; stdout and stderr are pipes.
function Apple:start(words, opts)
  local argv = table.move(words, 1, #words, 2, { M.program })
  local all = options(self, opts)
  all.timeout, all.stdout, all.stderr = nil, "pipe", "pipe"
  return assert(proc.spawn(argv, all))
end

---What it printed, without the last line end; it must have ended with 0.
---@return string
function Apple:output(...)
  local result = self:run(...)
  if result.code ~= 0 then
    error(("status %s: %s%s"):format(result.code, result.stdout, result.stderr), 2)
  end
  return (result.stdout:gsub("\n$", ""))
end

---@return any decoded
function Apple:json(...) return assert(json.decode(self:output(...))) end

---The lines the recorded mode printed: one command line of Podman each.
---@param result wrapix.ProcResult
---@return table<string, string[]> by the verb; the last one of a verb counts
function M.recorded(result)
  local out = {}
  for line in result.stdout:gmatch("[^\n]+") do
    local words = line:sub(1, 1) == "[" and json.decode(line)
    if words then out[words[1]] = words end
  end
  return out
end

---The words that follow a word each time it stands there.
---@return string[]
function M.values(words, name)
  local out = {}
  for i, word in ipairs(words) do
    if word == name then out[#out + 1] = words[i + 1] end
  end
  return out
end

---Writes a file into the directory of the spec.
---@return string path
function Apple:write(name, text)
  local path = self.dir .. "/" .. name
  assert(fs.ensure_dir(path:match("^(.*)/")))
  assert(fs.write_atomic(path, text, { sync = false }))
  return path
end

---Leaves nothing behind.
function Apple:close()
  local is_recorded = self.env.CONTAINER_DOUBLE_DRY == "1"
  if not is_recorded and fs.stat(self.env.CONTAINER_DOUBLE_STATE) then self:run("__purge") end
  assert(fs.remove_tree(self.dir))
end

return M
