-- SPDX-License-Identifier: MIT
-- What an agent can say from inside: words → what is done and answered. There is no verb
-- that closes, claims or changes an issue: how an attempt ends is said here, and
-- decided by the step. All words are hostile; each text is cleaned and bounded.

local wrapix = require("wrapix")
local text_of = require("ralph.inside.text")

local M = {}

local TITLE_LIMIT, TEXT_LIMIT, NOTE_LIMIT = 300, 64 << 10, 32 << 10
local REASON_LIMIT, OPTION_LIMIT, WORD_LIMIT = 4 << 10, 300, 40
local MOST_ADDED, MOST_OPTIONS, MOST_LISTED = 20, 9, 100
local DEFAULT_PRIORITY = 2
-- What holds other issues, or is no work, is not for an agent to make.
local TYPES = { "bug", "task", "feature", "chore" }

local HELP = [[
Verbs of `ralph` in this sandbox. Text given as - is read from stdin.

  ralph issue add TITLE [-d TEXT] [-t TYPE] [-p PRIORITY] [--accept TEXT] [--blocks-current]
      Work that you discovered and that is not part of the current issue. TYPE is bug, task,
      feature or chore; PRIORITY 0, the most urgent, to 4. --blocks-current: the current issue
      cannot be done before. At most 20 in an attempt.
  ralph issue show [ID]       The current issue, or another.
  ralph issue list            What is not closed.
  ralph note TEXT             A comment on the current issue, for people and for the next attempt.

Say one of these last, and once; the last one counts:

  ralph done [SUMMARY] [--no-change REASON]
      The issue is done, its work committed. The checks are run after you, by somebody else.
  ralph blocked REASON        It cannot be done now, and why.
  ralph ask QUESTION [--option TEXT]...
      A person has to answer first. Up to nine options.
]]

---@class ralph.InsideState
---@field tracker table
---@field issue table the current one
---@field signal ralph.Signal?
---@field added integer
---@field add fun(fields: table, blocks: string?): table?, string?, string?
---@field note fun(text: string): any, string?, string?
---@field on_note fun(text: string)?

local function say(out) return { status = 0, out = out .. "\n", err = "" } end

local function refuse(reason, status, hint)
  local err = ("ralph: %s\n"):format(reason)
  return { status = status or 2, out = "", err = hint and err .. ("hint: %s\n"):format(hint) or err }
end

-- --- words ----------------------------------------------------------------------------

