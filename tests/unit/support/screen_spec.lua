-- SPDX-License-Identifier: MIT
-- Pictures of screens: colours, places, and text that must not become markup.

local screen = require("support.screen")

describe("a picture of a screen", function()
  it("has each word in its place, without markup of its own", function()
    local svg = screen.svg({ "one  <two>\n\n  é&x" }, "a < b")
    assert.truthy(svg:find("<title>a &lt; b</title>", 1, true), svg)
    assert.truthy(svg:find('<text x="56.0" y="27.5"[^>]*>&lt;two&gt;</text>'), svg)
    assert.truthy(svg:find('<text x="30.8" y="63.5" textLength="25.2"[^>]*>é&amp;x</text>'), svg)
  end)

  it("has the colours and the weight of the text", function()
    local svg = screen.svg({ "\27[1;31mred\27[0m \27[38;2;1;2;3mrgb\27[39m \27[38;5;16mcube\27[0m "
      .. "\27[48;5;255mgrey\27[49m \27[92mlight" }, "colours")
    for word, what in pairs({ red = '#e06c75" font-weight="bold"', rgb = '#010203"',
      cube = '#000000"', light = '#b5e890"' }) do
      assert.truthy(svg:find(('fill="%s>%s'):format(what, word), 1, true), word .. svg)
    end
    assert.truthy(svg:find('fill="#eeeeee"/>', 1, true), svg)
  end)

  it("changes ink and ground where they are reversed, on from line to line", function()
    local svg = screen.svg({ "\27[7mone\ntwo\27[27mthree" }, "reversed")
    local _, grounds = svg:gsub('fill="#d8dbe2"/>', "")
    assert.equal(2, grounds)
  end)

  it("puts screens below each other", function()
    local svg = screen.svg({ "a", "b" }, "two")
    assert.truthy(svg:find('height="100"', 1, true), svg)
    assert.truthy(svg:find('<rect y="54"', 1, true), svg)
  end)
end)
