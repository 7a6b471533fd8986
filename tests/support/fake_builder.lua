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
    local lock = { close = function() world.locks[path] = nil end }
    return setmetatable(lock, { __close = lock.close })
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
    warnings = {},
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
    warn = function(_, text) world.warnings[#world.warnings + 1] = text end,
    detail = function(_, text) world.details[#world.details + 1] = text end,
  }
  world.facts = {
    uid = 1000, euid = 1000, env = {}, dirs = { cache = "/cache" },
    engine = { path = "/bin/podman", rootless = true, graph_driver = "overlay" },
  }
  return world
end

local function word_after(argv, flag)
  for i, word in ipairs(argv) do
    if word == flag then return argv[i + 1] end
  end
end

-- An image is a table with its labels and size; true stands for one that is no
-- more than there.
local function labels_of(argv, world)
  local labels, from = {}, nil
  for line in (world.files[word_after(argv, "--file")] or ""):gmatch("[^\n]+") do
    from = line:match("^FROM (%S+)$") or from
  end
  local base = type(world.images[from]) == "table" and world.images[from] or { labels = {} }
  for name, value in pairs(base.labels) do labels[name] = value end
  for i, word in ipairs(argv) do
    if word == "--label" then
      local name, value = argv[i + 1]:match("^([^=]*)=(.*)$")
      labels[name] = value
    end
  end
  return { labels = labels, size = (base.size or 0) + 1000000 }
end

local function inspect(argv, world)
  local image, format = world.images[argv[#argv]], word_after(argv, "--format")
  if argv[3] == "exists" then return { code = image and 0 or 1 } end
  if not image then return { code = 125, stderr = "Error: no such image\n" } end
  image = image == true and { labels = {} } or image
  local label = assert(format:match('^{{index .Labels "(.-)"}}$'), format)
  return { stdout = (image.labels[label] or "") .. "\n" }
end

--- An image as a build of a recipe leaves it.
---@param hash string
---@param more table<string, string>? further labels
function M.image(hash, more)
  local labels = { ["wrapix.recipe"] = hash }
  for name, value in pairs(more or {}) do labels[name] = value end
  return { labels = labels, size = 1000000 }
end

--- Adds every image a recipe comes to.
---@param world table
---@param images wrapix.StageImage[]
function M.add_images(world, images)
  for _, image in ipairs(images) do world.images[image.ref] = M.image(image.hash) end
end

--- An engine as it is where no registry answers: knows `world.images`, builds,
--- imports and tags into it.
---@param special (fun(argv: string[], world: table): table?)? asked first
function M.engine(special)
  return function(argv, world)
    local answer = special and special(argv, world)
    if answer then return answer end
    local verb = argv[1] == "/bin/podman" and argv[2] or argv[1]
    if verb == "image" then return inspect(argv, world) end
    if verb == "history" then
      local image = world.images[argv[#argv]]
      if not image then return { code = 125 } end
      local size = type(image) == "table" and image.size or 1000000
      return { stdout = ('[{"size":%d},{"size":0}]\n'):format(size) }
    end
    if verb == "manifest" then
      return { code = 125, stderr = "Error: dial tcp: lookup registry.test: no such host\n" }
    end
    if verb == "import" then world.images[argv[#argv]] = true end
    if verb == "pull" then world.images[argv[#argv]] = true end
    if verb == "tag" then world.images[argv[4]] = world.images[argv[3]] or true end
    if verb == "mmdebstrap" then world.files[argv[#argv]] = "tar" end
    if verb ~= "build" then return nil end
    world.images[word_after(argv, "--tag")] = labels_of(argv, world)
    return { stdout = "STEP 1/5: FROM x\nGet:1 http://a b\nUnpacking git\nCOMMIT x\n" }
  end
end

return M
