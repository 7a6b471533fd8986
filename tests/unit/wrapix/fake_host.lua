-- SPDX-License-Identifier: MIT
-- A made-up host for specs: files held in a table, and the system and process
-- functions over it. Nothing outside the table is looked at.

local M = {}

local function absent(action, path)
  return nil, ("ENOENT: %s '%s': no such file or directory"):format(action, path), "ENOENT"
end

-- A file is a text or { type=, text=, size=, mtime=, target=, access= }.
local function entry(host, path)
  local found = host.files[path]
  if type(found) == "string" then
    found = { text = found }
  end
  return found
end

local function new_fs(host)
  local fs = {}

  function fs.read(path)
    local found = entry(host, path)
    if not (found and found.text) then return absent("open", path) end
    return found.text
  end

  function fs.read_beneath(root, rel) return fs.read(root .. "/" .. rel) end

  function fs.stat(path)
    local found = entry(host, path)
    if not found and host.directories[path] then return { type = "directory" } end
    if not found then return absent("stat", path) end
    return {
      type = found.type or "file",
      size = found.size or #(found.text or ""),
      mtime = found.mtime or 1,
      ino = found.ino or 1,
      uid = found.uid or 0,
      gid = found.gid or 0,
    }
  end

  fs.lstat = fs.stat

  function fs.access(path, mode)
    local found = entry(host, path)
    if not found then return absent("access", path) end
    if (found.access or "rwx"):find(mode, 1, true) then return true end
    return nil, ("EACCES: access '%s': permission denied"):format(path), "EACCES"
  end

  function fs.readlink(path)
    local found = entry(host, path)
    return found and found.target
  end

  function fs.realpath(path)
    local found = entry(host, path)
    if found and found.target then return found.target end
    if found or host.directories[path] then return path end
    return absent("realpath", path)
  end

  function fs.ensure_dir(path)
    host.directories[path] = true
    return true
  end

  function fs.write_atomic(path, text, opts)
    if host.read_only then return nil, "EROFS: write", "EROFS" end
    host.files[path] = { text = text, mode = opts and opts.mode }
    return true
  end

  return fs
end

local function new_sys(host)
  local sys = {}
  local function constant(name, value)
    sys[name] = function() return value end
  end
  constant("uid", host.uid)
  constant("gid", host.uid)
  constant("euid", host.uid)
  constant("username", host.username)
  constant("home", host.home)
  constant("hostname", "box")
  constant("boot_id", "0c6e8f6a-1111-4222-8333-444455556666")
  constant("pid", 4321)
  constant("process_start", 98765)
  constant("environ", host.env)
  constant("cpus", 8)
  constant("memory", 16 << 30)
  constant("isatty", true)
  constant("term_size", { rows = 40, cols = 120 })
  constant("limits", {
    nofile = { soft = 1024, hard = 524288 },
    nproc = { soft = math.huge, hard = math.huge },
  })
  function sys.which(name)
    return name:sub(1, 1) == "/" and host.files[name] and name or host.programs[name]
  end
  return sys
end

--- Makes a host: `files`, `directories`, `programs` (name to path), `env`,
--- `uid`, `username`, `home`, `answers` (what proc.run gives, by program path).
---@param host table
---@return table deps { fs, sys, proc, json }, and `host` and `ran`
function M.new(host)
  host.files, host.directories = host.files or {}, host.directories or {}
  host.programs, host.env = host.programs or {}, host.env or {}
  host.uid, host.username = host.uid or 1000, host.username or "joe"
  host.home, host.answers = host.home or "/home/joe", host.answers or {}
  local dkjson = require "dkjson"
  local deps = { host = host, ran = {}, fs = new_fs(host), sys = new_sys(host), proc = {} }
  deps.json = {
    encode = function(value) return dkjson.encode(value, { keyorder = {} }) end,
    decode = function(text)
      local value, _, message = dkjson.decode(text)
      return value, message
    end,
  }
  function deps.proc.run(argv, opts)
    deps.ran[#deps.ran + 1] = { argv = argv, opts = opts }
    local answer = host.answers[argv[1]]
    if not answer then return nil, "ENOENT: exec", "ENOENT" end
    return answer
  end
  return deps
end

return M
