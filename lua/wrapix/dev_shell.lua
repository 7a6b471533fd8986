-- SPDX-License-Identifier: MIT
-- What a profile means for the host's own shell: where its caches lie here, the
-- toolchain it pins, and its `shell` text, as data and as text for a POSIX shell.
-- Pure. Nothing else of the profile's variables gets out, and no secret.

local mount = require("wrapix.mount")
local path = require("wrapix.path")
local shell = require("wrapix.shell")

local M = {}

---@class wrapix.DevShell
---@field caches { name: string, path: string }[] by name; directories of the host
---@field env { name: string, value: string }[] by name
---@field shell string? the profile's own text

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map or {}) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

-- A path in the sandbox as one of the host; nil where it lies in no cache. The
-- deepest cache counts, as it does among mounts.
local function on_host(value, caches)
  local best
  if not path.is_absolute(value) then return nil end
  value = path.normalize(value)
  for _, cache in ipairs(caches) do
    if path.is_within(cache.dest, value) and #cache.dest > (best and #best.dest or 0) then
      best = cache
    end
  end
  return best and best.path .. value:sub(#best.dest + 1)
end

--- What a profile means for a shell of the host.
---@param profile table as loaded
---@param cache_path fun(name: string): string where a cache lies on the host
---@return wrapix.DevShell
function M.describe(profile, cache_path)
  local result = { caches = {}, env = {}, shell = profile.shell }
  for _, name in ipairs(sorted_keys(profile.caches)) do
    result.caches[#result.caches + 1] =
      { name = name, path = cache_path(name), dest = (mount.resolve_dest(profile.caches[name])) }
  end
  local env = {}
  for name, value in pairs(profile.env or {}) do env[name] = on_host(value, result.caches) end
  local rustup = profile.toolchain and profile.toolchain.rustup
  if rustup then env.RUSTUP_TOOLCHAIN = rustup.channel or "stable" end
  for _, name in ipairs(sorted_keys(env)) do
    result.env[#result.env + 1] = { name = name, value = env[name] }
  end
  for _, cache in ipairs(result.caches) do cache.dest = nil end
  return result
end

--- The text for `eval`.
---@param described wrapix.DevShell
---@return string lines of a POSIX shell; empty when there is nothing to say
function M.text(described)
  local lines = {}
  for _, variable in ipairs(described.env) do
    lines[#lines + 1] = ("export %s=%s\n"):format(variable.name, shell.quote(variable.value))
  end
  local own = described.shell or ""
  lines[#lines + 1] = own ~= "" and own:gsub("\n*$", "\n") or nil
  return table.concat(lines)
end

return M
