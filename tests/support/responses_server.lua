-- SPDX-License-Identifier: MIT
-- As much of OpenAI's Responses API as a real agent needs to take one text for its turn:
-- the events of a stream, in their order. It gives every request the same text.
-- https://platform.openai.com/docs/api-reference/responses-streaming

local http = require("support.http")
local json = require("wrapix.json")

local M = {}

local function events_of(text)
  local part = { type = "output_text", text = text, annotations = json.array() }
  local item = { type = "message", id = "msg_1", role = "assistant", status = "completed",
    content = json.array({ part }) }
  local response = { id = "resp_1", object = "response", status = "in_progress", output = json.array() }
  local done = { id = "resp_1", object = "response", status = "completed",
    output = json.array({ item }), usage = { input_tokens = 10, output_tokens = 5, total_tokens = 15,
      input_tokens_details = { cached_tokens = 0 }, output_tokens_details = { reasoning_tokens = 0 } } }
  local begun = { type = "message", id = "msg_1", role = "assistant", status = "in_progress",
    content = json.array() }
  return {
    { type = "response.created", response = response },
    { type = "response.output_item.added", output_index = 0, item = begun },
    { type = "response.output_text.delta", item_id = "msg_1", output_index = 0, content_index = 0,
      delta = text },
    { type = "response.output_item.done", output_index = 0, item = item },
    { type = "response.completed", response = done },
  }
end

local function serve(self, stream)
  local request = http.read(stream)
  if not request then return end
  self.asked[#self.asked + 1] = request.method .. " " .. request.path
  if request.path ~= "/v1/responses" then
    return http.send_json(stream, 404, { error = { message = request.path } })
  end
  local parts = { http.head(200, { ["content-type"] = "text/event-stream" }) }
  for i, event in ipairs(events_of(self.text)) do
    event.sequence_number = i
    parts[#parts + 1] = ("event: %s\ndata: %s\n\n"):format(event.type, assert(json.encode(event)))
  end
  stream:write(table.concat(parts))
end

---Starts a server; for a <close> variable.
---@param opts { host: string, seen: string?, text: string } where it listens, as what a sandbox
---  sees that, and what it says
---@return { asked: string[], url: fun(self): string, close: fun(self) }
function M.open(opts)
  local self = { asked = {}, problems = {}, text = opts.text }
  local listener = http.listen(opts.host, opts.seen, function(stream) serve(self, stream) end,
    self.problems)
  function self.url() return "http://" .. listener.address end
  function self.close() listener:close() end
  return setmetatable(self, { __close = self.close })
end

return M
