-- SPDX-License-Identifier: MIT
-- Specs of wrapix.git.config: the form of git's settings.

local config = require "wrapix.git.config"

local function read(text)
  local found = {}
  for _, one in ipairs(assert(config.parse(text))) do
    found[#found + 1] = one.key .. "=" .. one.value
  end
  return found
end

describe("config.parse", function()
  it("reads sections, subsections and names", function()
    assert.same({ "core.bare=false", "remote.origin.url=git@x:y.git", "remote.Two Three.url=z" },
      read('[core]\n\tbare = false\n[remote "origin"]\nurl=git@x:y.git\n'
        .. '[remote "Two Three"]\n URL = z'))
    assert.same({ "a.b.c=1", "branch.a\"b\\.x=1", "e..f=2", "s.x.y=3" },
      read('[a.B]\nc=1\n[branch "a\\"b\\\\"]\nx=1\n[e ""]\nf = 2\n[s "x"] y = 3'))
  end)

  it("reads values as git does", function()
    assert.same({ "a.b=x  y", "a.c=true", "a.d=", "a.e= x ", "a.f=a;b#c", "a.g=one two",
      "a.h=\t\\\"" },
      read('[a]\nb =  x  y  ; comment\nc\nd =\ne = " x "\nf = "a;b#c" # d\ng = one \\\ntwo\n'
        .. 'h = "\\t\\\\\\""\n'))
    assert.same({ "a.b=c", "a.d=e" }, read("\xEF\xBB\xBF[a]\r\nb = c\r\n; x\r\n# y\r\nd = e\r\n"))
  end)

  it("refuses what git refuses", function()
    for _, text in ipairs({ "a = b", "[a\nb=c", "[a]\nb = \"c", "[a]\nb = \\x", "[a]\n1b = c",
      "[a]\nb c", "[a b]\n", "[a]\n=x", "[a]\nb = c\\", "\0", "[a]\nb = \"c\nd\"" }) do
      local found, _, code = config.parse(text)
      assert.is_nil(found, text)
      assert.equal("EINVAL", code)
    end
  end)

  it("ends on large and strange texts", function()
    local many = "[a]\n" .. ("b = " .. ("\\\n"):rep(20000)) .. "c\n"
    assert.equal("c", config.get(assert(config.parse(many)), "a.b"))
    assert.is_table(config.parse("[a]\nb = x" .. (" "):rep(200000) .. "\n"))
    local state = 7
    for _ = 1, 500 do
      local bytes = {}
      for i = 1, 60 do
        state = (state * 1103515245 + 12345) & 0x7fffffff
        local set = '[]"\\ \n=ab#;.\t\r'
        local at = (state >> 8) % #set + 1
        bytes[i] = set:sub(at, at)
      end
      config.parse(table.concat(bytes))
    end
  end)
end)

describe("config.get", function()
  it("takes the last", function()
    local settings = assert(config.parse("[a]\nb=1\n[c]\nb=2\n[A]\nB=3\n"))
    assert.equal("3", config.get(settings, "a.b"))
    assert.is_nil(config.get(settings, "a.c"))
  end)
end)

describe("config.without", function()
  it("takes settings out and leaves the rest as it is", function()
    local text = "[core]\n\tbare = false\n\tworktree = ../../x # y\n[a] b = c\n"
      .. "[core] worktree = z\n"
    local settings = assert(config.parse(text))
    local left = config.without(text, settings, "core.worktree")
    assert.equal("[core]\n\tbare = false\n\t\n[a] b = c\n[core] \n", left)
    assert.is_nil(config.get(assert(config.parse(left)), "core.worktree"))
    assert.equal(text, config.without(text, settings, "core.x"))
  end)

  it("takes a continued value out whole", function()
    local text = "[core]\nworktree = \"a\\\nb\"\nx = y\n"
    local left = config.without(text, assert(config.parse(text)), "core.worktree")
    assert.same({ "core.x=y" }, read(left))
  end)
end)
