-- SPDX-License-Identifier: MIT
-- What phases that ask an agent have in common.

local fs = require("wrapix.fs")
local phase = require("ralph.phase")
local phases = require("unit.ralph.phases")

describe("ralph.phase", function()
  local place

  before_each(function() place = phases.new(function() return { ok = true } end) end)
  after_each(function() place:close() end)

  it("reads the context files that are there, and follows no link", function()
    place.project.config.context = { "CLAUDE.md", "docs/a.md", "none.md", "link.md" }
    place:write("CLAUDE.md", "Be kind.\n")
    place:write("docs/a.md", "A.")
    place:write(place.dir .. "/secret", "secret")
    assert(fs.symlink(place.dir .. "/secret", place.root .. "/link.md"))
    assert.equal("CLAUDE.md:\n\nBe kind.\n\n\ndocs/a.md:\n\nA.", phase.context(place.project))
  end)

  it("runs an agent within the configured limits, and leaves out those that are off", function()
    local config = place.project.config
    config.timeout, config.idle, config.model = false, 60, "big"
    assert(phase.run(place.project, { is_box = true }, "x", { prompt = "p" }))
    local run = place.runs[1]
    assert.same({ nil, 60, 10, "big", "p" }, { run.timeout, run.idle, run.grace, run.model, run.prompt })
    assert.same({ "x: an agent works" }, place.log.told.progress)
    -- Who follows the events sees that something happens.
    assert(phase.run(place.project, { is_box = true }, "x", { prompt = "p", on_event = print }))
    assert.equal(1, #place.log.told.progress)
  end)

  it("says why a run was no success, and what helps", function()
    local function reason(outcome) return { phase.reason(outcome) } end
    assert.same({ "it is not logged in: Please run /login", "`wrapix login` logs an agent in" },
      reason({ kind = "auth", text = "Please run /login\nmore" }))
    assert.same({ "it was silent for longer than `idle` allows" },
      reason({ kind = "interrupted", stopped = "idle", text = "" }))
    assert.same({ "it took longer than `timeout` allows" }, reason({ kind = "interrupted", stopped = "timeout" }))
    assert.same({ "boom" }, reason({ kind = "error", text = "boom" }))
    assert.same({ "it failed" }, reason({ kind = "error", text = "" }))
  end)
end)
