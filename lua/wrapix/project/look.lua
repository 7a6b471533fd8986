-- SPDX-License-Identifier: MIT
-- What a project is written in, from the names of the files in its directory and
-- the beginnings of a few: which profile to derive from, what else it needs, and
-- why. Pure. The files are hostile: what is quoted from them is only shown.

local json = require "wrapix.json"
local schema = require "wrapix.schema"
local toolchain = require "wrapix.profile.toolchain"

local M = {}

--- The profiles of languages. Where several meet, the first is derived from: the
--- more a profile brings beside packages, the earlier.
---@type string[]
M.ORDER = { "rust", "go", "python", "node", "c" }

local LONGEST_DETAIL = 60

---@class wrapix.ProjectFiles
---@field names table<string, boolean> names in the directory
---@field text fun(name: string): string? nil when it cannot be read

---@class wrapix.ProjectFinding
---@field file string
---@field means string what it says, for people
---@field profile string? the built-in profile it speaks for

---@class wrapix.ProjectLook
---@field profile string the profile to derive from
---@field why string
---@field others string[] further built-in profiles whose packages are added
---@field found wrapix.ProjectFinding[]
---@field packages { entry: any, why: string }[] beyond those of the profiles
---@field toolchain { file: string }? for with_toolchain of rust
---@field notes string[] what is left to the person

-- A short piece of a file that may be shown.
local function detail(text)
  if type(text) ~= "string" or text == "" or not utf8.len(text) then return nil end
  if utf8.len(text) > LONGEST_DETAIL then return nil end
  return text
end

local function with(what, more) return more and ("%s (%s)"):format(what, more) or what end

-- Languages ------------------------------------------------------------------------

local function toolchain_problem(spec)
  local problem
  schema.fields.toolchain.check({ rustup = spec }, function(text) problem = problem or text end)
  return problem
end

