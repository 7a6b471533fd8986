-- SPDX-License-Identifier: MIT
-- Has the engine copy an image for this user, which its first start would do else. A
-- container is made and removed; nothing of the image runs.

local acts = require("wrapix.image.acts")
local first_use = require("wrapix.image.first_use")

local M = {}

--- Does what the first start of an image would have to. See first_use.needs_warm.
---@param ref string
---@param facts wrapix.Facts
---@param opts { report: table?, deps: table? }?
---@return boolean|nil done false: it needs none, or it was done before
---@return string? message
---@return string? code
---@return string? hint
function M.image(ref, facts, opts)
  opts = opts or {}
  if not first_use.notice(ref, facts, { deps = opts.deps }) then return false end
  local ctx = acts.new(facts, opts)
  local name = ("wrapix-warm-%d-%s"):format(facts.uid, ref:gsub("[^%w]", "-"):sub(-40))
  ctx.step("preparing the image for your user")
  local argv = { ctx.engine.path, "create", "--replace", "--name", name, "--pull=never",
    "--userns=keep-id", "--network=none", ref, "true" }
  local ok, message, code, hint = ctx.run(argv, {
    what = "prepare image", object = ref, name = "warm",
    explain = require("wrapix.image.failure").explain,
  })
  ctx.deps.task.shield(ctx.remove_container, name)
  if not ok then return nil, message, code, hint end
  first_use.mark(ref, facts, { deps = opts.deps })
  return true
end

return M
