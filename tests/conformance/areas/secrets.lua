-- SPDX-License-Identifier: MIT
-- A secret is inside and nowhere else that somebody could look.

local check = require("conformance.check")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local sys = require("wrapix.sys")

local M = { title = "Secrets" }

-- Unlike any text of these files.
local SECRET = "canary-" .. sys.random_hex(8)
local ENV = { WXC_TOKEN = SECRET, WXC_OTHER = SECRET .. "-2", WXC_EMPTY = "" }
local PROFILE = { secrets = { "WXC_TOKEN", "WXC_UNSET", "WXC_EMPTY" } }

local function is_quiet(text, what) check.lacks(text, SECRET, what) end

-- Everything that wrapix has written for this user.
local function assert_in_no_file()
  local home = os.getenv("HOME")
  for _, dir in ipairs({ os.getenv("XDG_RUNTIME_DIR") .. "/wrapix",
    (os.getenv("XDG_CACHE_HOME") or home .. "/.cache") .. "/wrapix",
    (os.getenv("XDG_STATE_HOME") or home .. "/.local/state") .. "/wrapix" }) do
    for rel, stat in fs.walk(dir) or function() end do
      if stat.type == "file" then is_quiet(fs.read(dir .. "/" .. rel) or "", dir .. "/" .. rel) end
    end
  end
end

M[#M + 1] = { id = "secrets.inside", says = "a secret arrives byte for byte; one that is not set is not there",
  run = function(t)
    local value = "a b'c\"d\\e\n$f`g`=,;é"
    check.equal(("[%s][%s][unset]"):format(value, SECRET), t:out(
      'printf %s "[$WXC_TOKEN][$WXC_OTHER][${WXC_UNSET-unset}]"',
      { profile = PROFILE, args = { "-e", "WXC_OTHER" }, env = { WXC_TOKEN = value, WXC_OTHER = SECRET } }),
      "values")
  end }

M[#M + 1] = { id = "secrets.command-lines", says = "a secret is in no command line, label or file while it is inside",
  run = function(t)
    local running <close> = t:start('echo up; echo "$WXC_TOKEN"; cat', { profile = PROFILE, env = ENV,
      args = { "--name", t.name, "-e", "WXC_OTHER" }, stdin = "pipe" })
    check.equal(SECRET, running.stdout:read_line(), "inside")
    local count = 0
    for _, one in ipairs(t:processes()) do
      count = count + 1
      is_quiet(one.args, "process " .. one.pid)
    end
    check.holds(count > 5, "no processes are seen")
    local details = t:inspect(t.name)
    local config = details.Config or details.configuration
    is_quiet(assert(json.encode(config.Labels or config.labels)), "labels")
    assert_in_no_file()
    running.stdin:close()
    local result = running:wait()
    check.status(result, 0)
    is_quiet(result.stderr, "stderr")
  end }

M[#M + 1] = { id = "secrets.plan", says = "a secret is in nothing that --dry-run and explain print",
  run = function(t)
    local profile = t:profile(PROFILE)
    local function words(...)
      local list = { "-C", t:dir(), "--runtime", t.target.runtime, "-e", "WXC_OTHER", profile }
      for i = select("#", ...), 1, -1 do table.insert(list, 1, (select(i, ...))) end
      return list
    end
    local dry_json = words()
    table.insert(dry_json, 1, "--dry-run")
    table.insert(dry_json, 2, "--json")
    local dry = words()
    table.insert(dry, 1, "--dry-run")
    for _, one in ipairs({ dry, dry_json, words("explain"), words("explain", "--json") }) do
      local result = t:cli(one, { env = ENV })
      check.status(result, 0)
      check.has(result.stdout, "WXC_TOKEN", "what is printed")
      is_quiet(result.stdout .. result.stderr, "what is printed")
    end
  end }

M[#M + 1] = { id = "secrets.log", says = "a secret is in no log, nor in the message of a start that fails",
  run = function(t)
    local result = t:run({ "no-such-program" }, { profile = PROFILE, args = { "-v", "-e", "WXC_OTHER" },
      env = ENV, loud = true })
    check.status(result, 127)
    is_quiet(result.stdout .. result.stderr, "message")
    is_quiet(t:cli({ "logs", "--json" }).stdout, "record")
    assert_in_no_file()
  end }

return M
