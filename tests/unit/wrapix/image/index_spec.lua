-- SPDX-License-Identifier: MIT
local fs = require("wrapix.fs")
local index = require("wrapix.image.index")
local json = require("wrapix.json")
local record = require("wrapix.record")

describe("which image a workspace uses", function()
  local dir, facts, now

  before_each(function()
    dir = assert(fs.temp_dir("wrapix-index-"))
    now = 100
    assert(fs.mkdir(dir .. "/w"))
    facts = { dirs = { state = dir .. "/state" }, workspace = { path = dir .. "/w" } }
  end)
  after_each(function() assert(fs.remove_tree(dir)) end)

  local function deps()
    return { fs = fs, json = json, record = record, sha256 = require("wrapix.sha256"),
      sys = { time = function() return now end } }
  end
  local function note(ref) index.note(ref, facts, { deps = deps() }) end
  local function current() return assert(index.current(facts, { deps = deps() })) end
  local function session(image, time)
    assert(record.append(facts.dirs.state,
      { session = "s" .. time, image = image, workspace = dir .. "/w", start = time, ["end"] = time }))
  end

  it("is what its last session ran", function()
    session("localhost/wrapix-shop:01", 1)
    session("localhost/wrapix-shop:02", 2)
    assert.same({ ["localhost/wrapix-shop:02"] = { dir .. "/w" } }, current())
  end)

  it("is one for each profile it is used with", function()
    session("localhost/wrapix-shop:01", 1)
    session("localhost/wrapix-rust:02", 2)
    session("docker.io/library/debian:sid", 3)
    assert.same({ ["localhost/wrapix-shop:01"] = { dir .. "/w" },
      ["localhost/wrapix-rust:02"] = { dir .. "/w" } }, current())
  end)

  it("is what was built for it since", function()
    session("localhost/wrapix-shop:01", 1)
    note("localhost/wrapix-shop:02")
    assert.same({ ["localhost/wrapix-shop:02"] = { dir .. "/w" } }, current())
    session("localhost/wrapix-shop:03", 200)
    assert.same({ ["localhost/wrapix-shop:03"] = { dir .. "/w" } }, current())
  end)

  it("keeps one note for a workspace and profile, and none of images of others", function()
    for _, ref in ipairs({ "localhost/wrapix-shop:01", "localhost/wrapix-shop:02", "debian:sid",
      "localhost/mine:1" }) do
      note(ref)
    end
    assert.equal(1, #fs.list(facts.dirs.state .. "/images"))
  end)

  it("is none for a workspace that is gone", function()
    note("localhost/wrapix-shop:01")
    assert(fs.remove_tree(dir .. "/w"))
    assert.same({}, current())
  end)

  it("survives notes that are none", function()
    assert(fs.ensure_dir(facts.dirs.state .. "/images"))
    for name, text in pairs({ ["00.json"] = "{", ["01.json"] = "[]", ["02.json"] = '{"ref":7}',
      ["03.json"] = '{"ref":"localhost/wrapix-x:1","workspace":{},"time":1}', ["x"] = "" }) do
      assert(fs.write_atomic(facts.dirs.state .. "/images/" .. name, text))
    end
    assert.same({}, current())
  end)
end)
