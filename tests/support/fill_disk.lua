-- SPDX-License-Identifier: MIT
-- Fills the small file system that DIR is, adds sessions until there is no room,
-- makes room, makes it read-only, and says what record and verify think of it all.
-- Usage: build/wrapix --run tests/support/fill_disk.lua DIR

local fs = require("wrapix.fs")
local json = require("wrapix.json")
local proc = require("wrapix.proc")
local record = require("wrapix.record")

local dir = ...
local out = {}

local function add(id)
  return record.append(dir .. "/state", { session = id, pad = ("x"):rep(900) })
end

assert(add("first"))
-- Two pages of room, so that the disk gets full between two lines.
repeat local more = fs.append(dir .. "/filler", ("x"):rep(4096)) until not more
assert(proc.run({ "truncate", "-s", "-8K", dir .. "/filler" }))

local count, ok, message, code, hint = 1, true, nil, nil, nil
while ok and count < 100 do
  ok, message, code, hint = add("full" .. count)
  count = count + (ok and 1 or 0)
end
local size = fs.stat(dir .. "/state/sessions.jsonl").size
out.refused = { message = message, code = code, hint = hint, size = size }
out.again = select(3, add("again"))
out.written = count
out.text = fs.read(dir .. "/state/sessions.jsonl")
out.full = record.verify(dir .. "/state")

assert(fs.unlink(dir .. "/filler"))
assert(add("after"))
out.after = record.verify(dir .. "/state")

assert(proc.run({ "mount", "-o", "remount,bind,ro", dir }).code == 0)
ok, message, code, hint = add("never")
assert(not ok)
out.read_only = { message = message, code = code, hint = hint }
out.still = record.verify(dir .. "/state")
out.sessions = #record.read(dir .. "/state")
io.stdout:write(json.encode(out), "\n")
