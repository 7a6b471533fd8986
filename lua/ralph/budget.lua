-- SPDX-License-Identifier: MIT
-- What work may cost: dollars, tokens, seconds, steps. Budgets are nested: what a child
-- takes its parents take as well, so that no step can use what the loop has not left.
-- Pure but for the clock it is given.
--
-- Theory: an agent says its price at the end, and tokens while it works. So that a limit
-- in dollars holds while the stream runs, its price is guessed from the tokens by the
-- rate of runs that have ended; the end puts the true number in the guess's place.

local M = {}

---@class ralph.Limits
---@field usd number?
---@field tokens integer? input, output and what was written to the cache; read from it is not counted
---@field seconds number?
---@field steps integer?

-- How dear a token is against one of input; the same for all models seen so far.
local WEIGHT = { input = 1, output = 5, cache_write = 1.25, cache_read = 0.1 }
local COUNTS = { "input", "output", "cache_read", "cache_write" }
-- A stream that says nothing of output until the end: characters of a token, roughly.
local CHARACTERS = 4
-- Of one kind in one event, dollars or tokens.
local MOST = 10 ^ 12

---@class ralph.Budget
---@field limits ralph.Limits
---@field parent ralph.Budget?
local Budget = {}
Budget.__index = Budget

local function weight(tokens)
  local sum = 0
  for name, factor in pairs(WEIGHT) do sum = sum + factor * (tokens[name] or 0) end
  return sum
end

local function add(self, usd, tokens, weighed)
  while self do
    self.usd, self.tokens = self.usd + usd, self.tokens + tokens
    self.weighed = self.weighed + weighed
    self = self.parent
  end
end

local function root_of(self)
  while self.parent do self = self.parent end
  return self
end

--- A budget within this one.
---@param limits ralph.Limits
---@return ralph.Budget
function Budget:child(limits)
  return M.new(limits, { parent = self, clock = self.clock })
end

--- Counts a step.
function Budget:step()
  while self do
    self.steps = self.steps + 1
    self = self.parent
  end
end

--- Seconds since it was made.
---@return number
function Budget:seconds() return self.clock() - self.begun end

--- The first limit that is reached, its own or a parent's.
---@return { kind: string, limit: number, used: number }?
function Budget:reached()
  while self do
    local used = { usd = self.usd, tokens = self.tokens, seconds = self:seconds(), steps = self.steps }
    for _, kind in ipairs({ "usd", "tokens", "seconds", "steps" }) do
      local limit = self.limits[kind]
      if limit and used[kind] >= limit then return { kind = kind, limit = limit, used = used[kind] } end
    end
    self = self.parent
  end
end

--- What is left of each limit that it or a parent has; never below 0.
---@return ralph.Limits
function Budget:remaining()
  local left = {}
  while self do
    local used = { usd = self.usd, tokens = self.tokens, seconds = self:seconds(), steps = self.steps }
    for kind, limit in pairs(self.limits) do
      left[kind] = math.min(left[kind] or math.huge, math.max(0, limit - used[kind]))
    end
    self = self.parent
  end
  return left
end

-- Amounts below a cent are written as they are: 0.00 of 0.00 would tell nothing.
local function money(usd) return usd < 0.1 and ("%.4g"):format(usd) or ("%.2f"):format(usd) end

local WORDS = {
  usd = function(reached) return ("cost %s USD of %s"):format(money(reached.used), money(reached.limit)) end,
  tokens = function(reached) return ("%d of %d tokens"):format(reached.used, reached.limit) end,
  seconds = function(reached) return ("%.0f s of %.0f"):format(reached.used, reached.limit) end,
  steps = function(reached) return ("%d of %d steps"):format(reached.used, reached.limit) end,
}

--- A reached limit in words.
---@param reached { kind: string, limit: number, used: number }
---@return string
function M.text(reached) return WORDS[reached.kind](reached) end

---@class ralph.BudgetRun one run of an agent, counted as its stream comes
---@field tokens { input: integer, output: integer, cache_read: integer, cache_write: integer }
---@field usd number? what the agent said; nil as long as it said nothing
local Run = {}
Run.__index = Run

-- What the budgets have been told is corrected by the difference.
function Run:_settle()
  local tokens = self.tokens
  local output = math.max(tokens.output, self.ended and 0 or self.characters // CHARACTERS)
  local counted = tokens.input + output + tokens.cache_write
  local weighed = weight({ input = tokens.input, output = output,
    cache_read = tokens.cache_read, cache_write = tokens.cache_write })
  local rate = root_of(self.budget).rate
  local usd = self.usd or rate and rate * weighed or 0
  add(self.budget, usd - self.told.usd, counted - self.told.tokens, weighed - self.told.weighed)
  self.told = { usd = usd, tokens = counted, weighed = weighed }
end

-- Whatever a stream says: nothing that was used comes back, and no sum may end counting.
local function amount(value)
  return type(value) == "number" and value > 0 and math.min(value, MOST) or 0
end

local function count(value) return math.ceil(amount(value)) end

local function take_usage(self, event)
  for _, name in ipairs(COUNTS) do
    local value = count(event[name])
    self.tokens[name] = event.whole and value or self.tokens[name] + value
  end
  if event.usd then self.usd = (event.whole and 0 or self.usd or 0) + amount(event.usd) end
end

local function take_end(self, event)
  self.ended = true
  for _, name in ipairs(event.usage and COUNTS or {}) do self.tokens[name] = count(event.usage[name]) end
  self.usd = event.usd and amount(event.usd) or self.usd
  local weighed = weight(self.tokens)
  if self.usd and self.usd > 0 and weighed > 0 then root_of(self.budget).rate = self.usd / weighed end
end

--- Takes an event of the stream.
---@param event wrapix.AgentEvent
function Run:take(event)
  if event.type == "usage" then
    take_usage(self, event)
  elseif event.type == "end" then
    take_end(self, event)
  elseif event.type == "text" or event.type == "thinking" then
    self.characters = self.characters + #(event.text or "")
    return
  else
    return
  end
  self:_settle()
end

--- What the run has cost as far as is known, guessed where the agent said nothing.
---@return number usd
---@return boolean is_guess
function Run:cost() return self.told.usd, self.usd == nil end

--- What a token of input costs, as far as is known.
---@return number?
function Budget:known_rate() return root_of(self).rate end

--- Begins to count a run.
---@return ralph.BudgetRun
function Budget:run()
  return setmetatable({
    budget = self, tokens = { input = 0, output = 0, cache_read = 0, cache_write = 0 },
    characters = 0, told = { usd = 0, tokens = 0, weighed = 0 },
  }, Run)
end

--- Makes a budget.
---@param limits ralph.Limits? what is not named has no limit
---@param opts { clock: fun(): number, parent: ralph.Budget?, rate: number? } rate: dollars of a
--- token of input, from runs before
---@return ralph.Budget
function M.new(limits, opts)
  return setmetatable({
    limits = limits or {}, parent = opts.parent, clock = opts.clock, begun = opts.clock(),
    usd = 0, tokens = 0, weighed = 0, steps = 0, rate = opts.rate,
  }, Budget)
end

return M
