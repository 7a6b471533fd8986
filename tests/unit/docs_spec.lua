-- SPDX-License-Identifier: MIT
-- The documents name what there is: fields, options, commands, files.

local cli = require("wrapix.cli")
local fs = require("wrapix.fs")
local schema = require("wrapix.schema")

local function read(name) return assert(fs.read(WRAPIX_ROOT .. "/" .. name)) end

describe("docs/profiles.md", function()
  local text = read("docs/profiles.md")

  it("has every field of a profile", function()
    for name in pairs(schema.fields) do
      assert.is_truthy(text:find(("`%s`"):format(name), 1, true), name)
    end
  end)

  it("has no row for a field there is not", function()
    local rows = 0
    for name in text:match("## Fields(.-)\n## "):match("(.-)### "):gmatch("\n| `([%w_]+)`") do
      assert.is_table(schema.fields[name], name)
      rows = rows + 1
    end
    assert.is_true(rows > 10)
  end)

  it("shows profiles that are right", function()
    local count = 0
    for code in text:gmatch("```lua\n(local wrapix.-)```") do
      local profile = assert(load(code, "=example", "t"))()
      assert.same({}, schema.check(profile))
      count = count + 1
    end
    assert.equal(1, count)
  end)
end)

describe("docs/agents.md", function()
  local text = read("docs/agents.md")
  local registry = require("wrapix.agent.registry")
  local no_files = { read = function() return nil, "ENOENT: no", "ENOENT" end }

  it("has every agent, where its settings go and what it keeps", function()
    for _, name in ipairs(registry.names(no_files)) do
      assert.is_truthy(text:find(("\n| `%s` |"):format(name), 1, true), name)
      local agent = assert(registry.get(name, no_files))
      local file = agent.settings({}).files[1]
      if file then assert.is_truthy(text:find(("`%s`"):format(file.dest), 1, true), file.dest) end
      for _, state in ipairs(agent.state) do
        assert.is_truthy(text:find(("`%s`"):format(state.dest), 1, true), state.dest)
      end
    end
  end)

  it("shows tables that are right", function()
    local function shown(start)
      local code = assert(text:match("```lua\n(" .. start .. ".-)```"), start)
      return assert(load(code, "=example", "t"))()
    end
    assert.same({}, schema.check(shown("return { agent = \"command\"")))
    local agent = assert(registry.check(shown("local agent = {}"), "claude", "example"))
    assert.equal("high", agent.env.CLAUDE_CODE_EFFORT_LEVEL)
  end)
end)

describe("docs/scripting.md", function()
  local wrapix = require("wrapix")

  it("has every name of the library, and no other", function()
    local shown = {}
    for cell in read("docs/scripting.md"):match("| name |.-\n\n"):gmatch("\n| ([^|]+) |") do
      for name in cell:gmatch("`(%l[%l%d_]*)[^`]*`") do
        shown[#shown + 1] = name
        assert.is_not_nil(wrapix[name], name)
      end
    end
    table.sort(shown)
    assert.same(getmetatable(wrapix).names(), shown)
  end)

  it("shows Lua that compiles", function()
    local count = 0
    for code in read("docs/scripting.md"):gmatch("```lua\n(.-)```") do
      assert(load(code, "=example", "t"))
      count = count + 1
    end
    assert.equal(2, count)
  end)
end)

describe("docs/builder.md", function()
  local text = read("docs/builder.md")
  local settings = require("wrapix.builder.spec")

  it("has every setting, and shows some that are right", function()
    for _, name in ipairs(settings.fields()) do
      assert.is_truthy(text:find(("\n| `%s` |"):format(name), 1, true), name)
    end
    local shown = assert(load(assert(text:match("```lua\n(.-)```")), "=example", "t"))()
    assert(settings.check(shown, { cpus = 8, arch = "aarch64" }))
  end)

  it("has every command", function()
    for _, command in ipairs(require("wrapix.cli.builder").commands) do
      assert.is_truthy(text:find("`" .. command.name, 1, true), command.name)
    end
  end)
end)

describe("README.md", function()
  local text = read("README.md")

  it("has every option of a run, and every command", function()
    local commands = cli.commands()
    for _, option in ipairs(commands[1].options) do
      local flag = option.flags[#option.flags]
      if flag ~= "--version" and flag ~= "--verbose" and flag ~= "--quiet" then
        assert.is_truthy(text:find("[`|]?" .. flag:gsub("%-", "%%-")), flag)
      end
    end
    for i = 2, #commands do assert.is_truthy(text:find(commands[i].name, 1, true)) end
  end)

  it("shows a profile that is right", function()
    local profile = assert(load(text:match("```lua\n(.-)```"), "=example", "t"))()
    assert.same({}, schema.check(profile))
  end)
end)

describe("a document", function()
  it("names only files that are there", function()
    local names = { "README.md", "CHANGELOG.md", "docs/security.md", "docs/profiles.md",
      "docs/errors.md", "docs/agents.md", "docs/builder.md" }
    local count = 0
    for _, name in ipairs(names) do
      local dir = name:match("^(.*/)") or ""
      for target in read(name):gmatch("%]%(([^)#]+)%)") do
        assert.is_truthy(fs.stat(WRAPIX_ROOT .. "/" .. dir .. target), name .. ": " .. target)
        count = count + 1
      end
    end
    assert.is_true(count > 10)
  end)

  it("of security names tests that are there", function()
    local count = 0
    for file, title in read("docs/security.md"):gmatch("`(%l[%w_/]+_%l+%.%l+)`([^`|]*)") do
      local spec = fs.read(WRAPIX_ROOT .. "/tests/" .. file)
      assert.is_string(spec, file)
      title = title:match('"([^"]+)"')
      if title then assert.is_truthy(spec:find(title, 1, true), file .. ": " .. title) end
      count = count + 1
    end
    assert.is_true(count > 20)
  end)
end)
