-- SPDX-License-Identifier: MIT
-- The stages of a recipe: which there are, and what of one changes which names.

local image = require("wrapix.image")

local CLAUDE = {
  install = {
    npm = "@a/claude", version = "1.0.0", packages = { "bash", "git", "ripgrep" },
    files = { { from = "@a/claude-linux-x64/claude", to = "/opt/wrapix/claude/claude" } },
    bin = { claude = "/opt/wrapix/claude/claude" },
  },
}

local AIDER = {
  install = { version = "0.86.1", packages = { "pipx" },
    commands = { { "pipx", "install", "aider-chat==@VERSION@" } } },
}

local function recipe(fields, pins, env)
  local profile = { name = "shop", packages = { "git", "ripgrep" } }
  for key, value in pairs(fields or {}) do profile[key] = value end
  return image.recipe(profile, env, { agents = {
    get = function(name)
      if name == "claude" then return CLAUDE end
      if name == "command" then return {} end
      if name == "aider" then return AIDER end
      return nil, ("agent: %s: no such agent"):format(name), "ENOAGENT"
    end,
    version = function(name) return (pins or {})[name] end,
  } })
end

local function stages(...) return image.stages(assert(recipe(...))) end

local function kinds(...)
  local out = {}
  for i, one in ipairs(stages(...)) do out[i] = one.kind end
  return table.concat(out, " ")
end

local function refs(...)
  local out = {}
  for i, one in ipairs(stages(...)) do out[i] = one.ref end
  return out
end

local AGENTS = { agents = { "claude" } }

describe("the stages of a recipe", function()
  it("are what the profile asks for, and no more", function()
    assert.equal("packages", kinds())
    assert.equal("packages agents", kinds(AGENTS))
    assert.equal("packages", kinds({ agents = { "command" } }))
    assert.equal("packages toolchain agents",
      kinds({ agents = { "claude" }, toolchain = { rustup = { channel = "1.85" } } }))
  end)

  it("have one for what an agent needs and the profile does not bring", function()
    local list = stages({ packages = { "git=1:2.47" }, agents = { "claude" } })
    assert.equal("runtime", list[2].kind)
    assert.truthy(list[2].text:find("\n      ripgrep; ", 1, true))
    assert.is_nil(list[2].text:find("\n      git", 1, true))
    assert.is_nil(list[2].text:find("\n      bash", 1, true), "every Debian has it")
  end)

  it("each build on the one below, and only the last has the profile's name", function()
    local list = stages(AGENTS)
    assert.truthy(list[1].ref:find("^localhost/wrapix%-stage:%x+$"))
    assert.equal(list[1].ref, list[2].from)
    assert.truthy(list[2].text:find("\nFROM " .. list[1].ref .. "\n", 1, true))
    assert.equal("localhost/wrapix-shop:" .. list[2].hash, list[2].ref)
  end)

  it("stay the same below a new version of an agent", function()
    local old, new = refs(AGENTS), refs(AGENTS, { claude = "1.0.1" })
    assert.equal(old[1], new[1])
    assert.not_equal(old[2], new[2])
  end)

  it("all change with what is below", function()
    local old, new = refs(AGENTS), refs({ packages = { "git", "jq", "ripgrep" }, agents = { "claude" } })
    for i in ipairs(old) do assert.not_equal(old[i], new[i]) end
  end)

  it("are shared between profiles that have them in common", function()
    local one, other = stages(), stages({ name = "other", agents = { "claude" } })
    assert.equal(one[1].hash, other[1].hash)
  end)
end)

