-- SPDX-License-Identifier: MIT
-- Specs of the built-in profiles: each is a valid plain table.

local fs = require "wrapix.fs"
local profile = require "wrapix.profile"

local function read(name) return (fs.read(("profiles/%s.lua"):format(name))) end

describe("the base profile", function()
  local base = assert(profile.load("base", {
    read = function() return nil, "none", "ENOENT" end, builtin = read,
    builtin_names = function() return { "base" } end, trusted = function() return false end,
  }))

  it("is named, open to the network, bounded, and starts a shell", function()
    assert.equal("base", base.name)
    assert.equal("open", base.network)
    assert.same({ memory = "4g", pids = 4096 }, base.limits)
    -- None: the init picks the best shell there is, with another --image too.
    assert.is_nil(base.command)
  end)

  it("names each package once, for Debian and for Nix", function()
    local apt, nix = {}, {}
    for _, entry in ipairs(base.packages) do
      local word = type(entry) == "table" and entry or { entry }
      local a, n = word.apt or word[1], word.nix or word[1]
      assert.is_nil(apt[a], a)
      assert.is_nil(nix[n], n)
      apt[a], nix[n] = true, true
    end
    for _, name in ipairs({ "git", "ripgrep", "fd-find", "curl", "jq", "vim", "man-db" }) do
      assert.is_true(apt[name], name)
    end
  end)

  it("knows where each of its entries stands", function()
    local text = read("base")
    local lines = {}
    for line in (text .. "\n"):gmatch("(.-)\n") do lines[#lines + 1] = line end
    for i, entry in ipairs(base.packages) do
      local word = type(entry) == "table" and entry[1] or entry
      local origin = profile.field_origin(base, "packages", i)
      assert.equal("base", origin.layer)
      local line = tonumber(origin.text:match("^profiles/base.lua:(%d+)$"))
      assert.matches('"' .. word .. '"', lines[line], 1, true)
    end
  end)
end)
