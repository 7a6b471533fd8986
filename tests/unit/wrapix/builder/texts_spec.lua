-- SPDX-License-Identifier: MIT
local spec = require("wrapix.builder.spec")
local texts = require("wrapix.builder.texts")

local KEYS = { client_public = "ssh-ed25519 CLIENT", host_public = "ssh-ed25519 HOST",
  host_private = "-----SECRET-----\n" }

local function settings(given)
  return assert(spec.check(given or {}, { cpus = 2, arch = "x86_64" }))
end

local function lines_of(text)
  local found = {}
  for line in text:gmatch("[^\n]+") do found[line] = true end
  return found
end

describe("builder.texts", function()
  it("lets in one user, by key alone, and forwards nothing", function()
    local found = lines_of(texts.sshd_config())
    for _, line in ipairs({ "AllowUsers builder", "PermitRootLogin no", "PasswordAuthentication no",
      "KbdInteractiveAuthentication no", "AuthenticationMethods publickey", "UsePAM no",
      "DisableForwarding yes", "PermitUserEnvironment no", "PermitEmptyPasswords no" }) do
      assert.is_true(found[line], line)
    end
  end)

  it("tells Nix who is trusted, and what the settings say", function()
    local found = lines_of(texts.nix_conf(settings({ cpus = 3, max_jobs = 2, features = { "kvm" },
      gc = { min_free = 5, max_free = 9 }, nix = { substituters = "https://a b" } })))
    for _, line in ipairs({ "trusted-users = root builder", "build-users-group = nixbld",
      "max-jobs = 2", "cores = 3", "system-features = kvm", "min-free = 5", "max-free = 9",
      "substituters = https://a b", "experimental-features = nix-command flakes" }) do
      assert.is_true(found[line], line)
    end
  end)

  it("leaves the sandbox to the container unless the settings say", function()
    assert.falsy(texts.nix_conf(settings()):find("sandbox = ", 1, true))
    assert.truthy(texts.nix_conf(settings({ sandbox = true })):find("\nsandbox = true\n", 1, true))
  end)

  it("lets a setting of nix take the place of a default", function()
    local text = texts.nix_conf(settings({ nix = { ["experimental-features"] = "nix-command" } }))
    assert.truthy(text:find("\nexperimental-features = nix-command\n", 1, true))
    assert.falsy(text:find("flakes", 1, true))
  end)

  it("has one secret, in a file for its owner alone", function()
    local files = texts.files(settings(), KEYS, "localhost/x:1")
    local secrets = 0
    for _, file in ipairs(files) do
      if file.text:find("SECRET", 1, true) then
        secrets = secrets + 1
        assert.equal("host_key", file.name)
        assert.equal(tonumber("600", 8), file.mode)
      end
    end
    assert.equal(1, secrets)
    assert.truthy(files[1].text:find("^#!/bin/sh\n"))
  end)

  it("has another digest when anything differs", function()
    local files = texts.files(settings(), KEYS, "localhost/x:1")
    local one = texts.digest(files, { "podman", "run" })
    assert.matches("^%x+$", one)
    assert.equal(16, #one)
    assert.equal(one, texts.digest(texts.files(settings(), KEYS, "localhost/x:1"), { "podman", "run" }))
    assert.not_equal(one, texts.digest(files, { "podman", "run", "-p" }))
    assert.not_equal(one, texts.digest(texts.files(settings({ cpus = 1 }), KEYS, "localhost/x:1"),
      { "podman", "run" }))
    assert.not_equal(one, texts.digest(texts.files(settings(), KEYS, "localhost/x:2"),
      { "podman", "run" }))
  end)
end)
