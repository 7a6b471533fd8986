-- SPDX-License-Identifier: MIT
-- The images in the engine's storage that wrapix made, and which of them are
-- needed: by a container, a workspace, a profile, the builder, or an image that is.
-- Reads only.

local runtimes = require("wrapix.runtime")

local M = {}

-- With the histories of many images in it.
local LARGEST = 64 << 20

---@class wrapix.ImageEntry
---@field ref string the id of one that has no name any more
---@field id string
---@field size integer? bytes of all its layers, see wrapix.image.sizes
---@field own_size integer? bytes of those that nothing below has
---@field created integer seconds since 1970
---@field kind "image"|"stage"|"npm"
---@field profile string name of the profile it was made for
---@field hash string of the recipe
---@field base string? what it was built on
---@field packages integer?
---@field labels table<string, string> ours, without "wrapix."
---@field unnamed boolean? another has its name now
---@field in_use boolean? a container is made of it
---@field workspaces string[]? that use it
---@field profiles string[]? named ones whose image it is
---@field builder boolean? the next start of the builder needs it
---@field current boolean? one of the three, or needed by one that is

-- The label names the profile it was built for; a tag may be another's.
local function profile_of(name, kind, labels)
  return kind == "image" and name:match("^localhost/wrapix%-(.+):") or labels["wrapix.profile"]
end

local function kind_of(name)
  return name:match("^localhost/wrapix%-(stage):") or name:match("^localhost/wrapix%-(npm):")
    or "image"
end

local function own(labels)
  local out = {}
  for name, value in pairs(labels) do
    local key = type(name) == "string" and name:match("^wrapix%.(.+)$")
    if key and type(value) == "string" then out[key] = value end
  end
  return out
end

local function add(out, image, name)
  local labels = type(image.Labels) == "table" and image.Labels or {}
  local kind = kind_of(name)
  out[#out + 1] = {
    ref = name,
    id = image.Id,
    created = math.tointeger(image.Created) or 0,
    kind = kind,
    profile = profile_of(name, kind, labels),
    hash = labels["wrapix.recipe"],
    base = labels["wrapix.base"],
    packages = math.tointeger(tonumber(labels["wrapix.packages"])),
    labels = own(labels),
  }
end

