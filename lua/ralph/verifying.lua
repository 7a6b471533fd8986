-- SPDX-License-Identifier: MIT
-- Verification as a step uses it: which sandbox, what is known of this tree already, and
-- what verifying itself leaves in the work tree. Compares nothing.

local evidences = require "ralph.evidence"
local verify = require "ralph.verify"
local wrapix = require "wrapix"

local M = {}

---@class ralph.Verifying
local Verifying = {}
Verifying.__index = Verifying

-- No agent and no login is needed to judge work.
function Verifying:_open()
  if self._verifier then return self._verifier end
  local ctx = self._ctx
  local box, message, code, hint = ctx.project:sandbox(ctx.issue)
  if not box then return nil, message, code, hint end
  self._verifier = verify.new(box, ctx.config.timeout, ctx.project.log)
  return self._verifier
end

function Verifying:_tree()
  local repo = self._ctx.repo
  return repo and repo:tree() or nil
end

-- What the commands did to the tree, for they run what the agent wrote. New files are
-- noted: only verifying can have made them. Returns the tree, and what is protected and
-- is not as it was.
function Verifying:_look(before)
  local ctx, after = self._ctx, self:_tree()
  if not before or not after or before == after then return after, {} end
  local made, touched = {}, {}
  for _, change in ipairs(ctx.repo:changes(before, after) or {}) do
    if change.status == "A" then
      made[#made + 1] = change.path
    elseif evidences.is_protected(change.path, ctx.config.protect or {}) then
      touched[#touched + 1] = change.path
    end
  end
  if #made > 0 then verify.note_made(ctx.project.paths.verify, made) end
  return after, touched
end

--- Runs the commands, or says what is known of this tree.
---@param args { commands: string[], tree: string? }
---@return { results: ralph.Verified[], cached: boolean, left: string?, touched: string[]? }? left: the
--- tree after it; touched: what is protected and was changed by the commands
---@return string? message
---@return string? code
---@return string? hint
function Verifying:perform(args)
  if #args.commands == 0 then return { results = {}, cached = true } end
  local ctx = self._ctx
  local verifier, message, code, hint = self:_open()
  if not verifier then return nil, message, code, hint end
  local key
  if args.tree and ctx.repo then
    local image
    image, message, code, hint = verifier:image()
    if not image then return nil, message, code, hint end
    key = verify.key(args.tree, args.commands, image)
    local known = verify.recall(ctx.project.paths.verify, key, wrapix.sys.time())
    if known then return { results = known, cached = true } end
  end
  local results
  results, message, code, hint = verifier:run(args.commands)
  if not results then return nil, message, code, hint end
  local left, touched
  if ctx.repo then left, touched = self:_look(args.tree) end
  -- Commands that changed what judges say nothing of the tree they began with.
  if key and #touched == 0 then
    verify.remember(ctx.project.paths.verify, key, results, wrapix.sys.time())
  end
  return { results = results, cached = false, left = left, touched = touched }
end

--- Commits what an attempt left, in the same sandbox.
---@param args { message: string, paths: string[]?, exclude: string[]? }
---@return { committed: boolean }?
---@return string? message
---@return string? code
---@return string? hint
function Verifying:commit(args)
  local verifier, message, code, hint = self:_open()
  if not verifier then return nil, message, code, hint end
  return verifier:commit(args.message, args)
end

--- Ends its sandbox: what the agent changes next is not to run in an old one.
function Verifying:close()
  if self._verifier then self._verifier:close() end
  self._verifier = nil
end

---@param ctx ralph.StepContext
---@return ralph.Verifying
function M.new(ctx) return setmetatable({ _ctx = ctx }, Verifying) end

return M
