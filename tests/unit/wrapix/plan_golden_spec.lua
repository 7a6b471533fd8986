-- SPDX-License-Identifier: MIT
-- Whole plans and command lines against texts read by a person. After a wanted
-- change: UPDATE_GOLDEN=1, then read the difference.

local apple = require "wrapix.runtime.apple"
local fixture = require "tests.unit.wrapix.plan_fixture"
local plan = require "wrapix.plan"
local podman = require "wrapix.runtime.podman"
local staging = require "wrapix.runtime.apple.staging"

local CASES = {
  { name = "small-rootless", profile = "small", facts = fixture.facts, options = {} },
  { name = "small-old-podman", profile = "small", facts = fixture.old_facts, options = {} },
  { name = "shop-rootless", profile = "shop", facts = fixture.facts, options = {} },
  {
    name = "shop-options",
    profile = "shop",
    facts = fixture.facts,
    options = {
      workspace = "shop",
      env = { "PAGER=more", "EMPTY=", "API_KEY", "NOWHERE" },
      mounts = { "/srv/lib:/srv/lib:ro", "/srv/none:/srv/none:optional" },
      image = "docker.io/library/alpine:3",
      network = "none",
      cpus = "1.5",
      memory = "512m",
      pids = "64",
      timeout = "90s",
      name = "my_box.1",
      keep = true,
      command = { "sh", "-c", "echo \"$HOME\"; id", "" },
    },
  },
  {
    name = "detached",
    profile = "small",
    facts = fixture.facts,
    options = { detach = true, timeout = 1.5, agent = "claude" },
  },
  { name = "open-rootless", profile = "open", facts = fixture.facts, options = {} },
  { name = "agents-rootless", profile = "agents", facts = fixture.agent_facts, options = {} },
  { name = "agents-root", profile = "agents", facts = fixture.root_agent_facts, options = {} },
  { name = "small-root", profile = "small", facts = fixture.root_facts, options = {} },
}

local function on(version) return function() return fixture.apple_facts(version) end end

local APPLE_CASES = {
  { name = "apple-small-0.9.0", profile = "small", facts = on("0.9.0"), options = {} },
  { name = "apple-small-0.12.0", profile = "small", facts = on("0.12.0"), options = {} },
  { name = "apple-small-1.2.2", profile = "small", facts = on("1.2.2"), options = {} },
  { name = "apple-agents-1.2.2", profile = "agents", facts = on("1.2.2"), options = {} },
  {
    name = "apple-options-1.1.0",
    profile = "small",
    facts = on("1.1.0"),
    options = {
      workspace = "shop", env = { "EMPTY=", "A=b=c", "API_KEY" }, mounts = { "/srv/lib:/srv/lib:ro" },
      image = "docker.io/library/alpine:3", network = "none", cpus = "3", memory = "512m",
      pids = "64", timeout = "90s", name = "my_box.1", keep = true, detach = true,
      command = { "sh", "-c", "echo \"$HOME\"; id", "" },
    },
  },
}

-- Compares the plan of a case; what makes it anew is returned.
local function is_golden(case)
  local function make()
    return assert(plan.make(fixture.profile(case.profile), case.options, case.facts()))
  end

  it("plan " .. case.name, function()
    local text = fixture.plan_text(make())
    assert.equal(fixture.golden(case.name .. ".json", text), text)
  end)
  return make
end

describe("plans for a Mac as written down", function()
  for _, case in ipairs(APPLE_CASES) do
    local make = is_golden(case)

    it("flags and what is done in the VM of " .. case.name, function()
      local made = make()
      local text = ("%s\n%s"):format(fixture.flags_text(apple.flags(made)),
        staging.text(apple.steps(made)))
      assert.equal(fixture.golden(case.name .. ".flags", text), text)
    end)
  end
end)

describe("plans and command lines as written down", function()
  for _, case in ipairs(CASES) do
    local make = is_golden(case)

    it("flags " .. case.name, function()
      local text = fixture.flags_text(podman.flags(make()))
      assert.equal(fixture.golden(case.name .. ".flags", text), text)
    end)
  end
end)

local KINDS = { profile = true, option = true, default = true, host = true, image = true }

--- Every table with an origin must have a full one; every item of a list in a
--- plan must have one.
local function check_origin(origin, where)
  assert.is_table(origin, where .. " has no origin")
  assert.is_true(KINDS[origin.kind], where)
  assert.is_string(origin.text, where)
  assert.is_true(#origin.text > 0, where)
end

describe("origins", function()
  local LISTS = { "mounts", "env", "labels", "limits", "skipped" }
  local SINGLE = {
    "workspace", "image", "command", "user", "network", "security", "engine", "terminal",
  }

  for _, case in ipairs(CASES) do
    it("stand at every item and flag of " .. case.name, function()
      local made = assert(plan.make(fixture.profile(case.profile), case.options, case.facts()))
      for _, list in ipairs(LISTS) do
        for i, item in ipairs(made[list]) do
          check_origin(item.origin, ("%s[%d]"):format(list, i))
        end
      end
      for _, name in ipairs(SINGLE) do
        check_origin(made[name].origin, name)
      end
      check_origin(made.name_origin, "name")
      for _, flag in ipairs(podman.flags(made)) do
        check_origin(flag.origin, table.concat(flag.args, " "))
        assert.is_true(#flag.args > 0)
        assert.is_string(flag.what)
        for _, word in ipairs(flag.args) do
          assert.is_string(word)
        end
      end
    end)
  end

  for _, case in ipairs(APPLE_CASES) do
    it("stand at every item, flag and line of " .. case.name, function()
      local made = assert(plan.make(fixture.profile(case.profile), case.options, case.facts()))
      for _, list in ipairs(LISTS) do
        for i, item in ipairs(made[list]) do
          check_origin(item.origin, ("%s[%d]"):format(list, i))
        end
      end
      for _, name in ipairs(SINGLE) do check_origin(made[name].origin, name) end
      check_origin(made.crossing.origin, "crossing")
      for _, flag in ipairs(apple.flags(made)) do
        check_origin(flag.origin, table.concat(flag.args, " "))
        assert.is_true(#flag.args > 0)
        assert.is_string(flag.what)
      end
      for _, step in ipairs(apple.steps(made)) do
        check_origin(step.origin, table.concat(step.words, " "))
        assert.is_string(step.what)
      end
    end)
  end
end)
