-- SPDX-License-Identifier: MIT
-- Specs: made and never overwritten, hidden ones outside of the work tree, filled or not,
-- listed without touching other lines; links and sizes of a hostile workspace.

local fs = require("wrapix.fs")
local places = require("unit.ralph.place")
local projects = require("ralph.project")
local specs = require("ralph.specs")

local FILLED = [[
# Shop

## Problem
Nobody can buy.

## Requirements
- There is a cart.

## Acceptance criteria
- [ ] `make test` passes.

## Out of scope
Nothing.
]]

describe("ralph.specs", function()
  local place, project

  before_each(function()
    place = places.new()
    project = assert(projects.open(place.root, { log = places.log() }))
  end)
  after_each(function() place:close() end)

  it("makes a spec from the template, which is not filled", function()
    local spec = assert(specs.create(project, "add-login"))
    assert.equal("specs/add-login.md", spec.rel)
    assert.matches("^# Add login\n", place:read("specs/add-login.md"))
    local check = specs.check(spec.text)
    assert.is_false(check.filled)
    assert.same({}, check.missing)
    assert.same({ "Problem", "Requirements", "Acceptance criteria", "Out of scope" }, check.empty)
    assert.equal("still empty: Problem, Requirements, Acceptance criteria, Out of scope",
      specs.explain(check))
  end)

  it("never overwrites one", function()
    place:write("specs/shop.md", "mine")
    local _, message, code = specs.create(project, "shop")
    assert.equal("EEXIST", code)
    assert.matches("spec: specs/shop.md: ", message, 1, true)
    assert.equal("mine", place:read("specs/shop.md"))
  end)

  it("keeps hidden ones on the host, private", function()
    local spec = assert(specs.create(project, "plan-b", { hidden = true }))
    assert.is_true(spec.hidden)
    assert.is_nil(spec.rel)
    assert.equal(project.dirs.state .. "/specs/plan-b.md", spec.file)
    assert.is_nil(fs.stat(place.root .. "/specs"))
    assert(specs.write(project, spec, FILLED))
    assert.equal(tonumber("600", 8), fs.stat(spec.file).mode)
    assert.equal(FILLED, assert(specs.read(project, "plan-b")).text)
  end)

  it("finds the hidden one before one that a sandbox put in the work tree", function()
    assert(specs.create(project, "secret", { hidden = true }))
    place:write("specs/secret.md", "planted")
    local spec = assert(specs.read(project, "secret"))
    assert.is_true(spec.hidden)
    assert.same({ { name = "secret", hidden = true } }, specs.list(project))
  end)

  it("names the specs there are when one is missing", function()
    place:write("specs/shop.md", FILLED)
    place:write("specs/README.md", "x")
    place:write("specs/Upper.md", "x")
    local _, message, code, hint = specs.read(project, "shp")
    assert.equal("ENOENT", code)
    assert.equal("spec: shp: there is no such spec (did you mean 'shop'?); there are: shop", message)
    assert.matches("ralph start shp", hint, 1, true)
  end)

  it("refuses names that are none", function()
    for _, name in ipairs({ "", "../x", "a/b", "A", "readme", "x.md", "-x", ".x", ("a"):rep(65), "a b", "a\n" }) do
      assert.equal("EINVAL", select(3, specs.read(project, name)), name)
      assert.equal("EINVAL", select(3, specs.create(project, name)), name)
    end
    assert.is_nil(fs.stat(place.root .. "/specs"))
  end)

  it("follows no link and reads no giant", function()
    place:write(place.dir .. "/secret.txt", "host secret")
    assert(fs.mkdir(place.root .. "/specs"))
    assert(fs.symlink(place.dir .. "/secret.txt", place.root .. "/specs/shop.md"))
    local spec, message = specs.read(project, "shop")
    assert.is_nil(spec)
    assert.matches("is a link", message, 1, true)
    assert(fs.unlink(place.root .. "/specs/shop.md"))
    place:write("specs/shop.md", ("x"):rep(specs.LARGEST + 1))
    assert.equal("EFBIG", select(3, specs.read(project, "shop")))
    assert.equal("EFBIG", select(3, specs.write(project, { name = "shop" }, ("x"):rep(specs.LARGEST + 1))))
  end)

  it("does not make specs/ through a link, nor change the mode of one that is there", function()
    assert(fs.mkdir(place.dir .. "/elsewhere"))
    assert(fs.symlink(place.dir .. "/elsewhere", place.root .. "/specs"))
    assert.is_nil(specs.create(project, "shop"))
    assert.same({}, fs.list(place.dir .. "/elsewhere"))
    assert(fs.unlink(place.root .. "/specs"))
    assert(fs.mkdir(place.root .. "/specs"))
    assert(fs.chmod(place.root .. "/specs", tonumber("775", 8)))
    assert(specs.create(project, "shop"))
    assert.equal(tonumber("775", 8), fs.stat(place.root .. "/specs").mode)
  end)

  it("keeps a text on the host", function()
    local one = assert(specs.keep(project, "shop", "first"))
    local two = assert(specs.keep(project, "shop", "second"))
    assert.is_not.equal(one, two)
    assert.equal("first", fs.read(one))
    assert.equal(tonumber("600", 8), fs.stat(one).mode)
    assert.equal(project.dirs.state, one:match("^(.*)/kept/shop%-"))
  end)

  describe("a filled spec", function()
    it("says something in each section", function()
      local check = specs.check(FILLED)
      assert.same({ filled = true, missing = {}, empty = {} }, check)
      assert.is_nil(specs.explain(check))
      assert.is_true(specs.check((FILLED:gsub("\n", "\r\n"))).filled)
      assert.is_true(specs.check("\xef\xbb\xbf" .. FILLED).filled)
    end)

    it("is told from one with a placeholder, points without text, or a word to come", function()
      for _, body in ipairs({ "", "<!-- fill in: x -->", "- ", "- [ ]\n- [ ] ", "TBD", "- todo", "1. …",
        "```\n```", "<!--\nlong\n-->" }) do
        local text = FILLED:gsub("Nobody can buy%.", function() return body end)
        assert.same({ "Problem" }, specs.check(text).empty, body)
      end
    end)

    it("has each heading exactly, outside of code", function()
      assert.same({ "Problem" }, specs.check((FILLED:gsub("## Problem", "## Problem statement"))).missing)
      assert.same({ "Out of scope" },
        specs.check((FILLED:gsub("## Out of scope\nNothing%.", "```\n## Out of scope\nNo\n```"))).missing)
      assert.same(4, #specs.check("").missing)
      assert.equal("without a heading: Problem",
        specs.explain(specs.check((FILLED:gsub("## Problem", "## Why")))))
    end)
  end)

  describe("the list of specs", function()
    it("is made, and gets a row for each", function()
      local spec = assert(specs.create(project, "shop"))
      assert.same({ true, true }, { specs.add_row(project, spec) })
      assert.same({ true, false }, { specs.add_row(project, spec) })
      assert(specs.add_row(project, assert(specs.create(project, "cart"))))
      assert.equal("# Specs\n\n| Spec | Purpose |\n|---|---|\n| [shop](shop.md) | Shop |\n"
        .. "| [cart](cart.md) | Cart |\n", place:read("specs/README.md"))
    end)

    it("is not written through a link", function()
      local spec = assert(specs.create(project, "shop"))
      place:write(place.dir .. "/target", "outside")
      assert(fs.symlink(place.dir .. "/target", place.root .. "/specs/README.md"))
      assert.is_nil(specs.add_row(project, spec))
      assert.equal("outside", place:read(place.dir .. "/target"))
    end)

    it("never names a hidden spec", function()
      local spec = assert(specs.create(project, "plan-b", { hidden = true }))
      assert.has_error(function() specs.add_row(project, spec) end)
    end)
  end)

  it("hands a spec to a sandbox as the text that was read", function()
    local spec = assert(specs.create(project, "shop"))
    local path, files = specs.handed(spec)
    assert.equal("/run/wrapix/spec.md", path)
    assert.same({ ["spec.md"] = spec.text }, files)
  end)
end)
