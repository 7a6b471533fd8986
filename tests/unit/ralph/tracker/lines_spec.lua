-- SPDX-License-Identifier: MIT

local json = require("wrapix.json")
local lines = require("ralph.tracker.lines")

local T1, T2 = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"

local function issue(id, more)
  local fields = { id = id, title = "t " .. id, status = "open", priority = 2, issue_type = "task",
    created_at = T1, updated_at = T2 }
  for key, value in pairs(more or {}) do fields[key] = value end
  return fields
end

local function line(id, more) return assert(lines.encode(issue(id, more))) end

describe("a line of the list", function()
  it("has the keys of beads in one order, then others by name", function()
    local text = line("wx-1", {
      zebra = 1, alpha = { y = 2, x = { 1 } }, notes = "n", description = "d", labels = { "b", "a", "b" },
      metadata = { wrapix = { owner = "o" } }, pinned = false, design = "", assignee = json.null,
      comments = json.array(), estimated_minutes = 0, close_reason = nil,
    })
    assert.equal('{"id":"wx-1","title":"t wx-1","description":"d","notes":"n","status":"open",'
      .. '"priority":2,"issue_type":"task","estimated_minutes":0,"created_at":"2026-01-01T00:00:00Z",'
      .. '"updated_at":"2026-01-02T00:00:00Z","metadata":{"wrapix":{"owner":"o"}},"labels":["a","b"],'
      .. '"alpha":{"x":[1],"y":2},"zebra":1}', text)
    local more, names = {}, {}
    for i = 1, 20 do
      names[i] = ("key_%02d"):format(i)
      more[names[i]] = i
    end
    local found = {}
    for name in line("wx-1", more):gmatch("key_%d%d") do found[#found + 1] = name end
    assert.same(names, found)
  end)

  it("is the same whatever the order in which things were added", function()
    local deps = {
      { issue_id = "wx-1", depends_on_id = "wx-3", type = "blocks", created_at = T1 },
      { issue_id = "wx-1", depends_on_id = "wx-2", type = "related", created_at = T2 },
    }
    local comments = { { id = "b", text = "later", created_at = T2 },
      { id = "a", text = "first", created_at = T1 } }
    assert.equal(line("wx-1", { dependencies = { deps[1], deps[2] }, comments = { comments[1], comments[2] } }),
      line("wx-1", { dependencies = { deps[2], deps[1] }, comments = { comments[2], comments[1] } }))
  end)

  it("comes back as it was written", function()
    local text = line("wx-1", { title = "ä \"q\" \\ \t \n \u{2028}", extra = { deep = { json.array() } },
      metadata = { f = 0.1, n = -7, t = true, e = {} } })
    assert.equal(text, lines.encode(assert(lines.decode(text))))
    assert.is_nil(text:find("\n", 1, true))
  end)

  it("is no issue without what every issue has, or with what none can have", function()
    local bad = {
      ['{"title":"t"}'] = "'id' is missing",
      ['{"id":"a-1"}'] = "'title' is missing",
      ['{"id":"a-1","title":"  "}'] = "title: is empty",
      ['{"id":"../x","title":"t"}'] = "id: is no id",
      ['{"id":7,"title":"t"}'] = "id: is no id",
      ['{"id":"a-1","title":"t","priority":5}'] = "priority: is no number from 0",
      ['{"id":"a-1","title":"t","priority":"1"}'] = "priority: is no number from 0",
      ['{"id":"a-1","title":"t","status":"so so"}'] = "status: is no word",
      ['{"id":"a-1","title":"t","labels":{"a":1}}'] = "labels: is no list",
      ['{"id":"a-1","title":"t","labels":[1]}'] = "labels: holds",
      ['{"id":"a-1","title":"t","created_at":"now"}'] = "created_at: is no moment",
      ['{"id":"a-1","title":"t","dependencies":[{"type":"blocks"}]}'] = "dependencies: holds",
      ['{"id":"a-1","title":"t","description":7}'] = "description: is no text",
      ['{"id":"a-1","title":"' .. ("x"):rep(501) .. '"}'] = "longer than 500 characters",
      ['{"id":"a-1","title":"t","n":12345678901234567890123}'] = "cannot be kept exactly",
      ['[1]'] = "is no issue",
      ['7'] = "is no issue",
      ['{"id":"a-1","title":"t"'] = "column",
      ['{"id":"a-1","id":"a-2","title":"t"}'] = "column",
    }
    for text, reason in pairs(bad) do
      local value, why = lines.decode(text)
      assert.is_nil(value)
      assert.truthy(why and why:find(reason, 1, true), text .. " → " .. tostring(why))
    end
  end)

  it("may hold long digits in a text", function()
    assert.truthy(lines.decode('{"id":"a-1","title":"12345678901234567890123 \\" 99999999999999999999"}'))
    assert.truthy(lines.decode('{"id":"a-1","title":"t","n":1234567890123456789}'))
  end)

  it("is left out when it is something else than an issue", function()
    local value, why = lines.decode('{"_type":"memory","key":"k"}')
    assert.is_nil(value)
    assert.is_nil(why)
  end)
end)

describe("a list", function()
  local A, B, C = line("wx-a"), line("wx-b"), line("wx-c")

  local function parse(...) return lines.parse(table.concat({ ... }, "\n") .. "\n") end

  it("is canonical when each line is and they stand by id", function()
    local list = parse(A, B, C)
    assert.is_true(list.is_canonical)
    assert.same({ "wx-a", "wx-b", "wx-c" }, list.ids)
    assert.equal(A .. "\n" .. B .. "\n" .. C .. "\n", list.body)
    assert.is_true(lines.parse("").is_canonical)
  end)

  it("is brought into order when it is only valid", function()
    local memory = '{"_type":"memory","key":"k", "value":1}'
    local loose = '{ "title": "t wx-b", "id": "wx-b", "status":"open","priority":2,"issue_type":"task",'
      .. '"updated_at":"' .. T2 .. '","created_at":"' .. T1 .. '", "labels": [] }\r'
    local list = parse(C, memory, "", loose, A)
    assert.is_false(list.is_canonical)
    assert.equal(A .. "\n" .. B .. "\n" .. C .. "\n", list.body)
    assert.equal(memory .. "\n", list.tail)
    local again = lines.parse(list.body .. list.tail)
    assert.is_true(again.is_canonical)
    assert.equal(memory .. "\n", again.tail)
  end)

  it("may lack the end of its last line, which is whole by its brace", function()
    local list = lines.parse(A .. "\n" .. B)
    assert.same({ "wx-a", "wx-b" }, list.ids)
    assert.is_false(list.is_canonical)
    assert.equal(A .. "\n" .. B .. "\n", list.body)
  end)

  it("is refused with the number of the line at fault", function()
    local function refused(reason, where, ...)
      local list, number, why, hint = parse(...)
      assert.is_nil(list)
      assert.equal(where, number)
      assert.truthy(why:find(reason, 1, true), why)
      assert.truthy(hint)
    end
    refused("conflict marker", 2, A, "<<<<<<< HEAD", B, "=======", C, ">>>>>>> branch")
    refused("conflict marker", 3, A, B, "=======")
    refused("wx-a is on line 1 already", 3, A, B, line("wx-a", { title = "other" }))
    refused("wx-a is on line 1 already", 2, A, A)
    -- Two branches each added a child to one parent: none of the two may go.
    local function hint_for(...) return (select(4, parse(...))) end
    assert.matches("updated_at is later", hint_for(A, line("wx-a", { title = "other" })), 1, true)
    assert.matches("two issues: give one another id",
      hint_for(A, line("wx-a", { created_at = "2020-01-02T00:00:00Z" })), 1, true)
    refused("is missing", 2, A, '{"hello":1}')
    refused("column", 2, A, "hello", B)
    local list, number, why, hint = lines.parse(A .. "\n" .. B:sub(1, 40))
    assert.is_nil(list)
    assert.equal(2, number)
    assert.matches("torn", why)
    assert.matches("git checkout", hint)
  end)
end)
