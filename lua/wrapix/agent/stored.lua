-- SPDX-License-Identifier: MIT
-- What agents say of a login, from the files in its store. Sandboxes write there, so
-- nothing in a file is taken for granted. Pure; no start asks.

local compose = require "wrapix.agent.compose"
local json = require "wrapix.json"

local M = {}

local STORE = { max_depth = 16, max_size = 1 << 20 }

--- A file of a login store as a table. Sandboxes write there: it may hold anything.
---@param read fun(name: string): string?, string?, string? text, or nil, message, code
---@param name string
---@return table?
---@return "unreadable"|nil problem nil for a file that is not there
function M.read(read, name)
  local text, _, code = read(name)
  if not text then return nil, code and code ~= "ENOENT" and "unreadable" or nil end
  local data = json.decode(text, STORE)
  if type(data) == "table" then return data end
  return nil, "unreadable"
end

--- What is known of a login in one line.
---@param ... string|false|nil
---@return string? nil when there is nothing
function M.words(...)
  local words = {}
  compose.add(words, ...)
  return #words > 0 and table.concat(words, ", ") or nil
end

--- The status of a store that is a file with an entry for each provider.
---@param read fun(name: string): string?, string?, string? text, or nil, message, code
---@param name string of the file
---@return "there"|"none"|"unreadable"
---@return string? names
function M.providers(read, name)
  local data, problem = M.read(read, name)
  if not data then return problem or "none" end
  local names = {}
  for provider in pairs(data) do
    if type(provider) == "string" and #provider <= 64 and provider:find("^[%w._-]+$") then
      names[#names + 1] = provider
    end
  end
  table.sort(names)
  if #names == 0 then return "none" end
  return "there", table.concat(names, ", ")
end

return M
