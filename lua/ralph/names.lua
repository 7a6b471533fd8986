-- SPDX-License-Identifier: MIT
-- Names of specs and ids of issues: what they may hold. Both become names of files, of
-- git refs and words of command lines, so what none of these would take is refused here.
-- Pure.

local wrapix = require "wrapix"

local M = {}

local LONGEST_SPEC, LONGEST_ID = 64, 128

local function refuse(what, name, reason, hint)
  local shown = type(name) == "string" and wrapix.path.show(name) or type(name)
  return nil, ("%s: %s: %s"):format(what, shown, reason), "EINVAL", hint
end

-- What neither a file system nor git takes as a part of a name.
local function awkward(name)
  return name:find("..", 1, true) or name:find("[.-]$") or name:find("%.lock$")
end

--- Checks the name of a spec: `specs/NAME.md`.
---@param name any
---@return string? name
---@return string? message
---@return string? code "EINVAL"
---@return string? hint
function M.spec(name)
  local hint = "small letters, digits, '-', '_' and '.', such as `shop-cart`"
  if type(name) ~= "string" then return refuse("spec", name, "a name expected", hint) end
  if name == "" then return refuse("spec", name, "the name is empty", hint) end
  if #name > LONGEST_SPEC then
    return refuse("spec", name:sub(1, LONGEST_SPEC) .. "…",
      ("is longer than %d characters"):format(LONGEST_SPEC), hint)
  end
  if name:lower() == "readme" then
    return refuse("spec", name, "specs/README.md is the table of all specs", hint)
  end
  if name:find("%.md$") then
    return refuse("spec", name, "is a file's name", ("say `%s`"):format(name:sub(1, -4)))
  end
  if not name:find("^[a-z0-9][a-z0-9._-]*$") or awkward(name) then
    return refuse("spec", name, "cannot be the name of a spec", hint)
  end
  return name
end

--- Whether a text can be the id of an issue.
---@param id any
---@return boolean
function M.is_issue(id)
  return type(id) == "string" and #id <= LONGEST_ID and id:find("^%w[%w._-]*$") ~= nil
    and not awkward(id)
end

--- Checks the id of an issue, or the beginning of one.
---@param id any
---@return string? id
---@return string? message
---@return string? code "EINVAL"
---@return string? hint
function M.issue(id)
  if type(id) == "string" and #id <= LONGEST_ID and id:find("^%w[%w._-]*$")
    and not id:find("..", 1, true) then
    return id
  end
  return refuse("issue", type(id) == "string" and id:sub(1, LONGEST_ID) or id,
    "cannot be the id of an issue", "`ralph issue list` shows the ids")
end

return M
