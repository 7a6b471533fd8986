-- SPDX-License-Identifier: MIT
-- The same command under several profiles, two at a time, each in a sandbox of
-- its own. All see the same workspace, so the command should not write there.
--   wrapix examples/scripts/matrix.lua 'make -n'

local wrapix = require("wrapix")

local script = ... or 'cc --version | head -n 1'
local compilers = { "gcc", "clang", "tcc" }

local function profile_of(compiler)
  return wrapix.derive(wrapix.profiles.base, {
    name = "with-" .. compiler,
    packages = { compiler, "libc6-dev", "make" },
    env = { CC = compiler },
  })
end

local results, message = wrapix.task.parallel(2, compilers, function(compiler)
  local box, problem = wrapix.sandbox(profile_of(compiler))
  if not box then return nil, problem end
  return box:run({ "sh", "-c", script }, { capture = true, timeout = "5m" })
end)
if not results then
  io.stderr:write(message, "\n")
  return 125
end

local failed = 0
for i, result in ipairs(results) do
  print(("%-6s %-7s %s"):format(compilers[i], result.code == 0 and "ok" or "failed",
    result.stdout:match("[^\n]*")))
  if result.code ~= 0 then failed = failed + 1 end
end
return failed
