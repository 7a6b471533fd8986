-- SPDX-License-Identifier: MIT
-- The sandboxes there are: the engine's containers joined with the session
-- directories, since neither alone tells the truth: a container may outlive its
-- launcher, a directory its container. Reads only; what to do about a dead one is
-- reap.lua's, gc's and stop's.

local fs = require("wrapix.fs")
local nearest = require("wrapix.nearest")
local owners = require("wrapix.owner")
local path = require("wrapix.path")
local proc = require("wrapix.proc")
local reap = require("wrapix.reap")
local runtimes = require("wrapix.runtime")
local sys = require("wrapix.sys")

local M = {}

---@alias wrapix.LiveState
---| "starting" its launcher is at work, no program runs yet (an image may be building)
---| "running"
---| "paused"
---| "ending" the program has ended; its launcher is clearing up
---| "exited" ended and kept, as --keep asks
---| "orphaned" its launcher is dead, the container is not gone
---| "dead" its launcher is dead and there is no container; the next start clears up

---@class wrapix.Live
---@field session string
---@field name string of the container
---@field state wrapix.LiveState
---@field profile string?
---@field workspace string?
---@field image string?
---@field network string?
---@field owner { pid: integer?, state: "alive"|"dead"|"unknown", alive: boolean, start: string? }
---@field detach boolean
---@field keep boolean
---@field tty boolean
---@field start number? seconds since 1970
---@field uptime number? seconds the program has been running
---@field exit integer? of one that has exited
---@field id string? of the container; none: there is no container
---@field dir string? its session directory; none: there is none
---@field log string? file of the output of a detached one
---@field runtime string? name; none: Podman
---@field engine { path: string, oci_runtime: string?, version: integer[]? }

-- Later than any start; what the engine gives for "never" is long before 1970.
local function time_of(value) return type(value) == "number" and value > 0 and value or nil end

local function string_of(value) return type(value) == "string" and value or nil end

-- With a program in it.
local RUNS = { running = true, paused = true, ending = true }

local function fail(runtime, reason)
  return nil, ("list sandboxes: %s: %s"):format(runtime.name == "podman" and "engine"
    or runtime.name, reason), "EENGINE"
end

local function ask_engine(engine)
  local runtime = runtimes.of(engine.name)
  local result, message, code = proc.run(runtime.list_argv(engine), { timeout = 60, grace = 1 })
  if not result then return nil, message, code end
  -- No service, no program that runs.
  if result.code ~= 0 and runtime.is_down(result.stderr) then return {} end
  if result.code ~= 0 then
    return fail(runtime, result.stderr:match("([^\n]+)%s*$") or runtime.name .. " failed")
  end
  local containers
  containers, message = runtime.containers(result.stdout, engine)
  if not containers then return fail(runtime, message) end
  return containers
end

