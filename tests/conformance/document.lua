-- SPDX-License-Identifier: MIT
-- document.lua columns            what a full run goes through: RUNTIME VERSION HOST a line
-- document.lua write RESULTS...   makes docs/conformance.md out of the results of full runs;
-- those of a part of the list are refused. The text itself is table.lua's.

local here = debug.getinfo(1, "S").source:match("^@(.*)document%.lua$")
local fs = require("wrapix.fs")
local root = assert(fs.realpath(here)):gsub("/tests/conformance$", "")
package.path = ("%s/tests/?.lua;%s"):format(root, package.path)
_G.WRAPIX_ROOT = root

local json = require("wrapix.json")
local targets = require("conformance.targets")

local function columns()
  for _, one in ipairs(targets.columns) do
    print(("%s %s %s"):format(one.runtime, one.version or "-", one.host))
  end
  return 0
end

local function write(...)
  local results = {}
  for _, path in ipairs({ ... }) do
    local result = assert(json.decode(assert(fs.read(path))))
    if not result.complete then error(path .. ": is of a part of the list", 0) end
    results[#results + 1] = result
  end
  local text = require("conformance.table").document(require("conformance.list"), results)
  assert(fs.write_atomic(root .. "/docs/conformance.md", text))
  return 0
end

local verb = ...
if verb == "columns" then return columns() end
if verb == "write" then return write(select(2, ...)) end
error("usage: document.lua columns | write RESULTS...", 0)
