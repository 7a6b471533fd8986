-- SPDX-License-Identifier: MIT
-- New ids, made as beads makes them: a prefix, and some digits of a hash of what the
-- issue is. Branches that add issues at the same time get different ones. Pure.

local wrapix = require "wrapix"

local M = {}

local DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
local NONCES, SHORTEST, LONGEST = 10, 3, 8
local LONGEST_PREFIX = 20

-- Long enough that two of so many issues hardly ever get the same.
local function length_for(count)
  if count <= 500 then return 4 end
  return count <= 1500 and 5 or 6
end

-- The first bits of a hash in base 36, as many digits as wanted.
local function digits_of(hex, length)
  local value = tonumber(hex:sub(1, 12), 16)
  local out = {}
  for i = length, 1, -1 do
    local digit = value % 36
    out[i] = DIGITS:sub(digit + 1, digit + 1)
    value = value // 36
  end
  return table.concat(out)
end

--- A new id.
---@param prefix string
---@param seed { title: string, description: string?, created_by: string?, created_at: string }
---@param count integer how many issues there are
---@param is_taken fun(id: string): boolean
---@return string? id
---@return string? message
---@return string? code "EEXIST"
function M.new(prefix, seed, count, is_taken)
  local text = ("%s|%s|%s|%s|"):format(seed.title, seed.description or "", seed.created_by or "",
    seed.created_at)
  for length = math.max(SHORTEST, length_for(count)), LONGEST do
    for nonce = 0, NONCES - 1 do
      local id = prefix .. "-" .. digits_of(wrapix.sha256.hex(text .. nonce), length)
      if not is_taken(id) then return id end
    end
  end
  return nil, "no id is free for an issue with this title", "EEXIST"
end

--- The id of a further child: `parent.N`.
---@param parent string
---@param is_taken fun(id: string): boolean
---@return string
function M.child(parent, is_taken)
  local n = 1
  while is_taken(parent .. "." .. n) do n = n + 1 end
  return parent .. "." .. n
end

--- The prefix of an id: what stands before the last '-'.
---@param id string
---@return string?
function M.prefix(id) return id:match("^(.+)%-[^-]*$") end

--- A prefix from the name of a directory.
---@param name string
---@return string
function M.clean(name)
  local text = name:lower():gsub("[^a-z0-9]+", "-"):gsub("^%-+", "")
  text = text:sub(1, LONGEST_PREFIX):gsub("%-+$", "")
  return text ~= "" and text or "issue"
end

--- The prefix that most ids have; of equals the first by name.
---@param ids string[]
---@param name string of the directory, for the first issue
---@return string
function M.common_prefix(ids, name)
  local counts, best = {}, nil
  for _, id in ipairs(ids) do
    local prefix = M.prefix(id)
    if prefix then counts[prefix] = (counts[prefix] or 0) + 1 end
  end
  for prefix, count in pairs(counts) do
    if not best or count > counts[best] or count == counts[best] and prefix < best then
      best = prefix
    end
  end
  return best or M.clean(name)
end

return M
