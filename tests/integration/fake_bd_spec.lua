-- SPDX-License-Identifier: MIT
-- The double of bd itself: strict about words, answers in both forms, warnings apart.

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local proc = require("wrapix.proc")

describe("the double of bd", function()
  local dir
  before_each(function() dir = assert(fs.temp_dir("fake-bd-")) end)
  after_each(function() assert(fs.remove_tree(dir)) end)

  local function bd(words, env)
    local all = { FAKE_BD_DIR = dir, FAKE_BD_WRAPIX = assert(fs.realpath("/proc/self/exe")),
      BD_JSON_ENVELOPE = false }
    for name, value in pairs(env or {}) do all[name] = value end
    local argv = table.move(words, 1, #words, 2, { WRAPIX_ROOT .. "/tests/support/fake_bd/bd" })
    return assert(proc.run(argv, { env = all, timeout = 20 }))
  end

  local function value(words, env) return assert(json.decode(bd(words, env).stdout)) end

  it("knows no word that bd does not", function()
    for words, text in pairs({
      [{ "frobnicate" }] = 'unknown command "frobnicate" for "bd"',
      [{ "dep", "frob" }] = 'unknown command "dep frob" for "bd"',
      [{ "ready", "--frob" }] = "unknown flag: --frob",
      [{ "close", "x", "--claim" }] = "unknown flag: --claim",
      [{ "update", "x", "--reason=y" }] = "unknown flag: --reason",
      [{ "show", "-z" }] = "unknown shorthand flag: 'z' in -z",
      [{ "create", "--title" }] = "flag needs an argument: --title",
    }) do
      local result = bd(words)
      assert.equal(1, result.code)
      assert.equal("", result.stdout)
      assert.matches(text, result.stderr, 1, true)
    end
  end)

  it("answers as bd does: an object, lists, a list also for one", function()
    local made = value({ "create", "--json", "title", "-p", "1", "-l", "a,b" })
    assert.same({ 1, 1, { "a", "b" } }, { made.schema_version, made.priority, made.labels })
    assert.equal(made.id, value({ "show", "--json", made.id })[1].id)
    assert.equal(made.id, value({ "show", "--json", made.id }, { FAKE_BD_SHOW = "object" }).id)
    assert.equal(1, #value({ "ready", "--json" }))
    local envelope = value({ "list", "--json" }, { BD_JSON_ENVELOPE = "1" })
    assert.equal(made.id, envelope.data[1].id)
    assert.equal("in_progress", value({ "update", made.id, "--claim", "--json" })[1].status)
    assert.equal("[]\n", bd({ "ready", "--json" }).stdout)
    assert.equal("done", value({ "close", made.id, "-r", "done", "--json" })[1].close_reason)
  end)

  it("lists the newest first inside a priority, and epics as ready", function()
    local ids = {}
    for i, words in ipairs({ { "old" }, { "new" }, { "epic", "-t", "epic", "-p", "0" } }) do
      ids[i] = value(table.move(words, 1, #words, 3, { "create", "--json" })).id
    end
    local list = value({ "ready", "--json" })
    assert.same({ ids[3], ids[2], ids[1] }, { list[1].id, list[2].id, list[3].id })
    assert.equal(2, #value({ "ready", "--json", "--exclude-type=epic" }))
  end)

  it("claims for one actor and refuses another", function()
    local id = value({ "create", "--json", "t" }).id
    assert.equal(0, bd({ "update", id, "--claim", "--json" }, { BD_ACTOR = "ann" }).code)
    assert.equal(0, bd({ "update", id, "--claim", "--json" }, { BD_ACTOR = "ann" }).code)
    local refused = bd({ "update", id, "--claim", "--json" }, { BD_ACTOR = "bob" })
    assert.equal(1, refused.code)
    assert.equal("issue already claimed by ann", json.decode(refused.stderr).error)
  end)

  it("fails and warns where bd does, and hangs when told to", function()
    local missing = bd({ "show", "none-1", "--json" })
    assert.equal(1, missing.code)
    assert.matches("no issue found", json.decode(missing.stdout).error)
    local warned = bd({ "list", "--json" }, { FAKE_BD_WARN = "1" })
    assert.equal("[]\n", warned.stdout)
    assert.matches("Warning", warned.stderr)
    local a, b = value({ "create", "--json", "a" }).id, value({ "create", "--json", "b" }).id
    assert.equal("added", value({ "dep", "add", "--json", a, b }).status)
    assert.matches("cycle", bd({ "dep", "add", "--json", b, a }).stderr)
    local hung = assert(proc.run({ WRAPIX_ROOT .. "/tests/support/fake_bd/bd", "list" }, { timeout = 0.2,
      grace = 0.2, env = { FAKE_BD_DIR = dir, FAKE_BD_HANG = "1",
        FAKE_BD_WRAPIX = assert(fs.realpath("/proc/self/exe")) } }))
    assert.is_true(hung.timed_out)
  end)
end)
