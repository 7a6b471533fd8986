-- SPDX-License-Identifier: MIT
-- The containers there are, as the daemon would list them. Podman removes a `--rm` container
-- by itself; the state learns of it here.

local fail = require("support.apple.fail")
local shapes = require("support.apple.shapes")

local M = {}

---@class apple.One
---@field record table
---@field live apple.Live?
---@field state "running"|"stopped"

---@param cx apple.Context
---@return apple.One[] by id
function M.all(cx)
  local out = {}
  for _, id in ipairs(cx.state:names("containers")) do
    local record = cx.state:get("containers", id)
    local live = record and cx.engine:live(record)
    if record and not live and record.auto_remove then
      cx.state:remove("containers", id)
    elseif record then
      out[#out + 1] = { record = record, live = live, state = shapes.state(live) }
    end
  end
  return out
end

---@param id string
---@return apple.One
function M.get(cx, id)
  for _, one in ipairs(M.all(cx)) do
    if one.record.id == id then return one end
  end
  fail.with("notFound", ("container with ID %s not found"):format(id))
end

return M
