-- SPDX-License-Identifier: MIT
-- A program for specs: makes sure of one image with the engine and the cache it
-- is given, and prints whether it was built.

local image = require("wrapix.image")

local engine, cache = ...
local facts = {
  uid = 1, euid = 1, env = {}, dirs = { cache = cache },
  engine = { path = engine, rootless = true, graph_driver = "overlay" },
}
local recipe = assert(image.recipe({ name = "twin", base = "localhost/base", packages = {} }))
local result = assert(image.ensure(recipe, facts, {
  deps = {
    fs = require("wrapix.fs"), proc = require("wrapix.proc"), sys = require("wrapix.sys"),
    task = require("wrapix.task"), flags = function() return {} end,
  },
}))
print(result.built)
