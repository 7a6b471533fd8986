-- SPDX-License-Identifier: MIT
-- What there is to do with images, as the words of Apple's `container`, and what it
-- answers. Beside podman/images.lua, which has the same functions. Its builds are
-- BuildKit's, in a VM: what of the host a build needs lies in its context. Pure.

local json = require("wrapix.json")
local list = require("wrapix.runtime.apple.list")

local M = {
  title = "container",
  --- OCI layouts alone, see image/oci.lua.
  loads_docker = false,
  -- A Containerfile of this size or more hangs its builder (apple/container 735), and is
  -- refused from 1.0.0 on.
  LARGEST_TEXT = 16 * 1024,
}

local CA, MIRRORS = "host-ca.pem", "mirrors.sh"
local MIRRORS_AT = "/run/wrapix-mirrors"
local MOST = { max_size = 64 << 20, max_depth = 64 }

local function table_or_empty(value) return type(value) == "table" and value or {} end

local function text_or_nil(value) return type(value) == "string" and value or nil end

local function decode(stdout)
  local value, problem = json.decode(stdout, MOST)
  if type(value) ~= "table" then return nil, problem or "is no list" end
  return value
end

M.decode = decode

-- One image -----------------------------------------------------------------------------

local function inspect_argv(engine, ref) return { engine.path, "image", "inspect", ref } end

-- Up to 0.12.3 { name, index, variants }, later { id, configuration, variants }.
local function name_of(one)
  return text_or_nil(one.name) or text_or_nil(table_or_empty(one.configuration).name)
end

local function digest_of(one)
  local descriptor = one.index or table_or_empty(one.configuration).descriptor or one.descriptor
  return text_or_nil(table_or_empty(descriptor).digest)
end

-- An attestation is listed as a variant of an unknown system.
local function is_program(variant)
  local platform = table_or_empty(variant.platform)
  return platform.os == nil or platform.os == "linux"
end

local function labels_of(one)
  for _, variant in ipairs(table_or_empty(one.variants)) do
    if type(variant) == "table" and is_program(variant) then
      local inner = table_or_empty(table_or_empty(variant.config).config)
      if type(inner.Labels) == "table" then return inner.Labels end
    end
  end
  return {}
end

local function first_of(stdout)
  return table_or_empty((decode(stdout) or {})[1])
end

M.exists_argv = inspect_argv

--- Whether an image is there: up to 0.12.3 an absent one may be an empty list.
---@param stdout string
---@return boolean
function M.exists(stdout) return name_of(first_of(stdout)) ~= nil end

M.label_argv = inspect_argv

--- The value of a label.
---@param stdout string
---@param name string
---@return string?
function M.label(stdout, name) return text_or_nil(labels_of(first_of(stdout))[name]) end

M.size_argv = inspect_argv

--- Bytes of the image for this machine.
---@param stdout string
---@return integer?
function M.size(stdout)
  for _, variant in ipairs(table_or_empty(first_of(stdout).variants)) do
    if type(variant) == "table" and is_program(variant) then return math.tointeger(variant.size) end
  end
end

---@param engine { path: string }
---@param ref string
---@return string[]
function M.remove_argv(engine, ref) return { engine.path, "image", "delete", ref } end

---@param engine { path: string }
---@param name string of a container
---@return string[]
function M.remove_container_argv(engine, name) return { engine.path, "delete", "--force", name } end

---@param engine { path: string }
---@param from string
---@param to string
---@return string[]
function M.tag_argv(engine, from, to) return { engine.path, "image", "tag", from, to } end

-- Many ----------------------------------------------------------------------------------

--- All images; there is no question for those with a label.
---@param engine { path: string }
---@return string[]
function M.list_argv(engine) return { engine.path, "image", "list", "--format", "json" } end

local function is_ours(name) return name:find("^localhost/wrapix%-") ~= nil end

