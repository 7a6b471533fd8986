-- SPDX-License-Identifier: MIT
-- The library in a Lua of its own: waits block, as there is no task around them.
--   LUA_CPATH='build/lua/?.so' lua5.4 examples/scripts/plain.lua
-- It runs under `wrapix` as well, where the same waits let other tasks run.

local wrapix = require("wrapix")

local list = assert(wrapix.proc.run({ "uname", "-s", "-m" }))
print("here: " .. list.stdout:gsub("\n", ""))

-- Inside a scope there are tasks, and things happen at the same time.
local begin = wrapix.sys.clock()
local words = assert(wrapix.task.parallel(3, { "c", "a", "b" }, function(word)
  assert(wrapix.task.sleep(0.05))
  return word:upper()
end))
print(("%s in less than %.1f s"):format(table.concat(words, " "),
  wrapix.sys.clock() - begin < 0.12 and 0.12 or 9))

local data, message = wrapix.json.decode('{"sandbox": {"network": "none"}}')
if not data then error(message) end
print(wrapix.json.encode(data))