-- Both names may be there; rustup takes the one without an ending.
local function rust_toolchain(look, files)
  for _, name in ipairs({ "rust-toolchain", "rust-toolchain.toml" }) do
    if files.names[name] then
      local text = files.text(name)
      local spec, message = nil, "cannot be read"
      if text then spec, message = toolchain.parse_rust(text) end
      if spec then message = toolchain_problem(spec) end
      if message then
        look.notes[#look.notes + 1] = ("%s is not used: %s"):format(name, message)
        return look.add(name, "a toolchain, not understood")
      end
      look.toolchain = { file = name }
      return look.add(name, with("a toolchain", detail(spec.channel)), "rust")
    end
  end
end

local function rust(look, files)
  if files.names["Cargo.toml"] then look.add("Cargo.toml", "Rust", "rust") end
  rust_toolchain(look, files)
end

local function go(look, files)
  for _, name in ipairs({ "go.mod", "go.work" }) do
    if files.names[name] then
      local text = name == "go.mod" and files.text(name) or ""
      local version = text:match("^go%s+([%d.]+)") or text:match("\ngo%s+([%d.]+)")
      look.add(name, with("Go", detail(version) and "go " .. version), "go")
    end
  end
end

local function python(look, files)
  if files.names["pyproject.toml"] then
    local text = files.text("pyproject.toml") or ""
    local wanted = detail(text:match("requires%-python%s*=%s*[\"']([^\"'\n]*)"))
    look.add("pyproject.toml", with("Python", wanted), "python")
  end
  if files.names["uv.lock"] then look.add("uv.lock", "Python, locked by uv", "python") end
  for _, name in ipairs({ "requirements.txt", "setup.py", "setup.cfg" }) do
    if files.names[name] then look.add(name, "Python", "python") end
  end
end

local LOCKS = {
  { "package-lock.json", "locked by npm" },
  { "yarn.lock", "locked by yarn", "yarn" },
  { "pnpm-lock.yaml", "locked by pnpm", "pnpm" },
  { "bun.lock", "locked by bun", "bun" }, { "bun.lockb", "locked by bun", "bun" },
}

-- Debian's yarn has another name and is the one before version 2; the others are
-- not there at all.
local function node_manager(look, manager)
  look.notes[#look.notes + 1] = ("%s is in none of the packages; `npx %s` fetches it inside")
    :format(manager, manager)
end

local function node(look, files)
  if files.names["package.json"] then
    local package = json.decode(files.text("package.json") or "", { max_depth = 64 })
    local engines = type(package) == "table" and package.engines
    local wanted = detail(type(engines) == "table" and engines.node or nil)
    look.add("package.json", with("JavaScript", wanted and "node " .. wanted), "node")
  end
  for _, lock in ipairs(LOCKS) do
    if files.names[lock[1]] then
      look.add(lock[1], "JavaScript, " .. lock[2], "node")
      if lock[3] then node_manager(look, lock[3]) end
    end
  end
end

local MAKEFILES = { "GNUmakefile", "makefile", "Makefile" }

local function has_c_source(files)
  for name in pairs(files.names) do
    if name:find("%.[ch]$") or name:find("%.cc$") or name:find("%.[ch]pp$") then return true end
  end
  return false
end

-- A Makefile alone says little: many projects keep their chores in one.
local function native(look, files)
  if files.names["CMakeLists.txt"] then look.add("CMakeLists.txt", "C or C++, by cmake", "c") end
  if files.names["meson.build"] then
    look.add("meson.build", "C or C++, by meson", "c")
    look.need("meson", "meson.build")
    look.need({ "ninja", apt = "ninja-build", apk = "samurai", nix = "ninja" }, "meson.build")
  end
  for _, name in ipairs(MAKEFILES) do
    if files.names[name] then
      local is_c = next(look.speaks) == nil and has_c_source(files)
      look.add(name, is_c and "C or C++, by make" or "chores for make", is_c and "c" or nil)
      if not is_c then look.need({ "make", nix = "gnumake" }, name) end
      return
    end
  end
end

-- --------------------------------------------------------------------------------------

local function new_look()
  local look = { found = {}, packages = {}, notes = {}, others = {}, speaks = {} }
  function look.add(file, means, profile)
    look.found[#look.found + 1] = { file = file, means = means, profile = profile }
    if profile then look.speaks[profile] = look.speaks[profile] or file end
  end
  function look.need(entry, why)
    look.packages[#look.packages + 1] = { entry = entry, why = why }
  end
  return look
end

local function choose(look, wanted)
  local chosen, first = wanted, nil
  for _, name in ipairs(M.ORDER) do
    first = first or look.speaks[name] and name
  end
  chosen = chosen or first or "base"
  for _, name in ipairs(M.ORDER) do
    if look.speaks[name] and name ~= chosen then look.others[#look.others + 1] = name end
  end
  if wanted then
    look.why = "asked for"
  elseif first then
    look.why = ("because of %s"):format(look.speaks[first])
  else
    look.why = "nothing here names a language"
  end
  look.profile = chosen
end

--- Decides what a project needs.
---@param files wrapix.ProjectFiles
---@param wanted string? the profile asked for
---@return wrapix.ProjectLook
function M.decide(files, wanted)
  local look = new_look()
  for _, see in ipairs({ rust, go, python, node, native }) do see(look, files) end
  choose(look, wanted)
  if look.profile ~= "rust" and look.toolchain then
    look.notes[#look.notes + 1] = ("%s counts only in a profile that derives from rust")
      :format(look.toolchain.file)
    look.toolchain = nil
  end
  if look.profile == "c" or look.speaks.c then
    -- The profile c brings make; it is not asked for twice.
    for i = #look.packages, 1, -1 do
      local entry = look.packages[i].entry
      if type(entry) == "table" and entry[1] == "make" then table.remove(look.packages, i) end
    end
  end
  table.sort(look.found, function(a, b) return a.file < b.file end)
  return {
    profile = look.profile, why = look.why, others = look.others, found = look.found,
    packages = look.packages, toolchain = look.toolchain, notes = look.notes,
  }
end

return M
