-- SPDX-License-Identifier: MIT
-- What is embedded compiles to the very same code, lines included.

package.path = package.path .. ";./src/?.lua"

local fs = require("wrapix.fs")
local host = require("wrapix.host")
local strip = require("strip").strip

describe("strip", function()
  for _, case in ipairs({
    { "a = 1 -- why\nb = 2", "a = 1 \nb = 2" },
    { "  a = 1\n\n\tb = 2\n", " a = 1\n\nb = 2\n" },
    { "a --[[x]] = 1", "a   = 1" }, { "a--[[x]]b", "a b" },
    { "--[==[ one\n]] two ]==] a = 1", "\n a = 1" },
    { "s = '--' .. \"a -- b\"", "s = '--' .. \"a -- b\"" },
    { "s = '\\'--' -- c", "s = '\\'--' " }, { 's = "\\\\" -- c', 's = "\\\\" ' },
    { "s = [[ -- a\n   b ]] -- c", "s = [[ -- a\n   b ]] " },
    { "s = 'a\\\n  b'", "s = 'a\\\n  b'" }, { "x = t[t[1]] -- c", "x = t[t[1]] " },
    { "x = a - -b", "x = a - -b" }, { "", "" }, { "--", "" },
  }) do
    it("keeps what counts of " .. ("%q"):format(case[1]), function()
      assert.equal(case[2], strip(case[1]))
    end)
  end

  it("refuses what does not compile", function()
    assert.has_error(function() strip("s = 'a") end)
    assert.has_error(function() strip("--[[ a") end)
  end)

  for _, name in ipairs(host.scripts()) do
    local path = name:find("%.lua$") and "lua/" .. name
    if path and fs.exists(path) then
      it("changes no instruction and no line of " .. name, function()
        local text = assert(fs.read(path))
        local whole, stripped = load(text, "=x"), load(strip(text), "=x")
        assert.is_true(string.dump(whole) == string.dump(stripped))
        assert.equal(strip(text), (host.script(name)))
      end)
    end
  end
end)
