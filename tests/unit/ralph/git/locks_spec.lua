-- SPDX-License-Identifier: MIT
-- Lock files of a git that was killed: those that came since and stay are taken away, those
-- of before, of a living git, or behind a link are not.

local fs = require("wrapix.fs")
local git = require("ralph.git")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")

describe("lock files of a git that was killed", function()
  local dir, work, repo

  before_each(function()
    dir = assert(fs.realpath(assert(fs.temp_dir("wrapix-locks-"))))
    work = dir .. "/work"
    assert(fs.mkdir(work))
    assert(proc.run({ "git", "init", "-q", "-b", "main", work }))
    repo = assert(git.open(work, dir .. "/shadow"))
  end)
  after_each(function() assert(fs.remove_tree(dir)) end)

  local function lock(name, age)
    local file = work .. "/.git/" .. name
    assert(fs.ensure_dir(file:match("^(.*)/")))
    assert(fs.write_atomic(file, "", { sync = false }))
    assert(proc.run({ "touch", "-d", ("@%d"):format(math.floor(sys.time() - age)), file }))
    return file
  end

  it("go, with the one of the branch", function()
    local files = { lock("index.lock", 5), lock("HEAD.lock", 5), lock("refs/heads/main.lock", 5) }
    assert.same({ files, {} }, { repo:unlock(sys.time() - 10) })
    for _, file in ipairs(files) do assert.is_nil(fs.stat(file)) end
  end)

  it("stay when they were there before", function()
    local file = lock("index.lock", 60)
    assert.same({ {}, {} }, { repo:unlock(sys.time() - 10) })
    assert.is_truthy(fs.stat(file))
  end)

  it("stay while a git is at work in this work tree, and are told", function()
    local file = lock("index.lock", 5)
    local one <close> = assert(proc.spawn({ "git", "cat-file", "--batch" },
      { cwd = work, stdin = "pipe", stdout = "null", stderr = "null" }))
    assert.is_false(one:exited())
    assert.same({ {}, { file } }, { repo:unlock(sys.time() - 10) })
    assert.is_truthy(fs.stat(file))
  end)

  it("are not looked for behind a link", function()
    local file = lock("index.lock", 5)
    assert(fs.rename(work .. "/.git", dir .. "/elsewhere"))
    assert(fs.symlink(dir .. "/elsewhere", work .. "/.git"))
    assert.same({ {}, {} }, { repo:unlock(sys.time() - 10) })
    assert.is_truthy(fs.stat(file))
  end)
end)
