-- SPDX-License-Identifier: MIT
-- The JSON of two generations of the CLI, and of nobody.

local apple = require "wrapix.runtime.apple"
local json = require "wrapix.json"
local list = require "wrapix.runtime.apple.list"

local LABELS = { ["wrapix.session"] = "s1", ["wrapix.workspace"] = "/a%3Db%25c",
  ["wrapix.profile"] = "shop", ["wrapix.owner"] = "boot:1:2", ["wrapix.keep"] = "1" }

local function old(status, labels)
  return { status = status, startedDate = 807300000.25, networks = {},
    configuration = { id = "wrapix-a", labels = labels or LABELS,
      image = { reference = "localhost/wrapix-a:1", descriptor = { digest = "sha256:ab" } } } }
end

local function new(state, labels)
  return { id = "wrapix-a", status = { state = state, startedDate = "2026-08-07T18:36:01Z" },
    configuration = { id = "wrapix-a", creationDate = "2026-08-07T18:36:00Z", labels = labels or LABELS,
      image = { reference = "localhost/wrapix-a:1", descriptor = { digest = "sha256:ab" } } } }
end

local function read(...) return list.containers(json.encode(json.array({ ... }))) end

describe("list.containers", function()
  it("reads both forms alike", function()
    local a, b = assert(read(old("running"))).s1, assert(read(new("running"))).s1
    for _, one in ipairs({ a, b }) do
      assert.same({ "wrapix-a", "wrapix-a", "running", "/a=b%c", "shop", "boot:1:2", true,
        "localhost/wrapix-a:1" }, { one.id, one.name, one.state, one.workspace, one.profile,
        one.owner, one.keep, one.image })
    end
    assert.equal(807300000.25 + 978307200, a.started)
    assert.equal(1786127761, b.started)
    assert.equal(1786127760, b.created)
  end)

  it("knows the words for a container's life", function()
    for word, phase in pairs({ running = "running", stopped = "ended", stopping = "ending",
      unknown = "ended", other = "ended", Running = "running" }) do
      assert.equal(phase, assert(read(old(word))).s1.state, word)
      assert.equal(phase, assert(read(new(word))).s1.state, word)
    end
  end)

  it("leaves out what is not ours or of another form", function()
    assert.same({}, assert(read(old("running", {}), { configuration = 7 }, "x", 7, { status = {} },
      { configuration = { id = 5, labels = LABELS } }, { configuration = { labels = LABELS } },
      new("running", { ["wrapix.session"] = 5 }), new({}, { ["wrapix.session"] = "" }))))
  end)

  it("fails on what is no list, and does not crash", function()
    for _, text in ipairs({ "", "{", "null", "7", '"x"', '{"a":1}', "[1", "\0", ("["):rep(500),
      "Error: nothing" }) do
      local found, message, code = list.containers(text)
      assert.is_nil(found, text)
      assert.truthy(message:find("^list sandboxes: container's answer: "), message)
      assert.equal("EENGINE", code)
    end
    assert.is_nil((list.containers(nil)))
    assert.same({}, list.containers("[]"))
  end)

  it("gives the labels back that the flags took in", function()
    for _, text in ipairs({ "", "a", "=", "a=b=", "100%", "%3D", "ä=ß", "a b\n" }) do
      local value = apple.label_value(text)
      assert.is_nil(value:find("=", 1, true))
      assert.equal(text, list.label(value))
    end
    assert.equal("%zz", list.label("%zz"))
  end)
end)

describe("list.session_ids", function()
  it("finds those of one session", function()
    local text = json.encode(json.array({ new("running") }))
    assert.same({ "wrapix-a" }, list.session_ids(text, "s1"))
    assert.same({}, list.session_ids(text, "s2"))
    assert.is_nil((list.session_ids("", "s1")))
  end)
end)

describe("list.time", function()
  it("reads both ways of writing it", function()
    assert.equal(978307200, list.time(0))
    assert.equal(0, list.time("1970-01-01T00:00:00Z"))
    assert.equal(951782400, list.time("2000-02-29T00:00:00Z"))
    assert.equal(951782400.5, list.time("2000-02-29T01:00:00.5+01:00"))
    assert.equal(951782400, list.time("2000-02-28T23:00:00-0100"))
    for _, value in ipairs({ -1, 1e300, 0 / 0, "x", "2000-13-01T00:00:00Z", "2000-01-01", {}, true,
      "2000-01-01T00:00:00" }) do
      assert.is_nil(list.time(value))
    end
    assert.is_nil(list.time(nil))
  end)
end)

describe("list.gateway", function()
  it("reads both forms", function()
    for _, status in ipairs({ '{"ipv4Gateway":"192.168.64.1","ipv4Subnet":"192.168.64.0/24"}',
      '{"gateway":"192.168.64.1"}', '{"ipv4Gateway":"192.168.64.1/24"}' }) do
      assert.equal("192.168.64.1", list.gateway(('[{"id":"default","status":%s}]'):format(status)))
    end
  end)

  it("takes nothing else for an address to listen at", function()
    for _, text in ipairs({ "[]", "[{}]", '[{"status":"running"}]', "x",
      '[{"status":{"ipv4Gateway":"0.0.0.256"}}]', '[{"status":{"ipv4Gateway":"host.name"}}]',
      '[{"status":{"ipv4Gateway":["192.168.64.1"]}}]', '[{"status":{"ipv4Gateway":"1.2.3.4 x"}}]' }) do
      local gateway, message, code = list.gateway(text)
      assert.is_nil(gateway, text)
      assert.truthy(message:find("^network: container's answer: "))
      assert.equal("EENGINE", code)
    end
  end)
end)
