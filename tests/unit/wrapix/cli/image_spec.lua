-- SPDX-License-Identifier: MIT

local double = require("unit.wrapix.cli.double")

local function nothing() return false end

local function try(image, ...)
  local stand_ins = { recipe = nothing, note_built = nothing, warm = nothing,
    reference = function(recipe) return recipe.ref or "localhost/wrapix-x:1" end }
  for name, fn in pairs(image) do stand_ins[name] = fn end
  local d = double.new({ image = stand_ins, sys = { time = function() return 1000 end } })
  d.files["./fixed.lua"] = { name = "fixed", image = "quay.example/x:1" }
  local status, out, err = double.run(d, "image", ...)
  return status, out, err, d
end

describe("image build", function()
  it("builds what the profile needs", function()
    local asked
    local status, out, err = try({
      recipe = function(profile) return { of = profile.name } end,
      ensure = function(target, _, opts)
        asked = target
        opts.report:note("building")
        return { ref = "localhost/wrapix-rust:1", built = true }
      end,
    }, "build", "rust")
    assert.equal(0, status)
    assert.same({ of = "rust" }, asked)
    assert.equal("localhost/wrapix-rust:1\n", out)
    assert.equal("wrapix: note: building\n", err)
  end)

  it("fetches the image a profile names", function()
    local asked
    local _, out, err = try({ ensure = function(target)
      asked = target
      return { ref = target, built = false }
    end }, "build", "./fixed.lua")
    assert.equal("quay.example/x:1", asked)
    assert.equal("quay.example/x:1\n", out)
    assert.equal("wrapix: note: quay.example/x:1 is there already\n", err)
  end)

  it("fails with the reason", function()
    local status, out, err = try({
      recipe = function() return {} end,
      ensure = function() return nil, "build image: x: no network", "ENETUNREACH", "try again" end,
    }, "build")
    assert.equal(125, status)
    assert.equal("", out)
    assert.equal("wrapix: build image: x: no network\nhint: try again\n", err)
    status, out, err = try({ recipe = function() return nil, "image: bad", "EIMAGE" end }, "build")
    assert.equal("", out)
    assert.equal(125, status)
    assert.equal("wrapix: image: bad\n", err)
  end)
end)

local function entry(fields)
  local all = { ref = "localhost/wrapix-base:1", id = "a", kind = "image", profile = "base",
    created = 0, in_use = false, current = true, labels = {} }
  for name, value in pairs(fields or {}) do all[name] = value end
  return all
end

describe("image list", function()
  local function needed(...)
    local list = { ... }
    return function() return list end
  end
  local function measure(entries)
    for _, one in ipairs(entries) do one.size, one.own_size = 250e6, 40e6 end
  end

  it("tells profile, reference, size, age and who needs it", function()
    local status, out = try({ measure = measure, needed = needed(entry(),
      entry({ ref = "localhost/wrapix-stage:2", kind = "stage", in_use = true, current = false })) },
      "list")
    assert.equal(0, status)
    assert.equal("PROFILE  IMAGE                     SIZE    OWN    AGE      USED  CURRENT\n"
      .. "base     localhost/wrapix-base:1   250 MB  40 MB  16m 40s  -     yes\n"
      .. "(stage)  localhost/wrapix-stage:2  250 MB  40 MB  16m 40s  yes   -\n", out)
  end)

  it("asks who needs what with the images of all profiles that can be read", function()
    local asked
    try({
      measure = measure,
      recipe = function(profile) return profile.name ~= "rust" and { ref = "r:" .. profile.name } end,
      needed = function(_, profiles)
        asked = profiles
        return {}
      end,
    }, "list")
    assert.same({ ["r:base"] = { "base" }, ["r:mine"] = { "mine" } }, asked)
  end)

  it("is the same as JSON, also when there is none", function()
    local _, out = try({ measure = measure,
      needed = needed(entry({ workspaces = { "/w" } })) }, "list", "--json")
    assert.matches('"own_size":4', out)
    assert.truthy(out:find('"ref":"localhost/wrapix-base:1"', 1, true))
    assert.truthy(out:find('"age":1000', 1, true))
    assert.truthy(out:find('"workspaces":["/w"]', 1, true))
    assert.equal("[]\n", select(2, try({ measure = measure, needed = needed() }, "list", "--json")))
  end)

  it("says when there is none", function()
    local status, out, err = try({ measure = measure, needed = needed() }, "list")
    assert.equal(0, status)
    assert.equal("", out)
    assert.equal("wrapix: note: no images yet; `wrapix image build` makes one\n", err)
  end)
end)

