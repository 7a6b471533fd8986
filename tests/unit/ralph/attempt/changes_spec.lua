-- SPDX-License-Identifier: MIT
-- What an attempt did to the repository; what cannot be known is no "nothing".

local changes = require("ralph.attempt.changes")

local function repo(answers)
  local self = { asked = {} }
  local function answer(name)
    return function(_, from, to)
      local key = ("%s %s %s"):format(name, tostring(from), tostring(to))
      self.asked[#self.asked + 1] = key
      local value = answers[key]
      if value == false then return nil, "git: cannot", "EUNSAFE", "mend it" end
      return value or {}
    end
  end
  self.changes, self.commits = answer("changes"), answer("commits")
  return self
end

local BEGUN = { before = { head = "h1", tree = "t1" }, base = { head = "h1", tree = "t0" } }

describe("changes.find", function()
  it("has this attempt's files, those since the base, and commits both ways", function()
    local file, commit, lost = { path = "a" }, { id = "h2" }, { id = "h1" }
    local found = assert(changes.find(repo({ ["changes t1 t2"] = { file }, ["changes t0 t2"] = { file, file },
      ["commits h1 h2"] = { commit }, ["commits h2 h1"] = { lost } }), BEGUN, { head = "h2", tree = "t2" }))
    assert.same({ { file }, { file, file }, { commit }, { lost }, false },
      { found.files, found.since, found.commits, found.lost, found.truncated })
  end)

  it("asks nothing but what is uncommitted where all is the same", function()
    local one = repo({})
    local begun = { before = { head = "h1", tree = "t1" }, base = { tree = "t1" } }
    assert.same({}, assert(changes.find(one, begun, { head = "h1", tree = "t1" })).files)
    assert.same({ "changes h1 t1" }, one.asked)
  end)

  it("asks what was committed where that may be nothing, or not what lies in the tree", function()
    local begun = { before = { head = "h1", tree = "t1" }, base = { tree = "t1" } }
    local after, file = { head = "h2", tree = "t2" }, { path = "a" }
    local answers = { ["changes t1 t2"] = { file } }
    assert.is_nil(assert(changes.find(repo(answers), begun, after)).committed)
    answers["changes h2 t2"], answers["changes h1 h2"] = { file }, { file, { path = "b" } }
    assert.same({ file, { path = "b" } }, assert(changes.find(repo(answers), begun, after)).committed)
    assert.same({}, assert(changes.find(repo({}), begun, { head = "h2", tree = "t1" })).committed)
    assert.is_nil(changes.find(repo({ ["changes h1 h2"] = false }), begun, { head = "h2", tree = "t1" }))
  end)

  it("fails where anything cannot be known", function()
    for _, key in ipairs({ "changes t1 t2", "changes t0 t2", "commits h1 h2", "commits h2 h1",
      "changes h2 t2" }) do
      local found, message, code, hint = changes.find(repo({ [key] = false }), BEGUN, { head = "h2", tree = "t2" })
      assert.is_nil(found)
      assert.same({ "git: cannot", "EUNSAFE", "mend it" }, { message, code, hint }, key)
    end
  end)

  it("says when there is more than is listed", function()
    local found = assert(changes.find(repo({ ["changes t0 t2"] = { truncated = true } }), BEGUN,
      { head = "h1", tree = "t2" }))
    assert.is_true(found.truncated)
    assert.same({}, assert(changes.find(nil, BEGUN, { tree = "f" })).files)
  end)
end)
