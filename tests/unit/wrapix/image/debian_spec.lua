-- SPDX-License-Identifier: MIT
local debian = require("wrapix.image.debian")

-- The one package of a list of one entry, and the link it brings.
local function debian_entry(entry)
  local fields, message, code, hint = debian.describe({ packages = { entry } })
  if not fields then return nil, message, code, hint end
  table.remove(fields.packages, fields.packages[1] == "ca-certificates" and 1 or 2)
  return fields.packages[1], fields.links[1]
end

local function refused(entry)
  local result, message, code = debian_entry(entry)
  assert.is_nil(result)
  assert.truthy(message:find("^image: package "))
  assert.equal("EIMAGE", code)
end

describe("a package entry", function()
  it("is a name, a name with a version, or a command with its package", function()
    assert.equal("g++", (debian_entry("g++")))
    assert.equal("jq=1.7.1-3+deb13u1", (debian_entry("jq=1.7.1-3+deb13u1")))
    assert.equal("git=1:2.47~rc1", (debian_entry("git=1:2.47~rc1")))
    assert.same({ "fd-find", { name = "fd", target = "fdfind" } },
      { debian_entry({ "fd", apt = "fd-find" }) })
    assert.equal("grep", (debian_entry({ "grep", nix = "gnugrep", apk = "x" })))
  end)

  it("is refused when it could be anything else to apt, the shell or the file", function()
    for _, word in ipairs({
      "", "a", "-y", "--force-yes", "git ", " git", "git curl", "git\ncurl", "git\\", "git\0",
      "git;id", "git&&id", "git|id", "$(id)", "`id`", "${HOME}", "git#", "git'", 'git"',
      "../x", "./x.deb", "/tmp/x.deb", "git/sid", "git:i386", "task^", "git*", "?true",
      "~ninstalled", "Git", "git-", "git-=1", "git=", "git=1 2", "git=-1", "git=1;id", "git==1",
      "na\xc3\xafve", ("a"):rep(200),
    }) do
      refused(word)
      refused({ "name", apt = word })
    end
    for _, value in ipairs({ 1, true, {}, { apt = "fd-find" }, { 7, apt = "fd-find" },
      { "fd", apt = false }, { "a/b", apt = "fd-find" }, { "-x", apt = "fd-find" },
      { "..", apt = "fd-find" }, { "a b", apt = "fd-find" } }) do
      refused(value)
    end
  end)
end)

describe("the base", function()
  it("is written in full", function()
    for short, full in pairs({
      ["debian:trixie-slim"] = "docker.io/library/debian:trixie-slim",
      ["me/debian"] = "docker.io/me/debian",
      ["localhost/mine:1"] = "localhost/mine:1",
      ["reg.test:5000/a/b@sha256:00ff"] = "reg.test:5000/a/b@sha256:00ff",
    }) do
      assert.equal(full, debian.describe({ base = short }).base)
    end
  end)

  it("is refused when it is no reference", function()
    for _, ref in ipairs({ "", "-x", "a b", "a\nRUN id", "a AS b", "$X", "--platform=x", 7 }) do
      local result, message = debian.describe({ base = ref })
      assert.is_nil(result)
      assert.truthy(message:find("is not an image reference", 1, true))
    end
  end)
end)

local GOLDEN = [[
# Written by wrapix from a profile's packages.
FROM docker.io/library/debian:trixie-slim
ENV LANG=C.UTF-8
RUN set -eu; \
    printf '%s\n' 'force-unsafe-io' 'path-exclude=/usr/share/doc/*' ]]
  .. [['path-include=/usr/share/doc/*/copyright' 'path-exclude=/usr/share/locale/*' ]]
  .. [['path-exclude=/usr/share/man/*' > /etc/dpkg/dpkg.cfg.d/zz-wrapix; \
    export DEBIAN_FRONTEND=noninteractive; \
    apt-get update -o APT::Update::Error-Mode=any -o Acquire::Retries=3 ]]
  .. [[-o Acquire::Languages=none; \
    apt-get upgrade -y -o Acquire::Retries=3; \
    apt-get install -y --no-install-recommends -o Acquire::Retries=3 ]]
  .. [[-o APT::Cmd::Pattern-Only=true -- \
      ca-certificates \
      fd-find \
      git; \
    apt-get clean; \
    rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/*.log ]]
  .. [[/var/cache/debconf/*-old /var/cache/ldconfig/aux-cache; \
    ln -sf /usr/bin/fdfind /usr/local/bin/fd; \
    mkdir -p /workspace /home/wrapix; \
    chmod 1777 /tmp /var/tmp
CMD ["/bin/bash"]
]]

describe("the Containerfile", function()
  local function source(packages, from)
    local fields = assert(debian.describe({ packages = packages }))
    return debian.source(fields, fields.stages[1], from or fields.base)
  end

  it("installs in one layer and leaves the places a sandbox mounts", function()
    assert.equal(GOLDEN, source({ "git", { "fd", apt = "fd-find" } }))
  end)

  it("differs by one line for another way to the same base", function()
    local base = "localhost/wrapix-base-debian:trixie"
    local expected = GOLDEN:gsub("FROM [^\n]+", "FROM " .. base, 1)
    assert.equal(expected, source({ "git", { "fd", apt = "fd-find" } }, base))
  end)

  it("links renamed programs under the name that was asked for", function()
    local text = source({
      "bat", "python3", { "find2", apt = "fd-find" }, { "nc", apt = "netcat-openbsd" },
    })
    for _, link in ipairs({ "batcat /usr/local/bin/bat", "python3 /usr/local/bin/python",
      "fdfind /usr/local/bin/find2" }) do
      assert.truthy(text:find("ln -sf /usr/bin/" .. link .. "; ", 1, true), link)
    end
    assert.is_nil(text:find("/usr/local/bin/nc", 1, true))
  end)

  it("keeps manual pages for those who have a reader for them", function()
    assert.truthy(source({ "man-db" }):find("'path-include=/usr/share/man/*'", 1, true))
    assert.truthy(source({ "git" }):find("'path-exclude=/usr/share/man/*'", 1, true))
  end)

  it("is also one of no packages at all", function()
    assert.truthy(source(nil):find("\n      ca-certificates; ", 1, true))
  end)
end)