describe("image build", function()
  it("tells what each stage took, and prepares the image", function()
    local warmed
    local _, out, err = try({
      recipe = function() return {} end,
      ensure = function() return { ref = "localhost/wrapix-x:1", built = true, seconds = 9, stages = {
        { kind = "packages", ref = "localhost/wrapix-stage:2", built = false, seconds = 0 },
        { kind = "agents", ref = "localhost/wrapix-x:1", built = true, seconds = 9, size = 381e6 },
      } } end,
      warm = function(ref)
        warmed = ref
        return true
      end,
    }, "build")
    assert.equal("localhost/wrapix-x:1\n", out)
    assert.equal("localhost/wrapix-x:1", warmed)
    assert.equal("wrapix: note: packages   localhost/wrapix-stage:2 (was there)\n"
      .. "wrapix: note: agents     localhost/wrapix-x:1 (381 MB, 9 s)\n", err)
  end)
end)

describe("image show", function()
  local SHOWN = {
    ref = "localhost/wrapix-x:1", id = "a", created = 0, size = 500e6, base = "debian",
    labels = { recipe = "1" }, packages = { "git", "jq" }, toolchain = "rust 1.85",
    agents = { { name = "claude", version = "2.1.330" } },
    stages = { { kind = "base", ref = "debian", size = 100e6 },
      { kind = "packages", ref = "localhost/wrapix-x:1", size = 400e6 } },
  }

  it("tells stages, packages, agents, labels", function()
    local asked
    local status, out = try({ show = function(ref)
      asked = ref
      return SHOWN
    end }, "show", "localhost/wrapix-x:1")
    assert.equal(0, status)
    assert.equal("localhost/wrapix-x:1", asked)
    for _, line in ipairs({ "agent +claude 2.1.330", "toolchain +rust 1.85", "packages +git jq",
      "base +100 MB +debian", "wrapix.recipe +1" }) do
      assert.truthy(out:find(line), line)
    end
  end)

  it("takes no word for a reference that is none", function()
    local status, _, err = try({}, "show", "x y:1")
    assert.same({ 2, 'wrapix: usage: image show: x y:1 is not an image reference\n' }, { status, err })
  end)

  it("means a profile's image by its name, and says what is not there", function()
    local status, _, err = try({ recipe = function(p) return { ref = "r:" .. p.name } end,
      show = function(ref) return nil, ("image %s: is not there"):format(ref), "ENOENT", "list" end },
      "show", "rust")
    assert.equal(125, status)
    assert.equal("wrapix: image r:rust: is not there\nhint: list\n", err)
  end)
end)

describe("image prune", function()
  local DONE = { freed = 381e6, kept = 1, images = {
    { ref = "localhost/wrapix-x:1", why = "nobody", size = 381e6, removed = true },
    { ref = "localhost/wrapix-y:1", why = "nobody", size = 0, error = "is being built" },
  } }

  it("tells what went, what did not, and what that freed", function()
    local opts
    local status, out, err = try({ prune = function(_, _, given)
      opts = given
      return DONE
    end }, "prune")
    assert.equal(0, status)
    assert.falsy(opts.dry_run)
    assert.equal("removed localhost/wrapix-x:1 (381 MB): nobody\n", out)
    assert.equal("wrapix: warning: kept localhost/wrapix-y:1: is being built\n"
      .. "wrapix: note: freed 381 MB; 1 image stays\n", err)
  end)

  it("removes nothing with --dry-run", function()
    local _, out, err = try({ prune = function(_, _, opts)
      return opts.dry_run and DONE
    end }, "prune", "--dry-run")
    assert.truthy(out:find("^would remove localhost/wrapix%-x:1"))
    assert.truthy(err:find("would free 381 MB", 1, true))
  end)
end)

describe("image export and import", function()
  it("pass file and image on", function()
    local asked
    local status, out, err = try({ export = function(ref, file)
      asked = { ref, file }
      return { ref = ref, file = file, size = 5e6 }
    end }, "export", "x.oci", "localhost/wrapix-x:1")
    assert.equal(0, status)
    assert.same({ "localhost/wrapix-x:1", "/w/x.oci" }, asked)
    assert.equal("localhost/wrapix-x:1\n", out)
    assert.equal("wrapix: note: x.oci: 5 MB\n", err)
    status, out = try({ import = function() return { ref = "r:1", loaded = true } end },
      "import", "x.oci")
    assert.same({ 0, "r:1\n" }, { status, out })
  end)

  it("want a file", function()
    for _, verb in ipairs({ "export", "import" }) do
      local status, _, err = try({}, verb)
      assert.equal(2, status)
      assert.truthy(err:find("FILE is missing", 1, true), err)
    end
  end)
end)

