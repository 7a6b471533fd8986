-- SPDX-License-Identifier: MIT
-- A devcontainer.json, decoded, as a draft of a profile: what has a field of its
-- own, what has none and why. Pure but for ctx.check_mount. The file is hostile:
-- nothing that weakens the protection is taken over, and every value stays data.
--
-- The properties are those of containers.dev/implementors/json_reference.

local check = require "wrapix.schema.check"
local ORDER = require("wrapix.project.look").ORDER
local features = require "wrapix.project.features"
local json = require "wrapix.json"
local mounts = require "wrapix.project.mounts"
local schema = require "wrapix.schema"
local shell = require "wrapix.shell"
local variables = require "wrapix.project.variables"

local M = {}

-- More of anything was not written by a person.
local MOST = 64
local LONGEST = 16 << 10

---@class wrapix.DevcontainerContext
---@field basename string of the workspace's directory
---@field id string stands for this project
---@field file string as it is shown
---@field slug fun(text: string): string a name made of a text
---@field wanted string? profile asked for
---@field look wrapix.ProjectLook what the project's own files say
---@field places fun(profile: string, others: string[]): table<string, string> dest → what is there
---@field check_mount fun(spec: table): true|nil, string? whether the host takes a mount

---@class wrapix.Devcontainer what is at hand while mapping
---@field draft wrapix.Draft
---@field mapped { what: string, became: string }[]
---@field unmapped { what: string, reason: string }[]

