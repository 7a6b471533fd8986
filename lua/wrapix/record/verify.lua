-- SPDX-License-Identifier: MIT
-- Goes over the lines of a session record once, in constant memory, and says what
-- is wrong with them. Pure: lines are fed in, nothing is read here.
--
-- A line that parses is as it was written, so numbers and digests of two such
-- lines tell what happened between them. One that does not parse waits for the
-- next whole line: that line lists the digests of the damage its writer found, so
-- a crash ("torn") is told from a later change ("changed").

local chain = require("wrapix.record.chain")

local M = {}

-- More than this nobody reads; they are still counted.
local MAX_PROBLEMS = 1000

---@class wrapix.RecordProblem
---@field line integer in the file, from 1
---@field kind "changed"|"missing"|"torn"|"moved"|"doubled"|"head"
---@field text string for people

---@class wrapix.RecordHead
---@field lines integer whole lines
---@field size integer bytes of the file
---@field last string digest of the last line

---@class wrapix.RecordWalk
---@field physical integer lines seen
---@field offset integer bytes seen
---@field chained boolean every whole line was the next one
---@field dropped integer damaged lines reported before they could be settled
---@field records integer whole lines seen
---@field top { line: integer, digest: string, physical: integer } highest whole line
---@field pending { physical: integer, digest: string, is_torn: boolean }[] damaged, since then
---@field problems wrapix.RecordProblem[]
---@field total integer problems found
local Walk = {}
Walk.__index = Walk

---@param head wrapix.RecordHead? what the head file says
---@param top { line: integer, digest: string }? where to start when not at the first line
---@return wrapix.RecordWalk
function M.new(head, top)
  top = top or { line = 0, digest = chain.ZEROS }
  return setmetatable({
    physical = 0, records = 0, offset = 0, head = head, pending = {}, dropped = 0,
    problems = {}, total = 0, chained = true,
    top = { line = top.line, digest = top.digest, physical = 0 },
  }, Walk)
end

