-- SPDX-License-Identifier: MIT
-- Checks that every function and method a C file registers by FN() or METHOD()
-- has a stub in docs/api/<mod>.lua and is mentioned in a spec, and that no stub
-- outlives its function. A mention is `mod.name` for a function, `:name` for a
-- method; where the Lua half shows it under another name, the stub says so in a
-- line `-- seen as: WORD`, and the word is looked for instead.
-- Usage: lua5.4 .ci/bindcov.lua [ROOT]; prints what is missing, exits 1 then.

local root = arg[1] or "."
local missing = {}

local function add(...) missing[#missing + 1] = string.format(...) end

local function read(path)
  local file = io.open(path)
  if not file then return nil end
  local text = file:read("a")
  file:close()
  return text
end

local function find(dir, pattern)
  local quoted = ("'%s'"):format((root .. "/" .. dir):gsub("'", "'\\''"))
  local list = assert(io.popen(("find %s -name '%s' | sort"):format(quoted, pattern)))
  local paths = {}
  for path in list:lines() do paths[#paths + 1] = path end
  list:close()
  return paths
end

local function quoted(word) return (word:gsub("%p", "%%%0")) end

-- Words a stub may be found by: "function mod.name(" and "function Class:name(".
local function stubs_of(text)
  local found, seen_as = {}, nil
  for line in text:gmatch("[^\n]+") do
    seen_as = line:match("^%-%- seen as: (%S+)$") or seen_as
    local sep, name = line:match("^function [%w_]+([.:])([%w_]+)%(")
    if name then
      found[sep .. name], seen_as = { seen_as = seen_as }, nil
    end
  end
  return found
end

local function registered_in(text)
  local found = {}
  for name in text:gmatch("%f[%w_]FN%(([%w_]+)%)") do found[#found + 1] = "." .. name end
  for name in text:gmatch("%f[%w_]METHOD%(([%w_]+)%)") do found[#found + 1] = ":" .. name end
  return found
end

local function is_mentioned(module, key, seen_as, specs)
  local name = quoted(seen_as or key:sub(2))
  local pattern = "%f[%w_]" .. name .. "%f[^%w_]"
  if not seen_as then
    local before = key:sub(1, 1) == ":" and ":" or ("%%f[%%w_]%s%%."):format(quoted(module))
    pattern = before .. name .. "%f[^%w_]"
  end
  return specs:find(pattern) ~= nil
end

local function check(module, path, specs)
  local stub = ("docs/api/%s.lua"):format(module)
  local stubs = stubs_of(read(root .. "/" .. stub) or "")
  local known = {}
  for _, key in ipairs(registered_in(read(path))) do
    known[key] = true
    local entry = stubs[key]
    if not entry then add("%s%s: no stub in %s", module, key, stub) end
    local seen_as = entry and entry.seen_as
    if not is_mentioned(module, key, seen_as, specs) then
      add("%s%s: in no spec", module, key)
    end
  end
  for key in pairs(stubs) do
    if not known[key] then add("%s%s: %s has a stub, %s no such function", module, key, stub, path) end
  end
  return next(known) ~= nil
end

local texts = {}
for _, path in ipairs(find("tests", "*_spec.lua")) do texts[#texts + 1] = read(path) end
local specs = table.concat(texts, "\n")

local checked = 0
for _, path in ipairs(find("src/api", "l*.c")) do
  if check(path:match("l([%w_]+)%.c$"), path, specs) then checked = checked + 1 end
end
if check("host", root .. "/src/host.c", specs) then checked = checked + 1 end
-- Nothing found means that this program looks in the wrong place.
if checked == 0 then add("no C module found below %s", root) end

table.sort(missing)
for _, line in ipairs(missing) do print("bindcov: " .. line) end
os.exit(#missing == 0)
