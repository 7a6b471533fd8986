-- SPDX-License-Identifier: MIT
-- The tables of the commands → what completion has to know of each: one flat list, the
-- same for every shell. Pure; knows no shell.

local agents = require("wrapix.agent.registry")
local group_of = require("wrapix.cli.group")
local host = require("wrapix.host")
local option_of = require("wrapix.cli.option")

local M = {}

---@class wrapix.CompletionWord
---@field word string
---@field text string one line on it

---@class wrapix.CompletionFlag: wrapix.CompletionWord
---@field offers string? absent: takes no value; "" nothing can be offered as one

---@class wrapix.CompletionNode
---@field path string the words that lead to the command, such as "image build"; "" is a run
---@field commands wrapix.CompletionWord[]
---@field flags wrapix.CompletionFlag[]
---@field arguments string[] what is offered in place of each
---@field many boolean the last one may be repeated
---@field rest boolean words of another program follow `--`

-- Kinds that are made of words known when the script is made. The others are asked for:
-- file and directory from the shell, profiles are files, too, the rest from `wrapix completion names`.
local function agent_names()
  return agents.names({ read = function() return nil, "ENOENT: not asked", "ENOENT" end })
end

local STATIC = {
  agent = agent_names,
  login = function()
    local list = agent_names()
    list[#list + 1] = "status"
    return list
  end,
}

local ASKED = { file = true, directory = true, profile = true, sandbox = true, session = true,
  spec = true, issue = true, ["closed-issue"] = true }

-- A list of words is written as "=word word".
local function encode(offers, name)
  if STATIC[offers] then offers = STATIC[offers]() end
  if type(offers) == "table" then
    for _, word in ipairs(offers) do
      if not word:find("^[%w_.-]+$") then
        error(("%s: '%s' is no word to offer"):format(name, word), 0)
      end
    end
    return "=" .. table.concat(offers, " ")
  end
  if offers and not ASKED[offers] then
    error(("%s: '%s' is no kind of value"):format(name, offers), 0)
  end
  return offers or ""
end

-- The first sentence, which tells what it is; the rest tells how.
local function summary(text) return text:match("^(.-)%.%f[%s\0]") or text end

local function flags_of(command, path)
  local flags = {}
  for _, option in ipairs(option_of.list(command)) do
    for _, flag in ipairs(option.flags) do
      local name = path .. " " .. flag
      flags[#flags + 1] = { word = flag, text = summary(option.description),
        offers = option.argname and encode(option.offers or option.choices, name) or nil }
    end
  end
  return flags
end

local function arguments_of(command, path)
  local list, many = {}, false
  for i, argument in ipairs(command.arguments or {}) do
    list[i] = encode(argument.offers, path .. " " .. argument.name)
    many = many or argument.many == true
  end
  return list, many
end

local function add(nodes, command, path)
  local node = { path = path, commands = {}, rest = command.rest ~= nil }
  nodes[#nodes + 1] = node
  -- Without a word a group means one of its commands, which then has the options.
  local meant = command.default and group_of.find(command, command.default) or command
  node.flags, node.arguments = flags_of(meant, path), nil
  node.arguments, node.many = arguments_of(meant, path)
  for i, sub in ipairs(group_of.all(command)) do
    node.commands[i] = { word = sub.name, text = summary(sub.summary) }
    add(nodes, sub, path == "" and sub.name or path .. " " .. sub.name)
  end
end

--- What the tables come to.
---@param commands wrapix.CliCommand[] `run` first
---@return wrapix.CompletionNode[] the one of `run` first, with all commands in it
function M.nodes(commands)
  local nodes = {}
  add(nodes, commands[1], "")
  for i = 2, #commands do
    local command = commands[i]
    nodes[1].commands[i - 1] = { word = command.name, text = summary(command.summary) }
    add(nodes, command, command.name)
  end
  return nodes
end

--- The profiles that every wrapix has.
---@return string[]
function M.profiles() return host.profile_names() end

return M