-- Divides words into plain ones and options. kinds: option → "flag", "text" or "list".
-- After "--" all are plain; so is what begins with "-" and is no option's form.
local function divide(words, from, kinds)
  local plain, options, is_over = {}, {}, false
  local i = from
  while i <= #words do
    local word = words[i]
    local name, value = word:match("^(%-%-[%a-]+)=(.*)$")
    local kind = kinds[name or word]
    if is_over or word == "-" or not word:find("^%-%-?%a") and word ~= "--" then
      plain[#plain + 1] = word
    elseif word == "--" then
      is_over = true
    elseif not kind then
      return nil, ("unknown option %s"):format(wrapix.path.show(word:sub(1, WORD_LIMIT)))
    elseif kind == "flag" then
      options[word] = true
    else
      if not name then
        i, name, value = i + 1, word, words[i + 1]
      end
      if not value then return nil, ("%s: a text expected"):format(name) end
      if kind == "list" then
        options[name] = options[name] or {}
        table.insert(options[name], value)
      else
        options[name] = value
      end
    end
    i = i + 1
  end
  return plain, options
end

-- "-" stands for stdin.
local function given(word, stdin)
  if word == "-" then return stdin or "" end
  return word
end

-- Words of one text may come quoted or not.
local function sentence(plain, stdin)
  local parts = {}
  for i, word in ipairs(plain) do parts[i] = given(word, stdin) end
  return table.concat(parts, " ")
end

-- A text that has to say something, or nil and why not.
local function block(value, limit, what)
  if #value > limit then
    return nil, ("%s: is longer than %d bytes"):format(what, limit)
  end
  local text = text_of.block(value, limit * 3)
  -- In this order no text takes longer than its length.
  if not text:find("%S") then return nil, what .. ": is empty" end
  return text:match("^%s*(.*%S)")
end

local function line(value, limit, what)
  local text, reason = block(value, limit, what)
  if not text then return nil, reason end
  return text_of.line(text, limit * 3)
end

-- --- issues ---------------------------------------------------------------------------

local function one_of(value, list)
  for _, known in ipairs(list) do
    if value == known then return true end
  end
  return false
end

-- Labels choose the profile; those of Ralph's own say how an issue stands.
local function inherited(issue)
  local labels = wrapix.json.array()
  for _, label in ipairs(type(issue.labels) == "table" and issue.labels or {}) do
    if not label:find("^ralph:") then labels[#labels + 1] = label end
  end
  return labels
end

local ADD = { ["-d"] = "text", ["--description"] = "text", ["-t"] = "text", ["--type"] = "text",
  ["-p"] = "text", ["--priority"] = "text", ["--accept"] = "text", ["--blocks-current"] = "flag" }

local function add_texts(fields, options, stdin)
  local reason
  local description = options["-d"] or options["--description"]
  if description then
    fields.description, reason = block(given(description, stdin), TEXT_LIMIT, "-d")
    if not fields.description then return nil, reason end
  end
  if options["--accept"] then
    fields.acceptance_criteria, reason = block(given(options["--accept"], stdin), TEXT_LIMIT, "--accept")
    if not fields.acceptance_criteria then return nil, reason end
  end
  return true
end

local function fields_of(state, plain, options, stdin)
  local title, reason = line(sentence(plain, stdin), TITLE_LIMIT, "title")
  if not title then return nil, reason end
  local kind = options["-t"] or options["--type"] or "task"
  if not one_of(kind, TYPES) then
    return nil, "-t: is none of " .. table.concat(TYPES, ", ")
  end
  local priority = options["-p"] or options["--priority"] or tostring(state.issue.priority or DEFAULT_PRIORITY)
  if not priority:find("^P?[0-4]$") then return nil, "-p: is no number from 0, the most urgent, to 4" end
  local fields = {
    title = title, issue_type = kind, priority = math.tointeger(tonumber(priority:sub(-1))),
    labels = inherited(state.issue), spec_id = state.issue.spec_id,
    dependencies = wrapix.json.array({ { depends_on_id = state.issue.id, type = "discovered-from" } }),
  }
  local ok
  ok, reason = add_texts(fields, options, stdin)
  if not ok then return nil, reason end
  return fields
end

local function issue_add(state, words, stdin)
  local plain, options = divide(words, 3, ADD)
  if not plain then return refuse(options) end
  if state.added >= MOST_ADDED then
    return refuse(("%d issues were added, and no more are taken in this attempt"):format(MOST_ADDED), 1,
      "say what is left in a note")
  end
  local fields, reason = fields_of(state, plain, options, stdin)
  if not fields then return refuse(reason) end
  state.added = state.added + 1
  local issue, msg = state.add(fields, options["--blocks-current"] and state.issue.id or nil)
  if not issue then return refuse(tostring(msg), 1) end
  return say(("%s: %s"):format(issue.id, fields.title))
end

local SHOWN = { { "description", "" }, { "design", "Design:" }, { "acceptance_criteria", "Acceptance:" },
  { "notes", "Notes:" } }

local function head_of(issue)
  return ("%s  %s  P%s  %s  %s"):format(tostring(issue.id), tostring(issue.status),
    tostring(issue.priority), tostring(issue.issue_type or "task"),
    text_of.line(tostring(issue.title), TITLE_LIMIT))
end

local function rows_of(issue)
  local rows = { head_of(issue) }
  for _, field in ipairs(SHOWN) do
    local text = issue[field[1]]
    if type(text) == "string" and text ~= "" then
      rows[#rows + 1] = (field[2] == "" and "\n" or "\n" .. field[2] .. "\n") .. text
    end
  end
  for i, dep in ipairs(issue.dependencies or {}) do
    rows[#rows + 1] = (i == 1 and "\n" or "") .. ("%s %s"):format(dep.type or "blocks", dep.depends_on_id)
  end
  for _, comment in ipairs(issue.comments or {}) do
    rows[#rows + 1] = ("\n%s, %s:\n%s"):format(tostring(comment.author), tostring(comment.created_at),
      tostring(comment.text))
  end
  return rows
end

local function issue_show(state, words)
  local id = words[3] or state.issue.id
  if #words > 3 then return refuse("issue show: one id expected") end
  if #id > 128 or not id:find("^%w[%w._-]*$") then
    return refuse(("issue show: %s: is no id"):format(wrapix.path.show(id:sub(1, WORD_LIMIT))))
  end
  local issue, msg = state.tracker:get(id)
  if not issue then return refuse(tostring(msg), 1) end
  return say(table.concat(rows_of(issue), "\n"))
end

local function issue_list(state, words)
  if #words > 2 then return refuse("issue list: no more words expected") end
  local issues, msg = state.tracker:all()
  if not issues then return refuse(tostring(msg), 1) end
  local rows, more = {}, 0
  for _, issue in ipairs(issues) do
    if issue.status ~= "closed" and #rows < MOST_LISTED then
      rows[#rows + 1] = head_of(issue)
    elseif issue.status ~= "closed" then
      more = more + 1
    end
  end
  if more > 0 then rows[#rows + 1] = ("and %d more"):format(more) end
  return say(#rows > 0 and table.concat(rows, "\n") or "no open issues")
end

local ISSUE = { add = issue_add, show = issue_show, list = issue_list }

-- --- verbs ----------------------------------------------------------------------------

local VERBS = {}

function VERBS.issue(state, words, stdin)
  local verb = ISSUE[words[2] or ""]
  if verb then return verb(state, words, stdin) end
  return refuse("issue: add, show or list expected; nothing else can be done to issues from inside")
end

function VERBS.note(state, words, stdin)
  local plain, options = divide(words, 2, {})
  if not plain then return refuse("note: " .. options, nil, "ralph note -- TEXT") end
  local text, reason = block(sentence(plain, stdin), NOTE_LIMIT, "note")
  if not text then return refuse(reason) end
  local ok, msg = state.note(text)
  if not ok then return refuse(tostring(msg), 1) end
  if state.on_note then state.on_note(text_of.line(text, 200)) end
  return say("noted on " .. state.issue.id)
end

function VERBS.done(state, words, stdin)
  local plain, options = divide(words, 2, { ["--no-change"] = "text" })
  if not plain then return refuse("done: " .. options) end
  local signal, reason = { kind = "done", by = "socket" }
  if #plain > 0 then
    signal.text, reason = block(sentence(plain, stdin), REASON_LIMIT, "summary")
    if not signal.text then return refuse("done: " .. reason) end
  end
  if options["--no-change"] then
    signal.no_change, reason = block(given(options["--no-change"], stdin), REASON_LIMIT, "--no-change")
    if not signal.no_change then return refuse("done: " .. reason) end
  end
  state.signal = signal
  return say("noted; the checks follow when you end")
end

function VERBS.blocked(state, words, stdin)
  local plain, options = divide(words, 2, {})
  if not plain then return refuse("blocked: " .. options, nil, "ralph blocked -- REASON") end
  local text, reason = block(sentence(plain, stdin), REASON_LIMIT, "reason")
  if not text then return refuse("blocked: " .. reason) end
  state.signal = { kind = "blocked", by = "socket", text = text }
  return say("noted; end now")
end

local function options_of(list, stdin)
  local options = {}
  if #list > MOST_OPTIONS then return nil, ("more than %d options"):format(MOST_OPTIONS) end
  for i, value in ipairs(list) do
    local text, reason = line(given(value, stdin), OPTION_LIMIT, "--option")
    if not text then return nil, reason end
    options[i] = text
  end
  return #options > 0 and options or false
end

function VERBS.ask(state, words, stdin)
  local plain, options = divide(words, 2, { ["--option"] = "list" })
  if not plain then return refuse("ask: " .. options, nil, "ralph ask -- QUESTION") end
  local text, reason = block(sentence(plain, stdin), REASON_LIMIT, "question")
  if not text then return refuse("ask: " .. reason) end
  local choices
  choices, reason = options_of(options["--option"] or {}, stdin)
  if choices == nil then return refuse("ask: " .. reason) end
  state.signal = { kind = "ask", by = "socket", text = text, options = choices or nil }
  return say("noted; end now, the answer comes with the next attempt")
end

function VERBS.help() return { status = 0, out = HELP, err = "" } end

---Carries out a request.
---@param state ralph.InsideState
---@param words string[] at least one
---@param stdin string?
---@return { status: integer, out: string, err: string }
function M.run(state, words, stdin)
  local verb = VERBS[words[1]]
  local asks = words[#words] == "--help" and words[#words - 1] ~= "--"
  if words[1] == "--help" or asks and verb then verb = VERBS.help end
  if verb then return verb(state, words, stdin) end
  return refuse(("%s: there is no such verb here"):format(wrapix.path.show(words[1]:sub(1, WORD_LIMIT))),
    nil, "ralph help")
end

return M
