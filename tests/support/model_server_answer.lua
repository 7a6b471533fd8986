-- SPDX-License-Identifier: MIT
-- What a scripted model says, as bytes: a turn of a script → the answer to one
-- request of the Messages API, streamed or whole; and the turns scripts are made of.
-- It knows nothing of sockets, scripts or who asks; see model_server.lua.

local json = require("wrapix.json")

local M = {}

---@class wrapix.test.Turn one answer of the model
---@field thinking string?
---@field text string?
---@field tools { [1]: string, [2]: table }[]? names and inputs
---@field stop string? why it stopped; default "tool_use" with tools, else "end_turn"
---@field usage { input: integer?, output: integer?, cache_read: integer? }?
---@field status integer? an error instead of an answer
---@field error { type: string, message: string }?
---@field headers table<string, string>? of the answer
---@field cut integer? the connection breaks after so many events
---@field slow number? seconds before each event

-- Where a word may be torn when it is streamed: small enough for several pieces.
local PIECE = 24

local function pieces(text)
  local out, at = {}, 1
  while at <= #text do
    local stop = math.min(at + PIECE - 1, #text)
    -- Never inside a character: JSON has only whole ones.
    while stop < #text and (text:byte(stop + 1) & 0xC0) == 0x80 do stop = stop + 1 end
    out[#out + 1] = text:sub(at, stop)
    at = stop + 1
  end
  return out
end

---The blocks of a turn's answer, as the API lists them.
---@param turn wrapix.test.Turn
---@param id string unique among answers
---@return table[]
function M.blocks(turn, id)
  local blocks = json.array({})
  if turn.thinking then
    blocks[1] = { type = "thinking", thinking = turn.thinking, signature = "c2ln" }
  end
  if turn.text then blocks[#blocks + 1] = { type = "text", text = turn.text } end
  for i, tool in ipairs(turn.tools or {}) do
    blocks[#blocks + 1] =
      { type = "tool_use", id = ("toolu_%s_%d"):format(id, i), name = tool[1], input = tool[2] }
  end
  return blocks
end

-- How each kind of block begins, and what its pieces are.
local STREAMED = {
  text = function(block)
    local deltas = {}
    for i, piece in ipairs(pieces(block.text)) do
      deltas[i] = { type = "text_delta", text = piece }
    end
    return { type = "text", text = "" }, deltas
  end,
  thinking = function(block)
    local deltas = {}
    for i, piece in ipairs(pieces(block.thinking)) do
      deltas[i] = { type = "thinking_delta", thinking = piece }
    end
    deltas[#deltas + 1] = { type = "signature_delta", signature = block.signature }
    return { type = "thinking", thinking = "", signature = "" }, deltas
  end,
  tool_use = function(block)
    local deltas = {}
    for i, piece in ipairs(pieces(assert(json.encode(block.input)))) do
      deltas[i] = { type = "input_json_delta", partial_json = piece }
    end
    return { type = "tool_use", id = block.id, name = block.name, input = {} }, deltas
  end,
}

local function usage(turn, output)
  local given = turn.usage or {}
  return {
    input_tokens = given.input or 12, output_tokens = output,
    cache_creation_input_tokens = 0, cache_read_input_tokens = given.cache_read or 0,
    service_tier = "standard",
  }
end

local function message(turn, id, model, blocks)
  return {
    id = "msg_" .. id, type = "message", role = "assistant", model = model,
    content = blocks, stop_reason = json.null, stop_sequence = json.null, usage = usage(turn, 1),
  }
end

local function why_stopped(turn) return turn.stop or (turn.tools and "tool_use" or "end_turn") end

local function spoken(turn) return turn.usage and turn.usage.output or 20 end

---The events of a streamed answer, in order.
---@param turn wrapix.test.Turn
---@param id string
---@param model string the one that was asked for
---@return table[]
function M.events(turn, id, model)
  local out = {}
  local function put(event) out[#out + 1] = event end
  put({ type = "message_start", message = message(turn, id, model, json.array({})) })
  for i, block in ipairs(M.blocks(turn, id)) do
    local first, deltas = STREAMED[block.type](block)
    put({ type = "content_block_start", index = i - 1, content_block = first })
    for _, delta in ipairs(deltas) do
      put({ type = "content_block_delta", index = i - 1, delta = delta })
    end
    put({ type = "content_block_stop", index = i - 1 })
  end
  put({
    type = "message_delta", usage = { output_tokens = spoken(turn) },
    delta = { stop_reason = why_stopped(turn), stop_sequence = json.null },
  })
  put({ type = "message_stop" })
  return out
end

---The answer to a request that asked for no stream.
---@param turn wrapix.test.Turn
---@param id string
---@param model string
---@return table
function M.whole(turn, id, model)
  local answer = message(turn, id, model, M.blocks(turn, id))
  answer.stop_reason, answer.usage = why_stopped(turn), usage(turn, spoken(turn))
  return answer
end

---One event as server-sent events write it.
---@param event table
---@return string
function M.frame(event)
  return ("event: %s\ndata: %s\n\n"):format(event.type, assert(json.encode(event)))
end

-- Turns that scripts are made of ----------------------------------------------------

---The model calls one tool.
---@param name string
---@param input table
---@param text string? said before
---@return wrapix.test.Turn
function M.tool(name, input, text) return { text = text, tools = { { name, input } } } end

---The model runs a command.
---@param command string
---@return wrapix.test.Turn
function M.bash(command)
  return M.tool("Bash", { command = command, description = "As the script says" })
end

---The servers have too much to do.
---@return wrapix.test.Turn
function M.overloaded()
  return { status = 529, error = { type = "overloaded_error", message = "Overloaded" } }
end

---Too many requests, with the seconds to wait.
---@param seconds integer
---@return wrapix.test.Turn
function M.busy(seconds)
  return {
    status = 429, headers = { ["retry-after"] = tostring(seconds) },
    error = { type = "rate_limit_error", message = "Too many requests" },
  }
end

---What the account may use is used up until a moment.
---@param reset integer seconds since 1970
---@return wrapix.test.Turn
function M.rejected(reset)
  local window = "anthropic-ratelimit-unified-"
  return {
    status = 429, error = { type = "rate_limit_error", message = "This would exceed the limit" },
    headers = {
      [window .. "status"] = "rejected", [window .. "reset"] = tostring(reset),
      [window .. "representative-claim"] = "five_hour",
      [window .. "overage-status"] = "rejected",
      [window .. "overage-disabled-reason"] = "out_of_credits",
      [window .. "5h-status"] = "rejected", [window .. "5h-reset"] = tostring(reset),
      [window .. "5h-utilization"] = "1.0",
      ["retry-after"] = "3600",
    },
  }
end

return M
