-- SPDX-License-Identifier: MIT
-- Specs of wrapix.facts.person: time zone and the name on commits.

local fake_host = require "tests.unit.wrapix.fake_host"
local person = require "wrapix.facts.person"

describe("person.timezone", function()
  local function zone(files, env)
    return person.timezone(fake_host.new({ files = files }).fs, env or {})
  end
  local link = { ["/etc/localtime"] = { target = "../usr/share/zoneinfo/Europe/Berlin" } }

  it("follows TZ, the link, the text, UTC", function()
    link["/etc/timezone"] = "Asia/Tokyo\n"
    assert.equal("America/Lima", zone(link, { TZ = "America/Lima" }))
    assert.equal("America/Lima", zone(link, { TZ = ":America/Lima" }))
    assert.equal("America/Lima", zone(link, { TZ = "/usr/share/zoneinfo/America/Lima" }))
    assert.equal("Europe/Berlin", zone(link))
    assert.equal("Asia/Tokyo", zone({ ["/etc/timezone"] = "Asia/Tokyo\n" }))
    assert.equal("UTC", zone({}))
  end)

  it("takes no path and no strange text", function()
    assert.equal("UTC", zone({}, { TZ = "" }))
    assert.equal("UTC", zone({}, { TZ = "/etc/shadow" }))
    assert.equal("UTC", zone({}, { TZ = "../../etc/shadow" }))
    assert.equal("UTC", zone({}, { TZ = "a\nb" }))
    assert.equal("UTC", zone({ ["/etc/timezone"] = "" }))
    assert.equal("UTC", zone({ ["/etc/localtime"] = { target = "/etc/elsewhere" } }))
  end)

  it("keeps a rule written out", function()
    assert.equal("<+03>-3", zone({}, { TZ = "<+03>-3" }))
  end)
end)

describe("person.git", function()
  local function git(env, stdout, code)
    local deps = fake_host.new({
      programs = { git = "/usr/bin/git" },
      answers = { ["/usr/bin/git"] = { code = code or 0, stdout = stdout or "", stderr = "" } },
    })
    return person.git(deps, env, "/w"), deps
  end
  local full = { GIT_AUTHOR_NAME = "Ann", GIT_AUTHOR_EMAIL = "ann@example.org" }

  it("starts no process when the environment says it all", function()
    local facts, deps = git(full)
    assert.equal(0, #deps.ran)
    assert.same({ name = "Ann", email = "ann@example.org" }, facts.author)
    assert.same(facts.author, facts.committer)
    assert.same({ kind = "host", text = "environment" }, facts.origin)
  end)

  it("keeps a committer apart", function()
    local facts = git({
      GIT_AUTHOR_NAME = "Ann",
      GIT_AUTHOR_EMAIL = "ann@example.org",
      GIT_COMMITTER_NAME = "Bot",
    })
    assert.same({ name = "Bot", email = "ann@example.org" }, facts.committer)
  end)

  it("asks git once, in the workspace, and takes the last of several values", function()
    local facts, deps =
      git({}, "user.name\nOld\0user.email\nj@example.org\0user.name\nJoe\nTwo Lines\0")
    assert.equal(1, #deps.ran)
    assert.equal("/w", deps.ran[1].opts.cwd)
    assert.same({ name = "Joe\nTwo Lines", email = "j@example.org" }, facts.author)
    assert.same({ kind = "host", text = "git config --global" }, facts.origin)
  end)

  it("falls back to names of its own", function()
    local facts = git({}, "", 1)
    assert.same({ name = "wrapix", email = "wrapix@localhost" }, facts.author)
    assert.same({ kind = "default", text = "default" }, facts.origin)
    local bare = person.git(fake_host.new({}), {}, "/w")
    assert.same(facts, bare)
  end)

  it("fills what the environment leaves out", function()
    local facts = git({ GIT_AUTHOR_NAME = "Ann" }, "user.name\nJoe\0user.email\nj@example.org\0")
    assert.same({ name = "Ann", email = "j@example.org" }, facts.author)
  end)
end)
