-- SPDX-License-Identifier: MIT
-- What is remembered of an issue's attempts, and what of it goes on to the next.

local attempts = require("ralph.attempts")
local fs = require("wrapix.fs")

describe("attempts", function()
  local dir, project
  before_each(function()
    dir = assert(fs.temp_dir())
    project = { dirs = { state = dir }, paths = { attempts = dir .. "/attempts" } }
  end)
  after_each(function() fs.remove_tree(dir) end)

  local function finish(number, verdict, more)
    local evidence = { issue = "a-1", attempt = number, verdict = verdict, after = { tree = "t" .. number },
      files = { { path = "f" .. number } } }
    local ended = { counts = true, failure = "failure " .. number, time = number }
    for key, value in pairs(more or {}) do ended[key] = value end
    assert(attempts.finish(project, evidence, ended))
  end

  it("counts, and hands on the failures since a person had it", function()
    assert(attempts.begin(project, "a-1", { attempt = 3, time = 1, before = { tree = "t0" } }))
    assert.equal(3, attempts.read(project, "a-1").running.attempt)
    finish(3, "failed")
    finish(4, "limited", { counts = false })
    finish(5, "failed")
    local record = attempts.read(project, "a-1")
    assert.is_nil(record.running)
    assert.same({ 5, 2, { "failure 3", "failure 5" } },
      { record.number, record.counted, attempts.past(record).failures })
    finish(6, "failed", { given_up = true })
    assert.same({ counted = 0, failures = {} }, attempts.past(attempts.read(project, "a-1")))
  end)

  it("knows which paths are the issue's until it is done", function()
    finish(1, "failed")
    finish(2, "failed")
    assert.same({ "f1", "f2" }, attempts.read(project, "a-1").paths)
    finish(3, "done")
    assert.is_nil(attempts.read(project, "a-1").paths)
    assert.is_false(attempts.add_paths({ "a" }, {}, true))
    assert.is_false(attempts.add_paths(false, { { path = "a" } }))
    assert.same({ "a" }, attempts.add_paths({ "a" }, { { path = "a" }, { path = "inner", link = true } }))
  end)

  it("writes no more than it can read again", function()
    local name = ("x"):rep(4000)
    local files = {}
    for i = 1, 300 do files[i] = { path = name .. i } end
    assert.is_false(attempts.add_paths(nil, files))
    assert.same({ "a%FF" }, attempts.add_paths(nil, { { path = "a\xff" } }))
    local evidence = { issue = "a-1", verdict = "failed", files = {}, reason = ("y"):rep(3 << 20) }
    for number = 1, 4 do
      evidence.attempt = number
      assert(attempts.finish(project, evidence, { counts = true, time = number }))
    end
    local record = attempts.read(project, "a-1")
    assert.same({ 4, 4, 1 }, { record.number, record.counted, #record.list })
  end)

  it("begins where the attempts in a row began, unless another came between", function()
    assert(attempts.begin(project, "a-1", { attempt = 1, time = 1, before = { head = "h", tree = "t0" } }))
    finish(1, "failed")
    local record = attempts.read(project, "a-1")
    assert.same({ head = "h", tree = "t0" }, attempts.base(record, { head = "h2", tree = "t1" }))
    assert.same({ tree = "other" }, attempts.base(record, { tree = "other" }))
    assert(attempts.begin(project, "a-1", { attempt = 2, time = 1, before = { tree = "t1" } }))
    assert.equal("t0", attempts.read(project, "a-1").base.tree)
  end)

  it("forgets old attempts, reads what is torn as nothing, and takes no path for an id", function()
    for i = 1, 30 do finish(i, "failed") end
    local record = attempts.read(project, "a-1")
    assert.same({ 20, 11, 30 }, { #record.list, record.list[1].attempt, record.number })
    assert(fs.write_atomic(dir .. "/attempts/a-1.json", '{"number":7,'))
    assert.same({ 0, 0 }, { attempts.read(project, "a-1").number, #attempts.read(project, "a-1").list })
    assert.has_error(function() attempts.read(project, "../a") end)
    finish(1, "failed")
    assert.same({ "a-1" }, { (next(attempts.all(project))) })
  end)

  it("keeps a price that can be one", function()
    assert.is_nil(attempts.rate(project))
    attempts.note_rate(project, 0.000003)
    assert.near(0.000003, attempts.rate(project), 1e-12)
    assert(fs.write_atomic(dir .. "/rate.json", '{"rate":-1}'))
    assert.is_nil(attempts.rate(project))
  end)
end)
