-- SPDX-License-Identifier: MIT
-- One state of the list, as it was read and with what is to be changed in it: issues by
-- id, and what `ready` needs of all. Issues stand in the text in the order of their ids,
-- so that one is found by halving, and a change replaces one line of it.

local entries = require "ralph.tracker.entries"
local index = require "ralph.tracker.index"
local lines = require "ralph.tracker.lines"
local times = require "ralph.tracker.times"
local wrapix = require "wrapix"

local M = {}

---@class ralph.Text
---@field size integer bytes of the body
---@field tail integer bytes behind it
---@field load fun(): string, string body and tail
---@field read fun(at: integer, length: integer): string a part of it, from an offset

---@class ralph.View
---@field fp string what tells this state of the file from any other; "none": no file
---@field count integer issues
---@field overlay table<string, ralph.Entry> what changed since the index was written
---@field overlay_size integer
---@field a integer sums over the digests of all lines: the same for the same content
---@field b integer
---@field is_canonical boolean
---@field pending table<string, string> id → new line
---@field pending_count integer
---@field growth integer bytes that what is pending adds at the most
---@field _text ralph.Text where the text comes from while it is not here
---@field _places table<string, { start: integer, stop: integer? }> what was looked for
---@field _index (fun(): string?)? the text of the index
---@field _all ralph.Entry[]? what the list was read to, where it was
local View = {}
View.__index = View

-- Content -------------------------------------------------------------------------------

--- The two words that a line adds to the sums of a list. Sums, so that a change of one
--- line of ten thousand costs one digest.
---@param line string
---@return integer, integer
function M.words(line)
  local hex = wrapix.sha256.hex(line)
  return tonumber(hex:sub(1, 16), 16), tonumber(hex:sub(17, 32), 16)
end

--- The sums of a whole list.
---@param body string
---@param tail string
---@return integer, integer
function M.sums(body, tail)
  local a, b = 0, 0
  if tail ~= "" then a, b = M.words(tail) end
  for line in body:gmatch("[^\n]+") do
    local x, y = M.words(line)
    a, b = a + x, b + y
  end
  return a, b
end

--- The lines of all issues, each with its end, as they were read.
---@return string
function View:body()
  if not self._body then self._body, self._tail = self._text.load() end
  return self._body
end

--- The lines behind them, of another `_type`.
---@return string
function View:tail()
  self:body()
  return self._tail
end

-- Finding -------------------------------------------------------------------------------

-- So much is read at once where the text is not there yet.
local CHUNK = 8192

-- The body from a place on, as far as wanted, and whether that is all there is.
local function part(view, place, length)
  if view._body then return view._body, place - 1, true end
  local rest = view._text.size - (place - 1)
  local want = math.min(length, rest)
  return want > 0 and view._text.read(place - 1, want) or "", 0, want == rest
end

-- The place of the next end of a line.
local function line_end(view, place)
  local length = CHUNK
  while true do
    local text, skip, is_all = part(view, place, length)
    local stop = text:find("\n", skip + 1, true)
    if stop then return place + stop - skip - 1 end
    if is_all then return nil end
    length = length * 4
  end
end

-- The id on the line that begins here; ids are short, and stand first.
local function id_at(view, start)
  local text, skip = part(view, start, 256)
  return text:match('^{"id":"([^"]*)"', skip + 1)
end

-- The beginning of the first line at or behind a place, and the id on it.
local function line_at(view, place)
  if place == 1 then return 1, id_at(view, 1) end
  local text, skip = part(view, place - 1, CHUNK)
  local stop = text:find("\n", skip + 1, true)
  local id = stop and text:match('^{"id":"([^"]*)"', stop + 1)
  if id then return place + stop - skip - 1, id end
  stop = line_end(view, place - 1)
  local start = stop and stop + 1 or view:size() + 1
  return start, id_at(view, start)
end

--- Bytes of the lines behind the body.
---@return integer
function View:tail_size() return self._body and #self._tail or self._text.tail end

--- Whether parts of the file may have been read, rather than all of it.
---@return boolean
function View:is_partial() return self._body == nil end

--- Whether the entries of all issues are here.
---@return boolean
function View:knows_all() return self._list ~= nil end

--- Bytes of the body.
---@return integer
function View:size() return self._body and #self._body or self._text.size end

