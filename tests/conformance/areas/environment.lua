-- SPDX-License-Identifier: MIT
-- The environment of a command: that of the contract, and nothing of the host's.

local check = require("conformance.check")

local M = { title = "The environment" }

-- A host environment with much in it that is nobody's business.
local HOST = {
  http_proxy = "http://proxy.invalid:1", HTTPS_PROXY = "http://proxy.invalid:2", no_proxy = "invalid",
  ODD_HOST_VARIABLE = "odd", AWS_SECRET_ACCESS_KEY = "not-for-you", SSH_AUTH_SOCK = "/tmp/agent",
  DISPLAY = ":7", LANG = "xx_XX", LC_ALL = "C", EDITOR = "odd", container = "host", BASH_ENV = "/nonexistent",
  ENV = "/nonexistent", PS1 = "odd", CDPATH = "/", HOSTNAME = "odd", TERM = "odd-term", COLORTERM = "truecolor",
  TZ = "Asia/Tokyo", GIT_AUTHOR_NAME = false, GIT_AUTHOR_EMAIL = false,
}

-- A shell's own, and what tells that one is in a container.
local HARMLESS = { PWD = true, OLDPWD = true, SHLVL = true, _ = true, HOSTNAME = true, container = true, PATH = true }

local function parse(text)
  local env = {}
  for name, value in text:gmatch("([%w_]+)=([^\n]*)") do env[name] = value end
  return env
end

local function add(id, says, inside, verdict, given, more)
  local one = { id = "environment." .. id, says = says, group = "environment", inside = inside,
    check = verdict, given = given }
  for key, value in pairs(more or {}) do one[key] = value end
  M[#M + 1] = one
end

add("contract", "WRAPIX, WRAPIX_SESSION_ID, WRAPIX_PROFILE, HOME, TERM, LANG, TZ and git's author are set",
  "env",
  function(_, answer)
    local env = parse(answer.out)
    check.matches(env.WRAPIX_SESSION_ID or "none", "^%x+$", "WRAPIX_SESSION_ID")
    for name, value in pairs({ WRAPIX = "1", WRAPIX_PROFILE = "conformance", HOME = "/home/wrapix",
      TERM = "dumb", LANG = "C.UTF-8", TZ = "Asia/Tokyo" }) do
      check.equal(value, env[name], name)
    end
    for _, name in ipairs({ "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL" }) do
      check.matches(env[name] or "none", "^.+$", name)
    end
  end,
  function(_, given)
    for name, value in pairs(HOST) do given.env[name] = value end
  end)

add("nothing-else", "nothing else of the host's environment is there", "env",
  function(_, answer)
    local own = { WRAPIX = true, WRAPIX_PROFILE = true, WRAPIX_SESSION_ID = true, HOME = true, TERM = true,
      COLORTERM = true, LANG = true, TZ = true }
    for name in pairs(parse(answer.out)) do
      check.holds(own[name] or HARMLESS[name] or name:find("^GIT_%u+_%u+$") or name:find("^WXC_"),
        name .. " is there")
    end
  end)

local ODD = "a b'c\"d\\e\tf$g`h` *=;,:é"

add("bytes", "a variable arrives byte for byte", 'printf %s "$WXC_ODD"',
  function(_, answer) check.equal(ODD, answer.out, "value") end,
  function(_, given) table.move({ "-e", "WXC_ODD=" .. ODD }, 1, 2, #given.args + 1, given.args) end)

add("lines", "a variable may hold several lines", 'printf %s "$WXC_LINES"',
  function(_, answer) check.equal("one\ntwo\n\nfour", answer.out, "value") end,
  function(_, given) table.move({ "-e", "WXC_LINES=one\ntwo\n\nfour" }, 1, 2, #given.args + 1, given.args) end)

add("empty", "a variable may be empty", 'echo "${WXC_EMPTY-unset}."',
  function(_, answer) check.equal(".", answer.out, "value") end,
  function(_, given) table.move({ "-e", "WXC_EMPTY=" }, 1, 2, #given.args + 1, given.args) end)

add("profile", "variables of the profile are set, and an option wins", 'echo "$WXC_ONE $WXC_TWO"',
  function(_, answer) check.equal("profile option", answer.out, "values") end,
  function(_, given)
    given.profile.env = { WXC_ONE = "profile", WXC_TWO = "profile" }
    table.move({ "-e", "WXC_TWO=option" }, 1, 2, #given.args + 1, given.args)
  end)

add("many", "a variable may be long", 'echo "${#WXC_LONG}"',
  function(_, answer) check.equal("30000", answer.out, "bytes") end,
  function(_, given) given.profile.env = given.profile.env or {}
    given.profile.env.WXC_LONG = ("x"):rep(30000) end)

M[#M + 1] = { id = "environment.own", says = "wrapix's own variables cannot be changed",
  run = function(t)
    for _, name in ipairs({ "HOME", "WRAPIX", "WRAPIX_SESSION_ID" }) do
      local result = t:run({ "true" }, { args = { "-e", name .. "=x" } })
      check.status(result, 2)
      check.has(result.stderr, name, "message")
    end
  end }

M[#M + 1] = { id = "environment.sessions", says = "each sandbox has a session id of its own",
  run = function(t)
    local one = t:out("echo $WRAPIX_SESSION_ID")
    check.holds(one ~= t:out("echo $WRAPIX_SESSION_ID"), "the same twice: " .. one)
    check.holds(#one >= 8, "too short: " .. one)
  end }

return M
