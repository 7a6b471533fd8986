-- SPDX-License-Identifier: MIT
-- A project with an agent that is a function, for specs of the phases: what it was given
-- is kept, and what it returns is how it ended.

local places = require("unit.ralph.place")
local projects = require("ralph.project")
local wrapix = require("wrapix")

local M = {}

M.FILLED = "# Shop\n\n## Problem\nNone.\n\n## Requirements\n- A cart.\n\n"
  .. "## Acceptance criteria\n- [ ] It sells.\n\n## Out of scope\nNothing.\n"

--- Makes the place, the project, and the agent's place in the library.
---@param act fun(opts: table, n: integer): table|nil, string?, string?, string?
function M.new(act)
  local place = places.new()
  place.log = places.log()
  place.project = assert(projects.open(place.root, { log = place.log }))
  place.project.sandbox = function() return { is_box = true } end
  place.runs = {}
  local real = wrapix.agent
  local function run(kind)
    return function(box, opts)
      assert(box.is_box)
      opts.kind = kind
      table.insert(place.runs, opts)
      return act(opts, #place.runs)
    end
  end
  rawset(wrapix, "agent", { run = run("run"), talk = run("talk") })
  local close = place.close
  function place:close()
    rawset(wrapix, "agent", real)
    close(self)
  end
  return place
end

return M
