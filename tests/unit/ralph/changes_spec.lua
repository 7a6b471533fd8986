-- SPDX-License-Identifier: MIT
-- Differences of texts: applied to the old text they give the new one, they are short, and
-- texts without anything in common do not take for ever.

local changes = require("ralph.changes")
local sys = require("wrapix.sys")

-- What a difference makes of the old lines.
local function apply(before, difference)
  local old, out, at = {}, {}, 1
  for line in (before .. "\n"):gmatch("([^\n]*)\n") do old[#old + 1] = line end
  if before == "" or before:sub(-1) == "\n" then old[#old] = nil end
  for line in (difference or ""):gmatch("([^\n]*)\n") do
    local from = line:match("^@@ %-(%d+) %+%d+ @@$")
    local mark, text = line:sub(1, 1), line:sub(2)
    if from then
      while at < tonumber(from) do out[#out + 1], at = old[at], at + 1 end
    elseif mark == "+" then
      out[#out + 1] = text
    else
      assert.equal(old[at], text)
      if mark == " " then out[#out + 1] = text end
      at = at + 1
    end
  end
  while at <= #old do out[#out + 1], at = old[at], at + 1 end
  return table.concat(out, "\n")
end

local function body(text) return (text:gsub("\n$", "")) end

describe("a difference", function()
  it("is nothing where the lines are the same", function()
    assert.is_nil(changes.diff("", ""))
    assert.is_nil(changes.diff("a\nb\n", "a\nb\n"))
    assert.is_nil(changes.diff("a\r\nb\r\n", "a\nb\n"))
  end)

  it("shows what changed, and three lines around", function()
    assert.equal("@@ -2 +2 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n",
      changes.diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n"))
    assert.equal("@@ -1 +1 @@\n+a\n", changes.diff("", "a\n"))
    assert.equal("@@ -1 +1 @@\n-a\n", changes.diff("a\n", ""))
  end)

  it("has a part for each place", function()
    local before = ("x\n"):rep(5) .. "one\n" .. ("y\n"):rep(20) .. "two\n"
    local after = before:gsub("one", "ONE"):gsub("two", "TWO")
    local _, parts = changes.diff(before, after):gsub("@@ %-", "")
    assert.equal(2, parts)
  end)

  it("leads from the one text to the other, for any texts", function()
    local seed = 12345
    local function random(n)
      seed = (seed * 1103515245 + 12345) % 2147483648
      return seed // 65536 % n
    end
    local function text()
      local lines = {}
      for i = 1, random(14) do lines[i] = ("abc"):sub(random(3) + 1):sub(1, 1) end
      return #lines > 0 and table.concat(lines, "\n") .. "\n" or ""
    end
    for _ = 1, 2000 do
      local before, after = text(), text()
      assert.equal(body(after), apply(before, changes.diff(before, after)))
    end
  end)

  it("is the shortest one", function()
    local _, edits = changes.diff("a\nb\nc\na\nb\nb\na\n", "c\nb\na\nb\na\nc\n"):gsub("\n[-+]", "")
    assert.equal(5, edits)
  end)

  it("does not take for ever where nothing is the same", function()
    local before, after = {}, {}
    for i = 1, 5000 do before[i], after[i] = "a" .. i, "b" .. i end
    local start = sys.clock()
    local text = changes.diff(table.concat(before, "\n"), table.concat(after, "\n"))
    assert.is_true(sys.clock() - start < 2)
    assert.equal(table.concat(after, "\n"), apply(table.concat(before, "\n"), text))
  end)
end)
