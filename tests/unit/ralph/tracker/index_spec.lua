-- SPDX-License-Identifier: MIT
-- What is read of the index without reading all of it: entries with a status, and what one
-- issue means for others.

local index = require("ralph.tracker.index")

local function entry(id, status, more)
  local one = { id = id, order = "22026", status = status, type = "task", spec = "", flags = "",
    defer = "", deps = "" }
  for key, value in pairs(more or {}) do one[key] = value end
  return one
end

describe("the index of a list", function()
  local dir, text
  local fs = require("wrapix.fs")

  before_each(function()
    dir = assert(fs.temp_dir("wx-index-"))
    local base = assert(index.write_base(dir, {
      entry("a", "in_progress"), entry("b", "open"), entry("in_progress", "closed"),
      entry("c", "closed", { spec = "in_progress" }), entry("d", "open", { type = "in_progress" }),
      entry("ab", "closed", { flags = "f" }), entry("e", "in_progress", { type = "in_progress" }),
      entry("f", "my-own"),
    }))
    text = assert(index.read_base(dir, base))
  end)
  after_each(function() assert(fs.remove_tree(dir)) end)

  local function ids(list)
    local found = {}
    for i, one in ipairs(list) do found[i] = one.id end
    table.sort(found)
    return table.concat(found, " ")
  end

  it("gives the entries with a status, whatever else has that name", function()
    assert.equal("a e", ids(index.with_status(text, "in_progress")))
    assert.equal("b d", ids(index.with_status(text, "open")))
    assert.equal("ab c in_progress", ids(index.with_status(text, "closed")))
    assert.equal("f", ids(index.with_status(text, "my-own")))
    assert.equal("", ids(index.with_status(text, "my")))
  end)

  it("knows what each issue means for others, asked for few and for many", function()
    local state = index.states(text)
    for _ = 1, 20 do
      local found = {}
      for _, id in ipairs({ "a", "b", "ab", "c", "in_progress" }) do found[#found + 1] = state(id) end
      assert.same({ "k", "c", "f", "s", "s" }, found)
      assert.is_nil(state("none"))
      assert.is_nil(state("in"))
    end
  end)
end)
