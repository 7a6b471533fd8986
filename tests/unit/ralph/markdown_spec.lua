-- SPDX-License-Identifier: MIT
-- Headings, sections and rows of a table: what is in code or a comment is neither, and no
-- line is changed that was not asked about.

local markdown = require("ralph.markdown")

local function titles(text)
  local list = {}
  for i, heading in ipairs(markdown.headings(text)) do
    list[i] = ("%d:%d:%s"):format(heading.line, heading.level, heading.title)
  end
  return list
end

describe("headings", function()
  it("are lines with one to six # and a blank", function()
    assert.same({ "1:1:A", "2:2:B c", "4:6:D", "5:3:E", "6:1:" },
      titles("# A\n  ##   B c ##\n#no\n###### D\n### E #\n#\n####### seven\n    # code"))
  end)

  it("are none in fences, however those are made", function()
    assert.same({ "1:1:A", "9:1:B" }, titles("# A\n```md\n# no\n~~~\n# no\n``\n# no\n```\n# B"))
    assert.same({ "5:1:B" }, titles("~~~~\n# no\n~~~\n~~~~\n# B"))
    assert.same({ "1:1:A" }, titles("# A\n```\n# never closed\n# still not"))
    assert.same({ "2:1:A" }, titles("``` a`b ```\n# A"))
  end)

  it("are none in comments", function()
    assert.same({ "4:1:B" }, titles("<!-- one\n# no\n-->\n# B <!-- c -->"))
    assert.same({ "2:1:A" }, titles("<!-- ``` -->\n# A"))
  end)

  it("are read through CRLF and a byte order mark", function()
    assert.same({ "1:1:A", "2:2:B" }, titles("\xef\xbb\xbf# A\r\n## B\r\n"))
  end)

  it("give the title", function()
    assert.equal("Shop", markdown.title("## No\n\n# Shop\n# Other"))
    assert.is_nil(markdown.title("text"))
    assert.is_nil(markdown.title(""))
  end)
end)

describe("a section", function()
  local TEXT = "# S\n\n## Problem\n\nIt hurts.\n\n### Details\n\nMore.\n\n## Problems\n\nOther.\n"

  it("goes on to the next heading of its level, with those below it", function()
    assert.equal("It hurts.\n\n### Details\n\nMore.", (markdown.section(TEXT, "Problem"):gsub("\n\n\n", "\n\n")))
    assert.equal("Other.", markdown.section(TEXT, "Problems"))
  end)

  it("is found by its whole title only", function()
    assert.is_nil(markdown.section(TEXT, "Prob"))
    assert.is_nil(markdown.section(TEXT, "problem"))
    assert.is_nil(markdown.section("```\n## Problem\nx\n```", "Problem"))
    assert.is_nil(markdown.section(TEXT, "Problem", 3))
  end)

  it("comes without comments and with its code", function()
    assert.equal("a  b\n```\n<!-- c -->\n```",
      markdown.section("## X\na <!-- no\n\n --> b\n```\n<!-- c -->\n```", "X"):gsub("\n\n", ""):gsub("a \n", "a "))
  end)

  it("is empty text where nothing stands below", function()
    assert.equal("", markdown.section("## A\n\n## B\nx", "A"))
    assert.equal("", markdown.section("## A", "A"))
  end)

  it("is joined of several of the same title", function()
    assert.equal("one\ntwo", markdown.section("## A\none\n## B\nx\n## A\ntwo", "A"))
  end)
end)

describe("a row", function()
  local COLUMNS = { "Spec", "Purpose" }
  local function add(text, spec, purpose)
    return markdown.add_row(text, COLUMNS, { Spec = spec or "[a](a.md)", Purpose = purpose or "Does a" })
  end

  it("comes at the end of the table, and nothing else changes", function()
    local text = "# Specs\n\n| Spec | Purpose |\n|---|---|\n| [b](b.md) | B |\n\ntext\n"
    local changed, is_added = add(text)
    assert.is_true(is_added)
    assert.equal("# Specs\n\n| Spec | Purpose |\n|---|---|\n| [b](b.md) | B |\n"
      .. "| [a](a.md) | Does a |\n\ntext\n", changed)
  end)

  it("is not added twice", function()
    local text = add("")
    local again, is_added = add(text, nil, "Something else")
    assert.is_false(is_added)
    assert.equal(text, again)
  end)

  it("fits the columns that are there", function()
    local changed = add("| Code | Spec | Purpose | State |\n|:--|---|--:|:-:|\n")
    assert.equal("| Code | Spec | Purpose | State |\n|:--|---|--:|:-:|\n|  | [a](a.md) | Does a |  |\n", changed)
  end)

  it("makes a table at the end where there is none of ours", function()
    local own = "| Spec | Purpose |\n|---|---|\n| [a](a.md) | Does a |\n"
    assert.equal(own, (add("")))
    assert.equal("# Specs\n\n" .. own, (add("# Specs\n")))
    assert.equal("text\n\n" .. own, (add("text")))
    assert.equal("| Term | Meaning |\n|---|---|\n| x | y |\n\n" .. own,
      (add("| Term | Meaning |\n|---|---|\n| x | y |\n")))
    assert.equal("```\n| Spec | Purpose |\n|---|---|\n```\n\n" .. own,
      (add("```\n| Spec | Purpose |\n|---|---|\n```\n")))
  end)

  it("keeps line ends, a byte order mark, and an end without one", function()
    assert.equal("\xef\xbb\xbf| Spec | Purpose |\r\n|---|---|\r\n| [a](a.md) | Does a |\r\n",
      (add("\xef\xbb\xbf| Spec | Purpose |\r\n|---|---|\r\n")))
    assert.equal("| Spec | Purpose |\n|---|---|\n| b | B |\n| [a](a.md) | Does a |\n",
      (add("| Spec | Purpose |\n|---|---|\n| b | B |")))
  end)

  it("cannot be broken by what stands in it", function()
    local changed = add("", nil, "a | b\r\n| c |")
    assert.equal("| [a](a.md) | a \\| b \\| c \\| |", changed:match("([^\n]*)\n$"))
    local _, is_added = add((add("", "x|y")), "x|y")
    assert.is_false(is_added)
  end)
end)