describe("image update-agents", function()
  local AGENTS = {
    claude = { install = { npm = "@a/claude", version = "1.0.0" } },
    pi = { install = { npm = "pi", version = "2.0.0" } }, command = {},
  }

  local function update(newest, ...)
    local set = {}
    local d = double.new({
      sys = { time = function() return 0 end, environ = function() return {} end },
      image = {
        recipe = function(profile) return { of = profile } end,
        reference = function() return "r:1" end,
        newest = function(recipe)
          set.asked = recipe.of.agents
          return newest, "no network", "ENETUNREACH"
        end,
      },
      agents = {
        names = function() return { "claude", "command", "pi" } end,
        get = function(name) return AGENTS[name] end,
      },
      pins = {
        get = function(name)
          if newest and newest.broken then
            return nil, "agents: agents.json: value expected", "EINVAL", "mend it"
          end
          return name == "pi" and "2.1.0" or nil
        end,
        set = function(name, version)
          set[name] = version
          return true
        end,
      },
    })
    local status, out, err = double.run(d, "image", "update-agents", ...)
    set.engine = d.gathered ~= nil or nil
    return status, out, err, set
  end

  it("shows old and new versions, and pins what changed", function()
    local status, out, _, set = update({ claude = "1.2.0", pi = "2.1.0" })
    assert.equal(0, status)
    assert.equal("claude 1.0.0 → 1.2.0\npi 2.1.0, the newest\n", out)
    assert.same({ asked = { "claude", "pi" }, claude = "1.2.0", engine = true }, set)
  end)

  it("pins nothing with --dry-run", function()
    local _, out, _, set = update({ claude = "1.2.0" }, "--dry-run", "claude")
    assert.equal("claude 1.0.0 → 1.2.0\n", out)
    assert.same({ asked = { "claude" }, engine = true }, set)
  end)

  describe("of an agent that commands install", function()
    before_each(function()
      AGENTS.pi = { install = { commands = { { "a", "@VERSION@" } }, version = "2.0.0" } }
    end)
    after_each(function() AGENTS.pi = { install = { npm = "pi", version = "2.0.0" } } end)

    it("says that its version is moved by hand", function()
      local status, out, _, set = update({ claude = "1.0.0" })
      assert.equal(0, status)
      assert.equal("claude 1.0.0, the newest\n"
        .. "pi 2.1.0, moved by hand: wrapix image update-agents pi@VERSION\n", out)
      assert.same({ asked = { "claude" }, engine = true }, set)
    end)

    it("asks nobody when it is alone", function()
      local status, _, _, set = update(nil, "pi")
      assert.equal(0, status)
      assert.same({}, set)
    end)
  end)

  it("sets the version that is named, of any agent, without asking npm", function()
    local status, out, _, set = update(nil, "claude@0.9.1", "pi@2.1.0")
    assert.equal(0, status)
    assert.equal("claude 1.0.0 → 0.9.1\npi 2.1.0, as before\n", out)
    assert.same({ claude = "0.9.1" }, set)
    status, out, _, set = update({ pi = "3.0.0" }, "pi", "claude@0.9.1", "--dry-run")
    assert.equal(0, status)
    assert.equal("claude 1.0.0 → 0.9.1\npi 2.1.0 → 3.0.0\n", out)
    assert.same({ asked = { "pi" }, engine = true }, set)
  end)

  it("takes no word for a version", function()
    for word, reason in pairs({ ["claude@latest"] = "claude@latest: is no version such as 1.2.3",
      ["claude@"] = "claude@: is no version", ["claud@1.0"] = "no agent that can be installed",
      ["command@1"] = "no agent that can be installed" }) do
      local status, _, err, set = update({}, word)
      assert.equal(2, status)
      assert.truthy(err:find(reason, 1, true), err)
      assert.same({}, set)
    end
  end)

  it("takes no two versions of one agent", function()
    local status, _, err, set = update({}, "claude@1.1.0", "claude@1.2.0")
    assert.equal(2, status)
    assert.truthy(err:find("claude: two versions, 1.1.0 and 1.2.0", 1, true), err)
    assert.same({}, set)
  end)

  it("fails when the pins cannot be read, with --dry-run as well", function()
    local status, out, err = update({ broken = true }, "claude@1.1.0", "--dry-run")
    assert.same({ 125, "" }, { status, out })
    assert.truthy(err:find("agents: agents.json: value expected\nhint: mend it", 1, true), err)
  end)

  it("says which agent there is not, and that npm cannot be reached", function()
    local status, _, err = update({}, "claud")
    assert.equal(2, status)
    assert.truthy(err:find("(did you mean 'claude'?)\nhint: those are claude, pi\n", 1, true), err)
    status, _, err = update(nil)
    assert.equal(125, status)
    assert.truthy(err:find("no network", 1, true))
  end)
end)