local function took(dev, what, became)
  dev.mapped[#dev.mapped + 1] = { what = what, became = became }
end

local function left(dev, what, reason)
  dev.unmapped[#dev.unmapped + 1] = { what = what, reason = reason }
end

local function is_object(value) return type(value) == "table" and not check.is_list(value) end

local function sorted(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

-- The entries of an object, by name and not without end.
local function each(dev, what, map, visit)
  if type(map) ~= "table" or (rawlen(map) > 0) then
    return left(dev, what, "an object expected")
  end
  local keys = sorted(map)
  for i, key in ipairs(keys) do
    if i > MOST then return left(dev, what, ("only the first %d are taken"):format(MOST)) end
    visit(key, map[key])
  end
end

-- Why a text is not taken, or nil.
local function unfit(text)
  return #text > LONGEST and "is longer than 16 KiB" or check.bad_text(text)
end

-- Image and features -------------------------------------------------------------------

local function image(dev, ref)
  if type(ref) ~= "string" or not ref:find("^%w") then
    return left(dev, "image", "the name of an image expected")
  end
  if ref:find("${", 1, true) then return left(dev, "image", "its name depends on a variable") end
  local full = features.full_image(ref)
  local problem
  schema.fields.image.check(full, function(text) problem = text end)
  if problem then return left(dev, "image", problem) end
  if features.is_debian(full) then
    dev.draft.base = full
    return took(dev, "image", ("base = %s, packages are added to it"):format(full))
  end
  dev.draft.image = full
  took(dev, "image", ("image = %s, as it is: no packages, no agent are added"):format(full))
  dev.draft.remarks[#dev.draft.remarks + 1] =
    "If the image is built on Debian, `base` instead of `image` adds packages and the agent."
end

-- A name for what is built by hand.
local function build_hint(dev, file, context)
  local name = ("localhost/%s:1"):format(dev.draft.name)
  local argv = { "podman", "build", "-t", name, "-f", file, context }
  return ("`%s` builds it; then write base = \"%s\""):format(shell.join(argv), name)
end

local function dockerfile(dev, what, file, context)
  local is_fine = type(file) == "string" and not unfit(file)
  local dir = dev.ctx.file:match("^(.*)/[^/]*$") or "."
  context = type(context) == "string" and not unfit(context) and context or "."
  local hint = is_fine and build_hint(dev, dir .. "/" .. file, dir .. "/" .. context)
  left(dev, what, "no Dockerfile is built" .. (hint and ": " .. hint or ""))
end

local function build(dev, value)
  if not is_object(value) then return left(dev, "build", "an object expected") end
  dockerfile(dev, "build", value.dockerfile, value.context)
end

local USUAL = {
  latest = true, lts = true, none = true, system = true, ["os-provided"] = true, [""] = true,
}

-- The version asked for, unless any will do.
local function version_of(options)
  local version = type(options) == "table" and options.version or options
  if type(version) ~= "string" or USUAL[version] or #version > 40 then return nil end
  return version
end

local function channel_problem(version)
  local problem
  schema.fields.toolchain.check({ rustup = { channel = version } },
    function(text) problem = text end)
  return problem
end

local function add_packages(dev, name, entries)
  for _, entry in ipairs(entries) do
    dev.draft.packages[#dev.draft.packages + 1] = { entry = entry, why = "feature " .. name }
  end
end

local function apt_packages(dev, id, options)
  local list = type(options) == "table" and options.packages
  if type(list) ~= "string" or unfit(list) then return left(dev, id, "no list of packages") end
  local entries, count = {}, 0
  for name in list:gmatch("[^%s,]+") do
    local problem
    schema.fields.packages.check({ name }, function(text) problem = text end)
    count = count + 1
    if problem or count > MOST then
      left(dev, id, problem or ("only the first %d are taken"):format(MOST))
      break
    end
    entries[#entries + 1] = name
  end
  add_packages(dev, "apt-packages", entries)
  took(dev, id, ("%d packages"):format(#entries))
end

local function profile_feature(dev, id, name, options)
  dev.profiles[name] = dev.profiles[name] or id
  local version = version_of(options)
  if name == "rust" and version then
    local problem = channel_problem(version)
    if problem then
      left(dev, id .. ": version", problem)
      return took(dev, id, "profile rust, in the distribution's version")
    end
    dev.channel = version
    return took(dev, id, ("profile rust, toolchain %s"):format(version))
  end
  took(dev, id, ("profile %s%s"):format(name,
    version and (", in the distribution's version, not " .. version) or ""))
end

local function feature(dev, id, options)
  local known, name = features.find(id)
  local what = "features: " .. id
  if not known then
    left(dev, what, "not known; name Debian's packages for it in `packages`")
  elseif known.never then
    left(dev, what, known.never)
  elseif known.there then
    took(dev, what, known.there)
  elseif dev.draft.image then
    left(dev, what, "an `image` gets no packages; `base` would")
  elseif known.apt_option then
    apt_packages(dev, what, options)
  elseif known.profile then
    profile_feature(dev, what, known.profile, options)
  else
    add_packages(dev, name, known.packages)
    took(dev, what, "packages")
  end
  for option, package in pairs(known and known.extra or {}) do
    if type(options) == "table" and options[option] == true and not dev.draft.image then
      add_packages(dev, name, { package })
    end
  end
end

-- Variables ------------------------------------------------------------------------------

-- Set by wrapix itself; another value would break what relies on them.
local FIXED = { HOME = true, WRAPIX = true, WRAPIX_PROFILE = true, WRAPIX_SESSION_ID = true }

local function set_env(dev, name, value)
  for _, item in ipairs(dev.draft.env) do
    if item.name == name then
      item.value = value
      return
    end
  end
  dev.draft.env[#dev.draft.env + 1] = { name = name, value = value }
end

local function add_secret(dev, what, name)
  for _, item in ipairs(dev.draft.secrets) do
    if item.name == name then return end
  end
  dev.draft.secrets[#dev.draft.secrets + 1] = { name = name }
  took(dev, what, "secrets, passed from your environment")
end

local function variable(dev, what, name, value)
  local label = ("%s: %s"):format(what, name)
  if not check.is_env_name(name) then return left(dev, label, "not the name of a variable") end
  if FIXED[name] then return left(dev, label, "is set by wrapix") end
  if type(value) == "number" or type(value) == "boolean" then value = tostring(value) end
  if type(value) ~= "string" then return left(dev, label, "a text expected") end
  local host = variables.only_host(value)
  if host == name then return add_secret(dev, label, name) end
  local text, reason = variables.replace(value, dev:place("env"))
  reason = reason or unfit(text)
  if reason then return left(dev, label, reason) end
  set_env(dev, name, text)
  took(dev, label, "env")
end

local function env(dev, value, what)
  each(dev, what, value, function(name, text) variable(dev, what, name, text) end)
end

local function secrets(dev, value)
  each(dev, "secrets", value, function(name)
    local label = "secrets: " .. name
    if not check.is_env_name(name) or FIXED[name] then
      return left(dev, label, "not the name of a variable that can be passed")
    end
    add_secret(dev, label, name)
  end)
end

-- Commands -------------------------------------------------------------------------------

local function add_command(dev, what, argv)
  if #dev.draft.commands == MOST then return left(dev, what, "too many commands") end
  local texts, is_sudo = {}, false
  for i, word in ipairs(argv) do
    if type(word) ~= "string" then return left(dev, what, "a list of texts expected") end
    local text, reason = variables.replace(word, dev:place("command"))
    reason = reason or unfit(text)
    if reason then return left(dev, what, reason) end
    texts[i] = text
    is_sudo = is_sudo or text:find("%f[%w]sudo%f[%W]") ~= nil
  end
  dev.draft.commands[#dev.draft.commands + 1] = { what = what, argv = texts }
  local remark = is_sudo and "; sudo in it will fail, nobody is root" or ""
  took(dev, what, "hooks.after_start" .. remark)
end

local function command(dev, value, what, is_inner)
  if type(value) == "string" then
    if value ~= "" then add_command(dev, what, { "sh", "-c", value }) end
  elseif type(value) ~= "table" then
    left(dev, what, "a text, a list or an object expected")
  elseif value[1] ~= nil then
    if #value > MOST then return left(dev, what, "too many words") end
    add_command(dev, what, value)
  elseif not is_inner then
    each(dev, what, value, function(name, inner)
      command(dev, inner, ("%s: %s"):format(what, name), true)
    end)
  end
end

-- What is never taken over -----------------------------------------------------------------

local RIGHTS = "takes away what protects the host"
local PORTS = "no port of a sandbox is published; reach it by `wrapix exec`, or from inside"
local ALWAYS = "every sandbox has this"

local REASONS = {
  dockerComposeFile = "one sandbox is one container; start other services beside it",
  service = "belongs to dockerComposeFile", runServices = "belongs to dockerComposeFile",
  privileged = RIGHTS, capAdd = RIGHTS, securityOpt = RIGHTS,
  initializeCommand = "would run on the host",
  postAttachCommand = "there is no editor that attaches",
  forwardPorts = PORTS, appPort = PORTS, portsAttributes = PORTS, otherPortsAttributes = PORTS,
  workspaceMount = "the workspace is always the project's directory, at /workspace",
  containerUser = "the user is always wrapix, with your ids",
  remoteUser = "the user is always wrapix, with your ids",
  hostRequirements = "`limits` says what a sandbox may use, not what it needs",
  gpu = "devices of the host are not passed",
  shutdownAction = "a sandbox ends with its command",
  overrideCommand = "an image's own command is never run",
  userEnvProbe = "variables are those of the profile",
  waitFor = "hooks.after_start runs beside the command",
}
local NEEDLESS = { init = ALWAYS, updateRemoteUserUID = ALWAYS }
local SILENT = { ["$schema"] = true, overrideFeatureInstallOrder = true }

local function is_off(value)
  return value == false or (type(value) == "table" and next(value) == nil)
end

local function run_args(dev, list)
  if type(list) ~= "table" then return left(dev, "runArgs", "a list expected") end
  for i, word in ipairs(list) do
    if i > MOST then return left(dev, "runArgs", "and more") end
    if type(word) == "string" then
      local is_right = word:find("^%-%-privileged") or word:find("^%-%-cap%-add")
        or word:find("^%-%-security%-opt") or word:find("^%-%-device") or word:find("^%-%-pid")
        or word:find("^%-%-ipc") or word:find("^%-%-userns") or word:find("^%-%-net")
      left(dev, "runArgs: " .. word, is_right and RIGHTS
        or "words for another engine; `limits`, `env` and `mounts` have fields of their own")
    end
  end
end

local function customizations(dev, value)
  each(dev, "customizations", value, function(name)
    left(dev, "customizations: " .. name, "settings of an editor")
  end)
end

local function workspace_folder(dev, value)
  if value == "/workspace" then return took(dev, "workspaceFolder", ALWAYS) end
  left(dev, "workspaceFolder", "the project is at /workspace in every sandbox")
end

-- ------------------------------------------------------------------------------------------

-- In this order: the image decides about features, these about the profile, and
-- that about the places mounts may have.
local BEFORE = {
  { "name", function(dev, value)
    if type(value) ~= "string" then return left(dev, "name", "a text expected") end
    dev.draft.name = dev.ctx.slug(value:sub(1, 200))
    took(dev, "name", "name, " .. dev.draft.name)
  end },
  { "image", image }, { "build", build },
  { "dockerFile", function(dev, value)
    dockerfile(dev, "dockerFile", value, dev.object.context)
  end },
  { "features", function(dev, value)
    each(dev, "features", value, function(id, options) feature(dev, id, options) end)
  end },
}
local AFTER = {
  { "workspaceFolder", workspace_folder },
  { "containerEnv", env }, { "remoteEnv", env }, { "secrets", secrets },
  { "mounts", function(dev, value) mounts.map(dev, value, took, left) end },
  { "onCreateCommand", command }, { "updateContentCommand", command },
  { "postCreateCommand", command }, { "postStartCommand", command },
  { "runArgs", run_args }, { "customizations", customizations },
}

local function handle(dev, list)
  for _, row in ipairs(list) do
    local value = dev.object[row[1]]
    if value ~= nil then row[2](dev, value, row[1]) end
    dev.seen[row[1]] = true
  end
  dev.seen.context = dev.object.dockerFile ~= nil -- read with it
end

local function rest(dev)
  local keys = sorted(dev.object)
  for i, key in ipairs(keys) do
    if i > 4 * MOST then return left(dev, "properties", "and more") end
    local value = dev.object[key]
    if NEEDLESS[key] then
      took(dev, key, NEEDLESS[key])
    elseif REASONS[key] then
      if not is_off(value) then left(dev, key, REASONS[key]) end
    elseif not dev.seen[key] and not SILENT[key] then
      left(dev, key, "not known here")
    end
  end
end

-- Without an image of its own or a feature with a language the project's files decide.
local function use_look(dev)
  local draft, look = dev.draft, dev.ctx.look
  draft.profile, draft.why, dev.others = look.profile, look.why, look.others
  draft.toolchain = look.toolchain
  table.move(look.packages, 1, #look.packages, #draft.packages + 1, draft.packages)
end

local function choose_profile(dev)
  local first
  for _, name in ipairs(ORDER) do first = first or (dev.profiles[name] and name) end
  if not first and dev.object.image == nil then return use_look(dev) end
  dev.draft.profile = dev.ctx.wanted or first or "base"
  dev.draft.why = dev.ctx.wanted and "asked for" or first and dev.profiles[first]
    or "the image has the tools"
  for _, name in ipairs(ORDER) do
    if dev.profiles[name] and name ~= dev.draft.profile then dev.others[#dev.others + 1] = name end
  end
  if not dev.channel then return end
  if dev.draft.profile == "rust" then
    dev.draft.toolchain = { channel = dev.channel }
    return
  end
  left(dev, "features: rust",
    ("the version %s: only a profile that derives from rust has one"):format(dev.channel))
end

--- Maps a decoded devcontainer.json.
---@param object any
---@param draft wrapix.Draft filled by this
---@param ctx wrapix.DevcontainerContext
---@return { mapped: table[], unmapped: table[], others: string[] }? others: further profiles
---@return string? message
function M.map(object, draft, ctx)
  if type(object) ~= "table" or object[1] ~= nil or json.is_array(object) then
    return nil, "is no object"
  end
  local dev = {
    object = object, draft = draft, ctx = ctx, mapped = {}, unmapped = {}, profiles = {},
    others = {}, seen = {},
  }
  function dev:place(where)
    return { where = where, basename = self.ctx.basename, id = self.ctx.id }
  end
  handle(dev, BEFORE)
  choose_profile(dev)
  dev.places = ctx.places(draft.profile, dev.others)
  handle(dev, AFTER)
  rest(dev)
  for _, row in ipairs(dev.unmapped) do
    draft.remarks[#draft.remarks + 1] = ("%s: %s"):format(row.what, row.reason)
  end
  return { mapped = dev.mapped, unmapped = dev.unmapped, others = dev.others }
end

return M
