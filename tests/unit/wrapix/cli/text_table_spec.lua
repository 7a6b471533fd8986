-- SPDX-License-Identifier: MIT
-- Rows as aligned columns, and where a terminal's edge cuts the last of them.

local text_table = require("wrapix.cli.text_table")

describe("a table of texts", function()
  it("aligns its columns by characters, and pads no last cell", function()
    assert.equal("NAME  WHAT\né     one\nlong\n",
      text_table.render({ { "NAME", "WHAT" }, { "é", "one" }, { "long", "" } }))
  end)

  it("cuts the last column at the edge of a terminal, and nowhere else", function()
    local rows = { { "A", "DETAIL" }, { "x", ("é"):rep(40) }, { ("n"):rep(30), "short" } }
    local whole = text_table.render(rows)
    assert.truthy(whole:find(("é"):rep(40), 1, true))
    local cut = text_table.render(rows, { columns = 60 })
    for line in cut:gmatch("[^\n]+") do assert.is_true(utf8.len(line) <= 60, line) end
    assert.truthy(cut:find(("é"):rep(27) .. "…\n", 1, true), cut)
    assert.truthy(cut:find("short\n", 1, true))
    -- However narrow: what is left of it can still be read.
    assert.truthy(text_table.render(rows, { columns = 10 }):find(("é"):rep(19) .. "…\n", 1, true))
    assert.equal(whole, text_table.render(rows, { columns = 200 }))
  end)
end)
