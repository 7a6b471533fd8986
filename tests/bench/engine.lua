-- SPDX-License-Identifier: MIT
-- `wrapix -- true` against the same `podman run` by hand, in pairs, on a real
-- engine. Removes what it makes; the image has to be there.

local figures = require("bench.figures")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local measure = require("bench.measure")
local owner = require("wrapix.owner")
local path = require("wrapix.path")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")

local M = {}

local WARM_UPS = 2

local function has_image(ref)
  local podman = sys.which(sys.env("WRAPIX_PODMAN") or "podman")
  if not podman then return nil, "no podman on PATH" end
  local result = proc.run({ podman, "image", "exists", ref }, { stdin = "null", timeout = 60 })
  if not result or result.code ~= 0 then return nil, ("image %s is not there"):format(ref) end
  return true
end

-- The command line of a start, and the session's directory it mounts, which a
-- start by hand has to have made before.
local function by_hand(ours, workspace)
  local words = table.move(ours, 2, #ours, 3, { ours[1], "explain" })
  table.insert(words, 3, "--json")
  local result = assert(proc.run(words, { cwd = workspace, stdin = "null", timeout = 120 }))
  if result.code ~= 0 then return nil, nil, result.stderr end
  local found = assert(json.decode(result.stdout))
  for _, mount in ipairs(found.plan.mounts) do
    if mount.dest == "/run/wrapix" then return found.argv, mount.source, found.plan end
  end
end

local function make_session(dir, plan)
  assert(fs.ensure_dir(dir, tonumber("700", 8)))
  assert(owner.write(path.dirname(dir) .. "/owner")) -- else a start takes it for a dead one's
  for _, name in ipairs({ "bin", "out" }) do
    assert(fs.mkdir(dir .. "/" .. name, tonumber("755", 8)))
  end
  assert(fs.write_atomic(dir .. "/context.json", "{}\n", { mode = tonumber("644", 8) }))
  if plan.user.mode == "direct" then
    assert(fs.chmod(dir, tonumber("755", 8)))
    assert(fs.chown(dir .. "/out", plan.user.uid, plan.user.gid))
  end
end

-- A B B A …: whatever a start leaves warm or cold for the next one hits both.
local function pairs_of(ours, theirs, opts, workspace)
  local tool, how = opts.tools .. "/measure", { cwd = workspace }
  local times = { [ours] = {}, [theirs] = {} }
  for i = 1, opts.runs + WARM_UPS do
    local first, second = ours, theirs
    if i % 2 == 0 then first, second = theirs, ours end
    for _, argv in ipairs({ first, second }) do
      local runs, message = measure.runs(tool, 1, argv, how)
      if not runs then return nil, message end
      if i > WARM_UPS then table.insert(times[argv], runs[1].seconds) end
    end
  end
  return times[ours], times[theirs]
end

local function compare(opts, workspace)
  local ours = { opts.program, "--image", opts.image, "--", "true" }
  -- Also makes what a first start makes: caches, and the image's copy for the user.
  local warm, problem = measure.runs(opts.tools .. "/measure", 1, ours, { cwd = workspace })
  if not warm then return nil, problem end
  local theirs, session, plan = by_hand(ours, workspace)
  if not theirs then return nil, plan end
  make_session(session, plan)
  local _ <close> = setmetatable({}, { __close = function() fs.remove_tree(path.dirname(session)) end })
  local wrapix, podman = pairs_of(ours, theirs, opts, workspace)
  if not wrapix then return nil, podman end
  return {
    wrapix = figures.summary(wrapix), podman = figures.summary(podman),
    ratio = figures.ratios(wrapix, podman), image = opts.image, runs = opts.runs,
  }
end

--- Measures.
---@param opts { program: string, tools: string, runs: integer, image: string }
---@return { wrapix: table, podman: table, ratio: table, image: string, runs: integer }|nil
---@return string? message
function M.run(opts)
  local ok, message = has_image(opts.image)
  if not ok then return nil, message end
  local workspace = assert(fs.temp_dir("wrapix-bench-"))
  local _ <close> = setmetatable({}, { __close = function() fs.remove_tree(workspace) end })
  local found, problem = compare(opts, workspace)
  return found, problem
end

return M
