-- SPDX-License-Identifier: MIT
-- Looking through objects that another git tidies up at the same time.

local fs = require("wrapix.fs")
local walk = require("ralph.git.walk")
local wrapix = require("wrapix")

describe("ralph.git.walk", function()
  local real, dir, said
  before_each(function()
    real = { fs = wrapix.fs, proc = wrapix.proc }
    dir = assert(fs.temp_dir())
    assert(fs.mkdir(dir .. "/objects"))
    -- As where there is more than this process looks at by itself.
    rawset(wrapix, "fs", setmetatable({ survey_beneath = function() return nil, "too many", "E2BIG" end },
      { __index = fs }))
    rawset(wrapix, "proc", { run = function()
      return { code = 0, stdout = table.remove(said, 1), stderr = "" }
    end })
  end)
  after_each(function()
    rawset(wrapix, "fs", real.fs)
    rawset(wrapix, "proc", real.proc)
    fs.remove_tree(dir)
  end)

  local function odd() return walk.odd_object({ root = dir, common = { anchor = dir, rel = "" } }) end

  it("takes for odd what is, and not what was taken away meanwhile", function()
    said = { "objects/0d\n", "" }
    assert.equal("", odd())
    assert(fs.symlink("/etc", dir .. "/objects/0e"))
    said = { "objects/0d\n", "objects/0e\n", "" }
    assert.equal("objects/0e", odd())
    -- What goes on and on is believed by nobody.
    said = {}
    for i = 1, 9 do said[i] = "objects/0d\n" end
    assert.equal("objects/0d", odd())
  end)
end)
