-- SPDX-License-Identifier: MIT
-- What all sinks do to texts before they show them: a count of joined messages, a
-- length that fits, a line of its own. Pure. The texts are clean already (no control
-- or bidi characters, valid UTF-8); what the receiver itself would read as more than
-- text is each sink's to escape.

local M = {}

---Cuts a text at a number of bytes, between two characters.
---@param text string
---@param most integer bytes
---@return string
function M.shorten(text, most)
  if #text <= most then return text end
  local at = most - 3 -- for the ellipsis
  while at > 0 and text:byte(at + 1) & 0xC0 == 0x80 do at = at - 1 end
  return text:sub(1, at) .. "…"
end

---The title as it is shown; one that joins several messages says how many.
---@param message table
---@param most integer? bytes
---@return string
function M.title(message, most)
  local title = M.shorten((message.title:gsub("%s+", " ")), most or 200)
  if title:find("^%s*$") then title = "wrapix" end
  local count = message.count or 1
  return count > 1 and ("%s (%d×)"):format(title, count) or title
end

---The text below the title.
---@param message table
---@param most integer? bytes
---@return string
function M.body(message, most) return M.shorten(message.message or "", most or 2000) end

---Title and text as one line, for what has no title.
---@param message table
---@return string
function M.line(message)
  local body = M.body(message):gsub("%s+", " ")
  return body == "" and M.title(message) or M.title(message) .. ": " .. body
end

---Who it is from, as far as that is known for sure.
---@param message table
---@return string
function M.app(message)
  local from = message.from
  local name = from and type(from.name) == "string" and from.name or ""
  return name ~= "" and "wrapix " .. M.shorten(name:gsub("%c", ""), 60) or "wrapix"
end

---What messages that take each other's place have in common: the last word of a session
---is enough. Those of nobody known do not replace each other unless they say so.
---@param message table
---@return string?
function M.tag(message)
  local from = message.from
  local session = from and type(from.session) == "string" and from.session:gsub("[^%w]", "") or ""
  local own = type(message.tag) == "string" and message.tag:gsub("[^%w%-_]", "") or ""
  if session == "" and own == "" then return nil end
  return ("wrapix-%s-%s"):format(session, M.shorten(own, 64))
end

---Runs a program that shows something.
---@param run fun(argv: string[], opts: table): table?, string?, string?
---@param argv string[]
---@param opts table? of proc.run
---@return true|nil
---@return string? message
function M.run(run, argv, opts)
  local all = { timeout = 10, grace = 1, max_output = 4096 }
  for key, value in pairs(opts or {}) do all[key] = value end
  local result, message = run(argv, all)
  if not result then return nil, message end
  if result.timed_out then return nil, ("%s: gave no answer"):format(argv[1]) end
  if result.code == 0 then return true end
  local reason = (result.stderr or ""):match("([^\n]+)%s*$")
  return nil, ("%s: %s"):format(argv[1], reason
    or result.signal and ("ended by signal %d"):format(result.signal)
    or ("status %d"):format(result.code))
end

return M