--- Reads the decoded answer of `podman images --format json`.
---@param images table
---@param opts { unnamed: boolean? }? unnamed: those that lost their name as well
---@return wrapix.ImageEntry[] sorted by reference
function M.parse(images, opts)
  local out, seen = {}, {}
  for _, image in ipairs(images) do
    local names = type(image) == "table" and type(image.Names) == "table" and image.Names or {}
    local is_image = type(image) == "table" and type(image.Id) == "string"
    for _, name in ipairs(names) do
      -- Podman lists an image with all its names once for each of them.
      if type(name) == "string" and is_image and not seen[name] then
        seen[name] = true
        add(out, image, name)
      end
    end
    if is_image and #names == 0 and opts and opts.unnamed then
      add(out, image, image.Id)
      out[#out].unnamed = true
    end
  end
  table.sort(out, function(a, b) return a.ref < b.ref end)
  return out
end

local function real_deps()
  return {
    proc = require("wrapix.proc"), json = require("wrapix.json"),
    builder_image = function(facts) return require("wrapix.builder.life").needed_image(facts) end,
  }
end

local function ask(what, argv, deps, title)
  local opts = { stdin = "null", stdout = "pipe", stderr = "pipe", timeout = 60 }
  local result, message, code = deps.proc.run(argv, opts)
  if not result then return nil, message, code end
  if result.code ~= 0 then
    local reason = (result.stderr or ""):match("([^\n]+)%s*$") or title .. " failed"
    return nil, what .. ": " .. reason, "EENGINE"
  end
  local answer, problem = deps.json.decode(result.stdout, { max_size = LARGEST, max_depth = 64 })
  if type(answer) ~= "table" then
    return nil, ("%s: %s's answer: %s"):format(what, title, tostring(problem)), "EENGINE"
  end
  return answer
end

--- Asks the engine for the images wrapix made.
---@param facts wrapix.Facts
---@param opts { deps: { proc: table, json: table }?, unnamed: boolean? }?
---@return wrapix.ImageEntry[]|nil
---@return string? message
---@return string? code
function M.read(facts, opts)
  local words, deps = runtimes.of(facts.engine.name).images, opts and opts.deps or real_deps()
  local images, message, code = ask("list images", words.list_argv(facts.engine), deps,
    words.title)
  local more = images and words.details_argv(facts.engine, images)
  if more then images, message, code = ask("list images", more, deps, words.title) end
  if not images then return nil, message, code end
  images = words.entries(images)
  return M.parse(images, opts)
end

-- What is needed ---------------------------------------------------------------------

-- Containers of others count, and those that builds work in.
local function used_ids(facts, deps)
  local words = runtimes.of(facts.engine.name).images
  local containers, message, code = ask("list containers", words.used_argv(facts.engine), deps,
    words.title)
  if not containers then return nil, message, code end
  return words.used(containers)
end

local function by_hash(entries)
  local out = {}
  for _, entry in ipairs(entries) do
    if entry.hash then
      out[entry.hash] = out[entry.hash] or {}
      table.insert(out[entry.hash], entry)
    end
  end
  return out
end

-- What a label names, or another of the same content where that name is gone.
local function meant(ref, by_ref, hashes)
  if by_ref[ref] then return by_ref[ref] end
  local same = hashes[(ref or ""):match(":(%x+)$") or ""]
  return same and same[1]
end

-- Below a needed image its stages are needed, and what installs its agents: a new
-- version of an agent is built on them.
local function need(entry, by_ref, hashes)
  if not entry or entry.current then return end
  entry.current = true
  need(meant(entry.labels.parent, by_ref, hashes), by_ref, hashes)
  need(meant(entry.labels.npm, by_ref, hashes), by_ref, hashes)
end

--- Marks what is needed, and by whom.
---@param entries wrapix.ImageEntry[]
---@param needs { used: table<string, boolean>, workspaces: table<string, string[]>,
--- profiles: table<string, string[]>, builder: string? } ids of images; names by reference;
--- the reference of the builder's image where this user has a builder
---@return wrapix.ImageEntry[] entries the same
function M.mark(entries, needs)
  local hashes, by_ref = by_hash(entries), {}
  for _, entry in ipairs(entries) do
    by_ref[entry.ref] = entry
    entry.in_use = needs.used[entry.id] or needs.used[entry.ref] or false
    entry.workspaces, entry.profiles = needs.workspaces[entry.ref], needs.profiles[entry.ref]
    entry.builder = needs.builder == entry.ref or nil
  end
  for _, entry in ipairs(entries) do
    if entry.workspaces or entry.profiles or entry.builder then need(entry, by_ref, hashes) end
  end
  for _, entry in ipairs(entries) do entry.current = entry.current or false end
  return entries
end

--- The images wrapix made, each with who needs it.
---@param facts wrapix.Facts
---@param profiles table<string, string[]> names of profiles by the reference of their image
---@param opts { deps: table?, unnamed: boolean? }? deps: proc, json,
--- builder_image(facts) → reference or nil, and those of the index
---@return wrapix.ImageEntry[]|nil
---@return string[]|string names of containers that nobody needs, or message
---@return string? code
function M.needed(facts, profiles, opts)
  local deps = opts and opts.deps or real_deps()
  local entries, message, code = M.read(facts, opts)
  if not entries then return nil, message, code end
  local used, leftovers, problem = used_ids(facts, deps)
  if not used then return nil, leftovers, problem end
  local workspaces
  workspaces, message, code =
    require("wrapix.image.index").current(facts, { deps = opts and opts.deps })
  if not workspaces then return nil, message, code end
  local builder = deps.builder_image and deps.builder_image(facts)
  M.mark(entries, { used = used, workspaces = workspaces, profiles = profiles, builder = builder })
  return entries, leftovers
end

return M
