-- SPDX-License-Identifier: MIT
-- docs/conformance.md is what tests/conformance has: rows, words, columns, and what each
-- runtime is declared to lack; and the suite's own tools do what they say.

local check = require("conformance.check")
local fs = require("wrapix.fs")
local list = require("conformance.list")
local targets = require("conformance.targets")
local tables = require("conformance.table")

describe("docs/conformance.md", function()
  local text = assert(fs.read(WRAPIX_ROOT .. "/docs/conformance.md"))
  local rows, headers = tables.parse(text)

  it("has a row for each behaviour, in its words, and no other", function()
    for _, one in ipairs(list.all) do
      assert.is_table(rows[one.id], one.id .. " has no row")
      assert.equal((one.says:gsub("|", "\\|")), rows[one.id][1])
    end
    for id in pairs(rows) do assert.is_table(list.by_id[id], id .. " is not in the list") end
  end)

  it("has the columns of a full run in each table", function()
    assert.equal(#list.areas, #headers)
    for _, header in ipairs(headers) do
      for i, column in ipairs(targets.columns) do
        assert.equal(table.concat(column.title, "<br>"), header[i])
      end
    end
  end)

  it("has a mark for each column, which says so where and only where that is declared", function()
    for _, one in ipairs(list.all) do
      for i, column in ipairs(targets.columns) do
        local mark = rows[one.id][i + 1]
        local lack = targets.lack(one, { runtime = column.runtime, host = column.host,
          version = targets.parse(column.version or "0") })
        local where = ("%s on %s"):format(one.id, column.key)
        assert.truthy(({ yes = true, ["says so"] = true, ["**no**"] = true })[mark], where .. ": " .. tostring(mark))
        if mark ~= "**no**" then assert.equal(lack and "says so" or "yes", mark, where) end
      end
    end
  end)

  it("has the reason of everything that cannot be had", function()
    for _, one in ipairs(list.all) do
      for _, lack in ipairs(one.lacks or {}) do
        assert.is_truthy(text:find(("| `%s` |"):format(one.id), 1, true), one.id)
        assert.is_truthy(text:find(lack.reason, 1, true), lack.reason)
        assert.is_true(#lack.answers > 2)
      end
    end
  end)
end)

describe("the list of behaviours", function()
  it("takes ids and areas, and names what is neither", function()
    assert.same({ "status.own-0" }, { assert(list.select({ "status.own-0" }))[1].id })
    assert.equal(#list.all, #list.select({}))
    local status = assert(list.select({ "status", "status.own-0" }))
    for _, one in ipairs(status) do assert.matches("^status%.", one.id) end
    local found, message = list.select({ "status.none" })
    assert.is_nil(found)
    assert.matches("status.none: no such behaviour", message)
  end)
end)

describe("conformance.targets", function()
  it("orders versions", function()
    assert.is_true(targets.is_before({ 0, 9, 0 }, "0.12.3"))
    assert.is_true(targets.is_before({ 1, 0 }, "1.0.1"))
    assert.is_false(targets.is_before({ 1, 1, 0 }, "1.1.0"))
    assert.is_false(targets.is_before({ 1, 2 }, "1.1.9"))
  end)

  it("knows what is lacking where", function()
    local one = { lacks = { { runtime = "container", before = "1.1.0", reason = "r" },
      { runtime = "podman", hosts = { "deb12" }, reason = "h" } } }
    local function reason(runtime, version, host)
      local lack = targets.lack(one, { runtime = runtime, version = targets.parse(version), host = host })
      return lack and lack.reason
    end
    assert.equal("r", reason("container", "1.0.0", "rootful"))
    assert.is_nil(reason("container", "1.1.0", "rootful"))
    assert.equal("h", reason("podman", "4.3.1", "deb12"))
    assert.is_nil(reason("podman", "4.3.1", "rootful"))
  end)
end)

describe("conformance.check", function()
  it("raises what a person can read, and nothing where all is well", function()
    check.equal(1, 1, "one")
    check.has("abc", "b", "text")
    check.lacks("abc", "d", "text")
    check.matches("abc", "^a", "text")
    check.status({ code = 3 }, 3)
    for message, fn in pairs({
      ['n: "b" instead of "a"'] = function() check.equal("a", "b", "n") end,
      ['t: no "d" in "abc"'] = function() check.has("abc", "d", "t") end,
      ['t: "b" in "abc"'] = function() check.lacks("abc", "b", "t") end,
      ['t: nothing like "^b" in "abc"'] = function() check.matches("abc", "^b", "t") end,
      ["it is not"] = function() check.holds(nil, "it is not") end,
      ['status 1 instead of 0; stdout "o", stderr "e"'] =
        function() check.status({ code = 1, stdout = "o", stderr = "e" }, 0) end,
    }) do
      local ok, got = pcall(fn)
      assert.is_false(ok)
      assert.equal(message, got)
    end
  end)

  it("cuts what is long in the middle", function()
    local ok, got = pcall(check.equal, "", "begin" .. ("x"):rep(5000) .. "end", "n")
    assert.is_false(ok)
    assert.is_true(#got < 700)
    assert.matches("begin.* … .*end", got)
  end)
end)

describe("conformance.table", function()
  it("writes what it can read again", function()
    local few = { all = { list.by_id["status.own-0"] },
      areas = { { title = "The exit status", behaviours = { list.by_id["status.own-0"] } } } }
    local rows, headers = tables.parse(tables.document(few, {
      { key = "podman-deb13", runtime = "podman", host = "deb13", engine = "podman version 5.4.2", version = "5.4.2",
        system = "Debian", seconds = 3, results = { { id = "status.own-0", outcome = "failed" } } },
      { key = "container-here", runtime = "container", host = "here", engine = "container CLI version 1.2.2",
        version = "1.2.2", system = "macOS 26", seconds = 3,
        results = { { id = "status.own-0", outcome = "passed" } } },
    }))
    assert.equal(1, #headers)
    assert.equal("container<br>1.2.2, a Mac", headers[1][#headers[1]])
    assert.same({ list.by_id["status.own-0"].says, "not run", "not run", "**no**" },
      table.move(rows["status.own-0"], 1, 4, 1, {}))
    assert.equal("yes", rows["status.own-0"][#headers[1] + 1])
  end)
end)
