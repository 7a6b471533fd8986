-- SPDX-License-Identifier: MIT
-- One object of Claude Code's `--output-format stream-json` → events of the common
-- set. The objects come out of a sandbox: any field may be missing or of another
-- type. Pure but for the state it is handed, which lives as long as the stream.

local lenient = require "wrapix.agent.lenient"

local M = {}

local text_of, number_of, table_of = lenient.text, lenient.number, lenient.table

local function usage_of(usage)
  return {
    type = "usage",
    input = number_of(usage.input_tokens) or 0,
    output = number_of(usage.output_tokens) or 0,
    cache_read = number_of(usage.cache_read_input_tokens) or 0,
    cache_write = number_of(usage.cache_creation_input_tokens) or 0,
  }
end

local BLOCKS = {
  text = function(block) return { type = "text", text = text_of(block.text) or "" } end,
  thinking = function(block)
    return { type = "thinking", text = text_of(block.thinking) or "" }
  end,
  tool_use = function(block)
    return { type = "tool", id = text_of(block.id), name = text_of(block.name) or "?",
      input = table_of(block.input) }
  end,
}

-- Each line of a message carries the message's usage as it was at its beginning.
local function add_usage(state, events, message)
  local id = text_of(message.id)
  if not id or type(message.usage) ~= "table" then return end
  state.seen = state.seen or {}
  if state.seen[id] then return end
  state.seen[id] = true
  events[#events + 1] = usage_of(message.usage)
end

-- What the program itself says in the place of the model is no text of the model.
local function say_error(state, events, object, message)
  state.error = text_of(object.error)
  for _, block in ipairs(table_of(message.content)) do
    local text = text_of(table_of(block).text)
    if text then events[#events + 1] = { type = "note", kind = "error", text = text } end
  end
end

local function assistant(state, object)
  local events, message = {}, table_of(object.message)
  if object.error ~= nil and text_of(object.error) then
    say_error(state, events, object, message)
    return events
  end
  add_usage(state, events, message)
  for _, block in ipairs(table_of(message.content)) do
    local make = type(block) == "table" and BLOCKS[block.type]
    if make then
      local event = make(block)
      event.parent = text_of(object.parent_tool_use_id)
      events[#events + 1] = event
    end
  end
  return events
end

local function user(_, object)
  local events = {}
  for _, block in ipairs(table_of(table_of(object.message).content)) do
    if type(block) == "table" and block.type == "tool_result" then
      events[#events + 1] = {
        type = "tool_result", id = text_of(block.tool_use_id), ok = block.is_error ~= true,
        text = lenient.blocks(block.content), parent = text_of(object.parent_tool_use_id),
      }
    end
  end
  return events
end

local SYSTEM = {
  -- It comes again with every turn where prompts are streamed in.
  init = function(state, object)
    local session = text_of(object.session_id)
    if state.session == session and session then return end
    state.session = session
    return { type = "start", session = session, model = text_of(object.model) }
  end,
  api_retry = function(_, object)
    return { type = "retry", reason = text_of(object.error) or "unknown",
      attempt = number_of(object.attempt) or 1, status = number_of(object.error_status) }
  end,
  compact_boundary = function() return { type = "compact" } end,
  permission_denied = function(state, object)
    state.denials = (state.denials or 0) + 1
    return { type = "note", kind = "denied",
      text = ("%s: %s"):format(text_of(object.tool_name) or "?", text_of(object.message) or "") }
  end,
}

local function system(state, object)
  local make = SYSTEM[object.subtype]
  return make and { make(state, object) }
end

local function rate_limit(_, object)
  local info = table_of(object.rate_limit_info)
  local status = text_of(info.status) or "unknown"
  -- Beyond the limit but paid for: nothing stops.
  if status == "rejected" and (info.isUsingOverage == true or info.overageStatus == "allowed") then
    status = "allowed"
  end
  return { { type = "limit", kind = text_of(info.rateLimitType) or "unknown", status = status,
    reset = number_of(info.resetsAt) } }
end

local BY_SUBTYPE = { error_max_turns = "turns", error_max_budget_usd = "budget" }
local BY_REASON = {
  prompt_too_long = "too_long", aborted_streaming = "interrupted", aborted_tools = "interrupted",
  max_turns = "turns", budget_exhausted = "budget",
}
local BY_STATUS = { [401] = "auth", [403] = "auth", [429] = "limit", [529] = "overloaded" }
local BY_ERROR = { authentication_failed = "auth", billing_error = "limit", rate_limit = "limit" }

-- An error of the service is a "success" with is_error: the subtype alone says nothing.
local function kind_of(state, object)
  local kind = BY_SUBTYPE[object.subtype] or BY_REASON[object.terminal_reason]
  if kind then return kind end
  if object.is_error ~= true and object.subtype == "success" then return "done" end
  if object.stop_reason == "refusal" then return "refused" end
  return BY_STATUS[number_of(object.api_error_status)] or BY_ERROR[state.error] or "error"
end

-- total_cost_usd goes on over --resume; the models' part of this run does not, and
-- unlike `usage` it counts subagents too.
local function add_totals(event, object)
  local models = object.model_usage_since_last_result
  event.usd = number_of(object.total_cost_usd)
  if type(object.usage) == "table" then event.usage = usage_of(object.usage) end
  if type(models) ~= "table" then return end
  local usd, sum = 0, { type = "usage", input = 0, output = 0, cache_read = 0, cache_write = 0 }
  for _, model in pairs(models) do
    model = table_of(model)
    usd = usd + (number_of(model.costUSD) or 0)
    sum.input = sum.input + (number_of(model.inputTokens) or 0)
    sum.output = sum.output + (number_of(model.outputTokens) or 0)
    sum.cache_read = sum.cache_read + (number_of(model.cacheReadInputTokens) or 0)
    sum.cache_write = sum.cache_write + (number_of(model.cacheCreationInputTokens) or 0)
  end
  event.usd, event.usage = usd, sum
end

local function result(state, object)
  local kind = kind_of(state, object)
  local event = {
    type = "end", ok = kind == "done", kind = kind, text = text_of(object.result),
    turns = number_of(object.num_turns), session = text_of(object.session_id),
    status = number_of(object.api_error_status), denials = #table_of(object.permission_denials),
  }
  if not event.text then
    event.text = lenient.join(table_of(object.errors))
  end
  add_totals(event, object)
  return { event }
end

local TYPES = {
  assistant = assistant, user = user, system = system, rate_limit_event = rate_limit,
  result = result,
}

--- The events of one object; none for kinds that say nothing to others.
---@param state table empty at the beginning of a stream
---@param object table
---@return wrapix.AgentEvent[]?
function M.decode(state, object)
  local decode = TYPES[object.type]
  return decode and decode(state, object)
end

return M
