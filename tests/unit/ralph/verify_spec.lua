-- SPDX-License-Identifier: MIT
-- Failures before and after told apart, what is kept of a tree, and running the commands
-- in a sandbox that a table stands in for.

local fs = require("wrapix.fs")
local verify = require("ralph.verify")

describe("verify.compare", function()
  it("has a word for each pair", function()
    assert.equal("clean", verify.state({ code = 0 }, { code = 0 }))
    assert.equal("regressed", verify.state({ code = 0 }, { code = 1 }))
    assert.equal("broken", verify.state({ code = 3 }, { code = 1 }))
    assert.equal("fixed", verify.state({ code = 3 }, { code = 0 }))
    assert.equal("broken", verify.state({ timed_out = true }, { code = 1 }))
    assert.is_nil(verify.state(nil, { code = 1 }))
    assert.equal("clean", verify.state(nil, { code = 0 }))
  end)

  it("finds each command's own result before", function()
    local before = { { command = "a", code = 0 }, { command = "b", code = 1 } }
    local after = { { command = "b", code = 1 }, { command = "a", code = 2 }, { command = "c", code = 5 } }
    local out = verify.compare(before, after)
    assert.same({ "broken", "regressed" }, { out[1].state, out[2].state })
    assert.same({ 1, 0 }, { out[1].before, out[2].before })
    assert.is_nil(out[3].state)
    assert.is_nil(after[1].state)
  end)
end)

describe("what is known of a tree", function()
  local dir, file
  before_each(function()
    dir = assert(fs.temp_dir())
    file = dir .. "/verify.json"
  end)
  after_each(function() fs.remove_tree(dir) end)

  local results = { { command = "a", code = 0, seconds = 1, output = "" } }

  it("holds for a day, this tree, these commands and this image", function()
    local key = verify.key("tree", { "a" }, "image")
    assert.is_nil(verify.recall(file, key, 1000))
    verify.remember(file, key, results, 1000)
    assert.equal("a", verify.recall(file, key, 2000)[1].command)
    assert.is_nil(verify.recall(file, key, 1000 + 86400))
    assert.is_nil(verify.recall(file, key, 999))
    for _, other in ipairs({ verify.key("tree2", { "a" }, "image"), verify.key("tree", { "b" }, "image"),
      verify.key("tree", { "a", "b" }, "image"), verify.key("tree", { "a" }, "other") }) do
      assert.is_nil(verify.recall(file, other, 1000))
    end
  end)

  it("is nothing when a command was ended, or the file is torn", function()
    local key = verify.key("t", { "a" }, "i")
    verify.remember(file, key, { { command = "a", timed_out = true, output = "" } }, 1000)
    assert.is_nil(verify.recall(file, key, 1000))
    assert(fs.write_atomic(file, '{"results":[{"key":'))
    assert.is_nil(verify.recall(file, key, 1000))
    verify.remember(file, key, results, 1000)
    assert.is_table(verify.recall(file, key, 1000))
  end)

  it("knows what verifying made, each once", function()
    verify.note_made(file, { "out/a", "b" })
    verify.note_made(file, { "b", "c" })
    assert.same({ "b", "c", "out/a" }, verify.made(file))
    verify.remember(file, "k", results, 1)
    assert.same({ "b", "c", "out/a" }, verify.made(file))
  end)
end)

