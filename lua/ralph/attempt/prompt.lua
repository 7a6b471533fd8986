-- SPDX-License-Identifier: MIT
-- The values of an attempt's prompt: the issue, its spec, what was noted and answered,
-- how the last attempt failed. What the texts say and how they are bounded stands in the
-- templates and in render.

local excerpt = require "ralph.excerpt"
local policy = require "ralph.lazy" "ralph.policy"
local wrapix = require "wrapix"

local M = {}

local CONTEXT_FILE, COMMENTS, LONGEST_COMMENT = 64 << 10, 20, 2000

local function text_of(value) return type(value) == "string" and value or "" end

local function issue_text(issue)
  local parts = { "Title: " .. text_of(issue.title) }
  for _, name in ipairs({ "description", "design", "notes" }) do
    local text = text_of(issue[name])
    if text ~= "" then parts[#parts + 1] = (name == "description" and "" or name .. ":\n") .. text end
  end
  return table.concat(parts, "\n\n")
end

-- Questions that a person has answered, then the newest comments, the oldest first.
local function notes_text(issue)
  local parts, comments = {}, type(issue.comments) == "table" and issue.comments or {}
  local own = type(issue.metadata) == "table" and issue.metadata.wrapix
  local question = type(own) == "table" and own.question
  if type(question) == "table" and text_of(question.answer) ~= "" then
    parts[1] = ("Asked: %s\nAnswered: %s"):format(text_of(question.text), question.answer)
  end
  for i = math.max(1, #comments - COMMENTS + 1), #comments do
    local comment = comments[i]
    if type(comment) == "table" then
      parts[#parts + 1] = ("%s: %s"):format(text_of(comment.author),
        excerpt.both(text_of(comment.text), LONGEST_COMMENT))
    end
  end
  return table.concat(parts, "\n\n")
end

-- Files of the workspace: read without following links; one that is missing is no error,
-- because the list has a default.
local function context_text(project)
  local parts = {}
  for _, rel in ipairs(project.config.context or {}) do
    local text = wrapix.fs.read_beneath(project.root, rel, CONTEXT_FILE)
    if text and text ~= "" then parts[#parts + 1] = ("%s:\n\n%s"):format(rel, text) end
  end
  return table.concat(parts, "\n\n")
end

local function spec_of(project, issue)
  if text_of(issue.spec_id) == "" then return "", "", "" end
  local spec = require("ralph.specs").read(project, issue.spec_id)
  if not spec then return issue.spec_id, "", "" end
  return spec.name, spec.rel or "the text below", spec.text
end

local function list_text(list, empty)
  return #list > 0 and table.concat(list, "\n") or empty
end

local function baseline_text(baseline)
  local failing = {}
  for _, one in ipairs(baseline or {}) do
    if one.code ~= 0 then failing[#failing + 1] = one.command end
  end
  if #failing == 0 then return "" end
  return "\n\nBefore your work these fail already:\n" .. table.concat(failing, "\n")
end

--- The values for the templates `step` and `step_retry`.
---@param ctx ralph.StepContext
---@param begun { attempt: integer, baseline: table|false|nil, past: ralph.Past }
---@return table<string, string> values
---@return "step"|"step_retry" template
function M.values(ctx, begun)
  local issue, config, past = ctx.issue, ctx.config, begun.past
  local name, path, text = spec_of(ctx.project, issue)
  local values = {
    PROJECT = ctx.project.name, ISSUE_ID = issue.id, ISSUE = issue_text(issue),
    ATTEMPT = ("attempt %d of %d"):format(past.counted + 1, config.retries + 1),
    SPEC_NAME = name ~= "" and name or "(none)", SPEC_PATH = path ~= "" and path or "(nowhere)", SPEC = text,
    ACCEPTANCE = text_of(issue.acceptance_criteria), CONTEXT = context_text(ctx.project),
    NOTES = notes_text(issue),
    VERIFY = list_text(config.verify, "") .. baseline_text(begun.baseline),
    PROTECT = list_text(config.protect, ""),
  }
  local failure = past.failures[#past.failures]
  if not failure then return values, "step" end
  values.FAILURE = failure
  return values, "step_retry"
end

--- The prompt of an attempt.
---@param ctx ralph.StepContext
---@param begun table as of values
---@return string? prompt
---@return string? message
---@return string? code
---@return string? hint
function M.make(ctx, begun)
  local values, template = M.values(ctx, begun)
  return require("ralph.render").render(template, values,
    { dir = ctx.config.templates, root = ctx.project.root })
end

--- A failure as the next attempt is to read it.
---@param evidence ralph.Evidence
---@return string
function M.failure(evidence) return excerpt.both(policy.failure_text(evidence), 7 << 10) end

return M
