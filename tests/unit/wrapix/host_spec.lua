-- SPDX-License-Identifier: MIT
-- What came with the program.

local host = require("wrapix.host")

describe("host", function()
  it("has the library, the profiles and the helpers in it, sorted", function()
    local names, seen = host.scripts(), {}
    for i, name in ipairs(names) do
      seen[name] = true
      if i > 1 then assert.is_true(names[i - 1] < name) end
    end
    assert.is_true(seen["wrapix/plan.lua"])
    assert.is_true(seen["profiles/base.lua"])
    assert.is_true(seen["guest/wrapix-init"])
  end)

  it("gives a file by its name, and where it is from", function()
    local text, origin, embedded = host.script("profiles/base.lua")
    assert.matches('name = "base"', text, 1, true)
    assert.equal("profiles/base.lua", origin)
    assert.is_true(embedded)
    assert.equal("\127ELF", host.script("guest/wrapix-init"):sub(1, 4))
  end)

  it("has nothing else, and takes no NUL byte", function()
    assert.is_nil(host.script("profiles/none.lua"))
    assert.is_nil(host.script("../VERSION"))
    assert.has_error(function() host.script("profiles/base.lua\0") end)
  end)

  it("names the profiles", function()
    assert.is_true(#host.profile_names() >= 1)
    assert.is_nil(host.profile("no-such-profile"))
    assert.equal(host.script("profiles/base.lua"), host.profile("base"))
  end)
end)
