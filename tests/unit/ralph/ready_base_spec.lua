-- SPDX-License-Identifier: MIT
-- As of which text a spec has issues: kept with its digest, moved on in one step, and
-- found again after a crash in the middle.

local base = require("ralph.ready_base")
local fs = require("wrapix.fs")
local phases = require("unit.ralph.phases")
local sha256 = require("wrapix.sha256")
local specs = require("ralph.specs")
local states = require("ralph.state")

describe("ralph.ready_base", function()
  local place, project, spec

  before_each(function()
    place = phases.new(function() end)
    project = place.project
    place:write("specs/shop.md", phases.FILLED)
    spec = assert(specs.read(project, "shop"))
  end)
  after_each(function() place:close() end)

  local function own() return assert(states.read(project)).specs.shop end
  local function issue(batch) return { id = "x", metadata = { wrapix = { batch = batch } } } end

  it("is nothing at first", function()
    assert.equal("", base.text(project, spec))
    assert.equal(0, base.recover(project, spec, {}))
    assert.is_nil(own())
  end)

  it("moves on when a run is finished, not before", function()
    local batch = assert(base.begin(project, spec))
    assert.equal(batch, own().pending.batch)
    assert.equal(sha256.hex(spec.text), own().pending.text_sha)
    assert.equal("", base.text(project, spec))
    assert(base.finish(project, spec))
    assert.is_nil(own().pending)
    assert.equal(spec.text, base.text(project, spec))
  end)

  it("stays where it was when a run is given up", function()
    assert(base.begin(project, spec))
    assert(base.finish(project, spec))
    local before = spec.text
    spec.text = before .. "more"
    assert(base.begin(project, spec))
    assert(base.abandon(project, spec))
    assert.equal(before, base.text(project, spec))
    assert.equal(1, #fs.list(project.paths.base))
  end)

  it("knows after a crash whether the issues came to be", function()
    local batch = assert(base.begin(project, spec))
    assert.equal(2, base.recover(project, spec, { issue(batch), issue("other"), issue(batch), { id = "y" } }))
    assert.equal(spec.text, base.text(project, spec))
    local before = spec.text
    spec.text = before .. "more"
    assert(base.begin(project, spec))
    assert.equal(0, base.recover(project, spec, { issue(batch) }))
    assert.equal(before, base.text(project, spec))
  end)

  it("takes back the part of a list that bd had got before a crash", function()
    local batch = assert(base.begin(project, spec, 3))
    local closed, tracker = {}, { kind = "bd" }
    function tracker:close(id, reason)
      closed[#closed + 1] = id .. " " .. reason
      return self
    end
    local issues = { issue(batch), issue(batch), issue("other") }
    for i, one in ipairs(issues) do one.id, one.status = "a-" .. i, "open" end
    assert.equal(0, base.recover(project, spec, issues, tracker))
    assert.same({ "a-1 cancelled: the rest of its list was not added",
      "a-2 cancelled: the rest of its list was not added" }, closed)
    assert.same({ "closed", "closed", "open" }, { issues[1].status, issues[2].status, issues[3].status })
    assert.equal("", base.text(project, spec))
    -- The embedded list has all or none: what is not there somebody has taken out since.
    batch = assert(base.begin(project, spec, 3))
    assert.equal(1, base.recover(project, spec, { issue(batch) }, { kind = "embedded" }))
  end)

  it("takes no text whose digest is another", function()
    assert(base.begin(project, spec))
    assert(base.finish(project, spec))
    local file = project.paths.base .. "/" .. fs.list(project.paths.base)[1]
    assert.equal(tonumber("600", 8), fs.stat(file).mode)
    assert(fs.write_atomic(file, "something else"))
    assert.equal("", base.text(project, spec))
    assert.matches("the whole spec counts as new", place.log.told.warn[1], 1, true)
  end)

  it("keeps apart specs whose names begin alike", function()
    place:write("specs/shop-cart.md", "other")
    local other = assert(specs.read(project, "shop-cart"))
    for _, one in ipairs({ spec, other, spec }) do
      assert(base.begin(project, one))
      assert(base.finish(project, one))
    end
    assert.equal("other", base.text(project, other))
    assert.equal(spec.text, base.text(project, spec))
  end)

  it("has no commit to compare with outside of git, nor for a hidden spec", function()
    assert.equal("ENOTGIT", select(3, base.text(project, spec, "HEAD")))
    assert.equal("EINVAL", select(3, base.text(project, { name = "x", hidden = true }, "HEAD")))
  end)
end)
