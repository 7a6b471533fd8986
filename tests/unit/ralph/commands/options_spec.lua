-- SPDX-License-Identifier: MIT
-- The options that Ralph's commands share.

local options = require("ralph.commands.options")

describe("ralph.commands.options", function()
  it("takes counts and durations, and says what is none", function()
    assert.is_true(options.check_count("3"))
    for _, text in ipairs({ "0", "-1", "1.5", "x", "", ("9"):rep(30) }) do
      assert.same({ nil, "is no whole number above 0" }, { options.check_count(text) }, text)
    end
    assert.is_true(options.check_duration("1h30m"))
    local ok, reason = options.check_duration("soon")
    assert.is_nil(ok)
    assert.matches("is not a duration", reason, 1, true)
  end)

  it("refuses an empty directory", function()
    assert.is_true(options.workspace.check("x"))
    assert.same({ nil, "is no directory" }, { options.workspace.check("") })
  end)

  it("joins options and lists of them", function()
    assert.same({ options.json, options.workspace, options.quiet, options.verbose },
      options.list(options.json, options.common))
  end)
end)
