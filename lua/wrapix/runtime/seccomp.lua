-- The engine's own seccomp profile less new user namespaces. Deriving is pure
-- (table in, table out); `ensure` keeps the result in the cache directory.
-- Nothing here widens what the engine allows: a rule is narrowed or refused,
-- and a profile that cannot be narrowed is an error, never a fallback.
--
-- SPDX-License-Identifier: MIT

local M = {}

-- Raised whenever `derive` changes, so that a cached file made by an older
-- wrapix is never taken for a current one.
M.revision = 1

local CLONE_NEWUSER = 0x10000000
local EPERM, ENOSYS = 1, 38

-- Containers without a user namespace of their own share the kernel's keyrings
-- of their uid with the host, whose keys are then readable from inside.
local KEYRING = { "add_key", "keyctl", "request_key" }

-- clone takes its flags second there (CONFIG_CLONE_BACKWARDS2).
local SWAPPED_CLONE = { "s390", "s390x" }

---@param mask_value integer the value the masked flags must have
local function newuser_is(mask_value, index)
  return {
    {
      index = index,
      value = CLONE_NEWUSER,
      valueTwo = mask_value,
      op = "SCMP_CMP_MASKED_EQ",
    },
  }
end

local function rule(names, action, errno, args)
  return {
    names = names,
    action = action,
    errnoRet = errno,
    args = args,
  }
end

local function allow_without_newuser(name, index)
  return rule({ name }, "SCMP_ACT_ALLOW", nil, newuser_is(0, index))
end

-- The default action may be ENOSYS, which makes a program try another way or
-- report nonsense; a refusal has to read as one.
local function refuse_newuser(name, index)
  return rule({ name }, "SCMP_ACT_ERRNO", EPERM, newuser_is(CLONE_NEWUSER, index))
end

local function on_arches(field, arches, rules)
  for _, one in ipairs(rules) do
    one[field] = { arches = arches }
  end
  return rules
end

local function own_rules(opts)
  local rules = {
    allow_without_newuser("unshare", 0),
    refuse_newuser("unshare", 0),
    -- The flags of clone3 lie in memory, where a filter cannot look. ENOSYS is
    -- the answer of an old kernel, and makes libc use clone.
    rule({ "clone3" }, "SCMP_ACT_ERRNO", ENOSYS),
    -- Every use of setns needs a capability in the namespace joined. With all
    -- of them dropped the kernel refuses too, but for one case: a user
    -- namespace the same uid made elsewhere.
    rule({ "setns" }, "SCMP_ACT_ERRNO", EPERM),
  }
  local clone = { allow_without_newuser("clone", 0), refuse_newuser("clone", 0) }
  local swapped = { allow_without_newuser("clone", 1), refuse_newuser("clone", 1) }
  table.move(on_arches("excludes", SWAPPED_CLONE, clone), 1, 2, #rules + 1, rules)
  table.move(on_arches("includes", SWAPPED_CLONE, swapped), 1, 2, #rules + 1, rules)
  if opts.deny_keyring then
    rules[#rules + 1] = rule(KEYRING, "SCMP_ACT_ERRNO", EPERM)
  end
  return rules
end

local function owned_names(opts)
  local owned = { clone = true, clone3 = true, setns = true, unshare = true }
  for _, name in ipairs(opts.deny_keyring and KEYRING or {}) do
    owned[name] = true
  end
  return owned
end

-- A filter with two rules for the same call keeps the more specific one, or
-- the first, or refuses to load, depending on the library's version. So a call
-- with a rule of ours loses all others.
local function without(entry, owned)
  local kept = {}
  for _, name in ipairs(entry.names or { entry.name }) do
    if not owned[name] then
      kept[#kept + 1] = name
    end
  end
  if #kept == 0 then
    return nil
  end
  local copy = {}
  for key, value in pairs(entry) do
    -- An empty table says nothing, and whether it was a list is easily lost.
    copy[key] = (type(value) ~= "table" or next(value) ~= nil) and value or nil
  end
  copy.name, copy.names = nil, kept
  return copy
end

local function denies_by_default(profile)
  local action = profile.defaultAction
  return action == "SCMP_ACT_ERRNO"
    or action == "SCMP_ACT_KILL"
    or action == "SCMP_ACT_KILL_THREAD"
    or action == "SCMP_ACT_KILL_PROCESS"
end

--- Narrows an engine's seccomp profile: new user namespaces answer EPERM
--- (clone, unshare), clone3 answers ENOSYS, setns EPERM; all else stays.
---@param profile table the decoded profile of the engine; not changed
---@param opts? { deny_keyring?: boolean } deny_keyring also refuses the key calls
---@return table|nil derived
---@return string? message
---@return string? code "ESECCOMP"
function M.derive(profile, opts)
  if type(profile) ~= "table" or type(profile.syscalls) ~= "table" then
    return nil, "derive: seccomp profile: has no list of system calls", "ESECCOMP"
  end
  if not denies_by_default(profile) then
    local action = tostring(profile.defaultAction)
    return nil, "derive: seccomp profile: allows by default (" .. action .. ")", "ESECCOMP"
  end
  opts = opts or {}
  local owned, rules = owned_names(opts), own_rules(opts)
  for _, entry in ipairs(profile.syscalls) do
    if type(entry) ~= "table" then
      return nil, "derive: seccomp profile: a rule is not an object", "ESECCOMP"
    end
    rules[#rules + 1] = without(entry, owned)
  end
  local derived = {}
  for key, value in pairs(profile) do
    derived[key] = value
  end
  derived.syscalls = rules
  return derived
end

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
