-- SPDX-License-Identifier: MIT
-- What a project is, told from its files: one language, several, and none.

local look = require("wrapix.project.look")

local function decide(files, wanted)
  local names = {}
  for name in pairs(files) do names[name] = true end
  return look.decide({ names = names, text = function(name) return files[name] or nil end }, wanted)
end

local function means(result)
  local out = {}
  for _, item in ipairs(result.found) do out[item.file] = item.means end
  return out
end

describe("a project", function()
  it("of one language derives from its profile", function()
    for file, profile in pairs({
      ["Cargo.toml"] = "rust", ["rust-toolchain"] = "rust", ["go.mod"] = "go", ["go.work"] = "go",
      ["pyproject.toml"] = "python", ["requirements.txt"] = "python", ["uv.lock"] = "python",
      ["setup.py"] = "python", ["package.json"] = "node", ["package-lock.json"] = "node",
      ["CMakeLists.txt"] = "c", ["meson.build"] = "c",
    }) do
      local result = decide({ [file] = "stable" })
      assert.equal(profile, result.profile, file)
      assert.equal("because of " .. file, result.why)
      assert.same({}, result.others)
    end
  end)

  it("of no language derives from base", function()
    local result = decide({ ["README.md"] = "" })
    assert.same({ "base", "nothing here names a language" }, { result.profile, result.why })
    assert.same({}, result.found)
  end)

  it("of several derives from one and names the others", function()
    local result = decide({ ["package.json"] = "{}", ["pyproject.toml"] = "", ["Cargo.toml"] = "",
      ["CMakeLists.txt"] = "" })
    assert.equal("rust", result.profile)
    assert.same({ "python", "node", "c" }, result.others)
    result = decide({ ["package.json"] = "{}", ["go.mod"] = "" }, "node")
    assert.same({ "node", "asked for" }, { result.profile, result.why })
    assert.same({ "go" }, result.others)
  end)

  it("says what its files ask for", function()
    local found = means(decide({
      ["go.mod"] = "module x\n\ngo 1.22\n", ["pyproject.toml"] = '[project]\nrequires-python = ">=3.11"\n',
      ["package.json"] = '{ "engines": { "node": ">=18" } }', ["rust-toolchain.toml"] =
      '[toolchain]\nchannel = "1.85"\n',
    }))
    assert.equal("Go (go 1.22)", found["go.mod"])
    assert.equal("Python (>=3.11)", found["pyproject.toml"])
    assert.equal("JavaScript (node >=18)", found["package.json"])
    assert.equal("a toolchain (1.85)", found["rust-toolchain.toml"])
  end)

  it("with a toolchain file uses it, the one without an ending first", function()
    assert.same({ file = "rust-toolchain.toml" },
      decide({ ["rust-toolchain.toml"] = '[toolchain]\nchannel = "1.85"' }).toolchain)
    assert.same({ file = "rust-toolchain" },
      decide({ ["rust-toolchain.toml"] = "[toolchain]", ["rust-toolchain"] = "stable" }).toolchain)
    local result = decide({ ["rust-toolchain"] = "stable", ["go.mod"] = "" }, "go")
    assert.is_nil(result.toolchain)
    assert.matches("derives from rust", result.notes[1], 1, true)
  end)

  it("with a toolchain file that is not understood says so and goes on", function()
    for _, text in ipairs({ "", "[toolchain]\npath = '/x'", "[toolchain]\nchannel = '$(id)'", "a b",
      "[toolchain]\nchannel = 5", false }) do
      local result = decide({ ["Cargo.toml"] = "", ["rust-toolchain"] = text })
      assert.is_nil(result.toolchain)
      assert.matches("rust-toolchain is not used: ", result.notes[1], 1, true)
      assert.equal("rust", result.profile)
    end
  end)

  it("with a Makefile is one of C only where C is", function()
    assert.equal("base", decide({ Makefile = "" }).profile)
    assert.same({ "make", nix = "gnumake" }, decide({ Makefile = "" }).packages[1].entry)
    local result = decide({ Makefile = "", ["main.c"] = "" })
    assert.same({ "c", 0 }, { result.profile, #result.packages })
    result = decide({ Makefile = "", ["main.c"] = "", ["go.mod"] = "" })
    assert.same({ "go", 1 }, { result.profile, #result.packages })
    result = decide({ ["meson.build"] = "", GNUmakefile = "" })
    assert.same({ "meson", "ninja" }, { result.packages[1].entry, result.packages[2].entry[1] })
    assert.equal(2, #result.packages)
  end)

  it("with another package manager says how to get it", function()
    assert.matches("npx pnpm", decide({ ["pnpm-lock.yaml"] = "" }).notes[1], 1, true)
    assert.same({}, decide({ ["package-lock.json"] = "" }).notes)
  end)

  it("with hostile files quotes nothing long, broken or of another type", function()
    local long = ("9"):rep(500)
    local found = means(decide({
      ["go.mod"] = "go " .. long, ["pyproject.toml"] = 'requires-python = "' .. long .. '"',
      ["package.json"] = '{ "engines": [1], "x": "\\u0001" }',
    }))
    assert.same({ ["go.mod"] = "Go", ["pyproject.toml"] = "Python", ["package.json"] = "JavaScript" }, found)
    for _, text in ipairs({ "", "null", "[]", "7", "{", '{"engines":"18"}', '{"engines":{"node":7}}', false }) do
      assert.equal("JavaScript", means(decide({ ["package.json"] = text }))["package.json"])
    end
  end)
end)
