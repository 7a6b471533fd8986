-- SPDX-License-Identifier: MIT
-- The raw stream of an attempt as a file: .wrapix/logs/SPEC/ISSUE/attempt-N.jsonl, or of
-- a hidden spec, which the stream quotes, the same below the project's directory on the
-- host. Each attempt has a file of its own that is never written again; old ones go. The
-- workspace is hostile, so no link is followed. Reads no event.

local states = require "ralph.state"
local wrapix = require "wrapix"

local M = {}

--- Bytes of one attempt's stream that are kept from its beginning; of what comes after them
--- only the end, in which the agent says how it went.
M.LARGEST, M.TAIL = 64 << 20, 256 << 10

local SHARED_DIR, PRIVATE_DIR = tonumber("755", 8), tonumber("700", 8)

-- Where the transcripts lie: in the work tree, and on the host.
local function roots(project)
  return { dir = project.root, top = ".wrapix/logs", mode = SHARED_DIR },
    { dir = project.dirs.state, top = "logs", mode = PRIVATE_DIR }
end

-- A state that cannot be read tells of no spec that it may be shown.
local function root_of(project, issue)
  local open, hidden = roots(project)
  local state = states.read(project)
  if not state then return hidden end
  local spec = issue.spec_id and state.specs[issue.spec_id]
  return spec and spec.hidden and hidden or open
end

-- Names in the tracker may be another program's; here they are names of files.
local function name_of(text, default)
  local name = (text or default):gsub("[^%w._-]", "-"):gsub("^%.+", "-")
  return name == "" and default or name:sub(1, 120)
end

--- The directory of an issue's transcripts, below that of all.
---@param issue { id: string, spec_id: string? }
---@return string rel
function M.dir(issue)
  return ("%s/%s"):format(name_of(issue.spec_id, "no-spec"), name_of(issue.id, "issue"))
end

-- The numbers that are taken.
local function newest(root, rel)
  local highest = 0
  for _, name in ipairs(wrapix.fs.list_beneath(root, rel) or {}) do
    local number = math.tointeger(tonumber(name:match("^attempt%-(%d+)%.jsonl$")))
    if number and number > highest then highest = number end
  end
  return highest
end

--- The next number that neither a file nor the record has.
---@param project ralph.Project
---@param issue table
---@param known integer the highest number that is known otherwise
---@return integer
function M.next_number(project, issue, known)
  for _, root in ipairs({ roots(project) }) do
    known = math.max(known, newest(root.dir, root.top .. "/" .. M.dir(issue)))
  end
  return known + 1
end

---@class ralph.Transcript
---@field shown string its path for people: below the workspace, or absolute
---@field failure string? why the rest of the stream is not in it
local Transcript = {}
Transcript.__index = Transcript

function Transcript:_append(text)
  if self.failure or text == "" then return end
  local ok, message = wrapix.fs.append_beneath(self._root, self._rel, text)
  if not ok then self.failure = message end
end

-- A line as those of the stream, which no agent writes.
local function cut_line(text)
  return wrapix.json.encode({ type = "wrapix", text = text }) .. "\n"
end

-- At the bound: what is there ends with a whole line, and says that more came.
function Transcript:_cut()
  self._tail = ""
  self:_append("\n" .. cut_line(("the stream is longer than %d bytes: only its end is kept"):format(M.LARGEST)))
end

--- Adds bytes of the stream. A disk that is full, or too much of it, ends the file, not the
--- attempt.
---@param chunk string
function Transcript:write(chunk)
  if self.failure then return end
  if not self._tail then
    local room = M.LARGEST - self._size
    self:_append(chunk:sub(1, room))
    self._size = self._size + math.min(#chunk, room)
    if #chunk <= room then return end
    self:_cut()
    chunk = chunk:sub(room + 1)
  end
  self._lost = self._lost + #chunk
  self._tail = self._tail .. chunk
  if #self._tail > 2 * M.TAIL then self._tail = self._tail:sub(-M.TAIL) end
end

--- Ends it: after the bound, with the last lines of the stream.
function Transcript:close()
  local tail = self._tail
  if not tail or self._is_closed then return end
  self._is_closed = true
  if #tail < self._lost or #tail > M.TAIL then tail = tail:sub(-M.TAIL):match("\n(.*)$") or "" end
  self:_append(cut_line(("%d bytes are left out"):format(self._lost - #tail)) .. tail)
end

--- Begins the transcript of an attempt.
---@param project ralph.Project
---@param issue table
---@param attempt integer
---@return ralph.Transcript?
---@return string? message
---@return string? code
function M.open(project, issue, attempt)
  local sys, root = wrapix.sys, root_of(project, issue)
  local dir = root.top .. "/" .. M.dir(issue)
  local ok, message, code = wrapix.fs.ensure_dir_beneath(root.dir, dir,
    { mode = root.mode, uid = sys.uid(), gid = sys.gid() })
  if not ok then return nil, "transcript: " .. message, code end
  local rel = ("%s/attempt-%d.jsonl"):format(dir, attempt)
  ok, message, code = wrapix.fs.append_beneath(root.dir, rel, "")
  if not ok then return nil, "transcript: " .. message, code end
  local shown = root.dir == project.root and rel or root.dir .. "/" .. rel
  return setmetatable({ shown = shown, _root = root.dir, _rel = rel, _size = 0, _lost = 0 },
    Transcript)
end

-- Those of one directory, or of those in it.
local function collect(root, rel, depth, found)
  local names, stats = wrapix.fs.list_beneath(root, rel)
  for i, name in ipairs(names or {}) do
    local stat, inner = stats[i], rel .. "/" .. name
    if stat.type == "directory" and depth > 0 then
      collect(root, inner, depth - 1, found)
    elseif stat.type == "file" and depth == 0 and name:find("^attempt%-%d+%.jsonl$") then
      found[#found + 1] = { root = root, rel = inner, issue = rel:match("[^/]+$"), spec = rel:match("([^/]+)/[^/]+$"),
        attempt = math.tointeger(tonumber(name:match("%d+"))), mtime = stat.mtime, size = stat.size }
    end
  end
  return found
end

local function collect_all(project)
  local found = {}
  for _, root in ipairs({ roots(project) }) do collect(root.dir, root.top, 2, found) end
  return found
end

--- All transcripts, the newest last; `rel` is below `root`.
---@param project ralph.Project
---@return { root: string, rel: string, issue: string, spec: string, attempt: integer, mtime: number, size: integer }[]
function M.all(project)
  local found = collect_all(project)
  table.sort(found, function(a, b)
    if a.mtime ~= b.mtime then return a.mtime < b.mtime end
    return a.rel < b.rel
  end)
  return found
end

--- Removes transcripts that are older than `seconds`. False keeps all.
---@param project ralph.Project
---@param seconds number|false
---@param now number
---@return integer removed
function M.prune(project, seconds, now)
  local removed = 0
  if not seconds then return removed end
  for _, one in ipairs(collect_all(project)) do
    -- Listing followed no link; what became one since then is left alone.
    local file = (wrapix.fs.realpath(one.root) or one.root) .. "/" .. one.rel
    if now - one.mtime > seconds and wrapix.fs.realpath(file) == file
      and wrapix.fs.remove_tree(file) then
      removed = removed + 1
    end
  end
  return removed
end

return M
