-- SPDX-License-Identifier: MIT
-- `ralph issue show ID...`: everything about issues.

local common = require "ralph.commands.issue.common"
local wrapix = require "wrapix"

---@type wrapix.CliCommand
local M = {
  name = "show",
  summary = "Show issues in full.",
  description = "Shows issues with their texts, dependencies and comments; with --json a list, "
    .. "also for one.",
  arguments = { { name = "ids", argname = "ID", many = true, offers = "issue",
    description = "Ids, or beginnings of them." } },
  options = common.options,
  example = { { "ralph issue show shop-a3f8", "one issue" } },
}

local TEXTS = { { "description", "Description" }, { "acceptance_criteria", "Done when" },
  { "design", "Design" }, { "notes", "Notes" }, { "close_reason", "Closed because" } }

local function line(name, value, deps)
  if value ~= nil and value ~= "" then
    deps.out(("  %-10s %s\n"):format(name, common.show(value)))
  end
end

local function show_question(issue, deps)
  local own = type(issue.metadata) == "table" and issue.metadata.wrapix
  if type(own) ~= "table" then return end
  line("parked", own.parked, deps)
  local question = own.question
  if type(question) ~= "table" then return end
  deps.out("\nQuestion\n")
  common.block(question.text, deps)
  for i, option in ipairs(type(question.options) == "table" and question.options or {}) do
    deps.out(("  %d. %s\n"):format(i, common.show(option)))
  end
  line("answer", question.answer, deps)
end

-- The process for which it is claimed, and whether that lives.
local function show_owner(issue, deps)
  local own = type(issue.metadata) == "table" and issue.metadata.wrapix
  local owner = type(own) == "table" and type(own.owner) == "string" and wrapix.owner.decode(own.owner)
  if owner and issue.status == "in_progress" then
    line("process", ("%d on %s, %s"):format(owner.pid, tostring(own.host), wrapix.owner.state(owner)), deps)
  end
end

local function show_lists(issue, deps)
  if issue.dependencies then deps.out("\nDepends on\n") end
  for _, dep in ipairs(issue.dependencies or {}) do
    deps.out(("  %s  (%s)\n"):format(common.show(dep.depends_on_id), common.show(dep.type or "blocks")))
  end
  for _, comment in ipairs(issue.comments or {}) do
    deps.out(("\n%s, %s\n"):format(common.show(comment.author or "somebody"),
      common.show(comment.created_at or "")))
    common.block(comment.text, deps)
  end
end

local function show_issue(issue, deps)
  local title = ("%s  %s"):format(common.show(issue.id), common.show(issue.title))
  deps.out((deps.color and "\27[1m" .. title .. "\27[0m" or title) .. "\n")
  line("status", issue.status, deps)
  line("type", issue.issue_type or "task", deps)
  line("priority", issue.priority, deps)
  line("spec", issue.spec_id, deps)
  line("assignee", issue.assignee, deps)
  show_owner(issue, deps)
  line("labels", issue.labels and table.concat(issue.labels, ", "), deps)
  line("created", issue.created_at, deps)
  line("deferred", issue.defer_until, deps)
  line("closed", issue.closed_at, deps)
  for _, text in ipairs(TEXTS) do
    if issue[text[1]] then
      deps.out("\n" .. text[2] .. "\n")
      common.block(issue[text[1]], deps)
    end
  end
  show_question(issue, deps)
  show_lists(issue, deps)
end

function M.run(args, deps)
  local tracker, message, code, hint = common.tracker(args, deps)
  if not tracker then return common.refuse(deps, message, code, hint) end
  local list = wrapix.json.array()
  for i, id in ipairs(args.ids) do
    list[i], message, code, hint = tracker:get(id)
    if not list[i] then return common.refuse(deps, message, code, hint) end
  end
  if args.json then return common.json(list, deps) end
  for i, issue in ipairs(list) do
    if i > 1 then deps.out("\n") end
    show_issue(issue, deps)
  end
  return 0
end

return M
