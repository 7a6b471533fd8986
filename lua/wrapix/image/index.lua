-- SPDX-License-Identifier: MIT
-- Which image each workspace uses: what its last session ran, or what was built for
-- it since. Starts write nothing here; the session record has what they ran. Only a
-- build notes its image, because no session may have used it yet.

local M = {}

local PRIVATE_DIR = tonumber("700", 8)
local LARGEST = 16384
-- Enough sessions to find each workspace's last one.
local MOST_SESSIONS = 20000

local function real_deps()
  return {
    fs = require("wrapix.fs"), json = require("wrapix.json"), record = require("wrapix.record"),
    sha256 = require("wrapix.sha256"), sys = require("wrapix.sys"),
  }
end

local function directory(facts) return facts.dirs.state .. "/images" end

--- The name of the profile in a reference of ours, or nil.
---@param ref any
---@return string?
function M.name(ref)
  return type(ref) == "string" and ref:match("^localhost/wrapix%-([a-z0-9-]+):%x+$") or nil
end

--- Notes that an image was made for a workspace. A failure costs the image when
--- somebody prunes before it is used, nothing else.
---@param ref string
---@param facts wrapix.Facts
---@param opts { deps: table? }?
function M.note(ref, facts, opts)
  local name, workspace = M.name(ref), facts.workspace and facts.workspace.path
  if not name or not workspace then return end
  local deps = opts and opts.deps or real_deps()
  local text = deps.json.encode({ version = 1, ref = ref, workspace = workspace,
    time = deps.sys.time() })
  if not text or not deps.fs.ensure_dir(directory(facts), PRIVATE_DIR) then return end
  local file = deps.sha256.hex(workspace .. "\0" .. name):sub(1, 16) .. ".json"
  deps.fs.write_atomic(directory(facts) .. "/" .. file, text .. "\n", { sync = false })
end

local function notes(facts, deps)
  local list = {}
  for _, file in ipairs(deps.fs.list(directory(facts)) or {}) do
    local text = file:find("^%x+%.json$") and deps.fs.read(directory(facts) .. "/" .. file, LARGEST)
    local entry = text and deps.json.decode(text, { max_depth = 2 })
    if type(entry) == "table" then list[#list + 1] = entry end
  end
  return list
end

-- The newest wins, whichever file it stands in.
local function add(latest, ref, workspace, time)
  local name = M.name(ref)
  if not name or type(workspace) ~= "string" or type(time) ~= "number" then return end
  local key = workspace .. "\0" .. name
  if not latest[key] or latest[key].time <= time then
    latest[key] = { ref = ref, workspace = workspace, time = time }
  end
end

--- The images workspaces use now. A workspace that is gone needs none.
---@param facts wrapix.Facts
---@param opts { deps: table? }?
---@return table<string, string[]>|nil workspaces by reference, sorted
---@return string? message
---@return string? code
function M.current(facts, opts)
  local deps = opts and opts.deps or real_deps()
  local sessions, message, code = deps.record.read(facts.dirs.state, { last = MOST_SESSIONS })
  if not sessions then return nil, message, code end
  local latest, out = {}, {}
  for _, entry in ipairs(sessions) do
    add(latest, entry.image, entry.workspace, entry["end"] or entry.start)
  end
  for _, entry in ipairs(notes(facts, deps)) do add(latest, entry.ref, entry.workspace, entry.time) end
  for _, entry in pairs(latest) do
    local stat = deps.fs.stat(entry.workspace)
    if stat and stat.type == "directory" then
      out[entry.ref] = out[entry.ref] or {}
      table.insert(out[entry.ref], entry.workspace)
    end
  end
  for _, list in pairs(out) do table.sort(list) end
  return out
end

return M
