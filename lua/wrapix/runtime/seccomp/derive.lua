-- The engine's seccomp profile → one without new user namespaces. Pure: table in,
-- table out. Nothing here widens what the engine allows: a rule is narrowed or
-- refused. A change here raises the revision in seccomp.lua.
--
-- SPDX-License-Identifier: MIT

local M = {}

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

return M
