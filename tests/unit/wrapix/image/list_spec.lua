-- SPDX-License-Identifier: MIT
local list = require("wrapix.image.list")

local LABELS = {
  ["wrapix.recipe"] = "00ff", ["wrapix.profile"] = "base", ["wrapix.packages"] = "33",
  ["wrapix.base"] = "localhost/wrapix-base-debian:trixie",
}

local function facts() return { engine = { path = "/bin/podman" } } end

local function deps(result, decoded)
  local seen = {}
  return {
    proc = {
      run = function(argv)
        seen.argv = argv
        if result then return result end
        return nil, "ENOENT: podman", "ENOENT"
      end,
    },
    json = { decode = function() return decoded, "offset 3" end },
  }, seen
end

describe("image.list", function()
  it("has one entry for every name, in order", function()
    local entries = list.parse({
      { Id = "b", Names = { "localhost/wrapix-shop:00ff", "localhost/wrapix-base:00ff" },
        Size = 7, Created = 1700000000, Labels = LABELS },
      { Id = "c", Size = 1, Created = 1 },
    })
    assert.equal(2, #entries)
    assert.same({
      ref = "localhost/wrapix-base:00ff", id = "b", size = 7, created = 1700000000,
      profile = "base", hash = "00ff", packages = 33, kind = "image",
      labels = { recipe = "00ff", profile = "base", packages = "33",
        base = "localhost/wrapix-base-debian:trixie" },
      base = "localhost/wrapix-base-debian:trixie",
    }, entries[1])
    assert.equal("shop", entries[2].profile)
  end)

  it("falls back to the label, and survives images without one", function()
    local entries = list.parse({
      { Id = "a", Names = { "localhost/mine:1" }, Size = 1, Created = 1, Labels = LABELS },
      { Id = "b", Names = { "localhost/other:1" }, Size = 1 },
    })
    assert.equal("base", entries[1].profile)
    assert.is_nil(entries[2].profile)
    assert.equal(0, entries[2].created)
  end)

  it("asks for the images with our label only", function()
    local given, seen = deps({ code = 0, stdout = "[]" }, {})
    assert.same({}, list.read(facts(), { deps = given }))
    assert.equal("/bin/podman images --format json --filter label=wrapix.recipe",
      table.concat(seen.argv, " "))
  end)

  it("fails with the engine's last line", function()
    local result, message, code =
      list.read(facts(), { deps = deps({ code = 125, stderr = "a\nError: no storage\n" }) })
    assert.is_nil(result)
    assert.equal("list images: Error: no storage", message)
    assert.equal("EENGINE", code)
    assert.same({ nil, "list images: podman's answer: offset 3", "EENGINE" },
      { list.read(facts(), { deps = deps({ code = 0, stdout = "x" }) }) })
    assert.same({ nil, "ENOENT: podman", "ENOENT" }, { list.read(facts(), { deps = deps() }) })
  end)
end)
