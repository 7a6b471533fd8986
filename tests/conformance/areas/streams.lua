-- SPDX-License-Identifier: MIT
-- What goes in and what comes out.

local check = require("conformance.check")
local fs = require("wrapix.fs")
local proc = require("wrapix.proc")

local M = { title = "Input and output" }

local LARGE = 10 * 1000 * 1000

local function add(id, says, run) M[#M + 1] = { id = "streams." .. id, says = says, run = run } end

add("piped", "a pipe's end outside is its end inside", function(t)
  local result = t:run({ "wc", "-c" }, { input = "abc" })
  check.status(result, 0)
  check.equal("3", result.stdout:match("%d+"), "bytes")
end)

M[#M + 1] = { id = "streams.closed", says = "without input there is an end at once", group = "inside",
  inside = "wc -c", check = function(_, answer) check.equal("0", answer.out, "bytes") end }

add("large", "10 MB of any bytes go in and come out again unchanged", function(t)
  local path = t.tmp .. "/large"
  check.status(assert(proc.run({ "head", "-c", tostring(LARGE), "/dev/urandom" },
    { stdout = { file = path, mode = "w" } })), 0)
  local result = t:run({ "cat" }, { input = assert(fs.read(path)) })
  check.status(result, 0)
  check.equal(LARGE, #result.stdout, "bytes")
  check.holds(result.stdout == fs.read(path), "the bytes are others")
end)

add("unread", "input that nobody reads keeps nothing", function(t)
  local result = t:run({ "head", "-c", "5" }, { input = ("hello"):rep(400000) })
  check.status(result, 0)
  check.equal("hello", result.stdout, "output")
end)

add("apart", "stdout and stderr stay apart, and nothing is translated", function(t)
  local result = t:sh("printf 'out\\n\\0\\377'; printf 'err\\n' >&2")
  check.status(result, 0)
  check.equal("out\n\0\255", result.stdout, "stdout")
  check.equal("err\n", result.stderr, "stderr")
end)

add("closed-early", "an output that is closed early ends the command", function(t)
  local running <close> = t:start("echo up; exec yes")
  running.stdout:close()
  local result = running:wait()
  check.status(result, 141)
  check.equal("", result.stderr, "stderr")
end)

add("as-it-comes", "what is written is seen at once, and answered", function(t)
  local running <close> = t:start("echo up; while read -r word; do echo got $word; done", { stdin = "pipe" })
  for _, word in ipairs({ "one", "two" }) do
    assert(running.stdin:write(word .. "\n"))
    check.equal("got " .. word, running.stdout:read_line(), "answer")
  end
  running.stdin:close()
  check.status(running:wait(), 0)
end)

add("blocking", "stdin is in the same mode afterwards as before", function(t)
  local words = t:words({ "true" })
  table.insert(words, 2, "-q")
  local quoted = {}
  for i, word in ipairs(words) do quoted[i] = "'" .. word .. "'" end
  -- A reader that comes after wrapix must wait for input instead of being told that there is none.
  local result = assert(proc.run({ "sh", "-c", ("(sleep %d; echo late) | { %s && cat; }")
    :format(4, table.concat(quoted, " ")) }, { timeout = 90 }))
  check.status(result, 0)
  check.equal("late\n", result.stdout, "what a later reader gets")
end)

return M