function Walk:_report(physical, kind, text, more)
  self.total = self.total + 1
  if self.total > MAX_PROBLEMS then return end
  local problem = more or {}
  problem.line, problem.kind, problem.text = physical, kind, text
  self.problems[#self.problems + 1] = problem
end

local function plural(n, text) return ("%d %s"):format(n, n == 1 and text or text .. "s") end

-- Tells the damage that `link`'s writer owned up to from the rest. Returns how
-- many records were damaged later.
function Walk:_settle_pending(link)
  local listed, changed, gone = {}, self.dropped, 0
  for _, digest in ipairs(link.torn or {}) do listed[digest] = (listed[digest] or 0) + 1 end
  for _, line in ipairs(self.pending) do
    if (listed[line.digest] or 0) > 0 then
      listed[line.digest] = listed[line.digest] - 1
      self:_report(line.physical, "torn", "was torn by a crash while it was written")
    else
      changed = changed + 1
      self:_report(line.physical, "changed", "is not as it was written")
    end
  end
  for _, count in pairs(listed) do gone = gone + count end
  -- What a crash had left can have been changed later as well.
  local torn_changed = math.min(gone, changed)
  if gone > torn_changed then
    self:_report(self.physical, "missing", "what a crash had left before this line is gone")
  end
  self.pending, self.dropped = {}, 0
  return changed - torn_changed
end

-- A number that has been passed already: the line stood elsewhere, or twice.
function Walk:_take_late(link)
  for i, problem in ipairs(self.problems) do
    local from, to = problem.from, problem.to
    if from and link.line >= from and link.line <= to and not problem.found[link.line] then
      problem.found[link.line] = true
      problem.count = problem.count - 1
      problem.text = plural(problem.count, "line") .. " missing before this one"
      if problem.count == 0 then
        table.remove(self.problems, i)
        self.total = self.total - 1
      end
      local text = ("is record %d, in the wrong place"):format(link.line)
      return self:_report(self.physical, "moved", text)
    end
  end
  self:_report(self.physical, "doubled", ("is record %d once more"):format(link.line))
end

function Walk:_take_next(link, changed)
  local gap = link.line - self.top.line - 1
  local missing = gap - changed
  if missing > 0 then
    self:_report(self.physical, "missing", plural(missing, "line") .. " missing before this one",
      { from = self.top.line + 1, to = link.line - 1, count = missing, found = {} })
  elseif gap == 0 and link.prev ~= self.top.digest then
    local at = math.max(1, self.top.physical)
    self:_report(at, "changed", "was replaced: the next record was not written behind it")
  end
  if gap > 0 or link.prev ~= self.top.digest then self.chained = false end
end

function Walk:_take(link, digest)
  self.records = self.records + 1
  local changed = self:_settle_pending(link)
  if link.line <= self.top.line then
    self.chained = false
    return self:_take_late(link)
  end
  self:_take_next(link, changed)
  if link.head_lost then
    self:_report(self.physical, "head",
      "the head file was lost before this line, and lines at the end may have been")
  end
  if self.head and link.line == self.head.lines and digest ~= self.head.last then
    self:_report(self.physical, "head", "the head file knows another last line")
  end
  self.top = { line = link.line, digest = digest, physical = self.physical }
end

-- Behind what the head file vouches for, damage is what a crash left.
function Walk:_wait(text, ended)
  local is_torn = not ended
  if self.head then is_torn = self.offset >= self.head.size end
  local pending = self.pending
  pending[#pending + 1] = {
    physical = self.physical, digest = chain.digest(text), is_torn = is_torn,
  }
  if #pending <= chain.MAX_TORN then return end
  self:_report(table.remove(pending, 1).physical, "changed", "is not as it was written")
  self.dropped = self.dropped + 1
end

---Takes the next line.
---@param text string cut at chain.LIMIT
---@param ended boolean whether a newline ended it
---@param size integer its bytes
function Walk:feed(text, ended, size)
  self.physical = self.physical + 1
  local link = size == #text and chain.parse(text)
  if link then
    self:_take(link, chain.digest(text))
  else
    self:_wait(text, ended)
  end
  self.offset = self.offset + size + 1
end

function Walk:_check_head(has_head_file, changed)
  local head, top, after = self.head, self.top, self.physical + 1
  if not head then
    -- The first line without its head file is a crash; the next writer makes it.
    if has_head_file then
      self:_report(after, "head", "the head file cannot be read")
    elseif top.line > 1 then
      self:_report(after, "head", "the head file is missing: lines at the end may be, too")
    end
  elseif head.lines - top.line - changed > 0 then
    local count = head.lines - top.line - changed
    self:_report(after, "missing", plural(count, "line") .. " missing at the end")
  end
  -- A head that is behind is a crash or a full disk; the lines it does not know
  -- lead back to the one it knows.
end

---Ends the walk.
---@param has_head_file boolean
---@return { lines: integer, records: integer, ok: boolean, problems: wrapix.RecordProblem[],
--- total: integer } at most 1000 problems are listed
function Walk:finish(has_head_file)
  local changed = self.dropped
  for _, line in ipairs(self.pending) do
    if line.is_torn then
      self:_report(line.physical, "torn", "was torn by a crash while it was written")
    else
      changed = changed + 1
      self:_report(line.physical, "changed", "is not as it was written")
    end
  end
  self:_check_head(has_head_file, changed)
  for i, problem in ipairs(self.problems) do
    self.problems[i] = { line = problem.line, kind = problem.kind, text = problem.text }
  end
  table.sort(self.problems, function(a, b)
    if a.line ~= b.line then return a.line < b.line end
    return a.kind < b.kind
  end)
  return {
    lines = self.physical, records = self.records, ok = self.total == 0,
    problems = self.problems, total = self.total,
  }
end

return M
