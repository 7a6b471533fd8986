-- SPDX-License-Identifier: MIT
-- `wrapix init`: looks at a project, drafts its profile and writes it. The project
-- is hostile: it is read up to limits and through no link, and nothing that is
-- there is replaced. Deciding and rendering are in the pure files beside this one.

local devcontainer = require "wrapix.project.devcontainer"
local guarded = require "wrapix.project.guarded"
local jsonc = require "wrapix.project.jsonc"
local layers = require "wrapix.profile.layers"
local look = require "wrapix.project.look"
local mount = require "wrapix.mount"
local path = require "wrapix.path"
local write = require "wrapix.project.write"

local M = {}

local FILE, PRIVATE, IGNORE = "wrapix.lua", ".wrapix", ".wrapix/.gitignore"
local LARGEST = 1 << 20

M.IGNORE_TEXT = [[
# Written by wrapix: issues.jsonl belongs into git, the rest does not.
*
!/.gitattributes
!/.gitignore
!/issues.jsonl
]]

---@class wrapix.InitRequest
---@field workspace string absolute
---@field profile string? to derive from
---@field devcontainer boolean?
---@field file string? the devcontainer.json, absolute

---@class wrapix.Init what would be, or was, written
---@field workspace string real path
---@field file string
---@field text string
---@field draft wrapix.Draft
---@field look wrapix.ProjectLook
---@field others string[] profiles whose packages, caches and variables are added
---@field source string? the devcontainer.json
---@field mapped table[]?
---@field unmapped table[]?
---@field has_ignore boolean .wrapix/.gitignore is there already
---@field notes string[]

local function fail(object, reason, code, hint)
  return nil, ("init: %s: %s"):format(path.show(object), reason), code or "EINVAL", hint
end

-- Looking --------------------------------------------------------------------------

-- The names in the workspace, each with what it is, links themselves.
local function scan(root, deps)
  local names, stats, code = deps.fs.list_beneath(root, "")
  if not names then return nil, stats, code end
  local types = {}
  for i, name in ipairs(names) do types[name] = stats[i].type end
  return types
end

local function check_free(root, types, deps)
  if types[FILE] then
    local kind = types[FILE] == "file" and "is there already" or ("is there already, a %s")
      :format(types[FILE])
    return fail(path.join(root, FILE), kind, "EEXIST",
      "nothing was changed; move it away, or edit it: `wrapix profile show ./wrapix.lua`")
  elseif types[PRIVATE] and types[PRIVATE] ~= "directory" then
    return fail(path.join(root, PRIVATE), ("is a %s, not a directory"):format(types[PRIVATE]),
      "ENOTDIR", "nothing was changed; move it away")
  end
  local inner = types[PRIVATE] and deps.fs.list_beneath(root, PRIVATE) or {}
  for _, name in ipairs(inner) do
    if name == ".gitignore" then return true, true end
  end
  return true, false
end

local function files_of(root, types, deps)
  local names = {}
  for name, kind in pairs(types) do names[name] = kind == "file" or nil end
  return {
    names = names,
    text = function(name) return (deps.fs.read_beneath(root, name, LARGEST)) end,
  }
end

local function slug(text)
  local name = text:lower():gsub("[^a-z0-9]+", "-"):gsub("^%-+", ""):sub(1, 40):gsub("%-+$", "")
  return name ~= "" and name or "project"
end