describe("the version of an agent", function()
  local function version(agents, pins)
    local list = assert(recipe({ agents = agents }, pins)).stages
    return list[#list].agents[1].version
  end

  it("is the profile's, else the pin, else its table's", function()
    assert.equal("1.0.0", version({ "claude" }))
    assert.equal("1.1.0", version({ "claude" }, { claude = "1.1.0" }))
    assert.equal("1.2.0", version({ "claude@1.2.0" }, { claude = "1.1.0" }))
    assert.equal("1.3.0", version({ "claude@1.2.0", "claude@1.3.0" }))
    assert.equal("1.0.0", version({ "claude@1.2.0", "claude" }))
  end)

  it("and its agent must be there", function()
    local result, message, code = recipe({ agents = { "nobody" } })
    assert.is_nil(result)
    assert.same({ "agent: nobody: no such agent", "ENOAGENT" }, { message, code })
    assert.is_nil((recipe({ agents = { "claude@latest" } })))
  end)

  it("is not guessed when the pins cannot be read", function()
    local result, message = image.recipe({ name = "x", agents = { "claude" } }, {}, { agents = {
      get = function() return CLAUDE end,
      version = function() return nil, "agents: bad file", "EINVAL" end,
    } })
    assert.is_nil(result)
    assert.equal("agents: bad file", message)
  end)
end)

describe("a profile named like images of no profile", function()
  it("does not get their names", function()
    assert.equal("stage-profile", assert(recipe({ name = "stage" })).name)
    assert.equal("npm-profile", assert(recipe({ name = "npm" })).name)
  end)
end)

describe("Alpine", function()
  local function alpine(fields)
    local all = { base = "alpine:3.22", packages = { "git", { "fd", apt = "fd-find" },
      { "x", apk = "x-tools", apt = "xt" } } }
    for key, value in pairs(fields or {}) do all[key] = value end
    return recipe(all)
  end

  it("is chosen by the base, and takes apk's names", function()
    local made = assert(alpine())
    assert.equal("alpine", made.backend)
    assert.same({ "ca-certificates", "fd", "git", "x-tools" }, made.packages)
    assert.equal(table.concat({
      "# Written by wrapix from a profile's packages.",
      "FROM docker.io/library/alpine:3.22",
      "ENV LANG=C.UTF-8",
      "RUN set -eu; \\",
      "    apk upgrade --no-cache; \\",
      "    apk add --no-cache \\",
      "      ca-certificates \\",
      "      fd \\",
      "      git \\",
      "      x-tools; \\",
      "    mkdir -p /workspace /home/wrapix; \\",
      "    chmod 1777 /tmp /var/tmp",
      'CMD ["/bin/sh"]',
    }, "\n") .. "\n", image.stages(made)[1].text)
  end)

  it("is no other image whose name has the word in it", function()
    for base, backend in pairs({
      ["alpine"] = "alpine", ["quay.io/x/alpine:3"] = "alpine", ["localhost/alpine@sha256:00"] = "alpine",
      ["my-alpine:1"] = "debian", ["alpine/git:1"] = "debian", ["debian:sid"] = "debian",
    }) do
      assert.equal(backend, assert(alpine({ base = base, packages = { "git" } })).backend, base)
    end
  end)

  it("refuses words that are conditions to apk, agents made for glibc, and toolchains", function()
    for _, word in ipairs({ "git>1", "git<2", "git~1", "!git", "git@edge", "git=x", ".git", "-t" }) do
      assert.is_nil((alpine({ packages = { word } })), word)
    end
    local _, message, _, hint = alpine({ agents = { "claude" } })
    assert.equal("image: agent claude: has no program for musl, which is what Alpine has", message)
    assert.truthy(hint:find("debian", 1, true))
    _, message = alpine({ toolchain = { uv = {} } })
    assert.truthy(message:find("Alpine has none", 1, true))
  end)

  it("explains what apk says, the network first", function()
    local backend = image.backend(assert(alpine()))
    assert.same({ "package nosuch does not exist", "ENOPKG" }, { table.unpack({ backend.explain({
      "ERROR: unable to select packages:", "  nosuch (no such package):",
      "    required by: world[nosuch]" }) }, 1, 2) })
    local reason, code = backend.explain({
      "WARNING: fetching https://mirror.test/v3.22/main: temporary error (try again later)",
      "ERROR: unable to select packages:", "  git (no such package):" })
    assert.same({ "no network: https://mirror.test/v3.22/main does not answer", "ENETUNREACH" },
      { reason, code })
    assert.same({ "the disk is full", "ENOSPC" },
      { table.unpack({ backend.explain({ "No space left on device" }) }, 1, 2) })
  end)
end)

describe("an agent that commands install", function()
  local function last(agents, pins)
    local list = stages({ agents = agents }, pins)
    return list[#list]
  end

  it("has a stage without npm, on top of its packages", function()
    assert.equal("packages runtime agents", kinds({ agents = { "aider" } }))
    local one = last({ "aider" })
    assert.is_nil(one.stage.npm)
    assert.is_nil(one.text:find("npm", 1, true))
    assert.matches("\nFROM localhost/wrapix%-stage:%x+\nRUN [^\n]+\\\n.*aider%-chat==0.86.1\n$", one.text)
  end)

  it("has the pinned version, and changes nothing of the other stages", function()
    assert.truthy(last({ "aider" }, { aider = "0.87.0" }).text:find("aider-chat==0.87.0\n", 1, true))
    assert.truthy(last({ "aider@0.80" }, { aider = "0.87.0" }).text:find("aider-chat==0.80\n", 1, true))
    local old, new = refs({ agents = { "aider" } }), refs({ agents = { "aider@1" } })
    assert.same({ old[1], old[2] }, { new[1], new[2] })
    assert.not_equal(old[3], new[3])
  end)

  it("stands beside one from npm, whose text stays", function()
    local alone, both = last({ "claude" }).text, last({ "aider", "claude" }).text
    assert.is_nil(alone:find("pipx", 1, true))
    assert.truthy(both:find("npm install --prefix /wrapix/npm/claude", 1, true))
    assert.is_nil(both:find("npm install[^\n]*aider"))
    assert.matches("\nCOPY %-%-from=npm [^\n]+\nRUN set %-eu; .*pipx install aider%-chat==0.86.1\n$", both)
  end)
end)
