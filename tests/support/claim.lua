-- SPDX-License-Identifier: MIT
-- Claims an issue for this process: claim.lua WORKSPACE STATE ID. Ends with 0 when it has
-- it, with 3 when another has.

local root, state, id = ...
local tracker = assert(require("ralph.tracker").open({ root = root, dirs = { state = state } }))
local issue, message, code = tracker:claim(id)
if issue then return 0 end
io.stderr:write(message, "\n")
return code == "ECLAIMED" and 3 or 1
