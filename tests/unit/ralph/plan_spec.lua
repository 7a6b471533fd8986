-- SPDX-License-Identifier: MIT
-- The interview as a function: what the agent is given, and what is made of what it leaves.

local fs = require("wrapix.fs")
local phases = require("unit.ralph.phases")
local plan = require("ralph.plan")
local specs = require("ralph.specs")

describe("ralph.plan", function()
  local place, project, act

  before_each(function()
    place = phases.new(function(...) return act(...) end)
    project = place.project
    act = function() return { ok = true, kind = "done", text = "" } end
  end)
  after_each(function() place:close() end)

  local function kept() return fs.list(project.paths.kept) or {} end

  it("talks at the terminal, or runs with answers", function()
    act = function()
      place:write("specs/shop.md", phases.FILLED)
      return { ok = true, code = 0 }
    end
    assert.is_true(assert(plan.run(project, "shop")).ok)
    assert.equal("talk", place.runs[1].kind)
    assert.matches("Interview the person", place.runs[1].prompt, 1, true)
    act = function() return { ok = true } end
    local result = assert(plan.run(project, "shop", { update = true, answers = "Longer." }))
    assert.equal("run", place.runs[2].kind)
    assert.matches("prepared answers ===\nLonger.", place.runs[2].prompt, 1, true)
    assert.matches("is to be changed", place.runs[2].prompt, 1, true)
    assert.same({ false, "is as it was" }, { result.ok, result.reason })
  end)

  it("takes a filled spec for success also when the agent ended badly", function()
    act = function()
      place:write("specs/shop.md", phases.FILLED)
      return { ok = false, kind = "lost", text = "" }
    end
    assert.is_true(assert(plan.run(project, "shop", { answers = "x" })).ok)
  end)

  it("keeps the earlier text only when it was changed", function()
    local text = phases.FILLED
    place:write("specs/shop.md", text)
    assert(plan.run(project, "shop", { update = true, answers = "x" }))
    assert.same({}, kept())
    act = function()
      place:write("specs/shop.md", text .. "More.\n")
      return { ok = true }
    end
    local result = assert(plan.run(project, "shop", { update = true, answers = "x" }))
    assert.is_true(result.ok)
    assert.equal(text, fs.read(result.kept))
    act = function() return nil, "run: image: there is none", "ENOIMAGE", "build it" end
    assert.same({ nil, "run: image: there is none", "ENOIMAGE", "build it" },
      { plan.run(project, "shop", { update = true, answers = "x" }) })
    assert.equal(1, #kept())
  end)

  it("puts the text back when the run ended before its end", function()
    place:write("specs/shop.md", phases.FILLED)
    act = function()
      place:write("specs/shop.md", "half")
      return nil, "ECANCELED: run", "ECANCELED"
    end
    assert.equal("ECANCELED", select(3, plan.run(project, "shop", { update = true, answers = "x" })))
    assert.equal(phases.FILLED, place:read("specs/shop.md"))
    assert.matches("what was written so far: ", place.log.told.note[1], 1, true)
    assert.equal(1, #kept())
  end)

  it("puts the text back when the agent removed it, or made a giant of it", function()
    place:write("specs/shop.md", phases.FILLED)
    for _, damage in ipairs({
      function() assert(fs.unlink(place.root .. "/specs/shop.md")) end,
      function() place:write("specs/shop.md", ("x"):rep(specs.LARGEST + 1)) end,
    }) do
      act = function()
        damage()
        return { ok = true }
      end
      local result, _, _, hint = plan.run(project, "shop", { update = true, answers = "x" })
      assert.is_nil(result)
      assert.equal("the spec was put back as it was", hint)
      assert.equal(phases.FILLED, place:read("specs/shop.md"))
    end
  end)

  it("hands over and collects a hidden spec", function()
    act = function(opts)
      assert.matches("fill in", opts.files["spec.md"], 1, true)
      assert.equal(specs.LARGEST, opts.collect["spec.md"])
      return { ok = true, collected = { ["spec.md"] = phases.FILLED }, collect_errors = {} }
    end
    local result = assert(plan.run(project, "plan-b", { hidden = true, answers = "x" }))
    assert.is_true(result.ok)
    assert.equal(phases.FILLED, assert(specs.read(project, "plan-b")).text)
    act = function() return { ok = true, collected = {}, collect_errors = { ["spec.md"] = "is a link" } } end
    local _, message = plan.run(project, "plan-b", { update = true, answers = "x" })
    assert.equal("plan: plan-b: is a link", message)
    act = function() return { ok = true, collected = {}, collect_errors = {} } end
    assert.equal("is as it was", assert(plan.run(project, "plan-b", { update = true, answers = "x" })).reason)
    assert.equal(phases.FILLED, assert(specs.read(project, "plan-b")).text)
  end)

  it("is no success when other files changed as well, and names them", function()
    place:write("src/a.c", "int a;")
    act = function()
      place:write("specs/shop.md", phases.FILLED)
      place:write("src/a.c", "int b;;")
      place:write("src/b.c", "")
      return { ok = true }
    end
    local result = assert(plan.run(project, "shop", { answers = "x" }))
    assert.same({ false, "other files changed meanwhile: src/a.c, src/b.c" }, { result.ok, result.reason })
    assert.same({ "src/a.c", "src/b.c" }, result.others)
    assert.is_true(result.check.filled)
  end)

  it("ends an agent at the terminal when the time is over, and keeps what was written", function()
    project.config.max_time = 0.05
    act = function()
      place:write("specs/shop.md", "# Shop\n\n## Problem\nNone.\n")
      require("wrapix.task").sleep(10)
    end
    local result = assert(plan.run(project, "shop"))
    assert.same({ false, true }, { result.ok, result.changed })
    assert.matches("its budget is used up: 0 s of 0", result.reason, 1, true)
  end)

  it("holds the lock of the work tree while the agent works, and gives it back", function()
    local inner
    act = function()
      inner = select(3, project:lock_work())
      error("boom", 0)
    end
    place:write("specs/shop.md", phases.FILLED)
    local ok, raised = pcall(plan.run, project, "shop", { update = true, answers = "x" })
    assert.is_false(ok)
    assert.matches("^boom", raised)
    assert.equal("EBUSY", inner)
    local lock <close> = assert(project:lock_work())
    assert.is_truthy(lock)
  end)
end)
