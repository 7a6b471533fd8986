-- SPDX-License-Identifier: MIT
-- Goes over the lines of a session record once, in constant memory, and says what
-- is wrong with them. Pure: lines are fed in, nothing is read here.
--
-- A line that parses is as it was written, so numbers and digests of two such
-- lines tell what happened between them. One that does not parse was changed,
-- but for a piece without an end behind all that the head file vouches for: no
-- writer has said that it is in, so that is what a crash leaves ("torn").

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
---@field changed integer damaged lines since the last whole one
---@field piece { physical: integer, offset: integer }? a damaged last line without an end
---@field records integer whole lines seen
---@field top { line: integer, digest: string, physical: integer } highest whole line
---@field problems wrapix.RecordProblem[]
---@field total integer problems found
local Walk = {}
Walk.__index = Walk

---@param head wrapix.RecordHead? what the head file says
---@param has_head boolean whether there is such a file
---@param from_head boolean? begin behind what it vouches for
---@return wrapix.RecordWalk
function M.new(head, has_head, from_head)
  local start = from_head and head or { lines = 0, last = chain.ZEROS, size = 0 }
  return setmetatable({
    physical = 0, records = 0, offset = start.size, head = head, has_head = has_head,
    changed = 0, problems = {}, total = 0, chained = true,
    top = { line = start.lines, digest = start.last, physical = 0 },
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

function Walk:_take_next(link)
  local gap = link.line - self.top.line - 1
  local missing = gap - self.changed
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
  if link.line <= self.top.line then
    self.chained, self.changed = false, 0
    return self:_take_late(link)
  end
  self:_take_next(link)
  self.changed = 0
  if link.head_lost then
    self:_report(self.physical, "head",
      "the head file was lost before this line, and lines at the end may have been")
  end
  if self.head and link.line == self.head.lines and digest ~= self.head.last then
    self:_report(self.physical, "head", "the head file knows another last line")
  end
  self.top = { line = link.line, digest = digest, physical = self.physical }
end

function Walk:_damaged(physical)
  self.changed = self.changed + 1
  self:_report(physical, "changed", "is not as it was written")
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
  elseif ended then
    self:_damaged(self.physical)
  else
    self.piece = { physical = self.physical, offset = self.offset }
  end
  self.offset = self.offset + size + 1
end

---Where the piece begins that a crash left behind the last line, if there is one.
---@return integer|nil offset
function Walk:torn_at()
  local piece, head = self.piece, self.head
  if not piece then return nil end
  local behind_all
  if head then
    behind_all = piece.offset >= head.size and self.top.line >= head.lines
  else -- the first writer makes the head file after its line
    behind_all = not self.has_head and self.top.line <= 1
  end
  return behind_all and piece.offset or nil
end

function Walk:_check_head()
  local head, top, after = self.head, self.top, self.physical + 1
  if not head then
    -- The first line without its head file is a crash; the next writer makes it.
    if self.has_head then
      self:_report(after, "head", "the head file cannot be read")
    elseif top.line > 1 then
      self:_report(after, "head", "the head file is missing: lines at the end may be, too")
    end
  elseif head.lines - top.line - self.changed > 0 then
    local count = head.lines - top.line - self.changed
    self:_report(after, "missing", plural(count, "line") .. " missing at the end")
  end
  -- A head that is behind is a crash or a full disk; the lines it does not know
  -- lead back to the one it knows.
end

---Ends the walk.
---@return { lines: integer, records: integer, ok: boolean, problems: wrapix.RecordProblem[],
--- total: integer } at most 1000 problems are listed
function Walk:finish()
  if self:torn_at() then
    self:_report(self.piece.physical, "torn", "was torn by a crash while it was written")
  elseif self.piece then
    self:_damaged(self.piece.physical)
  end
  self:_check_head()
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
