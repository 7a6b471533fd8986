-- SPDX-License-Identifier: MIT
-- ralph.lua: which one counts, that only a trusted one is run, and that each field is
-- checked.

local config = require("ralph.config")
local places = require("unit.ralph.place")

describe("ralph.config", function()
  local place

  before_each(function() place = places.new() end)
  after_each(function() place:close() end)

  local function load_of(text, options)
    place:write("ralph.lua", text)
    place:trust("ralph.lua")
    return config.load(place.root, options)
  end

  it("is the defaults where there is no file", function()
    local found, sources = assert(config.load(place.root))
    assert.equal("embedded", found.tracker)
    assert.equal(3600, found.timeout)
    assert.equal(900, found.idle)
    assert.equal(10, found.grace)
    assert.equal(14 * 86400, found.keep_logs)
    assert.equal(2, found.retries)
    assert.same({ "CLAUDE.md" }, found.context)
    assert.is_nil(found.max_cost)
    assert.is_true(found.commit)
    assert.equal("default", sources.timeout)
    assert.equal("default", sources.max_cost)
  end)

  it("takes fields in one form each, and says where a value is from", function()
    local found, sources = assert(load_of([[
      local wrapix = require "wrapix"
      return { timeout = "1h30m", idle = false, max_cost = "$2.50", max_tokens = "3m", retries = 0,
        verify = { "make test" }, protect = { "./tests/" }, baseline = false, commit = false,
        policy = function() return "done" end, hooks = { before_loop = function() end },
        sandbox = { network = "none", cpus = 2 }, keep_logs = 60,
        model = wrapix.path.basename("x/opus") }
    ]], { max_cost = 7, agent = "claude" }))
    assert.equal(5400, found.timeout)
    assert.is_false(found.idle)
    assert.equal(7.0, found.max_cost)
    assert.equal(3000000, found.max_tokens)
    assert.equal(0, found.retries)
    assert.same({ "tests/" }, found.protect)
    assert.is_false(found.baseline)
    assert.is_false(found.commit)
    assert.equal("function", type(found.policy))
    assert.equal("opus", found.model)
    assert.equal("ralph.lua", sources.timeout)
    assert.equal("option", sources.max_cost)
    assert.equal("option", sources.agent)
    assert.equal("default", sources.notify)
  end)

  it("runs the workspace's file only as it was agreed to", function()
    place:write("ralph.lua", "return { retries = 5 }")
    local found, message, code, hint = config.load(place.root)
    assert.is_nil(found)
    assert.equal("EUNTRUSTED", code)
    assert.matches("ralph.lua", message, 1, true)
    assert.matches("`wrapix trust .*ralph.lua` shows it", hint)
    place:trust("ralph.lua")
    assert.equal(5, assert(config.load(place.root)).retries)
    place:write("ralph.lua", "return { retries = 6 }")
    assert.equal("EUNTRUSTED", select(3, config.load(place.root)))
  end)

  it("does not follow a link in place of the file", function()
    place:write(place.dir .. "/evil.lua", "return {}")
    assert(require("wrapix.fs").symlink(place.dir .. "/evil.lua", place.root .. "/ralph.lua"))
    local found, _, code = config.load(place.root)
    assert.is_nil(found)
    assert.is_not.equal("ENOENT", code)
  end)

  it("takes the user's file where the workspace has none", function()
    local file = place:write(place.dir .. "/config/wrapix/ralph.lua", "return { retries = 9 }")
    local found, sources = assert(config.load(place.root))
    assert.equal(9, found.retries)
    assert.equal(file, sources.retries)
    found, sources = assert(load_of("return { idle = '1m' }"))
    assert.equal(2, found.retries)
    assert.equal("default", sources.retries)
  end)

  it("resolves paths where the file lies", function()
    local found = assert(load_of('return { templates = "prompts", profile = "tools/dev.lua" }'))
    assert.equal(place.root .. "/prompts", found.templates)
    assert.equal(place.root .. "/tools/dev.lua", found.profile)
    found = assert(load_of('return { profile = "rust" }'))
    assert.equal("rust", found.profile)
  end)

  it("names an unknown field and the nearest known one", function()
    local found, message, code = load_of("return { verfy = { 'x' } }")
    assert.is_nil(found)
    assert.equal("EINVAL", code)
    assert.equal("config: ralph.lua: unknown field 'verfy' (did you mean 'verify'?)", message)
    message = select(2, load_of("return { hooks = { before_stp = print } }"))
    assert.matches("hooks: unknown field 'before_stp' (did you mean 'before_step'?)", message, 1, true)
    message = select(2, load_of("return { sandbox = { mount = {} } }"))
    assert.matches("sandbox: unknown field 'mount' (did you mean 'mounts'?)", message, 1, true)
    message = select(2, load_of("return { [1] = 2 }"))
    assert.matches("unknown field '1'", message, 1, true)
  end)

  it("refuses values that are none", function()
    for text, reason in pairs({
      ["timeout = 'soon'"] = "timeout: 'soon' is not a duration",
      ["timeout = true"] = "timeout: a duration",
      ["idle = 0"] = "idle: 0 is out of range",
      ["retries = -1"] = "retries: a whole number from 0 expected, got -1",
      ["retries = 1.5"] = "retries: a whole number",
      ["max_iterations = 0"] = "max_iterations: a whole number from 1",
      ["max_cost = 0"] = "max_cost: an amount of US dollars",
      ["max_cost = 'much'"] = "max_cost: an amount of US dollars",
      ["max_cost = 0/0"] = "max_cost: an amount of US dollars",
      ["tracker = 'jira'"] = "tracker: 'embedded' or 'bd' expected, got 'jira'",
      ["policy = 'lax'"] = "policy: 'strict', 'no_worse' or a function expected",
      ["verify = 'make'"] = "verify: a list of commands expected",
      ["verify = { 1 }"] = "verify: entry 1: a text expected, got 1",
      ["verify = { 'a', x = 'b' }"] = "verify: a list of commands has no key 'x'",
      ["verify = { '' }"] = "verify: entry 1: a text expected",
      ["context = { '../secret' }"] = "context: entry 1: '../secret' is not a path in the workspace",
      ["protect = { '/etc' }"] = "protect: entry 1: '/etc' is not a path in the workspace",
      ["hooks = { before_loop = 'x' }"] = "hooks: before_loop: a function expected",
      ["agent = '../x'"] = "agent: a name",
      ["notify = 1"] = "notify: true or false expected",
      ["commit = 'no'"] = "commit: true or false expected, got 'no'",
      ["sandbox = { workspace = '/' }"] = "sandbox: unknown field 'workspace'",
      ["model = 'a\\0b'"] = "model: a text expected",
    }) do
      local found, message, code = load_of(("return { %s }"):format(text))
      assert.is_nil(found, text)
      assert.equal("EINVAL", code)
      assert.matches("config: ralph.lua: " .. reason, message, 1, true)
    end
  end)

  it("tells where a file breaks", function()
    local _, message, code = load_of("return {\n  retries = \n}")
    assert.equal("EINVAL", code)
    assert.matches("ralph.lua:3:", message, 1, true)
    _, message = load_of("local x\nx.y = 1\nreturn {}")
    assert.matches("ralph.lua:2:", message, 1, true)
    local hint
    _, message, _, hint = load_of("local x = 1")
    assert.matches("returned nothing, not a table", message, 1, true)
    assert.matches("return {", hint, 1, true)
    _, message = load_of("\27Lua")
    assert.matches("compiled", message, 1, true)
    _, message = load_of("error({})")
    assert.matches("ralph.lua", message, 1, true)
  end)

  it("keeps the globals of a file to itself", function()
    assert(load_of("leaked = 1; return {}"))
    assert.is_nil(rawget(_G, "leaked"))
  end)

  it("takes a byte order mark and a first line of a script", function()
    assert.equal(4, assert(load_of("\xef\xbb\xbf#!/usr/bin/env lua\nreturn { retries = 4 }")).retries)
  end)

  it("checks what the options say as well", function()
    local _, message = config.load(place.root, { max_time = "x" })
    assert.matches("config: option: max_time: 'x' is not a duration", message, 1, true)
  end)
end)
