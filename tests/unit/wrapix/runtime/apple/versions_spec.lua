-- SPDX-License-Identifier: MIT

local versions = require "wrapix.runtime.apple.versions"

describe("versions.parse", function()
  it("reads what the CLI and people write", function()
    for text, expected in pairs({
      ["container CLI version 1.2.2 (build: release, commit: af405ff)"] = { 1, 2, 2 },
      ["container CLI version 0.12.0 (build: debug, commit: unspecified)\n"] = { 0, 12, 0 },
      ["1.0.0"] = { 1, 0, 0 }, ["v1.4"] = { 1, 4, 0 }, ["0.9"] = { 0, 9, 0 },
      ["26.1"] = { 26, 1, 0 }, ["1.2.2-rc1"] = { 1, 2, 2 },
    }) do assert.same(expected, versions.parse(text), text) end
    for _, value in ipairs({ "", "x", "1", "version", "99999.1", 7, {} }) do
      assert.is_nil(versions.parse(value))
    end
    assert.is_nil(versions.parse(nil))
  end)
end)

describe("versions.can", function()
  it("counts by numbers, not by letters", function()
    assert.is_false(versions.can({ 0, 9, 0 }, "capabilities"))
    assert.is_true(versions.can({ 0, 12, 0 }, "capabilities"))
    assert.is_true(versions.can({ 1, 0, 0 }, "capabilities"))
    assert.is_false(versions.can({ 1, 0, 9 }, "sockets"))
    assert.is_true(versions.can({ 1, 1, 0 }, "sockets"))
    assert.has_error(function() versions.can({ 1, 0, 0 }, "flying") end)
  end)

  it("has what each older version lacks in words", function()
    assert.same({}, versions.missing(versions.newest))
    assert.equal(5, #versions.missing({ 0, 9, 0 }))
    for _, one in ipairs(versions.missing({ 0, 12, 3 })) do
      assert.truthy(one.text:find("%l"))
      assert.truthy(one.since:find("^1%.[01]%.0$"), one.since)
    end
  end)
end)
