-- SPDX-License-Identifier: MIT
-- Doubles for the acts of an image build: files in a table, locks in a table,
-- and an engine that answers by a function. Starts nothing.

local task = require("wrapix.task")

local M = {}

local function absent() return nil, "ENOENT: no such file", "ENOENT" end

local function new_fs(world)
  local fs, files = {}, world.files
  function fs.read(path)
    if files[path] == nil then return absent() end
    return files[path]
  end
  function fs.stat(path)
    if files[path] == nil then return absent() end
    return { type = "file", size = #files[path] }
  end
  function fs.write_atomic(path, text)
    files[path] = text
    return true
  end
  function fs.append(path, text)
    files[path] = (files[path] or "") .. text
    return true
  end
  function fs.ensure_dir() return true end
  function fs.unlink(path)
    files[path] = nil
    return true
  end
  function fs.rename(from, to)
    if files[from] == nil then return absent() end
    files[from], files[to] = nil, files[from]
    return true
  end
  function fs.remove_tree(path)
    world.removed[#world.removed + 1] = path
    return true
  end
  function fs.list() return world.bundles or {} end
  function fs.lock(path, opts)
    while world.locks[path] do
      if not opts.wait then return nil, "EAGAIN: locked", "EAGAIN" end
      task.sleep(0.005)
    end
    world.locks[path] = true
    return setmetatable({}, { __close = function() world.locks[path] = nil end })
  end
  return fs
end

-- A started process: its output in chunks, then its end.
local function new_process(world, answer)
  local chunks, at = answer.chunks or { answer.stdout }, 0
  local process = { killed = {} }
  process.stdout = {
    read = function()
      if answer.seconds then
        local ok, message, code = task.sleep(answer.seconds)
        if not ok and code then return nil, message, code end
      end
      at = at + 1
      return chunks[at]
    end,
  }
  function process.wait() return { code = answer.code or 0, signal = answer.signal } end
  function process:kill(signal) self.killed[#self.killed + 1] = signal end
  world.processes[#world.processes + 1] = process
  return setmetatable(process, { __close = function(self) self.closed = true end })
end

local function new_proc(call)
  local proc = {}
  function proc.run(argv, opts)
    local result = call(argv, opts)
    if result.missing then return nil, "ENOENT: not found", "ENOENT" end
    return {
      code = result.code or 0, stdout = result.stdout or "", stderr = result.stderr or "",
      timed_out = result.timed_out,
    }
  end
  return proc
end

--- Makes a world. `answer(argv, world, opts)` returns { code, stdout, stderr,
--- chunks, seconds, signal, missing } or nil for success without output.
---@param answer fun(argv: string[], world: table, opts: table): table?
function M.new(answer)
  local world = {
    files = {}, locks = {}, images = {}, calls = {}, processes = {}, notes = {}, details = {},
    removed = {},
  }
  local function call(argv, opts)
    world.calls[#world.calls + 1] = table.concat(argv, " ")
    return answer(argv, world, opts) or {}
  end
  world.deps = { fs = new_fs(world), task = task, proc = new_proc(call) }
  world.deps.sys = { arch = function() return "x86_64" end }
  world.deps.json = { decode = function() return {} end }
  world.deps.flags = function() return { "--runtime", "runc" } end
  function world.deps.proc.spawn(argv, opts)
    local result = call(argv, opts)
    if result.missing then return nil, "ENOENT: not found", "ENOENT" end
    return new_process(world, result)
  end
  world.report = {
    note = function(_, text) world.notes[#world.notes + 1] = text end,
    detail = function(_, text) world.details[#world.details + 1] = text end,
  }
  world.facts = {
    uid = 1000, euid = 1000, env = {}, dirs = { cache = "/cache" },
    engine = { path = "/bin/podman", rootless = true, graph_driver = "overlay" },
  }
  return world
end

local function tag_of(argv)
  for i, word in ipairs(argv) do
    if word == "--tag" then return argv[i + 1] end
  end
end

--- An engine as it is where no registry answers: knows `world.images`, builds,
--- imports and tags into it.
---@param special (fun(argv: string[], world: table): table?)? asked first
function M.engine(special)
  return function(argv, world)
    local answer = special and special(argv, world)
    if answer then return answer end
    local verb = argv[1] == "/bin/podman" and argv[2] or argv[1]
    if verb == "image" then return { code = world.images[argv[#argv]] and 0 or 1 } end
    if verb == "manifest" then
      return { code = 125, stderr = "Error: dial tcp: lookup registry.test: no such host\n" }
    end
    if verb == "import" then world.images[argv[#argv]] = true end
    if verb == "pull" then world.images[argv[#argv]] = true end
    if verb == "tag" then world.images[argv[4]] = true end
    if verb == "mmdebstrap" then world.files[argv[#argv]] = "tar" end
    if verb ~= "build" then return nil end
    world.images[tag_of(argv)] = true
    return { stdout = "STEP 1/5: FROM x\nGet:1 http://a b\nUnpacking git\nCOMMIT x\n" }
  end
end

return M
