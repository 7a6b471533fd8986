-- SPDX-License-Identifier: MIT
-- Words about images, and the answers of both generations of the CLI.

local images = require "wrapix.runtime.apple.images"
local json = require "wrapix.json"

local ENGINE = { path = "/c" }
local REF = "localhost/wrapix-shop:0a1b"
local LABELS = { ["wrapix.recipe"] = "0a1b", ["wrapix.profile"] = "shop" }

local function variant(os, labels)
  return { platform = { os = os, architecture = "arm64" }, size = 1234,
    config = { created = "2026-08-07T18:36:00.123456789Z", config = { Labels = labels } } }
end

local OLD = { name = REF, index = { digest = "sha256:ff00" },
  variants = { variant("unknown", {}), variant("linux", LABELS) } }
local NEW = { id = "ff00", configuration = { name = REF, creationDate = "2026-08-07T18:36:00Z",
  descriptor = { digest = "sha256:ff00" } }, variants = { variant("linux", LABELS) } }

local function answer(...) return json.encode(json.array({ ... })) end

describe("an image", function()
  it("is described alike by both", function()
    for _, one in ipairs({ OLD, NEW }) do
      local text = answer(one)
      assert.is_true(images.exists(text))
      assert.equal("0a1b", images.label(text, "wrapix.recipe"))
      assert.is_nil(images.label(text, "other"))
      assert.equal(1234, images.size(text))
      assert.equal(REF, images.id(text))
      assert.same({ { Id = "ff00", Names = { REF }, Created = 1786127760, Labels = LABELS } },
        images.entries({ one }))
    end
  end)

  it("is not there where the answer is empty, odd or none", function()
    for _, text in ipairs({ "[]", "", "{", "null", "[7]", '[{"name":7}]', '[{"variants":[7]}]' }) do
      assert.is_false(images.exists(text), text)
      assert.is_nil(images.label(text, "wrapix.recipe"))
      assert.is_nil(images.size(text))
    end
    assert.same({}, images.entries({ 7, {}, { name = REF }, { name = "docker.io/library/x:1",
      variants = { variant("linux", LABELS) } } }))
  end)

  it("of an older version's list is looked at by name", function()
    local list = { { reference = REF, descriptor = { digest = "sha256:ff00" } },
      { reference = "docker.io/library/debian:12" }, { reference = 5 }, 7 }
    assert.same({ "/c", "image", "inspect", REF }, images.details_argv(ENGINE, list))
    assert.is_nil(images.details_argv(ENGINE, { NEW }))
    assert.is_nil(images.details_argv(ENGINE, {}))
    assert.is_nil(images.details_argv(ENGINE, { { reference = "docker.io/library/debian:12" } }))
  end)

  it("is in use by containers of anybody", function()
    local used = images.used({ { configuration = { image = { reference = "a:1",
      descriptor = { digest = "sha256:ff00" } } } }, 7, {} })
    assert.same({ ["a:1"] = true, ff00 = true }, used)
  end)
end)

describe("the name of a loaded image", function()
  it("is read below the heading of older versions, and without one", function()
    assert.is_nil(images.loaded("Loaded images:"))
    assert.is_nil(images.loaded("[2/2] Unpacking image 100%"))
    assert.is_nil(images.loaded(""))
    assert.equal("untagged@sha256:ab", images.loaded("untagged@sha256:ab"))
    assert.equal(REF, images.loaded(REF))
  end)
end)

local function build(job)
  job.ref, job.labels = REF, job.labels or {}
  return images.build(job, { engine = ENGINE, context = "/ctx", flags = {} })
end

describe("a build", function()
  it("says labels in the Containerfile, so that any value goes", function()
    local made = assert(build({ text = "FROM x\nRUN true\n",
      labels = { { "wrapix.recipe", "0a" }, { "wrapix.package-list", 'a=1 "b" $HOME \\' } } }))
    assert.equal('FROM x\nRUN true\nLABEL "wrapix.recipe"="0a"\n'
      .. 'LABEL "wrapix.package-list"="a=1 \\"b\\" \\$HOME \\\\"\n', made.text)
    assert.same({ "/c", "build", "--no-cache", "--progress", "plain", "--tag", REF, "--file",
      "/ctx/Containerfile", "/ctx" }, made.argv)
    assert.same({}, made.files)
  end)

  it("gives certificates and mirrors by files of the context, in no layer and no history", function()
    local made = assert(build({ text = "FROM x AS npm\nRUN set -eu; \\\n    RUN-like\nFROM y\nRUN b\n",
      ca = "/etc/ssl/cert.pem", ca_at = "/run/ca.pem",
      mirrors = { { name = "NPM_CONFIG_REGISTRY", value = "https://u:it's@m/" } } }))
    local start = "RUN --mount=type=bind,source=host-ca.pem,target=/run/ca.pem "
      .. "--mount=type=bind,source=mirrors.sh,target=/run/wrapix-mirrors . /run/wrapix-mirrors && "
    assert.equal(("FROM x AS npm\n%sset -eu; \\\n    RUN-like\nFROM y\n%sb\n"):format(start, start),
      made.text)
    assert.is_nil(made.text:find("it's", 1, true))
    assert.same({ { name = "host-ca.pem", from = "/etc/ssl/cert.pem" },
      { name = "mirrors.sh", text = "export NPM_CONFIG_REGISTRY='https://u:it'\\''s@m/'\n" } },
      made.files)
    assert.is_nil(table.concat(made.argv, " "):find("u:it", 1, true))
  end)

  it("is refused where its Containerfile is too large for the builder", function()
    local made, message, code, hint = build({ text = "FROM x\nRUN " .. ("a"):rep(16 * 1024) .. "\n" })
    assert.is_nil(made)
    assert.truthy(message:find("takes less than 16384", 1, true))
    assert.equal("EIMAGE", code)
    assert.truthy(hint:find("packages", 1, true))
    assert.truthy(build({ text = "FROM x\nRUN " .. ("a"):rep(16000) .. "\n" }))
  end)

  it("has its lines without what the builder puts before them", function()
    assert.equal("E: Unable to locate package x", images.line("#7 1.234 E: Unable to locate package x"))
    assert.equal("#7 [2/3] RUN x", images.line("#7 [2/3] RUN x"))
  end)
end)

describe("a program of an image", function()
  it("is run with no pull in the clear, and confined where that is asked", function()
    assert.same({ "/c", "run", "--rm", "--progress", "none", "--scheme", "https", "--read-only",
      "--tmpfs", "/tmp", "--tmpfs", "/wrapix", "--volume", "/ca:/at:ro", "--env", "HOME=/tmp",
      "--env", "MIRROR", REF, "sh", "-c", "x" }, images.run_argv(ENGINE, { ref = REF,
      command = { "sh", "-c", "x" }, env = { "MIRROR" }, values = { HOME = "/tmp" },
      ca = { file = "/ca", at = "/at" }, confined = true }))
  end)
end)
