-- SPDX-License-Identifier: MIT
-- Which placeholders each template has, and what may come in their place: `line` is one
-- short line of ours, `block` a text of ours, `data` what others wrote, put between marks
-- it cannot close. The sums of the sizes keep every prompt below its limit. Data only.

local KIB = 1 << 10

local function line(size) return { kind = "line", size = size or 512 } end
local function block(size, required) return { kind = "block", size = size, required = required } end
local function data(size, what, required)
  return { kind = "data", size = size, what = what, required = required }
end

local function with(base, more)
  local all = {}
  for name, field in pairs(base) do all[name] = field end
  for name, field in pairs(more) do all[name] = field end
  return all
end

local step = {
  PROJECT = line(), ISSUE_ID = line(128), ATTEMPT = line(128), SPEC_NAME = line(128),
  SPEC_PATH = line(),
  ISSUE = data(12 * KIB, "the issue", true),
  ACCEPTANCE = data(6 * KIB, "the acceptance criteria"),
  SPEC = data(8 * KIB, "from the spec"),
  CONTEXT = data(10 * KIB, "about the project"),
  NOTES = data(6 * KIB, "notes and answers"),
  VERIFY = block(2 * KIB),
  PROTECT = block(1 * KIB),
  ENDING = block(2 * KIB, true), DATA_RULE = block(1 * KIB),
}

local ready = {
  PROJECT = line(), SPEC_NAME = line(128), SPEC_PATH = line(),
  TASK = block(2 * KIB, true), FORMAT = block(4 * KIB, true), MOST = line(16),
  PROFILES = line(2 * KIB), OUT = line(),
  CHANGES = data(16 * KIB, "what changed in the spec"),
  ISSUES = data(12 * KIB, "issues there are already"),
  CONTEXT = data(10 * KIB, "about the project"),
  DATA_RULE = block(1 * KIB),
}

---@class ralph.Placeholder
---@field kind "line"|"block"|"data"
---@field size integer bytes
---@field what string? of data: what the marks call it
---@field required boolean? a template without it is refused

---@type table<string, table<string, ralph.Placeholder>>
return {
  spec = { TITLE = line() },
  plan = {
    PROJECT = line(), SPEC_NAME = line(128), SPEC_PATH = line(), OUT = line(),
    TASK = block(2 * KIB, true), SECTIONS = block(2 * KIB),
    ANSWERS = data(24 * KIB, "prepared answers"),
    CONTEXT = data(10 * KIB, "about the project"),
    DATA_RULE = block(1 * KIB),
  },
  ready = ready,
  ready_retry = with(ready, {
    ERRORS = data(6 * KIB, "what is wrong with the file", true),
    FILE = data(12 * KIB, "the file as it was written"),
    ISSUES = data(6 * KIB, "issues there are already"),
    CHANGES = data(12 * KIB, "what changed in the spec"),
    CONTEXT = data(6 * KIB, "about the project"),
  }),
  step = step,
  step_retry = with(step, { FAILURE = data(8 * KIB, "how the last attempt failed", true) }),
}
