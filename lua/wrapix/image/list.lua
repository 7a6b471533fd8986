-- SPDX-License-Identifier: MIT
-- The images in the engine's storage that wrapix made. Reads only.

local M = {}

---@class wrapix.ImageEntry
---@field ref string
---@field id string
---@field size integer bytes, with the base it shares
---@field created integer seconds since 1970
---@field profile string name of the profile it was made for
---@field hash string of the recipe
---@field base string? what it was built on
---@field packages integer?

local function add(out, image, name)
  local labels = type(image.Labels) == "table" and image.Labels or {}
  out[#out + 1] = {
    ref = name,
    id = image.Id,
    size = image.Size,
    created = math.tointeger(image.Created) or 0,
    -- The label names the profile it was built for; a tag may be another's.
    profile = name:match("^localhost/wrapix%-(.+):") or labels["wrapix.profile"],
    hash = labels["wrapix.recipe"],
    base = labels["wrapix.base"],
    packages = math.tointeger(tonumber(labels["wrapix.packages"])),
  }
end

--- Reads the decoded answer of `podman images --format json`.
---@param images table
---@return wrapix.ImageEntry[] sorted by reference
function M.parse(images)
  local out = {}
  for _, image in ipairs(images) do
    local names = type(image) == "table" and type(image.Names) == "table" and image.Names or {}
    for _, name in ipairs(names) do
      if type(name) == "string" and type(image.Id) == "string" then add(out, image, name) end
    end
  end
  table.sort(out, function(a, b) return a.ref < b.ref end)
  return out
end

--- Asks the engine for the images wrapix made.
---@param facts wrapix.Facts
---@param opts { deps: { proc: table, json: table }? }?
---@return wrapix.ImageEntry[]|nil
---@return string? message
---@return string? code
function M.read(facts, opts)
  local deps = opts and opts.deps
    or { proc = require("wrapix.proc"), json = require("wrapix.json") }
  local argv = { facts.engine.path, "images", "--format", "json",
    "--filter", "label=wrapix.recipe" }
  local result, message, code =
    deps.proc.run(argv, { stdin = "null", stdout = "pipe", stderr = "pipe", timeout = 60 })
  if not result then return nil, message, code end
  if result.code ~= 0 then
    local reason = (result.stderr or ""):match("([^\n]+)%s*$") or "podman failed"
    return nil, "list images: " .. reason, "EENGINE"
  end
  local images, problem = deps.json.decode(result.stdout)
  if type(images) ~= "table" then
    return nil, "list images: podman's answer: " .. tostring(problem), "EENGINE"
  end
  return M.parse(images)
end

return M
