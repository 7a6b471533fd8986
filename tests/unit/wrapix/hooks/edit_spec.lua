-- SPDX-License-Identifier: MIT
-- What a hook may change of a plan, and what becomes of it.

local edits = require("wrapix.hooks.edit")
local fixture = require("tests.unit.wrapix.plan_fixture")
local plans = require("wrapix.plan")

local FIRST = { kind = "hook", text = "before_start (a.lua:3)" }
local SECOND = { kind = "hook", text = "before_start (b.lua:7)" }

local function by_name(list)
  local found = {}
  for _, one in ipairs(list) do found[one.name or one.dest] = one end
  return found
end

describe("a plan's edit", function()
  local edit

  before_each(function() edit = edits.of(edits.new(), FIRST) end)

  it("is empty until something is changed", function()
    assert.is_true(edit:is_empty())
    edit:set("memory", "1g")
    assert.is_false(edit:is_empty())
  end)

  it("adds to the options, which stay as they are", function()
    local options = { env = { "A=1" }, memory = "2g", keep = true }
    edit:set_env("B", "two words=x")
    edits.of(edit, SECOND):set_env("A", "")
    edit:add_mount("/srv/lib:/srv/lib")
    edit:set("memory", "1g")
    edit:set_command({ "make", "" })
    local merged, origins = edit:merged(options)
    assert.same({
      env = { "A=1", "B=two words=x", "A=" }, mounts = { "/srv/lib:/srv/lib" },
      memory = "1g", keep = true, command = { "make", "" },
    }, merged)
    assert.same({ env = { "A=1" }, memory = "2g", keep = true }, options)
    assert.equal(FIRST, origins.env[2])
    assert.equal(SECOND, origins.env[3])
    assert.is_nil(origins.env[1])
    assert.equal(SECOND, origins.memory)
  end)

  it("lets the later one win", function()
    edit:set("network", "open")
    edits.of(edit, SECOND):set("network", "none")
    local merged, origins = edit:merged({})
    assert.equal("none", merged.network)
    assert.equal(SECOND, origins.network)
  end)

  it("takes back what one hook changed", function()
    edit:set_env("A", "1")
    edits.of(edit, SECOND):set_env("B", "2")
    edit:set("pids", 7)
    edits.undo(edit)
    assert.same({ env = { "A=1" } }, (edit:merged({})))
  end)

  it("is the origin of what it changed in a plan", function()
    edit:set_env("A", "1")
    edit:add_mount("/srv/lib:/srv/lib")
    edit:set("network", "none")
    edit:set("memory", "512m")
    edit:set_command({ "make" })
    local merged, origins = edit:merged({ env = { "Z=1" } })
    local plan = assert(plans.make(fixture.profile("small"), merged, fixture.facts(),
      { origins = origins }))
    assert.same(FIRST, by_name(plan.env).A.origin)
    assert.equal("-e", by_name(plan.env).Z.origin.text)
    assert.same(FIRST, by_name(plan.mounts)["/srv/lib"].origin)
    assert.same(FIRST, plan.network.origin)
    assert.same(FIRST, by_name(plan.limits).memory.origin)
    assert.same(FIRST, plan.command.origin)
  end)

  it("is named when the plan refuses a change", function()
    edit:set_env("HOME", "/")
    local merged, origins = edit:merged({})
    local plan, message = plans.make(fixture.profile("small"), merged, fixture.facts(),
      { origins = origins })
    assert.is_nil(plan)
    assert.matches("before_start (a.lua:3): HOME is set by wrapix", message, 1, true)
  end)

  it("raises on misuse, blaming the hook's line", function()
    local here = debug.getinfo(1, "l").currentline
    for i, case in ipairs({
      { function() edit:set_env("A=B", "x") end, "is not a variable name" },
      { function() edit:set_env("", "x") end, "is not a variable name" },
      { function() edit:set_env("A", 1) end, "set_env: text expected, got number" },
      { function() edit:set_env(nil, "x") end, "set_env: text expected, got nil" },
      { function() edit:set_env("A", "\0") end, "NUL" },
      { function() edit:add_mount({}) end, "add_mount: text expected, got table" },
      { function() edit:set_command("make") end, "a list of texts expected" },
      { function() edit:set_command({}) end, "a list of texts expected" },
      { function() edit:set_command({ "make", 1 }) end, "text expected, got number" },
      { function() edit:set("image", "x") end, "'image' is none of" },
      { function() edit:set("network", 1) end, "network cannot be a number" },
      { function() edit:set("memory", {}) end, "memory cannot be a table" },
      { function() edit:set("memory") end, "memory cannot be a nil" },
    }) do
      local ok, message = pcall(case[1])
      assert.is_false(ok)
      assert.matches(case[2], message, 1, true)
      assert.equal(here + 1 + i, tonumber(message:match("edit_spec.lua:(%d+):")), message)
    end
    assert.is_true(edit:is_empty())
  end)

  it("keeps a copy of the command", function()
    local argv = { "make" }
    edit:set_command(argv)
    argv[1] = "rm"
    assert.same({ "make" }, (edit:merged({})).command)
  end)

  it("cannot be changed once the plan is made", function()
    edits.seal(edit)
    assert.has_error(function() edit:set_env("A", "1") end)
  end)
end)
