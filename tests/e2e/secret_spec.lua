-- SPDX-License-Identifier: MIT
-- A secret is inside and nowhere else: not in an argument, a label, a log, a
-- file of wrapix or anything that wrapix prints.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local proc = require("wrapix.proc")

-- In two parts, so that the text of this file is not found by its own search.
local CANARY = "canary" .. "-4f1d2c77-secret"

local function has(text) return text:find(CANARY, 1, true) ~= nil end

describe("a secret", function()
  after_each(e2e.assert_clean)

  local profile

  setup(function()
    profile = e2e.file(e2e.tmp .. "/secretive.lua", ([[return {
      name = "secretive", image = %q, secrets = { "E2E_TOKEN", "E2E_UNSET", "E2E_EMPTY" },
    }]]):format(e2e.image))
  end)

  local ENV = { E2E_TOKEN = CANARY, E2E_OTHER = CANARY .. "2", E2E_EMPTY = "" }

  local function words(argv)
    return e2e.words({ image = false, args = { "-e", "E2E_OTHER", "-v", profile } }, argv)
  end

  -- Files of wrapix for this user, and what the specs were told to look at.
  local function assert_in_no_file()
    for _, dir in ipairs({ e2e.runtime_dir, os.getenv("HOME") .. "/.cache/wrapix",
      os.getenv("HOME") .. "/.local/state", os.getenv("HOME") .. "/.config" }) do
      for rel, stat in fs.walk(dir) or function() end do
        if stat.type == "file" then
          assert.falsy(has(fs.read(dir .. "/" .. rel) or ""), dir .. "/" .. rel)
        end
      end
    end
  end

  it("is inside, and while it is there in no command line, label, log or file", function()
    local running <close> = assert(proc.spawn(
      words({ "sh", "-c", 'echo "[$E2E_TOKEN][$E2E_OTHER]"; '
        .. 'echo "[${E2E_UNSET-unset}][${E2E_EMPTY-unset}]"; cat' }),
      { stdin = "pipe", stdout = "pipe", stderr = "pipe", env = ENV, session = true }))
    assert.equal(("[%s][%s2]"):format(CANARY, CANARY), running.stdout:read_line())
    assert.equal("[unset][unset]", running.stdout:read_line())
    local count = 0
    for _, one in ipairs(e2e.processes()) do
      count = count + 1
      assert.falsy(has(one.cmdline), one.name)
    end
    assert.truthy(count > 5)
    local name = e2e.podman("ps", "--format", "{{.Names}}")
    local details = assert(json.decode(e2e.podman("inspect", name)))[1]
    details.Config.Env = nil -- where it has to be
    assert.falsy(has(assert(json.encode(details))))
    assert.truthy(details.Config.CreateCommand[1]:find("podman", 1, true))
    assert.equal("none", details.HostConfig.LogConfig.Type)
    local logs = assert(proc.run({ "podman", "logs", name }))
    assert.falsy(has(logs.stdout .. logs.stderr))
    assert.falsy(has(e2e.podman("events", "--stream=false", "--since", "1m")))
    assert_in_no_file()
    running.stdin:close()
    local result = assert(running:wait())
    assert.equal(0, result.code)
    assert.falsy(has(result.stderr))
    assert_in_no_file()
  end)

  it("is in nothing that is printed before a start", function()
    for _, more in ipairs({ { "--dry-run" }, { "--dry-run", "--json" } }) do
      local argv = { "--image", e2e.image, "-e", "E2E_OTHER", profile }
      table.move(more, 1, #more, #argv + 1, argv)
      local result = e2e.cli(argv, { env = ENV, cwd = e2e.dir() })
      assert.equal(0, result.code, result.stderr)
      assert.truthy(result.stdout:find("E2E_OTHER", 1, true))
      assert.falsy(has(result.stdout .. result.stderr))
    end
    for _, more in ipairs({ {}, { "--json" } }) do
      local argv = { "explain", "-e", "E2E_OTHER", profile }
      table.move(more, 1, #more, #argv + 1, argv)
      local result = e2e.cli(argv, { env = ENV, cwd = e2e.dir() })
      assert.equal(0, result.code, result.stderr)
      assert.truthy(result.stdout:find("E2E_TOKEN", 1, true))
      assert.truthy(result.stdout:find("E2E_UNSET", 1, true))
      assert.falsy(has(result.stdout .. result.stderr))
    end
  end)

  it("is not in the message about a start that fails", function()
    local result = e2e.run({ "true" }, {
      image = "localhost/wrapix-no-such:1", args = { "-v", "-e", "E2E_OTHER" }, env = ENV,
    })
    assert.equal(125, result.code)
    assert.falsy(has(result.stdout .. result.stderr))
    assert_in_no_file()
  end)

  it("that is not set is not passed as empty, and said so when asked for by name", function()
    local result = e2e.sh("echo ${E2E_NOT_SET-unset}", { args = { "-e", "E2E_NOT_SET" } })
    assert.equal("unset\n", result.stdout)
    assert.truthy(result.stderr:find("E2E_NOT_SET: is not set", 1, true), result.stderr)
  end)
end)

describe("a variable", function()
  after_each(e2e.assert_clean)

  it("arrives byte for byte", function()
    local value = "a b'c\"d\\e\tf\ng$h`i` *=;é"
    assert.equal(value, e2e.output('printf %s "$ODD"', { args = { "-e", "ODD=" .. value } }))
    assert.equal("unset", e2e.output("echo ${EMPTY:-unset}", { args = { "-e", "EMPTY=" } }))
  end)

  it("of wrapix's own cannot be changed", function()
    for _, name in ipairs({ "HOME", "WRAPIX", "WRAPIX_SESSION_ID", "WRAPIX_PROFILE" }) do
      local result = e2e.run({ "true" }, { args = { "-e", name .. "=x" } })
      assert.equal(2, result.code, name)
      assert.truthy(result.stderr:find(name, 1, true))
    end
  end)

  it("PATH of a profile comes after the helpers", function()
    assert.equal("/run/wrapix/bin:/opt/x:/bin", e2e.output("echo $PATH",
      { args = { "-e", "PATH=/opt/x:/bin" } }))
  end)
end)