--- Where an issue stands, or would.
---@param id string
---@return integer start
---@return integer? stop its line's end; nil when it is not there
function View:locate(id)
  local place = self._places[id]
  if place then return place.start, place.stop end
  local low, high = 1, self:size() + 1
  while low < high do
    local middle = (low + high) // 2
    local _, found = line_at(self, middle)
    if not found or found >= id then high = middle else low = middle + 1 end
  end
  local start, found = line_at(self, low)
  local stop = found == id and line_end(self, start) or nil
  self._places[id] = { start = start, stop = stop }
  return start, stop
end

--- Whether there is an issue with this id.
---@param id string
---@return boolean
function View:has(id)
  if self._map then return self._map[id] ~= nil end
  if self.pending[id] or self.overlay[id] then return true end
  local _, stop = self:locate(id)
  return stop ~= nil
end

--- The line of an issue, without its end.
---@param id string
---@return string?
function View:line(id)
  if self.pending[id] then return self.pending[id] end
  local start, stop = self:locate(id)
  if not stop then return nil end
  local text, skip = part(self, start, stop - start)
  return text:sub(skip + 1, skip + stop - start)
end

--- An issue as a table of its own.
---@param id string
---@return table?
function View:issue(id)
  local line = self:line(id)
  return line and assert(lines.decode(line)) or nil
end

-- From so many on, one read of the whole costs less than those of the parts.
local MANY = 8

--- Issues as tables of their own.
---@param ids string[]
---@return table[] list
function View:issues(ids)
  if #ids > MANY then self:body() end
  local list = wrapix.json.array()
  for i, id in ipairs(ids) do list[i] = self:issue(id) end
  return list
end

