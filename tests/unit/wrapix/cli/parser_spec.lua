-- SPDX-License-Identifier: MIT
-- The argparse side of a command: plain words, which spec.parse reads by itself,
-- mean the same to it.

local parser = require("wrapix.cli.parser")
local run = require("wrapix.cli.run")
local spec = require("wrapix.cli.spec")

describe("parser.run", function()
  for _, case in ipairs({ {}, { "base" }, { "" }, { "-" }, { "./a b.lua" }, { "base", "more", "-" } }) do
    it(("reads %d plain words [%s] as spec.parse does"):format(#case, table.concat(case, "|")), function()
      local by_argparse = assert(parser.run(run, "wrapix", case))
      local extra = by_argparse.extra
      by_argparse.extra = nil
      local values, message = spec.parse(run, "wrapix", case)
      if extra[1] then
        assert.is_nil(values)
        assert.equal(("unexpected '%s'"):format(extra[1]), message)
      else
        assert.same(by_argparse, values)
      end
    end)
  end

  it("names the option next to an unknown one", function()
    local values, message = parser.run(run, "wrapix", { "--netwrok", "none" })
    assert.is_nil(values)
    assert.truthy(message:find("--netwrok", 1, true))
    assert.truthy(message:find("--network", 1, true))
  end)

  it("stops at --help", function()
    assert.same({ help = true }, parser.run(run, "wrapix", { "base", "--help", "--nonsense" }))
  end)
end)
