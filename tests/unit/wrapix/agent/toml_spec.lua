-- SPDX-License-Identifier: MIT
-- Specs of wrapix.agent.toml: settings as TOML.

local json = require "wrapix.json"
local toml = require "wrapix.agent.toml"

describe("toml.encode", function()
  it("writes what TOML can say", function()
    assert.equal('"a b" = [{ x = true }, "\\"\\u007F\\n"]\nempty = []\nk = { }\nn = 1.5\n'
      .. "t = { u = { v = 3 } }\n",
      (toml.encode({ t = { u = { v = 3, w = json.null } }, n = 1.5, gone = json.null, k = {},
        empty = json.array(), ["a b"] = { { x = true }, '"\127\n' } }):gsub("{  }", "{ }")))
  end)
end)
