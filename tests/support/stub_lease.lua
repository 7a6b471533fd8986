-- SPDX-License-Identifier: MIT
-- What PID 1 of a detached sandbox of stub_podman does for its launcher: says over the
-- lease that it runs, and holds it until it is ended. stub_lease.lua SOCKET

local net = require("wrapix.net")

local lease <close> = assert(net.connect_unix((...)))
assert(lease:write("start\n"))
lease:read() -- nothing comes; the launcher's end closes it
return 0