--- Ids that begin with a text, two at most.
---@param prefix string
---@return string[]
function View:beginning(prefix)
  local found, start = {}, self:locate(prefix)
  while #found < 2 do
    local id = id_at(self, start)
    if not id or id:sub(1, #prefix) ~= prefix then break end
    found[#found + 1] = id
    start = (line_end(self, start) or self:size()) + 1
  end
  return found
end

-- Entries -------------------------------------------------------------------------------

local function from_body(view)
  local list = {}
  for line in view:body():gmatch("[^\n]+") do
    list[#list + 1] = entries.of(assert(lines.decode(line)))
  end
  return list
end

-- The text of the index, read once; nil when there is none that goes with this state.
local function base_of(view)
  if view._base == nil then view._base = view._index and view._index() or false end
  return view._base or nil
end

local function load_entries(view)
  local base = not view._all and base_of(view)
  local list = view._all or base and index.all(base) or from_body(view)
  local map = {}
  for i = 1, #list do map[list[i].id] = i end
  for id, entry in pairs(view.overlay) do
    local place = map[id] or #list + 1
    list[place], map[id] = entry, place
  end
  view._list, view._map = list, map
end

--- What must be known of all issues, in no order.
---@return ralph.Entry[]
function View:entries()
  if not self._list then load_entries(self) end
  return self._list
end

--- The entries with a status, in no order.
---@param status string
---@return ralph.Entry[]
function View:with_status(status)
  local base, list = not self._list and base_of(self), {}
  for _, entry in ipairs(base and index.with_status(base, status) or self:entries()) do
    local is_old = base and self.overlay[entry.id]
    if entry.status == status and not is_old then list[#list + 1] = entry end
  end
  for _, entry in pairs(base and self.overlay or {}) do
    if entry.status == status then list[#list + 1] = entry end
  end
  return list
end

--- What must be known of one issue.
---@param id string
---@return ralph.Entry?
function View:entry(id)
  if self._map then return self._list[self._map[id]] end
  local entry = self.overlay[id]
  if entry then return entry end
  local issue = self:issue(id)
  return issue and entries.of(issue)
end

-- Candidates among what changed since the index was written, in their order.
local function new_candidates(view)
  local list = {}
  for _, entry in pairs(view.overlay) do
    if entries.state(entry) == "c" then list[#list + 1] = entry end
  end
  table.sort(list, entries.is_before)
  return list
end

--- What may be worked on, in the order in which it would be, and what each issue means
--- for others; nil when there is no index to read that from.
---@return (fun(): ralph.Entry?)? iterator
---@return (fun(id: string): string?)? state letter of entries.state
function View:candidates()
  local base = not self._list and base_of(self)
  if not base then return nil end
  local states
  local function state(id)
    local entry = self.overlay[id]
    if entry then return entries.state(entry) end
    states = states or index.states(base)
    return states(id)
  end
  local next_old, new, at = index.candidates(base), new_candidates(self), 1
  local old = next_old()
  return function()
    while old and self.overlay[old.id] do old = next_old() end
    local first = new[at]
    if first and (not old or entries.is_before(first, old)) then
      at = at + 1
      return first
    end
    local entry = old
    if old then old = next_old() end
    return entry
  end, state
end

local NONE = {}

-- Children by parent, made once.
local function load_children(view)
  local children = {}
  for _, entry in ipairs(view:entries()) do
    for letter, on in entries.deps(entry) do
      if letter == "p" then
        children[on] = children[on] or {}
        table.insert(children[on], entry)
      end
    end
  end
  return children
end

--- What ralph.tracker.ready works on.
---@return ralph.Source
function View:source()
  local children
  return {
    get = function(id) return self:entry(id) end,
    children = function(id)
      children = children or load_children(self)
      return children[id] or NONE
    end,
    now = assert(times.key(times.now())),
  }
end

-- Changing ------------------------------------------------------------------------------

local function sum_change(view, old, new)
  local x, y = M.words(new)
  if old then
    local u, v = M.words(old)
    x, y = x - u, y - v
  end
  view.a, view.b = view.a + x, view.b + y
end

--- Puts an issue in, or in place of what has its id.
---@param issue table
---@return true|nil
---@return string? message
---@return string? code
function View:put(issue)
  local line, message, code = lines.encode(issue)
  if not line then return nil, message, code end
  local id = issue.id
  if self.pending_count == MANY then self:body() end
  local old = self:has(id) and self:line(id) or nil
  if old == line then return true end
  sum_change(self, old, line)
  if not self.pending[id] then self.pending_count = self.pending_count + 1 end
  if not old then self.count = self.count + 1 end
  self.pending[id] = line
  self.growth = self.growth + #line + 1 -- at the most
  local entry = entries.of(issue)
  if not self.overlay[id] then self.overlay_size = self.overlay_size + 1 end
  self.overlay[id] = entry
  if self._map then
    local place = self._map[id] or #self._list + 1
    self._list[place], self._map[id] = entry, place
  end
  return true
end

local function pieces_of(view)
  local body, ids = view:body(), {}
  for id in pairs(view.pending) do ids[#ids + 1] = id end
  table.sort(ids)
  local pieces, at = {}, 1
  for _, id in ipairs(ids) do
    local start, stop = view:locate(id)
    pieces[#pieces + 1] = body:sub(at, start - 1)
    pieces[#pieces + 1] = view.pending[id] .. "\n"
    at = stop and stop + 1 or start
  end
  pieces[#pieces + 1] = body:sub(at)
  return pieces
end

--- What a single change of the file would be; nil where there are more, or the text is
--- here already.
---@return { at: integer, cut: integer }? bytes of the body
---@return string? data
function View:patch()
  if self._body or self.pending_count ~= 1 then return nil end
  local id, line = next(self.pending)
  local start, stop = self:locate(id)
  return { at = start - 1, cut = stop and stop + 1 - start or 0 }, line .. "\n"
end

--- The text of the list with what was put in.
---@return string
function View:text()
  local pieces = pieces_of(self)
  if #pieces == 3 then return pieces[1] .. pieces[2] .. pieces[3] .. self:tail() end
  pieces[#pieces + 1] = self:tail()
  return table.concat(pieces)
end

-- Making --------------------------------------------------------------------------------

--- A view of what was read and checked.
---@param fp string
---@param list ralph.List
---@return ralph.View
function M.parsed(fp, list)
  local all = {}
  for i, id in ipairs(list.ids) do all[i] = list.entries[id] end
  local a, b = M.sums(list.body, list.tail)
  return setmetatable({
    fp = fp, count = #list.ids, overlay = {}, overlay_size = 0, a = a, b = b,
    is_canonical = list.is_canonical, pending = {}, pending_count = 0, growth = 0, _places = {},
    _body = list.body, _tail = list.tail, _all = all,
  }, View)
end

--- A view of a state that is known already.
---@param head ralph.Head
---@param text ralph.Text its functions may raise
---@param read_index fun(): string? its text, when it goes with the head
---@return ralph.View
function M.known(head, text, read_index)
  return setmetatable({
    fp = head.fp, count = head.count, overlay = head.overlay, overlay_size = head.overlay_size,
    a = head.a, b = head.b, is_canonical = true, pending = {}, pending_count = 0, growth = 0, _places = {},
    _text = text, _index = read_index,
  }, View)
end

return M
