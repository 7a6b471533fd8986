-- SPDX-License-Identifier: MIT
-- Modules that wait until they are wanted.

local lazy = require("wrapix.lazy")

describe("lazy", function()
  local loads

  before_each(function()
    loads = 0
    package.preload["wrapix.test_module"] = function()
      loads = loads + 1
      return { double = function(n) return 2 * n end }
    end
  end)

  after_each(function()
    package.preload["wrapix.test_module"] = nil
    package.loaded["wrapix.test_module"] = nil
  end)

  it("loads nothing by itself", function()
    lazy("wrapix.test_module")
    assert.equal(0, loads)
  end)

  it("stands for the module, which is loaded once", function()
    local module = lazy("wrapix.test_module")
    assert.equal(42, module.double(21))
    assert.equal(2, module.double(1))
    assert.is_nil(module.triple)
    assert.equal(1, loads)
  end)

  it("raises what loading raises, when it is wanted", function()
    local module = lazy("wrapix.no_such_module")
    assert.has_error(function() return module.field end)
  end)
end)
