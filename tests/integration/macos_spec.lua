-- SPDX-License-Identifier: MIT
-- tests/macos.sh as far as it can be tried without a Mac: what a Mac's programs say comes
-- from scripts on PATH. What is behind `container run` only a Mac can show.

local fs = require("wrapix.fs")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")

local EXECUTABLE = tonumber("755", 8)

local MAC = {
  uname = 'case $1 in -s) echo "${WXM_SYSTEM-Darwin}" ;; *) echo "${WXM_MACHINE-arm64}" ;; esac',
  sw_vers = 'case $1 in -productVersion) echo "${WXM_MACOS-26.1}" ;; *) echo 25B78 ;; esac',
  sysctl = 'case $2 in hw.model) echo Mac16,1 ;; hw.ncpu) echo 10 ;; hw.memsize) echo 17179869184 ;; esac',
  scutil = "echo 'The Quiet Machine'",
  hostname = "echo the-quiet-machine.local",
  id = 'case $1 in -u) echo "${WXM_UID-501}" ;; *) echo somebody ;; esac',
  -- The suite passes it no environment: what it is to do stands beside it.
  container = [[here=${0%/*}/..
echo "$*" >>"$here/log"
case "$*" in
  --version) echo "container CLI version ${WXM_CONTAINER-1.2.2} (build: release, commit: af405ff)" ;;
  "system status") [ -z "${WXM_DOWN-}" ] || [ -e "$here/log.up" ] ;;
  "system start"*) [ -z "${WXM_BROKEN-}" ] || { echo 'Error: no kernel' >&2; exit 1; }; : >"$here/log.up" ;;
  "image pull"*) : ;;
  run*) [ ! -e "$here/slow" ] || sleep 9; echo "Error: of /home at $HOME of $(id -un)" >&2; exit 1 ;;
  *) exit 1 ;;
esac]],
}

describe("tests/macos.sh", function()
  local dir, build

  setup(function()
    dir = assert(fs.temp_dir("wx-macos"))
    build = dir .. "/build"
    for _, name in ipairs({ "bin", "build", "home" }) do assert(fs.mkdir(dir .. "/" .. name)) end
    assert(fs.symlink(assert(fs.realpath("/proc/self/exe")), build .. "/wrapix"))
    for name, script in pairs(MAC) do
      assert(fs.write_atomic(dir .. "/bin/" .. name, "#!/bin/sh\n" .. script .. "\n",
        { mode = EXECUTABLE }))
    end
    assert(fs.write_atomic(dir .. "/rosetta", ""))
  end)

  teardown(function() fs.remove_tree(dir) end)

  before_each(function()
    fs.unlink(dir .. "/log")
    fs.unlink(dir .. "/log.up")
    fs.unlink(dir .. "/slow")
    fs.unlink(build .. "/macos-report.txt")
  end)

  local function run(env, ...)
    local all = { PATH = dir .. "/bin:" .. os.getenv("PATH"), HOME = dir .. "/home", BUILD = build,
      WRAPIX_MACOS_ROSETTA = dir .. "/rosetta",
      OF_THE_PERSON = "value-" .. sys.random_hex(4), XDG_RUNTIME_DIR = false, GIT_CONFIG_GLOBAL = "/dev/null" }
    for name, value in pairs(env) do all[name] = value end
    local result = assert(proc.run({ WRAPIX_ROOT .. "/tests/macos.sh", ... }, { env = all, timeout = 60 }))
    return result, fs.read(build .. "/macos-report.txt"), fs.read(dir .. "/log") or ""
  end

  it("says what is missing, all at once, and runs nothing", function()
    local result, report, log = run({ WXM_MACOS = "15.6", WXM_CONTAINER = "0.8.0", WXM_UID = "0",
      WXM_MACHINE = "x86_64" })
    assert.equal(2, result.code)
    for _, text in ipairs({ "macOS 15.6; 26 is needed", "container 0.8.0; 0.9.0 is needed", "this is root",
      "x86_64: Apple silicon is needed", "4 missing; the suite was not run" }) do
      assert.is_truthy(report:find(text, 1, true), text .. " is not in " .. report)
    end
    assert.equal("--version\n", log)
  end)

  it("is for macOS alone", function()
    local result, report = run({ WXM_SYSTEM = "Linux" })
    assert.equal(2, result.code)
    assert.matches("MISSING  this is Linux; macOS is needed", report)
  end)

  it("says why the service does not start", function()
    local result, report = run({ WXM_DOWN = "1", WXM_BROKEN = "1" })
    assert.equal(2, result.code)
    assert.matches("the service cannot be started: Error: no kernel\n +hint: ", report)
  end)

  it("starts a service that is down without a question, and stops it again", function()
    local result, report, log = run({ WXM_DOWN = "1" }, "status.usage")
    assert.equal(0, result.code, result.stdout .. result.stderr)
    assert.matches("the service was started", report)
    assert.matches("\nsystem start %-%-enable%-kernel%-install\n", log)
    assert.matches("\nsystem stop\n$", log)
  end)

  it("runs the suite, and tells where the report is", function()
    local result, report, log = run({ WRAPIX_MACOS_ROSETTA = dir .. "/none" }, "status.usage", "environment.own")
    assert.equal(0, result.code, result.stdout .. result.stderr)
    assert.matches("ok   status.usage", report)
    assert.matches("2 passed, 0 failed, 0 skipped", report)
    assert.matches("container CLI version 1.2.2", report)
    assert.matches("note     no Rosetta", report)
    assert.is_truthy(result.stdout:find("Send back, once you have looked at it: " .. build, 1, true))
    assert.is_nil(log:find("system st[ao][rp]t"))
  end)

  it("tells in the report what failed, and neither who nor where", function()
    local result, report = run({ WXM_CONTAINER = "1.2.2" }, "status.own-0")
    assert.equal(1, result.code, result.stdout .. result.stderr)
    assert.matches("FAIL status.own%-0", report)
    for _, text in ipairs({ dir .. "/home", "somebody", "the-quiet-machine", "The Quiet Machine", "value-" }) do
      assert.is_nil(report:find(text, 1, true), text)
    end
  end)

  it("ends a suite that takes too long", function()
    local began = sys.clock()
    assert(fs.write_atomic(dir .. "/slow", ""))
    local result, report = run({ WRAPIX_MACOS_SECONDS = "2" }, "status")
    assert.equal(1, result.code)
    assert.is_true(sys.clock() - began < 30)
    assert.matches("ended after 2 s: it took too long", report)
  end)
end)
