-- SPDX-License-Identifier: MIT
-- The arithmetic of the benchmark.

local figures = require("bench.figures")

describe("figures.median", function()
  it("is the value in the middle, whatever the order", function()
    assert.equal(3, figures.median({ 9, 3, 1 }))
    assert.equal(2.5, figures.median({ 4, 1, 2, 3 }))
    assert.equal(7, figures.median({ 7 }))
  end)

  it("changes nothing it is given, and wants something", function()
    local list = { 3, 1, 2 }
    figures.median(list)
    assert.same({ 3, 1, 2 }, list)
    assert.has_error(function() figures.median({}) end, "median: at least one value expected")
  end)
end)

describe("figures.summary", function()
  it("tells least, middle, most and how many", function()
    assert.same({ min = 1, median = 2, max = 9, runs = 3 }, figures.summary({ 9, 1, 2 }))
  end)
end)

describe("figures.ratios", function()
  it("compares medians, and pairs", function()
    local found = figures.ratios({ 2, 4, 12 }, { 1, 4, 10 })
    assert.equal(1, found.of_medians)
    assert.near(1.2, found.of_pairs, 1e-9)
  end)

  it("wants pairs", function()
    assert.has_error(function() figures.ratios({ 1 }, { 1, 2 }) end,
      "ratios: lists of one length expected")
  end)
end)
