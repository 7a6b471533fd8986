-- SPDX-License-Identifier: MIT
-- What the phases that ask an agent have in common: the texts a prompt begins with, one
-- run with the project's limits, and the words about a run that ended badly. Decides
-- nothing about a spec or an issue.

local excerpt = require "ralph.excerpt"
local wrapix = require "wrapix"

local M = {}

local LARGEST_CONTEXT = 64 << 10

--- The texts of the files that `context` names, read without following links. One that is
--- not there is left out: the list has a default.
---@param project ralph.Project
---@return string
function M.context(project)
  local parts = {}
  for _, rel in ipairs(project.config.context) do
    local text = wrapix.fs.read_beneath(project.root, rel, LARGEST_CONTEXT)
    if text and text ~= "" then parts[#parts + 1] = ("%s:\n\n%s"):format(rel, text) end
  end
  return table.concat(parts, "\n\n")
end

--- Where templates are looked for.
---@param project ralph.Project
---@return ralph.RenderOptions
function M.templates(project) return { dir = project.config.templates, root = project.root } end

--- One headless run within the limits of the configuration, with a line that counts.
---@param project ralph.Project
---@param box wrapix.Sandbox
---@param what string such as "ready: shop"
---@param opts table of wrapix.agent.run
---@return wrapix.AgentResult?
---@return string? message
---@return string? code
---@return string? hint
function M.run(project, box, what, opts)
  local config = project.config
  local all = {
    agent = config.agent, model = config.model, timeout = config.timeout or nil,
    idle = config.idle or nil, grace = config.grace or nil, notify = false, log = project.log,
  }
  for name, value in pairs(opts) do all[name] = value end
  -- Who follows the events sees that something happens; two writers on one line do not mix.
  if opts.on_event then return wrapix.agent.run(box, all) end
  return project.log:progress(what .. ": an agent works", wrapix.agent.run, box, all)
end

local WORDS = {
  limit = "a usage limit is reached", overloaded = "the service is overloaded",
  auth = "it is not logged in", turns = "it has used up its turns", budget = "its budget is used up",
  too_long = "the text is too long for it", refused = "it refuses", lost = "its stream broke off",
}
local HINTS = {
  auth = "`wrapix login` logs an agent in",
  limit = "try again when the limit is lifted",
}

--- Why a run that is over was no success, and what helps.
---@param outcome wrapix.AgentResult
---@return string reason
---@return string? hint
function M.reason(outcome)
  local words = WORDS[outcome.kind]
  if outcome.stopped == "timeout" then words = "it took longer than `timeout` allows" end
  if outcome.stopped == "idle" then words = "it was silent for longer than `idle` allows" end
  local said = excerpt.line(outcome.text or "", 300)
  if not words then return said ~= "" and said or "it failed", HINTS[outcome.kind] end
  return said ~= "" and ("%s: %s"):format(words, said) or words, HINTS[outcome.kind]
end

return M
