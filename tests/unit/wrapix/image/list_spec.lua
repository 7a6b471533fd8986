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
      { Id = "b", Names = { "localhost/wrapix-shop:00ff", "localhost/wrapix-base:00ff" },
        Size = 7, Created = 1700000000, Labels = LABELS },
    })
    assert.equal(2, #entries)
    assert.same({
      ref = "localhost/wrapix-base:00ff", id = "b", created = 1700000000,
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

describe("who needs an image", function()
  local function image(ref, labels)
    return { ref = ref, id = ref, hash = ref:match(":(%x+)$"), kind = "image", labels = labels or {} }
  end

  local function current(entries, needs)
    local all = { used = {}, workspaces = {}, profiles = {} }
    for key, value in pairs(needs) do all[key] = value end
    local out = {}
    for _, entry in ipairs(list.mark(entries, all)) do
      if entry.current then out[#out + 1] = entry.ref:match("wrapix%-(.+)$") end
    end
    return table.concat(out, " ")
  end

  local function images()
    return {
      image("localhost/wrapix-npm:0e"), image("localhost/wrapix-other:0a"),
      image("localhost/wrapix-shop:01",
        { parent = "localhost/wrapix-stage:0a", npm = "localhost/wrapix-npm:0e" }),
      image("localhost/wrapix-stage:0a"),
    }
  end

  it("is a workspace or a profile, and what stands on it", function()
    local uses = { ["localhost/wrapix-shop:01"] = { "x" } }
    assert.equal("npm:0e shop:01 stage:0a", current(images(), { workspaces = uses }))
    assert.equal("npm:0e shop:01 stage:0a", current(images(), { profiles = uses }))
    assert.equal("", current(images(), {}))
  end)

  it("is the builder, by the image of its next start", function()
    local entries = images()
    assert.equal("npm:0e shop:01 stage:0a", current(entries, { builder = "localhost/wrapix-shop:01" }))
    assert.same({ nil, nil, true, nil },
      { entries[1].builder, entries[2].builder, entries[3].builder, entries[4].builder })
  end)

  it("is found by the content where the name is gone", function()
    local entries = images()
    entries[4] = nil
    assert.equal("npm:0e other:0a shop:01",
      current(entries, { profiles = { ["localhost/wrapix-shop:01"] = { "x" } } }))
  end)

  it("is a container, which makes it no current one", function()
    local entries = images()
    assert.equal("", current(entries, { used = { ["localhost/wrapix-other:0a"] = true } }))
    assert.same({ false, true }, { entries[1].in_use, entries[2].in_use })
  end)
end)
