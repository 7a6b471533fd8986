-- SPDX-License-Identifier: MIT
-- Adds COUNT sessions TAG-1, TAG-2, … to the record in DIR and says each that is in.
-- Usage: build/wrapix --run tests/support/append_records.lua DIR TAG COUNT

local record = require("wrapix.record")

local dir, tag, count = ...
for i = 1, math.tointeger(tonumber(count)) do
  local id = ("%s-%d"):format(tag, i)
  local ok, message = record.append(dir, { session = id, pad = ("x"):rep(i * 37 % 3000) })
  io.stdout:write(ok and id or "failed " .. message, "\n"):flush()
end
