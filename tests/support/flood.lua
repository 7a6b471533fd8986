-- SPDX-License-Identifier: MIT
-- Floods a notification socket, as a program of its own, so that the spec which looks on
-- shares no time with it: SOCKET COUNT STOP. Sends ten thousand different messages over
-- and over, says `flooding` with the first, goes on until it sent COUNT and the file STOP
-- is there, and prints how many it sent when all were read.

local fs = require("wrapix.fs")
local net = require("wrapix.net")
local sys = require("wrapix.sys")

local PIECES, AT_ONCE = 20, 500
local MOST_SECONDS = 120

local socket, wanted, stop = ...
wanted = math.tointeger(tonumber(wanted))

local pieces = {}
for i = 1, PIECES do
  local lines = {}
  for n = 1, AT_ONCE do lines[n] = ('{"title":"flood","message":"%d"}\n'):format(i * AT_ONCE + n) end
  pieces[i] = table.concat(lines)
end

local stream = assert(net.connect_unix(socket))
local deadline = sys.clock() + MOST_SECONDS
local sent = 0
while sys.clock() < deadline and (sent < wanted or not fs.exists(stop)) do
  assert(stream:write(pieces[sent // AT_ONCE % PIECES + 1]))
  if sent == 0 then
    io.write("flooding\n")
    io.flush()
  end
  sent = sent + AT_ONCE
end
stream:shutdown()
stream:read()
print(sent)
return 0