-- What a profile of another language brings, in its own file: packages, caches,
-- variables. Whatever is there already counts.
local function add_other(draft, name, deps, ctx)
  local profile, message, code, hint = deps.profile.load(name, ctx)
  if not profile then return nil, message, code, hint end
  local list = layers.of(profile)
  local own, why = list[#list].fields, "as the profile " .. name
  for _, entry in ipairs(own.packages or {}) do
    draft.packages[#draft.packages + 1] = { entry = entry, why = why }
  end
  local function add(field, key, known)
    local keys = {}
    for item in pairs(own[field] or {}) do keys[#keys + 1] = item end
    table.sort(keys)
    for _, item in ipairs(keys) do
      if not known[item] then
        local row = { name = item, why = why, [key] = tostring(own[field][item]) }
        draft[field][#draft[field] + 1] = row
      end
    end
  end
  local set = {}
  for _, item in ipairs(draft.env) do set[item.name] = true end
  add("env", "value", set)
  add("caches", "dest", {})
  return true
end

local function add_others(draft, others, deps, ctx)
  for _, name in ipairs(others) do
    local ok, message, code, hint = add_other(draft, name, deps, ctx)
    if not ok then return nil, message, code, hint end
  end
  return true
end

-- Development containers -------------------------------------------------------------

local PLACES = { ".devcontainer/devcontainer.json", ".devcontainer.json" }
local MOST_SHOWN = 10

-- The descriptions a project has, as far as they are files.
local function candidates(root, deps)
  local list = {}
  local function add(rel)
    local text, _, code = deps.fs.read_beneath(root, rel, LARGEST)
    if text or code == "EFBIG" then list[#list + 1] = rel end
  end
  for _, rel in ipairs(PLACES) do add(rel) end
  local names, stats = deps.fs.list_beneath(root, ".devcontainer")
  for i, name in ipairs(names or {}) do
    if stats[i].type == "directory" then
      add((".devcontainer/%s/devcontainer.json"):format(name))
    end
  end
  return list
end

local function choose_candidate(root, deps)
  local list = candidates(root, deps)
  if #list == 1 then return list[1] end
  if #list == 0 then
    return fail(root, "no devcontainer.json", "ENOENT",
      "looked for " .. table.concat(PLACES, ", ") .. " and .devcontainer/*/devcontainer.json")
  end
  local shown = {}
  for i = 1, math.min(#list, MOST_SHOWN) do shown[i] = path.show(list[i]) end
  return fail(root, ("%d devcontainer.json"):format(#list), "EUSAGE",
    "name one, as `wrapix init --from devcontainer FILE`: " .. table.concat(shown, ", "))
end

-- One outside of the workspace is the user's word; inside of it no link is followed.
local function read_devcontainer(request, root, deps)
  local rel, message, code, hint
  if request.file then
    local dir = deps.fs.realpath(path.dirname(path.normalize(request.file)))
    local full = dir and path.join(dir, path.basename(request.file)) or request.file
    rel = path.is_within(root, full) and path.relative(full, root)
    if not rel then
      local text
      text, message, code = deps.fs.read(full, LARGEST)
      if not text then return fail(request.file, message, code) end
      return text, full
    end
  else
    rel, message, code, hint = choose_candidate(root, deps)
    if not rel then return nil, message, code, hint end
  end
  local text
  text, message, code = deps.fs.read_beneath(root, rel, LARGEST)
  if not text then return fail(rel, message, code) end
  return text, rel
end

local function place_of(places, dest, what)
  local normal = dest and mount.resolve_dest(dest)
  if normal then places[normal] = places[normal] or what end
end

-- What profiles mount by themselves; two mounts at one place are refused.
local function places_of(deps, ctx)
  return function(name, others)
    local places = {}
    local profile = deps.profile.load(name, ctx)
    local list = { profile }
    for _, other in ipairs(others) do list[#list + 1] = deps.profile.load(other, ctx) end
    for _, one in ipairs(list) do
      for cache, dest in pairs(one.caches or {}) do
        place_of(places, dest, "the cache " .. cache)
      end
      for _, spec in ipairs(one.mounts or {}) do
        place_of(places, spec.dest, "a mount of " .. one.name)
      end
      for _, dest in ipairs(one.writable or {}) do place_of(places, dest, "writable") end
    end
    for _, entry in ipairs(profile and deps.profile.agents(profile) or {}) do
      local agent = deps.agents.get(entry.name)
      place_of(places, agent and agent.login and agent.login.dest, "the login of " .. entry.name)
      for _, state in ipairs(agent and agent.state or {}) do
        place_of(places, state.dest, "the state of " .. entry.name)
      end
    end
    return places
  end
end

local function mount_check(root, deps)
  local dirs, own = deps.dirs(), {}
  for _, dir in pairs(dirs) do own[#own + 1] = dir end
  local ctx = {
    home = deps.sys.home(), user = deps.sys.username(), uid = deps.sys.uid(), workspace = root,
    base_dir = root, fs = deps.fs, own_dirs = own,
    engine_sockets = mount.engine_sockets(deps.sys.environ(), deps.sys.uid()),
  }
  return function(spec)
    local made, message = mount.resolve(spec, ctx)
    if made == nil then return nil, (message:gsub("^mount: ", "")) end
    -- What is not there today, and would be one day, is judged by its name.
    local source = path.normalize(path.join(root, (path.expand(spec.source, ctx))))
    local reason = not made and mount.danger(source, ctx)
    if reason then return nil, ("%s: it %s"):format(path.show(source), reason) end
    local off = not path.is_within(root, source) and guarded.reason(source, spec.mode, ctx.home)
    if not off and made and not path.is_within(root, made.source) then
      off = guarded.reason(made.source, spec.mode, ctx.home)
    end
    return true, nil, off or nil
  end
end

local function map_devcontainer(result, request, deps, ctx)
  local text, source, code, hint = read_devcontainer(request, result.workspace, deps)
  if not text then return nil, source, code, hint end
  local object, message = jsonc.decode(text)
  if message then return fail(source, message) end
  local mapped
  mapped, message = devcontainer.map(object, result.draft, {
    basename = path.basename(result.workspace), id = deps.store.key(result.workspace),
    file = source, slug = slug, wanted = request.profile, look = result.look,
    places = places_of(deps, ctx),
    check_mount = mount_check(result.workspace, deps),
  })
  if not mapped then return fail(source, message) end
  result.source, result.mapped, result.unmapped = source, mapped.mapped, mapped.unmapped
  result.others = mapped.others
  result.draft.seen = { { source, ("%d settings taken over, %d not")
    :format(#mapped.mapped, #mapped.unmapped) } }
  return true
end

-- Drafting ---------------------------------------------------------------------------

local function use_look(result)
  local draft, found = result.draft, result.look
  draft.profile, draft.why, draft.toolchain = found.profile, found.why, found.toolchain
  for i, item in ipairs(found.found) do draft.seen[i] = { item.file, item.means } end
  table.move(found.packages, 1, #found.packages, 1, draft.packages)
  table.move(found.notes, 1, #found.notes, 1, draft.remarks)
  result.others = found.others
end

-- What is written is what was loaded: it has to be a profile before it is a file.
local function verify(result, deps, ctx)
  local own = setmetatable({
    read = function(file)
      if file == result.file then return result.text end
      return ctx.read(file)
    end,
  }, { __index = ctx })
  local kind, value, code, hint = deps.profile.load_file(result.file, own)
  if kind == "profile" then return true end
  local reason = ("what would be written is no profile: %s"):format(tostring(value))
  return fail(result.file, reason, code, hint)
end

local function check_profile(name, deps, ctx)
  if not name then return true end
  if deps.profile.is_path(name) then
    return fail(name, "the name of a profile expected, no path", "EUSAGE",
      "`wrapix profile list` shows the names")
  end
  local profile, message, code, hint = deps.profile.load(name, ctx)
  if not profile then return nil, message, code == "ENOENT" and "EUSAGE" or code, hint end
  return true
end

--- Looks at a project and makes the text of its profile; writes nothing.
---@param request wrapix.InitRequest
---@param deps table as of the command line: fs, sys, profile, agents, store, context, dirs
---@return wrapix.Init?
---@return string? message
---@return string? code "EEXIST" when there is a wrapix.lua, "EUSAGE" for wrong words
---@return string? hint
function M.plan(request, deps)
  local root, message, code = deps.fs.realpath(request.workspace)
  if not root then return nil, "init: " .. message, code end
  local types
  types, message, code = scan(root, deps)
  if not types then return nil, "init: " .. message, code end
  local ok, has_ignore, why, hint = check_free(root, types, deps)
  if not ok then return nil, has_ignore, why, hint end
  local ctx = deps.context(root)
  ok, message, code, hint = check_profile(request.profile, deps, ctx)
  if not ok then return nil, message, code, hint end
  local result = {
    workspace = root, file = path.join(root, FILE), has_ignore = has_ignore,
    look = look.decide(files_of(root, types, deps), request.profile),
    draft = write.draft(slug(path.basename(root))),
  }
  if request.devcontainer then
    ok, message, code, hint = map_devcontainer(result, request, deps, ctx)
    if not ok then return nil, message, code, hint end
  else
    use_look(result)
  end
  ok, message, code, hint = add_others(result.draft, result.others, deps, ctx)
  if not ok then return nil, message, code, hint end
  result.notes = result.look.notes
  result.text = write.render(result.draft)
  ok, message, code, hint = verify(result, deps, ctx)
  if not ok then return nil, message, code, hint end
  return result
end

-- Writing ------------------------------------------------------------------------------

local function write_ignore(result, deps)
  local root = result.workspace
  local stat, message, code = deps.fs.stat(root)
  if not stat then return nil, message, code end
  local names, stats = deps.fs.list_beneath(root, "")
  local is_there = false
  for i, name in ipairs(names or {}) do
    is_there = is_there or name == PRIVATE and stats[i].type == "directory"
  end
  local ok = true
  if not is_there then
    -- As open as the project itself, and its owner's, as sandboxes of root are.
    local euid = deps.sys.euid()
    local is_root = euid == 0
    local mode = stat.mode & tonumber("777", 8) | tonumber("700", 8)
    ok, message, code = deps.fs.ensure_dir_beneath(root, PRIVATE,
      { mode = mode, uid = is_root and stat.uid or euid,
        gid = is_root and stat.gid or deps.sys.gid() })
  end
  if ok then ok, message, code = deps.fs.create_beneath(root, IGNORE, M.IGNORE_TEXT) end
  if not ok and code ~= "EEXIST" then return nil, message, code end
  return true
end

--- Writes what was planned: the profile, then .wrapix/.gitignore if there is none.
---@param result wrapix.Init
---@param deps table
---@return true|nil
---@return string? message
---@return string? code "EEXIST" when a wrapix.lua has come meanwhile
function M.write(result, deps)
  local ok, message, code = deps.fs.create_beneath(result.workspace, FILE, result.text)
  if not ok then return nil, "init: " .. message, code end
  if result.has_ignore then return true end
  ok, message, code = write_ignore(result, deps)
  if not ok then
    return nil, ("init: wrapix.lua is written, %s is not: %s"):format(IGNORE, message), code
  end
  return true
end

return M
