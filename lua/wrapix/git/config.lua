-- SPDX-License-Identifier: MIT
-- Reads the text of a git configuration file. Follows no include and runs
-- nothing: the file may come from a hostile checkout. Pure.

local M = {}

---@class wrapix.GitSetting
---@field key string "core.worktree", "remote.origin.url": section and name in lower case
---@field value string "true" for a name without "="
---@field from integer first byte of the setting in the text
---@field to integer last byte, before the line's end

local ESCAPES = { ["\\"] = "\\", ['"'] = '"', n = "\n", t = "\t", b = "\b" }

-- `[section]`, `[section "sub"]`, or the old `[section.sub]`.
local function read_header(text, at)
  local section, finish = text:match("^%[([%w.-]+)%]()", at)
  if section then return section:lower(), finish end
  local name, start = text:match('^%[([%w.-]+)[ \t]+"()', at)
  local parts = { name and name:lower() .. "." }
  while start do
    local plain, after = text:match('^([^"\\\n]*)()', start)
    parts[#parts + 1] = plain
    local escaped = text:match("^\\([^\n])", after)
    if text:sub(after, after + 1) == '"]' then return table.concat(parts), after + 2 end
    parts[#parts + 1] = escaped
    start = escaped and after + 2
  end
end

-- One step of a value: the bytes it adds, where the next step starts, and
-- whether a quote opens or closes here. No bytes: the value's end, or a mistake.
local function read_step(text, at, quoted)
  local plain = text:match(quoted and '^[^"\\\n]+' or '^[^"\\\n#;]+', at)
  if plain then return plain, at + #plain, false end
  local byte = text:sub(at, at)
  if byte == '"' then return "", at + 1, true end
  if byte ~= "\\" then return nil, at end
  local continued = text:match("^\\\r?\n()", at)
  if continued then return "", continued, false end
  local escaped = ESCAPES[text:sub(at + 1, at + 1)]
  if not escaped then return nil, nil end
  return escaped, at + 2, false
end

-- Spaces at the end count only inside quotes.
local function trimmed(text, kept)
  local shown = text:match("^.*[^ \t\r]") or ""
  return text:sub(1, math.max(kept, #shown))
end

local function read_value(text, at)
  local parts, length, kept, quoted = {}, 0, 0, false
  at = text:match("^[ \t]*()", at)
  while true do
    local bytes, after, toggles = read_step(text, at, quoted)
    if not bytes then
      if not after or quoted then return nil end
      return trimmed(table.concat(parts), kept), at
    end
    if toggles then quoted = not quoted end
    parts[#parts + 1], length, at = bytes, length + #bytes, after
    if quoted or toggles then kept = length end
  end
end

local function line_end(text, at) return text:find("\n", at, true) or #text + 1 end

local function read_setting(text, at, section)
  local name, after = text:match("^(%a[%w-]*)[ \t]*()", at)
  if not name or not section then return nil end
  local value, finish = "true", after
  if text:sub(after, after) == "=" then
    value, finish = read_value(text, after + 1)
    if not value then return nil end
  elseif not text:find("^[\r\n#;]", after) and after <= #text then
    return nil
  end
  local last = line_end(text, finish) - 1
  return { key = section .. "." .. name:lower(), value = value, from = at, to = last }
end

--- Reads every setting, in order.
---@param text string
---@return wrapix.GitSetting[]|nil nil for a text git would refuse too
---@return string? message
---@return string? code "EINVAL"
function M.parse(text)
  local list, section = {}, nil
  local at = text:match("^\xEF\xBB\xBF()") or 1
  while true do
    at = text:match("^[%s]*()", at)
    if at > #text then return list end
    local byte = text:sub(at, at)
    if byte == "#" or byte == ";" then
      at = line_end(text, at)
    elseif byte == "[" then
      section, at = read_header(text, at)
    else
      local setting = read_setting(text, at, section)
      list[#list + 1] = setting
      at = setting and setting.to + 1
    end
    if not at then return nil, "git: config: is not in git's form", "EINVAL" end
  end
end

--- The last value of a key, which is the one that counts.
---@param settings wrapix.GitSetting[]
---@param key string
---@return string?
function M.get(settings, key)
  for i = #settings, 1, -1 do
    if settings[i].key == key then return settings[i].value end
  end
end

--- The text without the settings of a key.
---@param text string
---@param settings wrapix.GitSetting[] of this text
---@param key string
---@return string
function M.without(text, settings, key)
  local parts, at = {}, 1
  for _, setting in ipairs(settings) do
    if setting.key == key then
      parts[#parts + 1] = text:sub(at, setting.from - 1)
      at = setting.to + 1
    end
  end
  parts[#parts + 1] = text:sub(at)
  return table.concat(parts)
end

return M
