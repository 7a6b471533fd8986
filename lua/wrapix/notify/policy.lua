-- SPDX-License-Identifier: MIT
-- Whether a message is shown: from the message, what is known around it and the
-- person's rules to one decision with each level's answer. Pure. What a sandbox says
-- of itself (urgency, session_id) decides nothing here, and what nobody knows never
-- holds a message back.

local M = {}

---@class wrapix.NotifyLevel one level's answer, as `notifyd explain` prints it
---@field name string
---@field answer string
---@field detail string?

---@class wrapix.NotifyKnown
---@field always boolean? WRAPIX_NOTIFY_ALWAYS=1, or the rules say so
---@field minute integer minutes since local midnight
---@field age number? seconds the turn took at most; nil when unknown
---@field rate "free"|"repeat"|"full" of rate.lua
---@field focus (fun(): wrapix.NotifyLevel[])? asks the detectors; called at most once

---@class wrapix.NotifyDecision
---@field action "show"|"hold"|"join" join: counted, and shown later as one
---@field why string?
---@field levels wrapix.NotifyLevel[]

---Whether a minute of the day lies in a span, which may go over midnight.
---@param quiet { from: integer, to: integer }
---@param minute integer
---@return boolean
function M.is_within(quiet, minute)
  if quiet.from <= quiet.to then return minute >= quiet.from and minute < quiet.to end
  return minute >= quiet.from or minute < quiet.to
end

---What many detectors say together: the person is looking only when one says so and
---none says otherwise.
---@param answers wrapix.NotifyLevel[]
---@return "focused"|"away"|"unknown"
function M.combine(answers)
  local found = "unknown"
  for _, one in ipairs(answers) do
    if one.answer == "away" then return "away" end
    if one.answer == "focused" then found = "focused" end
  end
  return found
end

local function clock_text(minute) return ("%02d:%02d"):format(minute // 60, minute % 60) end

local LEVELS = {}

function LEVELS.quiet(known, rules)
  if not rules.quiet then return "off" end
  local span = ("%s to %s"):format(clock_text(rules.quiet.from), clock_text(rules.quiet.to))
  if M.is_within(rules.quiet, known.minute) then return "hold", span, "quiet hours" end
  return "show", span
end

function LEVELS.age(known, rules)
  if not rules.min_age or rules.min_age <= 0 then return "off" end
  if not known.age then return "unknown", "nothing says when the turn began" end
  local detail = ("the turn took %.0f s, asked for are %.0f s"):format(known.age, rules.min_age)
  if known.age < rules.min_age then return "hold", detail, "the turn was short" end
  return "show", detail
end

function LEVELS.rate(known)
  if known.rate == "repeat" then return "join", "shown a moment ago", "the same again" end
  if known.rate == "full" then
    return "join", "the session has shown enough for now", "too many messages"
  end
  return "show"
end

local function add(decision, name, answer, detail, why)
  decision.levels[#decision.levels + 1] = { name = name, answer = answer, detail = detail }
  if why and decision.action == "show" then
    decision.action, decision.why = answer == "join" and "join" or "hold", why
  end
end

local function add_focus(decision, known, rules)
  if not rules.focus then return add(decision, "focus", "off") end
  if not known.focus then
    return add(decision, "focus", "unknown", "nothing says where the session is seen")
  end
  if decision.action ~= "show" then return add(decision, "focus", "not asked") end
  local answers = known.focus()
  for _, one in ipairs(answers) do add(decision, one.name, one.answer, one.detail) end
  local all = M.combine(answers)
  add(decision, "focus", all, nil, all == "focused" and "the person is looking at it" or nil)
end

---Decides about one message.
---@param known wrapix.NotifyKnown
---@param rules table of config.lua
---@return wrapix.NotifyDecision
function M.decide(known, rules)
  local decision = { action = "show", levels = {} }
  if known.always then
    add(decision, "always", "show", "nothing is held back")
    return decision
  end
  add(decision, "quiet", LEVELS.quiet(known, rules))
  add(decision, "age", LEVELS.age(known, rules))
  -- Cheap ones first: what a repeat would be held for needs no detector.
  add(decision, "rate", LEVELS.rate(known))
  add_focus(decision, known, rules)
  return decision
end

return M
