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
  local PLACE = { home = "/home/joe", cache = "/cache", cwd = "/w" }
  local ANSWER = "user.name\nJoe\0user.email\nj@example.org\0"

  local function host(stdout, files)
    return fake_host.new({
      programs = { git = "/usr/bin/git" },
      files = files or { ["/home/joe/.gitconfig"] = "[user]\nname = Joe\n" },
      answers = {
        ["/usr/bin/git"] = { code = stdout and 0 or 1, stdout = stdout or "", stderr = "" },
      },
    })
  end
  local function git(env, stdout)
    local deps = host(stdout)
    return person.git(deps, env, PLACE), deps
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

  it("keeps the answer while the settings are unchanged", function()
    local deps = host(ANSWER)
    local first = person.git(deps, {}, PLACE)
    assert.same(first, person.git(deps, {}, PLACE))
    assert.equal(1, #deps.ran)
    deps.host.files["/home/joe/.gitconfig"] = { text = "[user]\nname = Joe\n", mtime = 2 }
    person.git(deps, {}, PLACE)
    assert.equal(2, #deps.ran)
    deps.host.files["/home/joe/.config/git/config"] = "[user]\n"
    person.git(deps, {}, PLACE)
    assert.equal(3, #deps.ran)
    deps.host.files["/cache/git-user.json"] = "{"
    assert.same(first, person.git(deps, {}, PLACE))
    assert.equal(4, #deps.ran)
  end)

  it("asks every time where other files or the directory have a say", function()
    local deps = host(ANSWER, { ["/home/joe/.gitconfig"] = "[includeIf \"gitdir:~/work\"]\n" })
    person.git(deps, {}, PLACE)
    person.git(deps, {}, PLACE)
    assert.equal(2, #deps.ran)
  end)

  it("does not ask without settings", function()
    local deps = host(ANSWER, {})
    assert.equal("wrapix", person.git(deps, {}, PLACE).author.name)
    assert.equal(0, #deps.ran)
    deps.host.files["/etc/mine"] = "[user]\n"
    assert.equal("Joe", person.git(deps, { GIT_CONFIG_GLOBAL = "/etc/mine" }, PLACE).author.name)
  end)

  it("falls back to names of its own", function()
    local facts = git({})
    assert.same({ name = "wrapix", email = "wrapix@localhost" }, facts.author)
    assert.same({ kind = "default", text = "default" }, facts.origin)
    assert.same(facts, person.git(fake_host.new({}), {}, PLACE))
  end)

  it("fills what the environment leaves out", function()
    local facts = git({ GIT_AUTHOR_NAME = "Ann" }, ANSWER)
    assert.same({ name = "Ann", email = "j@example.org" }, facts.author)
  end)
end)

describe("person.git in a repository", function()
  local function git(config, env)
    local deps = fake_host.new({
      programs = { git = "/usr/bin/git" },
      files = {
        ["/w"] = { type = "directory", uid = 1000 },
        ["/w/.git"] = { type = "directory", uid = 1000 },
        ["/w/.git/config"] = config,
        ["/home/joe/.gitconfig"] = "[user]\nname = Joe\n",
      },
      answers = { ["/usr/bin/git"] = {
        code = 0, stdout = "user.name\nJoe\0user.email\nj@example.org\0", stderr = "",
      } },
    })
    local place = { home = "/home/joe", cache = "/cache", cwd = "/w", uid = 1000 }
    return person.git(deps, env or {}, place), deps
  end

  it("takes the repository's name before the person's, without a process", function()
    local facts, deps = git("[user]\n\tname = Ann\n\temail = ann@example.org\n")
    assert.same({ name = "Ann", email = "ann@example.org" }, facts.author)
    assert.equal("git config --local", facts.origin.text)
    assert.equal(0, #deps.ran)
  end)

  it("takes what is missing there from the person's settings", function()
    local facts = git("[user]\n\temail = ann@example.org\n")
    assert.same({ name = "Joe", email = "ann@example.org" }, facts.author)
  end)

  it("lets the environment win, and follows no include", function()
    local env = { GIT_AUTHOR_NAME = "Env", GIT_AUTHOR_EMAIL = "env@example.org" }
    assert.equal("Env", git("[user]\n\tname = Ann\n", env).author.name)
    local facts, deps = git("[include]\n\tpath = /etc/shadow\n[core]\n\tfsmonitor = evil\n")
    assert.equal("Joe", facts.author.name)
    assert.equal(1, #deps.ran)
    assert.truthy(table.concat(deps.ran[1].argv, " "):find("--global", 1, true))
  end)
end)
