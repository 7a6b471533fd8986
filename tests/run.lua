-- SPDX-License-Identifier: MIT
-- Runs busted inside the wrapix host, so that specs see the real C modules and
-- the real scheduler: build/wrapix --run tests/run.lua [BUSTED-OPTION...] PATH...
-- Every spec runs in the root task; after each one tests/support/clean.lua
-- checks that nothing was left open.

local here = debug.getinfo(1, "S").source:match("^@(.*)run%.lua$")
if here:sub(1, 1) ~= "/" then here = require("wrapix.fs").realpath(".") .. "/" .. here end
local root = here:gsub("/%./", "/"):gsub("/tests/$", "")
-- The host takes relative entries away; these are the absolute ones of the checkout.
package.path = ("%s/tests/?.lua;%s/?.lua;%s"):format(root, root, package.path)

_G.WRAPIX_ROOT = root
require("support.strict")

arg = { [0] = "wrapix-tests", ... }
for i, option in ipairs({
  "--helper=" .. root .. "/tests/support/clean.lua",
  "--lpath=/nonexistent/?.lua", -- busted's own default adds relative entries
  "--cpath=/nonexistent/?.so",
}) do table.insert(arg, i, option) end

-- A collector at work at each allocation shows what Lua no longer holds and C
-- still uses. Zeros would mean "leave it as it is".
if os.getenv("WRAPIX_TEST_GCSTRESS") then collectgarbage("incremental", 1, 1000) end

-- busted ends with os.exit, which would close the state under the running loop.
local real_exit, status = os.exit, 0
os.exit = function(code) ---@diagnostic disable-line: duplicate-set-field
  status = code == true and 0 or code or 0
  error(arg)
end
local ok, err = pcall(require("busted.runner"), { standalone = false })
os.exit = real_exit
if not ok and err ~= arg then error(err) end
return status
