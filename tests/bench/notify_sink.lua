-- SPDX-License-Identifier: MIT
-- The far end of the benchmark of notifications: serves a socket as launcher and daemon
-- do, throws the messages away, and ends after so many. Started by bench/notify.lua with
-- the path and the number.

local net = require("wrapix.net")
local servers = require("wrapix.notify.server")
local task = require("wrapix.task")

local path, wanted = ...
wanted = math.tointeger(tonumber(wanted))

local server
local seen = 0
server = servers.new(assert(net.listen_unix(path)), { on_message = function()
  seen = seen + 1
  if seen == wanted then task.detach(function() server:close() end) end
end })
server:serve()
