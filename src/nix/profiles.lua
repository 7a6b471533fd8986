-- SPDX-License-Identifier: MIT
-- Prints what Nix needs to know of the built-in profiles, since it runs no Lua: the
-- packages by their names in nixpkgs, the agents, and how `derive` joins each field.
-- Run by `wrapix --run src/nix/profiles.lua > src/nix/profiles.json`; a test compares.

local host = require("wrapix.host")
local json = require("wrapix.json")
local schema = require("wrapix.schema")

-- An image of Nix takes their place, and functions can be written in Lua only.
local LUA_ONLY = { base = true, hooks = true, image = true, toolchain = true }

local function sorted(set)
  local list = {}
  for word in pairs(set) do list[#list + 1] = word end
  table.sort(list)
  return json.array(list)
end

local function nix_names(entries)
  local names = {}
  for _, entry in ipairs(entries or {}) do
    local name = type(entry) == "table" and (entry.nix or entry[1]) or entry
    names[name:match("^[^=:]+")] = true
  end
  return sorted(names)
end

-- nixpkgs has these as packages; where it has not, the profile does without, as it
-- does where their index cannot be reached.
local function tools(toolchain)
  local names = {}
  if toolchain and toolchain.uv then
    names.uv = true
    for _, tool in ipairs(toolchain.uv.tools or {}) do names[tool:match("^[^=@]+")] = true end
  end
  return sorted(names)
end

local profiles, fields = {}, {}
for _, name in ipairs(host.profile_names()) do
  local tbl = assert(load(host.profile(name), "=" .. name, "t"))()
  profiles[name] = {
    packages = nix_names(tbl.packages), optional_packages = tools(tbl.toolchain),
    agents = tbl.agents and json.array(tbl.agents), agent = tbl.agent,
  }
end
for name, field in pairs(schema.fields) do
  if not LUA_ONLY[name] then fields[name] = field.kind end
end

print((json.encode({ fields = fields, profiles = profiles }, { pretty = true })))
