-- SPDX-License-Identifier: MIT
local failure = require("wrapix.image.failure")

local function explain(text)
  local lines = {}
  for line in text:gmatch("[^\n]+") do lines[#lines + 1] = line end
  return failure.explain(lines)
end

describe("a failed step", function()
  it("names the package that does not exist", function()
    for text, package in pairs({
      ["Reading state information...\nE: Unable to locate package ripgrepp"] = "ripgrepp",
      ["E: Package 'netcat' has no installation candidate"] = "netcat",
      ["E: Package netcat has no installation candidate"] = "netcat",
      ["E: Couldn't find any package by glob 'a.b'"] = "a.b",
    }) do
      local reason, code, hint = explain(text .. "\nError: building at STEP: exit status 100")
      assert.equal(("package %s does not exist"):format(package), reason)
      assert.equal("ENOPKG", code)
      assert.truthy(hint:find("packages", 1, true))
    end
    local reason, code = explain("E: Version '9' for 'jq' was not found")
    assert.equal("package jq does not exist in this version", reason)
    assert.equal("ENOPKG", code)
  end)

  it("is a matter of the network before it is one of packages", function()
    local reason, code = explain([[
Err:1 http://deb.test/debian trixie InRelease
  Temporary failure resolving 'deb.test'
E: Failed to fetch http://deb.test/debian/dists/trixie/InRelease
E: Unable to locate package git]])
    assert.equal("no network: deb.test has no address", reason)
    assert.equal("ENETUNREACH", code)
    for text, expected in pairs({
      ["  Could not connect to deb.test:80 (192.0.2.1). - connect (111: Connection refused)"] =
        "no network: deb.test:80 does not answer",
      ["E: Failed to fetch http://deb.test/a.deb  404  Not Found"] =
        "http://deb.test/a.deb could not be fetched",
      ["Error: pinging container registry registry.test: dial tcp: lookup registry.test on "
        .. "192.0.2.53:53: no such host"] = "no network: registry.test has no address",
      ["Error: dial tcp 192.0.2.1:443: connect: connection refused"] =
        "no network: 192.0.2.1:443 does not answer",
    }) do
      assert.equal(expected, (explain(text)))
    end
  end)

  it("is a full disk before anything else", function()
    for _, text in ipairs({
      "E: Failed to fetch x\ndpkg: error processing archive /x/git_1_amd64.deb (--unpack):\n"
        .. " cannot copy: write failed (No space left on device)",
      "E: You don't have enough free space in /var/cache/apt/archives/.",
      "Error: committing container: copying layers: write /x: no space left on device",
    }) do
      local reason, code = explain(text)
      assert.equal("the disk is full", reason)
      assert.equal("ENOSPC", code)
    end
  end)

  it("names the package that could not be put in place", function()
    assert.equal("package man-db could not be set up",
      (explain("dpkg: error processing package man-db (--configure):")))
    assert.equal("package git-man could not be unpacked",
      (explain("dpkg: error processing archive /x/03-git-man_1%3a2_all.deb (--unpack):")))
    assert.equal("package git could not be unpacked",
      (explain("dpkg: error processing archive /x/git_1_amd64.deb (--unpack):")))
  end)

  it("tells a registry that refuses from one without the image", function()
    local reason, code =
      explain("Error: reading manifest 9 in docker.io/library/debian: manifest unknown")
    assert.equal("the registry has no such image", reason)
    assert.equal("ENOENT", code)
    assert.equal("EACCES", select(2, explain("Error: unauthorized: access to the resource")))
  end)

  it("can be a matter of the clock", function()
    assert.equal("the clock of this machine is behind",
      (explain("E: Release file for http://deb.test/x/InRelease is not valid yet (invalid for 2h).")))
    assert.equal("the mirror is out of date, or the clock of this machine is ahead",
      (explain("E: Release file for http://deb.test/x/InRelease is expired (invalid since 15d).")))
  end)

  it("names the key, the registry or the range of ids that is missing", function()
    assert.equal("the key 0E98404D386FA1D9 of the archive is not known here",
      (explain("W: GPG error: x: NO_PUBKEY 0E98404D386FA1D9")))
    assert.equal("this user has too few subordinate ids", (explain("Error: potentially "
      .. "insufficient UIDs or GIDs available in user namespace (requested 0:42)")))
    assert.equal("crun does not work with hybrid cgroups",
      (explain("error running container: crun: cgroups in hybrid mode not supported")))
  end)

  it("stays unexplained where nothing is known", function()
    assert.is_nil(explain("something else\nentirely"))
    assert.is_nil(explain(""))
  end)
end)
