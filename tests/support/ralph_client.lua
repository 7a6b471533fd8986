-- SPDX-License-Identifier: MIT
-- What `ralph` is inside a sandbox, for the double of podman, whose commands run on the
-- host: words as one line of JSON to the session's socket, the answer as text and status.
-- Usage: wrapix --run ralph_client.lua SOCKET WORD...

local json = require("wrapix.json")
local net = require("wrapix.net")

local words = { ... }
local socket = table.remove(words, 1)
local connection <close> = assert(net.connect_unix(socket))
assert(connection:write(json.encode({ version = 1, words = words }) .. "\n"))
local answer = assert(json.decode(assert(connection:read_line(1 << 20))))
io.stdout:write(answer.out)
io.stderr:write(answer.err)
return answer.status
