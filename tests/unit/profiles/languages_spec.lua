-- SPDX-License-Identifier: MIT
-- Specs of the built-in profiles of languages: plain tables that stand on base,
-- whose variables lead to their caches.

local fs = require "wrapix.fs"
local profile = require "wrapix.profile"

local NAMES = { "c", "go", "node", "python", "rust" }

local function read(name) return (fs.read(("profiles/%s.lua"):format(name))) end

local function load_profile(name, files)
  return profile.load(name, {
    read = function(path) return (files or {})[path] end, builtin = read, config_dir = "/c",
    builtin_names = function() return NAMES end, trusted = function() return false end,
  })
end

local function entry_name(entry)
  if type(entry) == "string" then return entry end
  return entry.apt or entry[1]
end

local function packages_of(tbl)
  local set = {}
  for _, entry in ipairs(tbl.packages) do set[entry_name(entry)] = true end
  return set
end

for _, name in ipairs(NAMES) do
  describe("the profile of " .. name, function()
    local loaded = assert(load_profile(name))

    it("is a plain table that requires nothing", function()
      local tbl = assert(load(read(name), name, "t", {}))()
      assert.is_nil(getmetatable(tbl))
      assert.equal(name, tbl.name)
      assert.is_table(tbl.caches)
    end)

    it("has what base has, and its own, each once", function()
      local base, own = packages_of(assert(load_profile("base"))), packages_of(loaded)
      for package in pairs(base) do assert.is_true(own[package], package) end
      local seen = {}
      for _, entry in ipairs(loaded.packages) do
        local package = entry_name(entry)
        assert.is_nil(seen[package], package)
        seen[package] = true
      end
      assert.same({ memory = "4g", pids = 4096 }, loaded.limits)
      assert.equal("profiles/base.lua", profile.field_origin(loaded, "network").text:match("^[^:]*"))
      local origin = profile.field_origin(loaded, "caches", (next(loaded.caches)))
      assert.matches("^profiles/" .. name .. "%.lua:%d+$", origin.text)
    end)

    it("has a variable that leads to each cache", function()
      for cache, dest in pairs(loaded.caches) do
        local path, is_named = dest:gsub("^~", "/home/wrapix"), false
        for _, value in pairs(loaded.env) do is_named = is_named or value == path end
        assert.is_true(is_named, cache)
      end
    end)

    it("stands on the built-in base, whatever the user calls base", function()
      local mine = { ["/c/profiles/base.lua"] = "return { packages = { 'mine' } }" }
      assert.same(loaded.packages, assert(load_profile(name, mine)).packages)
    end)
  end)
end

it("names a cache by one place everywhere", function()
  local places = {}
  for _, name in ipairs(NAMES) do
    for cache, dest in pairs(assert(load_profile(name)).caches) do
      assert.equal(places[cache] or dest, dest)
      places[cache] = dest
    end
  end
  assert.equal("~/.cargo", places.cargo)
end)
