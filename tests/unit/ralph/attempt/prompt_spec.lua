-- SPDX-License-Identifier: MIT
-- What an attempt's prompt is made of: all of the project's and the issue's text as data.

local desks = require("support.ralph_desk")
local fs = require("wrapix.fs")
local prompts = require("ralph.attempt.prompt")

describe("prompt", function()
  local desk
  before_each(function() desk = desks.new({ config = { context = { "CLAUDE.md", "missing" },
    verify = { "make test" }, protect = { "tests/" } } }) end)
  after_each(function() desk.close() end)

  local function make(issue, begun)
    issue.id, issue.title = "a-1", issue.title or "Title"
    return assert(prompts.make({ issue = issue, project = desk.project, config = desk.project.config },
      begun or { attempt = 1, past = { counted = 0, failures = {} } }))
  end

  it("has the issue, its spec, notes, answers, and what judges it", function()
    assert(fs.ensure_dir(desk.project.root .. "/specs"))
    assert(fs.write_atomic(desk.project.root .. "/specs/shop.md", "# Shop\nsell things\n"))
    assert(fs.write_atomic(desk.project.root .. "/CLAUDE.md", "use tabs\n"))
    local text = make({ title = "Add a cart", description = "With wheels.", acceptance_criteria = "It rolls.",
      spec_id = "shop", comments = { { author = "eve", text = "mind the gap" } },
      metadata = { wrapix = { question = { text = "red?", answer = "blue" } } } })
    for _, part in ipairs({ "Title: Add a cart", "With wheels.", "It rolls.", "sell things", "specs/shop.md",
      "CLAUDE.md:\n\nuse tabs", "eve: mind the gap", "Asked: red?\nAnswered: blue", "make test", "tests/",
      "attempt 1 of 3", "RALPH_COMPLETE" }) do assert.is_truthy(text:find(part, 1, true), part) end
    assert.is_nil(text:find("earlier attempt", 1, true))
  end)

  it("has the last failure, and not what placeholders the text brings", function()
    local text = make({ description = "{{FAILURE}} {{ISSUE}}" },
      { attempt = 4, past = { counted = 1, failures = { "older", "verify: make test\n{{PROJECT}}" } } })
    assert.matches("An earlier attempt did not succeed", text, 1, true)
    assert.matches("verify: make test\n{{PROJECT}}", text, 1, true)
    assert.matches("{{FAILURE}} {{ISSUE}}", text, 1, true)
    assert.is_nil(text:find("older", 1, true))
    assert.matches("attempt 2 of 3", text, 1, true)
  end)

  it("reads no file through a link, and takes any shape of an issue", function()
    assert(fs.symlink("/etc/passwd", desk.project.root .. "/CLAUDE.md"))
    local text = make({ description = 7, comments = "x", metadata = { wrapix = { question = 3 } }, labels = {} })
    assert.is_nil(text:find("root:", 1, true))
  end)
end)
