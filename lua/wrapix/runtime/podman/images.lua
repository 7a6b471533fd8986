-- SPDX-License-Identifier: MIT
-- What there is to do with images, as Podman's words, and what it answers. Beside
-- apple/images.lua, which has the same functions. Pure: it starts nothing.

local json = require("wrapix.json")

local M = {
  --- For messages.
  title = "podman",
  --- What `load` takes: archives of Docker as well as OCI's.
  loads_docker = true,
}

local function joined(...)
  local argv = {}
  for _, list in ipairs({ ... }) do table.move(list, 1, #list, #argv + 1, argv) end
  return argv
end

-- One image -----------------------------------------------------------------------------

---@param engine { path: string }
---@param ref string
---@return string[]
function M.exists_argv(engine, ref) return { engine.path, "image", "exists", "--", ref } end

--- Whether an image is there, from an answer with status 0.
---@return boolean
function M.exists() return true end

---@param engine { path: string }
---@param ref string
---@param name string of a label
---@return string[]
function M.label_argv(engine, ref, name)
  return { engine.path, "image", "inspect", "--format", ('{{index .Labels "%s"}}'):format(name),
    "--", ref }
end

--- The value of the label asked for.
---@param stdout string
---@return string?
function M.label(stdout) return stdout:match("^(%S.-)%s*$") end

---@param engine { path: string }
---@param ref string
---@return string[]
function M.size_argv(engine, ref)
  return { engine.path, "history", "--format", "json", "--", ref }
end

--- Bytes of all layers. What the engine calls the size counts the copies made for its users.
---@param stdout string
---@return integer?
function M.size(stdout)
  local sum = 0
  for size in stdout:gmatch('"size":%s*(%d+)') do sum = sum + math.tointeger(size) end
  return sum
end

---@param engine { path: string }
---@param ref string
---@return string[]
function M.remove_argv(engine, ref) return { engine.path, "rmi", "--", ref } end

---@param engine { path: string }
---@param name string of a container that nothing runs in
---@return string[]
function M.remove_container_argv(engine, name)
  return { engine.path, "rm", "--force", "--ignore", "--", name }
end

---@param engine { path: string }
---@param from string name or id
---@param to string
---@return string[]
function M.tag_argv(engine, from, to) return { engine.path, "tag", from, to } end

-- Many ----------------------------------------------------------------------------------

--- Asks for the images with the label of a recipe.
---@param engine { path: string }
---@param hash string
---@return string[]
function M.twins_argv(engine, hash)
  return { engine.path, "images", "--quiet", "--no-trunc", "--filter",
    "label=wrapix.recipe=" .. hash }
end

--- One of them, by name or id.
---@param stdout string
---@return string?
function M.twin(stdout) return stdout:match("^sha256:(%x+)\n") end

---@param engine { path: string }
---@return string[]
function M.list_argv(engine)
  return { engine.path, "images", "--format", "json", "--filter", "label=wrapix.recipe" }
end

--- Nothing more is to be asked to have them with their labels.
---@return nil
function M.details_argv() return nil end

--- Images, each { Id, Names, Created, Labels }.
---@param answer table decoded
---@return table[]
function M.entries(answer) return answer end

---@param engine { path: string }
---@return string[]
function M.used_argv(engine)
  return { engine.path, "ps", "--all", "--external", "--no-trunc", "--format", "json" }
end

-- One that only prepared an image, and was not removed: see image/warm.lua.
local function leftover_name(one)
  local name = type(one.Names) == "table" and one.Names[1]
  return type(name) == "string" and name:find("^wrapix%-warm%-") and name or nil
end

--- Which images containers are made of, and which containers nobody needs.
---@param answer table decoded
---@return table<string, boolean> used by id
---@return string[] leftovers names
function M.used(answer)
  local used, leftovers = {}, {}
  for _, one in ipairs(answer) do
    if type(one) == "table" and type(one.ImageID) == "string" then
      local name = leftover_name(one)
      if name then leftovers[#leftovers + 1] = name else used[one.ImageID] = true end
    end
  end
  return used, leftovers
end

-- From elsewhere ------------------------------------------------------------------------

---@param engine { path: string }
---@param ref string
---@return string[]
function M.pull_argv(engine, ref) return { engine.path, "pull", "--", ref } end

--- Asks a registry for a page of text about an image.
---@param engine { path: string }
---@param ref string
---@return string[]
function M.manifest_argv(engine, ref) return { engine.path, "manifest", "inspect", ref } end

--- Makes an image of a tree of files.
---@param engine { path: string }
---@param tar string
---@param ref string
---@param changes string[]
---@return string[]
function M.import_argv(engine, tar, ref, changes)
  local argv = { engine.path, "import", "--quiet" }
  for _, change in ipairs(changes) do table.move({ "--change", change }, 1, 2, #argv + 1, argv) end
  return joined(argv, { tar, ref })
end

---@param engine { path: string }
---@param ref string
---@param file string
---@return string[]
function M.save_argv(engine, ref, file)
  return { engine.path, "save", "--quiet", "--format", "oci-archive", "--output", file, "--", ref }
end

--- Takes an archive; without a file it is read from stdin.
---@param engine { path: string }
---@param file string?
---@param quiet boolean?
---@return string[]
function M.load_argv(engine, file, quiet)
  return joined({ engine.path, "load" }, quiet and { "--quiet" } or {},
    file and { "--input", file } or {})
end

--- The name of a loaded image, from a line of the output.
---@param line string
---@return string?
function M.loaded(line) return line:match("^Loaded image: (%S+)$") end

---@param engine { path: string }
---@param ref string
---@return string[]
function M.id_argv(engine, ref)
  return { engine.path, "image", "inspect", "--format", "{{.Id}}", "--", ref }
end

--- What to write after FROM for it: the id, which no other image can get.
---@param stdout string
---@return string?
function M.id(stdout) return stdout:match("^(%x+)%s*$") end

-- Building and running ------------------------------------------------------------------

---@class wrapix.BuildJob
---@field ref string
---@field text string of the Containerfile
---@field labels { [1]: string, [2]: string }[]
---@field ca string? file of the host with what it trusts for TLS
---@field ca_at string where the build finds it
---@field mirrors { name: string, value: string, once: boolean }[]? variables of the build alone

-- By their names alone, so that what they say is in no command line; and in no history
-- of an image either. It counts in the part that names it: commands stand in the last one.
local function with_mirrors(job, argv, env)
  local text = job.text
  for _, mirror in ipairs(job.mirrors or {}) do
    env[mirror.name] = mirror.value
    table.move({ "--build-arg", mirror.name }, 1, 2, #argv + 1, argv)
    text = text:gsub("%f[^\0\n]FROM [^\n]+\n", "%0ARG " .. mirror.name .. "\n", mirror.once and 1 or nil)
  end
  if job.mirrors and job.mirrors[1] then argv[#argv + 1] = "--omit-history" end
  return text
end

--- How an image is built: words, the Containerfile's text, and what else lies beside it.
---@param job wrapix.BuildJob
---@param at { engine: { path: string }, context: string, flags: string[] }
---@return { argv: string[], text: string, env: table<string, string>, files: table[] }
function M.build(job, at)
  -- One layer on the base: nothing is reused from a failed build, and every
  -- instruction would else become an image of its own.
  local argv, env = joined({ at.engine.path, "build" }, at.flags,
    { "--pull=never", "--layers=false", "--force-rm" }), {}
  if job.ca then
    table.move({ "--volume", ("%s:%s:ro"):format(job.ca, job.ca_at) }, 1, 2, #argv + 1, argv)
  end
  local text = with_mirrors(job, argv, env)
  for _, label in ipairs(job.labels) do
    table.move({ "--label", label[1] .. "=" .. label[2] }, 1, 2, #argv + 1, argv)
  end
  argv = joined(argv, { "--tag", job.ref, "--file", at.context .. "/Containerfile", "--", at.context })
  return { argv = argv, text = text, env = env, files = {} }
end

---@class wrapix.ImageRun
---@field ref string an image that is there
---@field command string[]
---@field flags string[]? what `build_flags` of the engine gave
---@field env string[]? names, taken from the engine's environment
---@field values table<string, string>? variables by value
---@field ca { file: string, at: string }? of the host
---@field confined boolean? may write nothing but /tmp and /wrapix, and has no privileges

--- How a program of an image is run once.
---@param engine { path: string }
---@param run wrapix.ImageRun
---@return string[]
function M.run_argv(engine, run)
  local argv = joined({ engine.path, "run", "--rm", "--pull=never" }, run.flags or {})
  local function add(...) argv = joined(argv, { ... }) end
  if run.confined then
    if run.ca then add("--volume", ("%s:%s:ro"):format(run.ca.file, run.ca.at)) end
    add("--cap-drop=all", "--security-opt=no-new-privileges", "--read-only", "--tmpfs=/tmp",
      "--tmpfs=/wrapix")
  end
  for name, value in pairs(run.values or {}) do add("--env", name .. "=" .. value) end
  for _, name in ipairs(run.env or {}) do add("--env", name) end
  if run.ca and not run.confined then
    add("--volume", ("%s:%s:ro"):format(run.ca.file, run.ca.at))
  end
  return joined(argv, { run.ref }, run.command)
end

--- A line of a build's output as its program wrote it.
---@param line string
---@return string
function M.line(line) return line end

--- Decodes an answer.
---@param stdout string
---@return any
---@return string? problem
function M.decode(stdout) return json.decode(stdout) end

return M