-- What sessions were started with beside the runtime of this start. One whose program is
-- gone has no containers either.
local function other_engines(facts, places)
  local list, seen = {}, { [facts.engine.name or "podman"] = true }
  for _, place in pairs(places) do
    local info = place.info or {}
    local name, engine = info.runtime or "podman", info.engine
    if not seen[name] and runtimes.is_known(name) and type(engine) == "table"
      and string_of(engine.path) and fs.access(engine.path, "x") then
      seen[name] = true
      list[#list + 1] = { name = name, path = engine.path, version = engine.version }
    end
  end
  return list
end

local function ask_engines(facts, places)
  local containers, message, code = ask_engine(runtimes.engine(facts))
  if not containers then return nil, message, code end
  for _, engine in ipairs(other_engines(facts, places)) do
    local more
    more, message, code = ask_engine(engine)
    if not more then return nil, message, code end
    for session, container in pairs(more) do
      container.runtime, containers[session] = engine.name, container
    end
  end
  return containers
end

-- Somebody else's directory may say anything.
local function is_ours(dir)
  local stat = fs.lstat(dir)
  return stat and stat.type == "directory" and stat.uid == sys.euid()
end

local function directories(dirs)
  local base, out = dirs.runtime .. "/sessions", {}
  for _, id in ipairs(fs.list(base) or {}) do
    local dir = base .. "/" .. id
    if is_ours(dir) then
      local info, who = reap.read(dir)
      out[id] = {
        dir = dir, info = info, owner = who, has_lease = fs.exists(dir .. "/run/lease.sock"),
        has_started = fs.exists(dir .. "/started"),
      }
    end
  end
  return out
end

local function owner_of(who)
  local state = who and owners.state(who) or "unknown"
  return { pid = who and who.pid, start = who and who.start, state = state,
    alive = state == "alive" }
end

local function state_without_container(place, owner)
  if owner.state == "dead" then return "dead" end
  -- The launcher takes the socket away when the sandbox has ended.
  return (place.has_lease or not place.info) and "starting" or "ending"
end

local function state_of(container, place, owner, keep)
  if not container then return state_without_container(place, owner) end
  local runs = RUNS[container.state] and container.state
  if owner.state == "dead" then
    if keep and not runs then return "exited" end
    return "orphaned"
  end
  -- Without a directory only a live owner speaks for it: another runtime directory
  -- of the same user.
  if not place and not owner.alive then return "orphaned" end
  if runs then return runs end
  if container.state == "created" then return "starting" end
  return keep and "exited" or "ending"
end

local function engine_of(facts, info)
  if info and type(info.engine) == "table" and string_of(info.engine.path) then
    return info.engine, runtimes.is_known(info.runtime) and info.runtime or nil
  end
  local engine = runtimes.engine(facts)
  return engine, engine.name
end

local function join(facts, session, container, place)
  local info = place and place.info or {}
  local who = place and place.owner
  if not who and container and container.owner then who = owners.decode(container.owner) end
  local from = container or {}
  local owner, keep = owner_of(who), info.keep == true or from.keep == true
  local state = state_of(container, place, owner, keep)
  local runs = state == "running" or state == "paused" or state == "orphaned"
    and RUNS[from.state] ~= nil
  local engine, runtime = engine_of(facts, place and place.info)
  return {
    session = session, name = from.name or string_of(info.name) or session, state = state,
    profile = string_of(info.profile) or from.profile,
    workspace = string_of(info.workspace) or from.workspace,
    image = string_of(info.image) or from.image, network = string_of(info.network),
    owner = owner, detach = info.detach == true, keep = keep, tty = info.tty == true,
    start = time_of(info.start) or from.started or from.created,
    uptime = runs and from.started and math.max(0, sys.time() - from.started) or nil,
    exit = state == "exited" and from.exit or nil,
    id = from.id, dir = place and place.dir, log = string_of(info.log),
    engine = engine, runtime = runtime,
  }
end

---Lists the sandboxes of this user, the oldest first.
---@param facts wrapix.Facts
---@return wrapix.Live[]|nil
---@return string? message
---@return string? code
function M.list(facts)
  local before = directories(facts.dirs)
  local containers, message, code = ask_engines(facts, before)
  if not containers then return nil, message, code end
  local places, list = directories(facts.dirs), {}
  for session, container in pairs(containers) do
    -- A directory that went away meanwhile took its container with it.
    if places[session] or not before[session] then
      list[#list + 1] = join(facts, session, container, places[session])
    end
  end
  for session, place in pairs(places) do
    if not containers[session] and (place.info or place.owner) then
      list[#list + 1] = join(facts, session, nil, place)
    end
  end
  table.sort(list, function(a, b)
    if (a.start or 0) ~= (b.start or 0) then return (a.start or 0) < (b.start or 0) end
    return a.session < b.session
  end)
  return list
end

-- Finding one by what a person types -----------------------------------------------------

-- From the exact to the convenient; the first way that finds something decides.
local WAYS = {
  function(live, word) return live.name == word or live.session == word end,
  function(live, word)
    return live.name:sub(1, #word) == word or live.session:sub(1, #word) == word
  end,
  -- Names that nobody chose begin with the program's.
  function(live, word) return live.name:sub(1, #word + 7) == "wrapix-" .. word end,
}

-- Those the first way finds that finds any.
local function matches(list, word)
  for _, is_one in ipairs(WAYS) do
    local found = {}
    for _, live in ipairs(list) do
      if is_one(live, word) then found[#found + 1] = live end
    end
    if found[1] then return found end
  end
  return {}
end

-- A name is used again when what had it before has left no more than a directory.
local function without_dead(found, word)
  local rest = {}
  for _, live in ipairs(found) do
    if live.name ~= word then return found end
    if live.state ~= "dead" then rest[#rest + 1] = live end
  end
  return rest[1] and rest or found
end

local function ambiguous(word, found)
  local names, seen = {}, {}
  for _, live in ipairs(found) do seen[live.name] = (seen[live.name] or 0) + 1 end
  for i, live in ipairs(found) do
    names[i] = path.show(seen[live.name] > 1 and live.session or live.name)
  end
  table.sort(names)
  local message = ("find: %s: fits %d sandboxes"):format(path.show(word), #names)
  return nil, message, "EUSAGE", "one of " .. table.concat(names, ", ")
end

---Finds a sandbox by the name of its container, its session, or a prefix of either
---that fits one only.
---@param list wrapix.Live[]
---@param word string
---@return wrapix.Live|nil
---@return string? message
---@return string? code "ENOENT" unknown, "EUSAGE" ambiguous
---@return string? hint
function M.find(list, word)
  if word == "" then return nil, "find: a name is missing", "EUSAGE", "`wrapix ps` lists the names" end
  local found = matches(list, word)
  if #found > 1 then found = without_dead(found, word) end
  if #found == 1 then return found[1] end
  if #found > 1 then return ambiguous(word, found) end
  local names = {}
  for _, live in ipairs(list) do names[#names + 1] = live.name end
  return nil, ("find: %s: no such sandbox%s"):format(path.show(word), nearest.hint(word, names)),
    "ENOENT", "`wrapix ps` lists the names"
end

-- Its launcher lives, has heard that the program runs, and not that it ended.
local function is_up(place)
  local info = place.info
  return info and type(info.engine) == "table" and string_of(info.engine.path) ~= nil
    and place.has_started and place.has_lease
    and place.owner ~= nil and owners.state(place.owner) == "alive"
end

---Finds a sandbox by what its launcher says alone, for who asks the engine next in
---any case and takes its refusal for an answer: no engine process is started.
---@param dirs { runtime: string }
---@param word string as for `find`
---@return wrapix.Live|nil nil: none, several, or not sure to run; the engine has to be asked
function M.known(dirs, word)
  if word == "" then return nil end
  local places, list = directories(dirs), {}
  for session, place in pairs(places) do
    list[#list + 1] = { session = session, name = string_of(place.info and place.info.name) or session }
  end
  local found = matches(list, word)
  local place = #found == 1 and places[found[1].session]
  if not place or not is_up(place) then return nil end
  local live = join(nil, found[1].session, nil, place)
  live.state = "running"
  return live
end

---What a runtime's commands about one container want to know of it.
---@param live wrapix.Live
---@return table plan
function M.plan(live)
  return { name = live.id or live.name, runtime = live.runtime, engine = live.engine,
    workspace = { dest = "/workspace" } }
end

return M
