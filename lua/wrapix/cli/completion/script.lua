-- SPDX-License-Identifier: MIT
-- A completion script for a shell: its template, with what the model has written as
-- tables in that shell's language. Every text goes in as one quoted word.

local host = require("wrapix.host")
local model = require("wrapix.cli.completion.model")
local shell = require("wrapix.shell")

local M = {}

-- Within quotes of fish only these two mean something.
local function fish_quote(text) return "'" .. text:gsub("['\\]", "\\%0") .. "'" end

local function always_quote(text)
  local quoted = shell.quote(text)
  return quoted == text and "'" .. text .. "'" or quoted
end

---@class wrapix.CompletionDialect
---@field quote fun(text: string): string
---@field list fun(name: string, words: string[]): string a statement; the words are quoted
---@field case fun(path: string): string the line that begins the part of a path
---@field finish string the line that ends it
---@field described (fun(word: string, text: string): string)? absent: words alone

local function posix_list(name, words) return ("%s=(%s)"):format(name, table.concat(words, " ")) end
local function posix_case(path) return ("%s)"):format(always_quote(path)) end

---@type table<string, wrapix.CompletionDialect>
local DIALECTS = {
  bash = { quote = always_quote, list = posix_list, case = posix_case, finish = ";;" },
  zsh = {
    quote = always_quote, list = posix_list, case = posix_case, finish = ";;",
    described = function(word, text) return always_quote(word:gsub(":", "\\:") .. ":" .. text) end,
  },
  fish = {
    quote = fish_quote,
    list = function(name, words) return ("set %s %s"):format(name, table.concat(words, " ")) end,
    case = function(path) return "case " .. fish_quote(path) end, finish = "",
    described = function(word, text) return fish_quote(word) .. "\\t" .. fish_quote(text) end,
  },
}

local function plain(list, dialect)
  local out = {}
  for i, word in ipairs(list) do out[i] = dialect.quote(word) end
  return out
end

local function words_of(list, dialect)
  local out = {}
  for i, one in ipairs(list) do
    out[i] = dialect.described and dialect.described(one.word, one.text) or dialect.quote(one.word)
  end
  return out
end

-- Flags with a value and what that is, in turn.
local function values_of(flags)
  local out = {}
  for _, flag in ipairs(flags) do
    if flag.offers then table.move({ flag.word, flag.offers }, 1, 2, #out + 1, out) end
  end
  return out
end

local function part(node, dialect)
  local lines = { "    " .. dialect.case(node.path) }
  local function add(name, words)
    if #words > 0 then lines[#lines + 1] = "      " .. dialect.list(name, words) end
  end
  add("subs", words_of(node.commands, dialect))
  add("flags", words_of(node.flags, dialect))
  add("values", plain(values_of(node.flags), dialect))
  add("places", plain(node.arguments, dialect))
  if node.many then add("many", { "1" }) end
  if node.rest then add("rest", { "1" }) end
  lines[#lines + 1] = dialect.finish ~= "" and "      " .. dialect.finish or nil
  return table.concat(lines, "\n")
end

local function program_names(programs)
  local names = {}
  for name in pairs(programs) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function program_part(name, path, dialect)
  local line = ("    %s\n      %s"):format(dialect.case(name),
    dialect.list("way", { dialect.quote(path) }))
  return dialect.finish ~= "" and ("%s\n      %s"):format(line, dialect.finish) or line
end

--- The script for a shell.
---@param name "bash"|"zsh"|"fish"
---@param commands wrapix.CliCommand[] `run` first
---@param programs table<string, string> other names of the program → the command each is
---@return string
function M.make(name, commands, programs)
  local dialect, tables, ways = DIALECTS[name], {}, {}
  for i, node in ipairs(model.nodes(commands)) do tables[i] = part(node, dialect) end
  local all = program_names(programs)
  for i, program in ipairs(all) do ways[i] = program_part(program, programs[program], dialect) end
  table.insert(all, 1, "wrapix")
  local fill = {
    TABLES = table.concat(tables, "\n"), WAYS = table.concat(ways, "\n"),
    PROGRAMS = table.concat(all, " "),
    PROFILES = table.concat(plain(model.profiles(), dialect), " "),
  }
  local text = host.script("wrapix/cli/completion/template/" .. name)
  return (text:gsub("@(%u+)@", fill))
end

return M
