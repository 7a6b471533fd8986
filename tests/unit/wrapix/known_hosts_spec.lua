-- SPDX-License-Identifier: MIT
-- Specs of wrapix.known_hosts: pinned keys against their published fingerprints,
-- and the lines that speak of a server.

local known_hosts = require "wrapix.known_hosts"
local sha256 = require "wrapix.sha256"

-- As docs.github.com and docs.gitlab.com print them, in base64.
local PUBLISHED = {
  ["github.com ssh-ed25519"] = "+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
  ["github.com ecdsa-sha2-nistp256"] = "p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM",
  ["github.com ssh-rsa"] = "uNiVztksCsDhcc0u9e8BujQXVUpKZIDTMczCvj3tD2s",
  ["gitlab.com ssh-ed25519"] = "eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8",
  ["gitlab.com ecdsa-sha2-nistp256"] = "HbW3g8zUjNSksFbqTiUWPWg2Bq1x8xdGUrliXFzSnUw",
  ["gitlab.com ssh-rsa"] = "ROQFvPThGrW4RuWLoL9tq9I9zJ42fK4XywyRtbOz/EQ",
}

local function hex(text)
  return (text:gsub(".", function(char) return ("%02x"):format(char:byte()) end))
end

describe("known_hosts", function()
  it("pins the keys github.com and gitlab.com publish, and no other", function()
    local seen = {}
    for line in known_hosts.text({}):gmatch("[^\n]+") do
      local host, kind, key = line:match("^([^,]+),%S+ (%S+) (%S+)$")
      local name = host .. " " .. kind
      local wanted = hex(assert(known_hosts.decode(PUBLISHED[name] .. "=")))
      assert.equal(wanted, sha256.hex(assert(known_hosts.decode(key))), name)
      seen[name] = true
    end
    for name in pairs(PUBLISHED) do assert.is_true(seen[name], name) end
  end)

  it("knows which servers are pinned", function()
    for _, name in ipairs({ "github.com", "gitlab.com", "[ssh.github.com]:443" }) do
      assert.is_true(known_hosts.is_pinned(name), name)
    end
    for _, name in ipairs({ "githubxcom", "github.com.x", "[github.com]:22", "ssh.github.com" }) do
      assert.is_false(known_hosts.is_pinned(name), name)
    end
  end)

  it("names servers as ssh does", function()
    assert.equal("host", known_hosts.name("HOST"))
    assert.equal("host", known_hosts.name("host", 22))
    assert.equal("[host]:2222", known_hosts.name("host", 2222))
  end)

  local TEXT = table.concat({
    "# comment", "", "plain,10.0.0.1 ssh-ed25519 A", "*.example.org,!bad.example.org ssh-rsa B",
    "@cert-authority *.ca ssh-ed25519 C", "@revoked plain ssh-ed25519 D", "[plain]:2222 ssh-rsa E",
    "|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ssh-rsa F", "a?c ssh-rsa G",
    "|1|x|y ssh-rsa H", "|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y= ssh-rsa I", " lone",
  }, "\n")

  it("finds the lines of a server", function()
    local function keys(name)
      local found = {}
      for i, line in ipairs(known_hosts.lines_for(TEXT, name)) do found[i] = line:sub(-1) end
      return table.concat(found)
    end
    assert.equal("AD", keys("plain"))
    assert.equal("A", keys("10.0.0.1"))
    assert.equal("", keys("10x0.0.1"))
    assert.equal("E", keys("[plain]:2222"))
    assert.equal("B", keys("good.example.org"))
    assert.equal("", keys("bad.example.org"))
    assert.equal("C", keys("x.ca"))
    assert.equal("G", keys("abc"))
    assert.equal("F", keys("192.168.1.61"))
    assert.equal("", keys("lone"))
    assert.equal("", keys("|1|x|y"))
  end)

  it("adds other lines after the pinned ones", function()
    assert.truthy(known_hosts.text({ "a ssh-rsa B" }):find("\na ssh%-rsa B\n$"))
  end)

  it("decodes base64", function()
    assert.equal("abc", known_hosts.decode("YWJj"))
    assert.equal("a", known_hosts.decode("YQ=="))
    for _, text in ipairs({ "YWJ", "YW=j", "Y!Jj", "====" }) do
      assert.is_nil(known_hosts.decode(text), text)
    end
  end)
end)
