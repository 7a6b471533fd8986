-- SPDX-License-Identifier: MIT
-- `ralph answer [ID ANSWER]`: what agents ask, and what a person says to it.

local common = require "ralph.commands.issue.common"
local wrapix = require "wrapix"

---@type wrapix.CliCommand
local M = {
  name = "answer",
  summary = "See the questions that wait for you, and answer one.",
  description = "Without an ID: the open questions of all specs, each with its options. With "
    .. "one: answers it, "
    .. "by the number of an option or in words, and the issue can be worked on again.",
  arguments = {
    { name = "id", argname = "ID", optional = true, offers = "issue",
      description = "The issue that asks, or the beginning of its id." },
    { name = "answer", argname = "ANSWER", optional = true,
      description = "A number or a text; - reads it from stdin." },
  },
  options = common.options,
  example = {
    { "ralph answer", "what waits for you" },
    { "ralph answer shop-a3f8 2", "the second option" },
    { 'ralph answer shop-a3f8 "round half up"', "in words" },
  },
}

local function question_of(issue)
  local own = type(issue.metadata) == "table" and issue.metadata.wrapix
  local question = type(own) == "table" and own.question
  if type(question) ~= "table" or question.answer ~= nil then return nil end
  return question
end

local function options_of(question)
  return type(question.options) == "table" and question.options or {}
end

local function print_question(issue, question, deps)
  deps.out(("%s  %s\n"):format(common.show(issue.id), common.show(issue.title)))
  common.block(question.text, deps)
  for i, option in ipairs(options_of(question)) do
    deps.out(("  %d. %s\n"):format(i, common.show(option)))
  end
  deps.out(("  answer: %s answer %s %s\n"):format(deps.called or "ralph", common.show(issue.id),
    #options_of(question) > 0 and "NUMBER|TEXT" or "TEXT"))
end

local function list_questions(tracker, args, deps)
  local list, message, code, hint = tracker:all({ label = require("ralph.tracker").WAITING })
  if not list then return common.refuse(deps, message, code, hint) end
  local found, aside = wrapix.json.array(), 0
  for _, issue in ipairs(list) do
    local question = issue.status ~= "closed" and question_of(issue)
    if not question and issue.status ~= "closed" then
      aside = aside + 1
    elseif question then
      found[#found + 1] = { id = issue.id, title = issue.title, spec_id = issue.spec_id,
        question = question.text, options = wrapix.json.array(options_of(question)) }
      if not args.json then
        if #found > 1 then deps.out("\n") end
        print_question(issue, question, deps)
      end
    end
  end
  if aside > 0 then
    deps.report:note(("waiting for a person without a question: %d"):format(aside),
      "`ralph status` shows why, `ralph issue reopen ID` has one tried again")
  elseif #found == 0 and not args.json then
    deps.report:note("nobody asks anything")
  end
  return args.json and common.json(found, deps) or 0
end

-- A number is an option where there are options, and a text elsewhere.
local function choose(issue, text)
  local question = question_of(issue)
  local options = question and options_of(question) or {}
  local number = text:match("^%d+$") and math.tointeger(tonumber(text))
  if not number or #options == 0 then return text end
  if options[number] then return options[number] end
  return nil, ("answer: %s: there is no option %s"):format(issue.id, text), "EINVAL",
    ("options 1 to %d; a text that is a number: ` %s`, with a blank"):format(#options, text)
end

local function answer(tracker, args)
  local issue, message, code, hint = tracker:get(args.id)
  if not issue then return nil, message, code, hint end
  local text
  text, message = common.text(args.answer)
  if not text then return nil, message end
  text, message, code, hint = choose(issue, text)
  if not text then return nil, message, code, hint end
  return tracker:answer(issue.id, text)
end

function M.run(args, deps)
  if args.id and not args.answer then
    return common.refuse(deps, "usage: ANSWER is missing", "EUSAGE", "`ralph answer` lists the questions")
  end
  if args.id then
    return common.act(args, deps, "answered", function(tracker) return answer(tracker, args) end)
  end
  local tracker, message, code, hint = common.tracker(args, deps)
  if not tracker then return common.refuse(deps, message, code, hint) end
  return list_questions(tracker, args, deps)
end

return M
