-- SPDX-License-Identifier: MIT
-- The sinks of one deliverer, each with a short queue and at most one task of its own,
-- so that a slow one delays nobody else. Knows how a sink is found and asked; what a
-- message is shown for is decided before.

local guard = require("wrapix.lazy")("wrapix.notify.guard")
local sys = require("wrapix.sys")
local task = require("wrapix.task")

local M = {}

-- Messages that wait for one sink: a burst of many sessions fits, and nobody reads more.
local LONGEST_QUEUE = 256
local CUT = "there was no time for it before the end"

---@class wrapix.NotifyOutlets
---@field _context table what sinks are handed besides their options: env, terminal, log, …
---@field _run function as proc.run
---@field _known table<string, table>
---@field _tasks table<userdata, boolean>
local Outlets = {}
Outlets.__index = Outlets

---@param context { env: table, terminal: function?, log: wrapix.Log, spawn: function? }
---@param run function as proc.run
---@param tasks table<userdata, boolean> where running tasks are kept
---@return wrapix.NotifyOutlets
function M.new(context, run, tasks)
  return setmetatable({ _context = context, _run = run, _known = {}, _tasks = tasks }, Outlets)
end

-- The person's own function as a sink; it is handed what on_message is.
local function own(show)
  return {
    available = function() return true end,
    show = function(message)
      local ctx = { from = message.from, time = sys.time(), count = message.count or 1 }
      local is_done, ok, why = guard.call(show, message, ctx)
      if not is_done then return nil, tostring(ok) end
      if ok == nil and why ~= nil then return nil, tostring(why) end
      if task.is_cancelled() then return nil, "it was cut short" end
      return true
    end,
  }
end

local function open(self, entry)
  local opts = {}
  for key, value in pairs(self._context) do opts[key] = value end
  for key, value in pairs(entry.opts) do opts[key] = value end
  local sink = entry.show and own(entry.show) or require("wrapix.notify.sinks." .. entry.name)
  return { name = entry.name, sink = sink, opts = opts, queue = {}, busy = false }
end

-- One for each entry, which config.lua makes once; on_message may make others.
local function outlet_of(self, entry)
  local outlet = self._known[entry]
  if not outlet then
    outlet = open(self, entry)
    self._known[entry] = outlet
  end
  return outlet
end

local function show(self, outlet, item)
  local opts = outlet.opts
  if item.on_click then opts = setmetatable({ on_click = item.on_click }, { __index = outlet.opts }) end
  if outlet.sink == nil then return nil, "is not there" end
  local there, why = outlet.sink.available(opts.env, opts)
  if not there then return nil, why end
  return outlet.sink.show(item.message, opts, self._run)
end

-- At the end: told of once, and kept in the history of each.
local function drop_rest(outlet)
  local queue = outlet.queue
  outlet.queue = {}
  for _, item in ipairs(queue) do item.finish({ name = outlet.name, ok = false, detail = CUT }, true) end
end

local function work(self, outlet)
  while outlet.queue[1] do
    local item = table.remove(outlet.queue, 1)
    local ok, done, detail = pcall(show, self, outlet, item)
    if not ok then done, detail = nil, tostring(done):match("[^\n]*") end
    local is_cut = done ~= true and task.is_cancelled()
    item.finish({ name = outlet.name, ok = done == true, detail = is_cut and CUT or detail })
    if is_cut then drop_rest(outlet) end
  end
  outlet.busy = false
  self._tasks[outlet.task] = nil
end

---Hands a message to a sink. `finish` is called once, later, with what became of it.
---@param entry wrapix.NotifySinkEntry
---@param message table
---@param more { on_click: function? }
---@param finish fun(result: { name: string, ok: boolean, detail: string? }, is_told: boolean?)
--- is_told: the same was said of another message
function Outlets:put(entry, message, more, finish)
  local outlet = outlet_of(self, entry)
  if #outlet.queue >= LONGEST_QUEUE then
    local oldest = table.remove(outlet.queue, 1)
    oldest.finish({ name = outlet.name, ok = false, detail = "the sink is too slow" })
  end
  outlet.queue[#outlet.queue + 1] = { message = message, finish = finish, on_click = more.on_click }
  if outlet.busy then return end
  outlet.busy = true
  outlet.task = task.detach(work, self, outlet)
  self._tasks[outlet.task] = true
end

---Forgets the sinks of former rules; what they were handed is still shown.
function Outlets:forget() self._known = {} end

return M