-- A sandbox that answers as it is told, by what stands last in the command.
local function sandbox(answers)
  local box = { calls = {}, started = 0, stopped = 0 }
  function box:start() self.started = self.started + 1 return self end
  function box:stop() self.stopped = self.stopped + 1 return true end
  function box:exec(argv, opts)
    self.calls[#self.calls + 1] = { argv = argv, opts = opts }
    local key = argv[1] == "git" and argv[2] or argv[#argv]
    local answer = answers[key]
    if type(answer) == "number" then answer = { code = answer } end
    if answer == nil then answer = { code = 0 } end
    if answer == false then return nil, "no engine", "EENGINE" end
    for _, chunk in ipairs(answer.chunks or {}) do opts.on_stdout(chunk) end
    return answer
  end
  return box
end

describe("verify:run", function()
  it("runs every command in one container, whatever became of those before", function()
    local box = sandbox({ bad = { code = 2, stdout = "\27[31mred\27[0m\nx" } })
    local verifier <close> = verify.new(box, 60)
    local results = assert(verifier:run({ "bad", "good; $(x)" }))
    assert.equal(1, box.started)
    assert.same({ 2, 0 }, { results[1].code, results[2].code })
    assert.equal("red\nx", results[1].output)
    assert.equal("good; $(x)", box.calls[2].argv[5])
    assert.is_nil(box.calls[2].argv[3]:find("good", 1, true))
    assert.equal(60, box.calls[1].opts.timeout)
  end)

  it("gives the next command a new container after one that had to be ended", function()
    local box = sandbox({ slow = { timed_out = true, code = 143, stdout = "so far" } })
    local verifier <close> = verify.new(box, 1)
    local results = assert(verifier:run({ "slow", "next" }))
    assert.is_true(results[1].timed_out)
    assert.is_nil(results[1].code)
    assert.same({ 2, 1 }, { box.started, box.stopped })
    assert.equal(0, results[2].code)
  end)

  it("keeps head and tail of what is long", function()
    local box = sandbox({ long = { code = 1, stdout = "HEAD" .. ("x"):rep(50000) .. "TAIL" } })
    local verifier <close> = verify.new(box)
    local output = assert(verifier:run({ "long" }))[1].output
    assert.is_true(#output < verify.OUTPUT + 100)
    assert.matches("^HEAD", output)
    assert.matches("TAIL$", output)
    assert.matches("bytes left out", output)
  end)

  it("keeps little of what comes, and counts the rest", function()
    local chunks = { "HEAD" }
    for i = 2, 300 do chunks[i] = ("x"):rep(1 << 20) end
    chunks[301] = "TAIL"
    local verifier <close> = verify.new(sandbox({ long = { code = 1, chunks = chunks } }))
    local output = assert(verifier:run({ "long" }))[1].output
    local lost = assert(tonumber(output:match("%[… (%d+) bytes left out …%]")))
    assert.equal(299 * (1 << 20) + 8, lost + verify.OUTPUT)
    assert.same({ "HEAD", "TAIL", 1 }, { output:sub(1, 4), output:sub(-4),
      select(2, output:gsub("left out", "")) })
  end)

  it("is no verdict of the work when there is no sandbox", function()
    local verifier <close> = verify.new(sandbox({ x = false }))
    local results, message, code = verifier:run({ "x" })
    assert.is_nil(results)
    assert.same({ "verify: no engine", "EENGINE" }, { message, code })
  end)
end)

describe("verify:commit", function()
  it("stages all but what is no work, and hands the message over as text", function()
    local box = sandbox({ diff = 1 })
    local verifier <close> = verify.new(box)
    assert.same({ committed = true }, verifier:commit("a-1: -m 'x'\n", { exclude = { "out/*.o" } }))
    assert.equal(".\0:(exclude,literal).wrapix\0:(exclude,literal)out/*.o\0",
      box.calls[1].opts.input)
    assert.equal("a-1: -m 'x'\n", box.calls[3].opts.input)
    assert.same({ "git", "commit", "--quiet", "--file=-" }, box.calls[3].argv)
  end)

  it("stages named files by their very names", function()
    local box = sandbox({ diff = 1 })
    local verifier <close> = verify.new(box)
    assert.same({ committed = true }, verifier:commit("x", { paths = { "a*", "b c" }, exclude = { "d" } }))
    assert.equal("a*\0b c\0", box.calls[1].opts.input)
    assert.equal("update-index", box.calls[1].argv[2])
  end)

  it("commits nothing when nothing is left", function()
    local box = sandbox({})
    local verifier <close> = verify.new(box)
    assert.same({ committed = false }, verifier:commit("x"))
    assert.equal(2, #box.calls)
  end)

  it("says clearly when there is no git, and what a hook refuses", function()
    local verifier <close> = verify.new(sandbox({ add = 127 }))
    local ok, message, code, hint = verifier:commit("x")
    assert.is_nil(ok)
    assert.same({ "commit: git: is not in the image", "ENOGIT" }, { message, code })
    assert.matches('packages = { "git" }', hint, 1, true)
    local other <close> = verify.new(sandbox({ diff = 1, commit = { code = 1, stderr = "lint: no" } }))
    ok, message, code = other:commit("x")
    assert.is_nil(ok)
    assert.same({ "commit: was refused: lint: no", "EREFUSED" }, { message, code })
  end)
end)
