-- SPDX-License-Identifier: MIT
-- Specs of wrapix.agent.pins: which version is installed.

local fs = require "wrapix.fs"
local pins = require "wrapix.agent.pins"

describe("pins", function()
  local dirs

  before_each(function() dirs = { config = assert(fs.temp_dir()) .. "/wrapix" } end)
  after_each(function() fs.remove_tree((dirs.config:gsub("/wrapix$", ""))) end)

  local function write(text)
    assert(fs.ensure_dir(dirs.config))
    assert(fs.write_atomic(pins.path(dirs), text))
  end

  it("are none without a file: the table's version counts", function()
    assert.same({}, pins.all(dirs))
    assert.is_nil(pins.get("claude", dirs))
    assert.matches("^%d+%.%d+%.%d+$", pins.version("claude", dirs))
    assert.is_nil((pins.version("command", dirs)))
    assert.equal("ENOAGENT", select(3, pins.version("clade", dirs)))
  end)

  it("are set, moved and taken away", function()
    assert.is_true(pins.set("claude", "2.1.331", dirs))
    assert.is_true(pins.set("codex", "0.170.0-beta.1", dirs))
    assert.equal("2.1.331", pins.version("claude", dirs))
    assert.equal("2.1.331", pins.get("claude", dirs))
    assert.equal('{\n  "claude": "2.1.331",\n  "codex": "0.170.0-beta.1"\n}\n', fs.read(pins.path(dirs)))
    assert.is_true(pins.set("claude", nil, dirs))
    assert.same({ codex = "0.170.0-beta.1" }, pins.all(dirs))
  end)

  it("are of a user's own agent as well", function()
    assert(fs.ensure_dir(dirs.config .. "/agents"))
    assert(fs.write_atomic(dirs.config .. "/agents/mine.lua", [[return { name = "mine", title = "M",
      stream = "text", install = { npm = "mine", version = "1.0" }, argv = function() end }]]))
    assert.equal("1.0", pins.version("mine", dirs))
    pins.set("mine", "1.1", dirs)
    assert.equal("1.1", pins.version("mine", dirs))
  end)

  it("refuse what is no version, and change nothing then", function()
    pins.set("claude", "1.0", dirs)
    for _, version in ipairs({ "", "latest", "1.0 --flag", "1;x", "^1.0", "-1", 3, ("1"):rep(65) }) do
      local ok, message, code = pins.set("claude", version, dirs)
      assert.is_nil(ok)
      assert.equal("EINVAL", code)
      assert.matches("^agents: claude: .* is no version", message)
    end
    assert.equal("1.0", pins.get("claude", dirs))
    assert.has_error(function() pins.set("a/b", "1.0", dirs) end,
      "pins.set: name: the name of an agent expected")
  end)

  it("refuse a file that holds something else, and keep it", function()
    for _, text in ipairs({ "", "[]", '{"claude":"latest"}', '{"claude":1}', '{"a b":"1"}',
      '{"claude":"1","claude":"2"}', "{" }) do
      write(text)
      local found, message, code, hint = pins.version("claude", dirs)
      assert.is_nil(found)
      assert.equal("EINVAL", code)
      assert.is_truthy(message:find("agents: " .. pins.path(dirs), 1, true), message)
      assert.is_string(hint)
      assert.is_nil((pins.set("claude", "1.0", dirs)))
      assert.equal(text, fs.read(pins.path(dirs)))
    end
  end)
end)
