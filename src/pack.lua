-- SPDX-License-Identifier: MIT
-- Build tool: turns files into one sorted C table (host.h, wx_scripts).
-- Usage: lua5.4 src/pack.lua OUTPUT NAME=FILE...
-- Source text, not bytecode: errors show lines, and the binary stays auditable.
-- Modules lose comments and indentation (strip.lua); profiles are for reading.

package.path = arg[0]:gsub("pack%.lua$", "?.lua;") .. arg[0]:gsub("src/pack%.lua$", "lua/?.lua;")
  .. package.path
local strip = require("strip").strip

local output = assert(arg[1], "usage: pack.lua OUTPUT NAME=FILE...")
local entries = {}
for i = 2, #arg do
  local name, path = arg[i]:match("^([^=]+)=(.+)$")
  assert(name, "not NAME=FILE: " .. arg[i])
  local file = assert(io.open(path, "rb"))
  local data = file:read("a")
  if name:find("%.lua$") and not name:find("^profiles/") then data = strip(data) end
  entries[#entries + 1] = { name = name, data = data }
  file:close()
end
-- The static helpers are written to a cache under the digest of them all, so
-- that a start needs to compute none.
local sha256 = require("sha256")
local guests = {}
for _, entry in ipairs(entries) do
  if entry.name:match("^guest/") then guests[#guests + 1] = entry.name .. "\0" .. entry.data end
end
table.sort(guests)
local digest = sha256.hex(table.concat(guests, "\0"))
entries[#entries + 1] = { name = "guest/digest", data = digest }

table.sort(entries, function(a, b) return a.name < b.name end)

local out = { "// Made by src/pack.lua; do not edit.\n", '#include "host.h"\n' }
for i, entry in ipairs(entries) do
  assert(i == 1 or entries[i - 1].name ~= entry.name, "twice: " .. entry.name)
  local bytes = {}
  for at = 1, #entry.data, 24 do
    bytes[#bytes + 1] = table.concat({ entry.data:byte(at, at + 23) }, ",")
  end
  -- One byte more, so that an empty file is no empty initializer.
  out[#out + 1] = ("static const unsigned char f%d[] = {\n%s,0};\n"):format(i,
    #bytes > 0 and table.concat(bytes, ",\n") or "0")
end
out[#out + 1] = "const struct wx_script wx_scripts[] = {\n"
for i, entry in ipairs(entries) do
  out[#out + 1] = ("{%q, f%d, %d},\n"):format(entry.name, i, #entry.data)
end
out[#out + 1] = "};\nconst size_t wx_scripts_count = sizeof wx_scripts / sizeof wx_scripts[0];\n"

local file = assert(io.open(output, "wb"))
assert(file:write(table.concat(out)))
assert(file:close())
