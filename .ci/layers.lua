-- SPDX-License-Identifier: MIT
-- Checks the arrows of docs/architecture.md over the `require`s of lua/: no
-- circle, a C module only from its pair, nothing but `wrapix` from lua/ralph.
-- Usage: lua5.4 .ci/layers.lua [ROOT]; prints what breaks a rule, exits 1 then.

local root = arg[1] or "."
local edges, broken = {}, {}

local function module_name(path)
  return (path:gsub("^.*/lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", "."))
end

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("a")
  file:close()
  return text
end

local function check_c_module(from, to)
  local wanted = to:gsub("%._c%.", ".")
  if from ~= wanted then
    broken[#broken + 1] = ("%s requires %s; only %s may"):format(from, to, wanted)
  end
end

local function scan(path)
  local from = module_name(path)
  edges[from] = {}
  -- A module that is loaded later (wrapix.lazy) is an arrow as well.
  local text = read(path):gsub('"%l+%.lazy"%)?%s*%(?', ""):gsub("%f[%w]lazy%s*%(?%s*([\"'])", "require%1")
  for to in text:gmatch("require%s*%(?%s*[\"']([%w_.]+)[\"']") do
    if to:find("%._c%.") then
      check_c_module(from, to)
    elseif from:find("^ralph") and to ~= "wrapix" and not to:find("^ralph") then
      broken[#broken + 1] = ("%s requires %s; only the public library is allowed"):format(from, to)
    else
      edges[from][to] = true
    end
  end
end

local list = assert(io.popen(("find '%s/lua' -name '*.lua' | sort"):format(root)))
for path in list:lines() do scan(path) end
list:close()

local state = {}
local function visit(name, trail)
  if state[name] == "open" then
    broken[#broken + 1] = "circle: " .. table.concat(trail, " → ") .. " → " .. name
    return
  end
  if state[name] or not edges[name] then return end
  state[name] = "open"
  trail[#trail + 1] = name
  for to in pairs(edges[name]) do visit(to, trail) end
  trail[#trail] = nil
  state[name] = "done"
end
-- The facades load their parts on first use, so an arrow back to a part is none.
edges["wrapix"], edges["wrapix.image"] = {}, {}
for name in pairs(edges) do visit(name, {}) end

table.sort(broken)
for _, line in ipairs(broken) do print(line) end
os.exit(#broken == 0)
