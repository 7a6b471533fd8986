-- SPDX-License-Identifier: MIT
-- The image store of the double: names as Apple's CLI knows them, each an image in
-- Podman under a name of the double's own. What Podman has besides is not there, as on a
-- Mac; with CONTAINER_DOUBLE_REGISTRY=podman it plays the registry one can pull from.

local engines = require("support.apple.engine")
local fail = require("support.apple.fail")
local json = require("wrapix.json")

local M = {}

-- References ---------------------------------------------------------------------------

local function domain_of(reference)
  local first = reference:match("^([^/]+)/")
  return first and (first:find("[.:]") or first == "localhost") and first or nil
end

---A reference as the store has it: domain, library/ and tag filled in.
---@param reference string
---@return string
function M.normalize(reference)
  local name = reference:match("^[^:@]*")
  if reference == "" or reference:find("[%s%z]") or name:lower() ~= name then
    fail.with("invalidArgument", ("invalid reference: %s"):format(reference))
  end
  local full = reference
  if not domain_of(full) then
    full = "docker.io/" .. (full:find("/", 1, true) and "" or "library/") .. full
  end
  local last = full:match("[^/]*$")
  if not last:find("[:@]") then full = full .. ":latest" end
  return full
end

---A reference as listings show it: without what normalize fills in of the default registry.
---@param reference string
---@return string
function M.denormalize(reference)
  return (reference:gsub("^docker%.io/", ""):gsub("^library/", ""))
end

-- The list --------------------------------------------------------------------------------

local function load(cx) return cx.state:load("images", {}) end
local function save(cx, images) cx.state:save("images", images) end

---@return table<string, table> by reference
function M.all(cx) return load(cx) end

---@return table? image
function M.find(cx, reference)
  local images = load(cx)
  return images[reference] or images[M.normalize(reference)]
end

local function own_name(cx, id) return ("localhost/apple-%s:%s"):format(cx.state.id, id:sub(1, 24)) end

local function describe(cx, id)
  local found = cx.engine:ask({ "image", "inspect", id })
  local info = found and found[1]
  if not info then return nil end
  local config = info.Config or {}
  return {
    podman = own_name(cx, info.Id), size = info.Size, architecture = info.Architecture,
    created = engines.seconds(info.Created) or 0, labels = config.Labels or {},
    descriptor = {
      mediaType = "application/vnd.oci.image.index.v1+json", digest = info.Digest, size = 375,
    },
    config = { Env = config.Env, Cmd = config.Cmd, Entrypoint = config.Entrypoint,
      WorkingDir = config.WorkingDir, User = config.User, StopSignal = config.StopSignal,
      Labels = config.Labels },
  }
end

-- An image nobody loaded, for the recorded mode.
local function recorded(cx)
  return { podman = own_name(cx, ("0"):rep(24)), size = 2000000, architecture = "arm64",
    created = 1767225600, labels = {},
    descriptor = { mediaType = "application/vnd.oci.image.index.v1+json",
      digest = "sha256:" .. ("0"):rep(64), size = 375 },
    config = { Env = { "PATH=/usr/bin:/bin" }, Cmd = { "/bin/sh" } } }
end

---Puts an image of Podman into the store.
---@param id string of the image in Podman
---@param reference string as it is to be known
---@param digest string? of its manifest in what it came from
---@param is_lent boolean? it stays Podman's own: nothing of it is marked or removed
---@return table image
function M.add(cx, id, reference, digest, is_lent)
  local image = cx.engine.dry and recorded(cx) or assert(describe(cx, id), "the engine lost an image")
  if is_lent then
    image.podman, image.is_lent = id, true
  else
    cx.engine:call({ "tag", id, image.podman })
  end
  image.reference = reference
  image.descriptor.digest = digest or image.descriptor.digest
  cx.state:locked(function()
    local images = load(cx)
    images[reference] = image
    save(cx, images)
  end)
  return image
end

---Another name for an image.
function M.tag(cx, image, reference)
  cx.state:locked(function()
    local images, copy = load(cx), {}
    for key, value in pairs(image) do copy[key] = value end
    copy.reference = reference
    images[reference] = copy
    save(cx, images)
  end)
end

---Forgets a name; Podman's image goes with the last one.
function M.drop(cx, image)
  local still = cx.state:locked(function()
    local images, used = load(cx), false
    images[image.reference] = nil
    for _, other in pairs(images) do used = used or other.podman == image.podman end
    save(cx, images)
    return used
  end)
  if not still and not image.is_lent then cx.engine:call({ "rmi", "--force", image.podman }) end
end

---An image by its name, from the registry when it is not there.
---@return table
function M.fetch(cx, reference)
  local image = M.find(cx, reference)
  if image then return image end
  return M.pull(cx, reference)
end

---@return table
function M.pull(cx, reference)
  local full = M.normalize(reference)
  if cx.engine.dry then return M.add(cx, "recorded", full) end
  if cx.environ.CONTAINER_DOUBLE_REGISTRY == "podman" then
    local found = cx.engine:ask({ "image", "inspect", full })
    if found then return M.add(cx, found[1].Id, full, nil, true) end
  end
  fail.with("internalError", ("failed to pull %s: no registry can be reached"):format(full))
end

---Removes everything of this store from Podman.
function M.clear(cx)
  for _, image in pairs(load(cx)) do M.drop(cx, image) end
end

---@param list string[]?
---@return string[]
function M.words(list) return json.array(table.move(list or {}, 1, #(list or {}), 1, {})) end

return M
