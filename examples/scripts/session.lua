-- SPDX-License-Identifier: MIT
-- One sandbox, several commands: what one leaves in /tmp or in the home the next
-- one finds. The <close> variable stops and removes it however the script ends.
--   wrapix examples/scripts/session.lua

local wrapix = require("wrapix")

local made = assert(wrapix.sandbox("base", { network = "none", memory = "1g" }))
local box <close> = assert(made:start())

local function sh(script)
  local result = assert(box:exec({ "sh", "-c", script }, { capture = true }))
  if result.code ~= 0 then
    error(("%s: status %d: %s"):format(script, result.code, result.stderr), 0)
  end
  return (result.stdout:gsub("\n$", ""))
end

sh("echo 41 >/tmp/answer")
sh("echo $(( $(cat /tmp/answer) + 1 )) >/tmp/answer")
print("the answer is " .. sh("cat /tmp/answer"))
