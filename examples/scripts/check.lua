-- SPDX-License-Identifier: MIT
-- Runs a command in a sandbox and reads what it printed.
--   wrapix examples/scripts/check.lua [COMMAND [ARG...]]

local wrapix = require("wrapix")

local argv = { ... }
if #argv == 0 then argv = { "git", "status", "--short" } end

local box = assert(wrapix.sandbox("base"))
local result, message, _, hint = box:run(argv, { capture = true, timeout = "5m" })
if not result then
  io.stderr:write(message, "\n", hint and "hint: " .. hint .. "\n" or "")
  return 125
end

for line in result.stdout:gmatch("[^\n]+") do print("> " .. line) end
print(("%s after %.1f s"):format(result.code and "status " .. result.code
  or "signal " .. result.signal, result.seconds))
return result.code or 128 + result.signal
