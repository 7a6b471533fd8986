-- SPDX-License-Identifier: MIT
-- The file of issues: what is taken, and that each mistake is named.

local json = require("wrapix.json")
local schema = require("ralph.ready_schema")

local CONTEXT = { profiles = { base = true, rust = true }, ids = { ["shop-1"] = true }, most = 5 }

local function issue(more)
  local item = { key = "a", title = "Do a", description = "Because.", acceptance_criteria = { "It holds." } }
  for name, value in pairs(more or {}) do item[name] = value end
  return item
end

local function check(list) return schema.check(assert(json.encode({ issues = json.array(list) })), CONTEXT) end

local function errors_of(list)
  local entries, errors = check(list)
  assert.is_nil(entries)
  return table.concat(errors, "\n")
end

describe("a list of issues", function()
  it("becomes what the tracker adds", function()
    local entries = assert(check({
      issue({ profile = "rust", priority = 1, type = "bug" }),
      issue({ key = "b", title = "Do b ", needs = { "a", "shop-1", "a" }, acceptance_criteria = { "x", "y\nz" } }),
    }))
    assert.same({
      { key = "a", title = "Do a", description = "Because.", acceptance_criteria = "- It holds.",
        needs = {}, priority = 1, issue_type = "bug", labels = { "profile:rust" } },
      { key = "b", title = "Do b", description = "Because.", acceptance_criteria = "- x\n- y z",
        needs = { "a", "shop-1" } },
    }, entries)
  end)

  it("may be a bare array, be empty, and hold null for what is left out", function()
    assert.same({}, (schema.check('{"issues":[]}', CONTEXT)))
    assert.same({}, (schema.check("[]", CONTEXT)))
    assert.equal(1, #assert(schema.check('\xef\xbb\xbf[{"key":"a","title":"t","description":"d",'
      .. '"acceptance_criteria":"c","profile":null,"needs":null}]', CONTEXT)))
  end)

  it("is refused when it is no such file", function()
    for text, reason in pairs({
      [""] = "not valid JSON", ["{"] = "not valid JSON", ["3"] = "a list \"issues\"",
      ["{}"] = "a list \"issues\"", ['{"issues":{}}'] = "a list \"issues\"", ["null"] = "a list \"issues\"",
      ['{"issues":[],"note":1}'] = "unknown field 'note'", ["[1]"] = "issue 1: an object is wanted",
      ["[[]]"] = "issue 1: an object is wanted",
      [("["):rep(50) .. ("]"):rep(50)] = "not valid JSON",
      [(" "):rep(600 << 10)] = "the file has 600 KiB, at most 512 may be",
    }) do
      local entries, errors = schema.check(text, CONTEXT)
      assert.is_nil(entries)
      assert.matches(reason, errors[1], 1, true)
    end
  end)

  it("names each mistake, and the issue it is in", function()
    for reason, more in pairs({
      ["issue 1 (a): title: a text is wanted"] = { title = " " },
      ["issue 1 (a): title: has 501 bytes, at most 500 may be"] = { title = ("x"):rep(501) },
      ["issue 1 (a): title: one line is wanted"] = { title = "a\27[2Jb" },
      ["issue 1 (a): description: a text is wanted"] = { description = 3 },
      ["issue 1 (a): acceptance_criteria: a list of texts, at least one, is wanted"]
        = { acceptance_criteria = json.array({}) },
      ["issue 1 (a): acceptance_criteria: acceptance_criteria: a text is wanted"]
        = { acceptance_criteria = { "" } },
      ["issue 1 (a): profile: 'rusty' is none that is known here (did you mean 'rust'?)"] = { profile = "rusty" },
      ["issue 1 (a): profile: '../x' is none that is known here"] = { profile = "../x" },
      ["issue 1 (a): priority: a number from 0 to 4 is wanted, not 9"] = { priority = 9 },
      ["issue 1 (a): type: 'task', 'bug', 'feature' or 'chore' is wanted, not 'epic'"] = { type = "epic" },
      ["issue 1 (a): unknown field 'tilte' (did you mean 'title'?)"] = { tilte = "x" },
      ["issue 1 (a): needs: a list of keys is wanted"] = { needs = "b" },
      ["issue 1 (a): needs: 'b' is neither a key of this file nor the id of an issue"] = { needs = { "b" } },
      ["issue 1 (a): needs: itself"] = { needs = { "a" } },
      ["issue 1 (A b): key: a name of a-z"] = { key = "A b" },
      ["issue 1 (shop-1): key: is the id of an issue there is"] = { key = "shop-1" },
    }) do
      assert.matches(reason, errors_of({ issue(more) }), 1, true)
    end
    assert.matches("issue 1: key: a name", errors_of({ issue({ key = 1 }) }), 1, true)
  end)

  it("tells all mistakes at once, up to a bound", function()
    local text = errors_of({ issue({ title = "", priority = -1 }), issue({ key = "b", title = "x", type = "x" }) })
    assert.matches("issue 1 (a): title", text, 1, true)
    assert.matches("issue 1 (a): priority", text, 1, true)
    assert.matches("issue 2 (b): type", text, 1, true)
    local needs = {}
    for i = 1, 45 do needs[i] = "none-" .. i end
    assert.matches("\nand 15 more$", errors_of({ issue({ needs = needs }) }))
  end)

  it("has unique keys and titles, and no circle", function()
    assert.matches("issue 2 (a): key: is there already", errors_of({ issue(), issue({ title = "B" }) }), 1, true)
    assert.matches("issue 2 (b): title: is that of issue 1 (a) as well",
      errors_of({ issue(), issue({ key = "b", title = "do  A." }) }), 1, true)
    assert.matches("needs: a circle: b → c → b", errors_of({
      issue({ needs = { "b" } }), issue({ key = "b", title = "B", needs = { "c" } }),
      issue({ key = "c", title = "C", needs = { "b" } }),
    }), 1, true)
  end)

  it("is bounded", function()
    local list = {}
    for i = 1, 6 do list[i] = issue({ key = "k" .. i, title = "T" .. i }) end
    assert.matches("the list has 6 issues, at most 5 may be", errors_of(list), 1, true)
    assert.is_truthy(check({ table.unpack(list, 1, 5) }))
  end)

  it("is described to the agent with every field it may have", function()
    for _, name in ipairs({ "key", "title", "description", "acceptance_criteria", "needs", "profile",
      "priority", "type" }) do
      assert.is_truthy(schema.FORMAT:find(('- "%s":'):format(name), 1, true), name)
    end
  end)
end)
