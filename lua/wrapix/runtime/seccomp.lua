-- The engine's own seccomp profile less new user namespaces, kept in the cache
-- directory. How it is narrowed is in seccomp/derive.lua, loaded when it has to
-- be made: a profile that cannot be narrowed is an error, never a fallback.
--
-- SPDX-License-Identifier: MIT

local derive = require("wrapix.lazy")("wrapix.runtime.seccomp.derive")

local M = {}

-- Raised whenever `derive` changes, so that a cached file made by an older
-- wrapix is never taken for a current one.
M.revision = 1

--- Narrows an engine's seccomp profile. See seccomp/derive.lua.
---@param profile table the decoded profile of the engine; not changed
---@param opts? { deny_keyring?: boolean }
---@return table|nil derived
---@return string? message
---@return string? code "ESECCOMP"
function M.derive(profile, opts) return derive.derive(profile, opts) end

local function cache_name(stat, opts)
  return ("seccomp-%d-%s-%s-%s-%s.json"):format(
    M.revision,
    opts.deny_keyring and "k" or "n",
    tostring(stat.ino or 0),
    tostring(stat.size),
    (tostring(stat.mtime_ns or stat.mtime):gsub("[^%w]", "_"))
  )
end

local function make(base, opts, deps)
  local text, message, code = deps.fs.read(base)
  if not text then
    return nil, message, code
  end
  local profile, problem = deps.json.decode(text)
  if not profile then
    return nil, ("read: %s: %s"):format(base, problem), "ESECCOMP"
  end
  local derived
  derived, message, code = M.derive(profile, opts)
  if not derived then
    return nil, ("%s: %s"):format(base, message), code
  end
  return deps.json.encode(derived)
end

--- Returns the path of the derived profile, making it when it is not in the
--- cache yet or the engine's file has changed since.
---@param base string path of the engine's profile
---@param dir string directory to keep the result in
---@param opts { deny_keyring?: boolean }
---@param deps { fs: table, json: table }
---@return string|nil path
---@return string? message
---@return string? code
function M.ensure(base, dir, opts, deps)
  local stat, message, code = deps.fs.stat(base)
  if not stat then
    return nil, message, code
  end
  local path = dir .. "/" .. cache_name(stat, opts)
  local have = deps.fs.lstat(path)
  if have and have.type == "file" and have.size > 0 then
    return path
  end
  local text
  text, message, code = make(base, opts, deps)
  if not text then
    return nil, message, code
  end
  local ok
  ok, message, code = deps.fs.ensure_dir(dir, tonumber("700", 8))
  if not ok then
    return nil, message, code
  end
  ok, message, code = deps.fs.write_atomic(path, text, { mode = tonumber("600", 8) })
  if not ok then
    return nil, message, code
  end
  return path
end

return M
