-- SPDX-License-Identifier: MIT
-- Exit statuses: the command's own, and those of wrapix.

local check = require("conformance.check")

local M = { title = "The exit status" }

local function add(id, says, run) M[#M + 1] = { id = "status." .. id, says = says, run = run } end

local function own(code)
  add("own-" .. code, ("a command that ends with %d gives %d"):format(code, code), function(t)
    local result = t:sh("echo ran; exit " .. code)
    check.status(result, code)
    check.equal("ran\n", result.stdout, "output")
  end)
end

own(0)
own(1)
own(125)
own(255)

add("not-found", "a command that is not there gives 127, and is named", function(t)
  local result = t:run({ "no-such-command" })
  check.status(result, 127)
  check.has(result.stderr, "no-such-command: command not found", "message")
end)

add("not-executable", "a file that cannot be run gives 126, and is named", function(t)
  local dir = t:dir()
  t:file(dir .. "/data", "no program", 420) -- 0644
  local result = t:run({ "./data" }, { dir = dir })
  check.status(result, 126)
  check.has(result.stderr, "./data", "message")
end)

add("killed", "a command killed by a signal gives 128 and its number", function(t)
  check.status(t:sh("kill -SEGV $$; sleep 5"), 139)
end)

add("user-signal", "so it does for USR1, whose number differs between systems", function(t)
  check.status(t:sh("kill -USR1 $$; sleep 5"), 138)
end)

add("no-image", "an image that is not there gives 125, and is named with what to do", function(t)
  local result = t:run({ "true" }, { image = "localhost/wrapix-no-such:1" })
  check.status(result, 125)
  check.has(result.stderr, "localhost/wrapix-no-such:1", "message")
  check.has(result.stderr, "hint: ", "message")
end)

add("no-engine", "an engine that is not there gives 125, with what to do", function(t)
  local result = t:run({ "true" }, { env = { PATH = "/nonexistent" } })
  check.status(result, 125)
  check.has(result.stderr, t.target.runtime, "message")
  check.has(result.stderr, "hint: ", "message")
end)

add("usage", "wrong usage gives 2, and the word that was meant", function(t)
  local result = t:run({ "true" }, { args = { "--memroy", "1g" } })
  check.status(result, 2)
  check.has(result.stderr, "--memory", "message")
end)

return M