-- Only images we named are looked at: one that was given another name is nobody's of ours.
local function our_names(answer)
  local names = {}
  for _, one in ipairs(answer) do
    if type(one) == "table" then
      local name = name_of(one) or text_or_nil(one.reference)
      if name and is_ours(name) and not name:find("^%-") then names[#names + 1] = name end
    end
  end
  return names
end

--- What else is to be asked to have them with their labels: nothing from 1.0.0 on, whose
--- list says it.
---@param engine { path: string }
---@param answer table decoded, of list_argv
---@return string[]|nil argv
function M.details_argv(engine, answer)
  local first = answer[1]
  if first == nil or type(table_or_empty(first).variants) == "table" then return nil end
  local names = our_names(answer)
  if #names == 0 then return nil end
  local argv = { engine.path, "image", "inspect" }
  return table.move(names, 1, #names, #argv + 1, argv)
end

local function created_of(one)
  local at = list.time(table_or_empty(one.configuration).creationDate)
  for _, variant in ipairs(table_or_empty(one.variants)) do
    at = at or list.time(table_or_empty(table_or_empty(variant).config).created)
  end
  return at and math.floor(at) or 0
end

--- Images made by wrapix, each { Id, Names, Created, Labels }.
---@param answer table decoded, of list_argv or details_argv
---@return table[]
function M.entries(answer)
  local out = {}
  for _, one in ipairs(answer) do
    one = table_or_empty(one)
    local name, labels = name_of(one), labels_of(one)
    if name and is_ours(name) and text_or_nil(labels["wrapix.recipe"]) then
      local id = (digest_of(one) or name):gsub("^sha256:", "")
      out[#out + 1] = { Id = id, Names = { name }, Created = created_of(one), Labels = labels }
    end
  end
  return out
end

---@param engine { path: string }
---@return string[]
function M.used_argv(engine) return { engine.path, "list", "--all", "--format", "json" } end

--- Which images containers are made of.
---@param answer table decoded
---@return table<string, boolean> used by id and by name
---@return string[] leftovers none: nothing is prepared here
function M.used(answer)
  local used = {}
  for _, one in ipairs(answer) do
    local image = table_or_empty(table_or_empty(table_or_empty(one).configuration).image)
    local digest = text_or_nil(table_or_empty(image.descriptor).digest)
    if text_or_nil(image.reference) then used[image.reference] = true end
    if digest then used[digest:gsub("^sha256:", "")] = true end
  end
  return used, {}
end

-- From elsewhere ------------------------------------------------------------------------

---@param engine { path: string }
---@param ref string
---@return string[]
function M.pull_argv(engine, ref) return { engine.path, "image", "pull", ref } end

---@param engine { path: string }
---@param ref string
---@param file string
---@return string[]
function M.save_argv(engine, ref, file)
  return { engine.path, "image", "save", "--output", file, ref }
end

--- Takes an OCI archive out of a file.
---@param engine { path: string }
---@param file string
---@return string[]
function M.load_argv(engine, file) return { engine.path, "image", "load", "--input", file } end

--- The name of a loaded image, from a line of the output: its own, or "untagged@sha256:…"
--- of one whose archive has no name. Up to 0.12.3 a heading comes first.
---@param line string
---@return string?
function M.loaded(line)
  local name = line:match("^%s*(%S+)%s*$")
  if not name or not name:find("[:@]") or name:sub(-1) == ":" or name:find("^%[") then return nil end
  return name
end

M.id_argv = inspect_argv

--- What to write after FROM for it: its name.
---@param stdout string
---@return string?
function M.id(stdout) return name_of(first_of(stdout)) end

-- Building and running ------------------------------------------------------------------

-- As a word of the shell.
local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

-- As a text of an instruction, in which nothing is put in for a variable.
local function label_text(text) return '"' .. text:gsub('[\\"$]', "\\%0"):gsub("[\r\n]", " ") .. '"' end

local function with_labels(text, labels)
  local lines = { (text:gsub("\n$", "")) }
  for i, label in ipairs(labels) do
    lines[i + 1] = ("LABEL %s=%s"):format(label_text(label[1]), label_text(label[2]))
  end
  return table.concat(lines, "\n") .. "\n"
end

-- Files of the context for each instruction: part of neither its layer nor its history.
local function with_mounts(text, mounts, command)
  if #mounts == 0 then return text end
  local words = {}
  for i, mount in ipairs(mounts) do
    words[i] = ("--mount=type=bind,source=%s,target=%s"):format(mount[1], mount[2])
  end
  local start = ("RUN %s %s"):format(table.concat(words, " "), command)
  return (text:gsub("%f[^\0\n]RUN ", (start:gsub("%%", "%%%%"))))
end

local function mirrors_text(mirrors)
  local lines = {}
  for i, mirror in ipairs(mirrors) do
    lines[i] = ("export %s=%s"):format(mirror.name, quoted(mirror.value))
  end
  return table.concat(lines, "\n") .. "\n"
end

--- How an image is built. See podman/images.lua.
---@param job wrapix.BuildJob
---@param at { engine: { path: string }, context: string }
---@return { argv: string[], text: string, env: table, files: { name: string, text: string?, from: string? }[] }|nil
---@return string? message
---@return string? code "EIMAGE"
---@return string? hint
function M.build(job, at)
  local files, mounts, command = {}, {}, ""
  if job.ca then
    files[1], mounts[1] = { name = CA, from = job.ca }, { CA, job.ca_at }
  end
  if job.mirrors and job.mirrors[1] then
    files[#files + 1] = { name = MIRRORS, text = mirrors_text(job.mirrors) }
    mounts[#mounts + 1], command = { MIRRORS, MIRRORS_AT }, (". %s && "):format(MIRRORS_AT)
  end
  local text = with_mounts(job.text, mounts, command)
  text = with_labels(text, job.labels)
  if #text >= M.LARGEST_TEXT then
    local message = "build image: %s: its Containerfile has %d bytes, and container takes less than %d"
    return nil, message:format(job.ref, #text, M.LARGEST_TEXT), "EIMAGE",
      "name fewer packages in the profile, or build on a base that has most of them"
  end
  -- Without it packages would be as old as the first build with this text.
  local argv = { at.engine.path, "build", "--no-cache", "--progress", "plain", "--tag", job.ref,
    "--file", at.context .. "/Containerfile", at.context }
  return { argv = argv, text = text, env = {}, files = files }
end

--- How a program of an image is run once. See podman/images.lua.
---@param engine { path: string }
---@param run wrapix.ImageRun
---@return string[]
function M.run_argv(engine, run)
  local argv = { engine.path, "run", "--rm", "--progress", "none", "--scheme", "https" }
  local function add(...) table.move({ ... }, 1, select("#", ...), #argv + 1, argv) end
  if run.confined then add("--read-only", "--tmpfs", "/tmp", "--tmpfs", "/wrapix") end
  if run.ca then add("--volume", ("%s:%s:ro"):format(run.ca.file, run.ca.at)) end
  for name, value in pairs(run.values or {}) do add("--env", name .. "=" .. value) end
  for _, name in ipairs(run.env or {}) do add("--env", name) end
  add(run.ref)
  return table.move(run.command, 1, #run.command, #argv + 1, argv)
end

--- A line of a build's output as its program wrote it: BuildKit puts the step's number
--- and a time before it.
---@param line string
---@return string
function M.line(line) return (line:gsub("^#%d+ %d+%.%d+ ", "")) end

return M
