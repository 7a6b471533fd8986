-- Sizes, durations and counts as people write them → numbers; whether a text can be
-- the name of a container, of an image, of a variable. Pure; knows neither plan nor
-- engine, so that the command line can judge its own words by it.
--
-- SPDX-License-Identifier: MIT

local M = {}

local SIZE = { [""] = 0, b = 0, k = 10, m = 20, g = 30, t = 40 }
local SECONDS = { s = 1, m = 60, h = 3600, d = 86400 }

-- Above this a float no longer holds every integer, and no engine takes it.
local LARGEST = 2 ^ 53

local LONGEST_NAME = 128

-- The home directory stands in the passwd entry, in a mount and in the environment; the
-- others name the session. Letting one of them differ breaks what relies on it.
local RESERVED = { HOME = true, WRAPIX = true, WRAPIX_PROFILE = true, WRAPIX_SESSION_ID = true }

--- Reads a size in bytes: a number, or "512m", "4g", "1.5 GiB" (powers of 1024).
---@param value number|string
---@return integer|nil bytes
---@return string? reason
function M.size(value)
  local number, unit = value, ""
  if type(value) == "string" then
    local digits, letter, tail = value:lower():match("^%s*(%d+%.?%d*)%s*([bkmgt]?)(i?b?)%s*$")
    number, unit = tonumber(digits), letter
    if not number or (letter == "" and tail ~= "") or (letter == "b" and tail ~= "") then
      return nil, "is not a size such as 512m or 4g"
    end
  end
  if type(number) ~= "number" then
    return nil, "is not a size such as 512m or 4g"
  end
  local bytes = number * 2 ^ SIZE[unit]
  if not (bytes >= 1 and bytes <= LARGEST) then
    return nil, "is out of range"
  end
  return math.floor(bytes)
end

--- Writes a size the way it is best read; `M.size` reads it back.
---@param bytes integer
---@return string
function M.format_size(bytes)
  for _, unit in ipairs({ "t", "g", "m", "k" }) do
    local whole = 1 << SIZE[unit]
    if bytes >= whole and bytes % whole == 0 then
      return ("%d%s"):format(bytes // whole, unit)
    end
  end
  return ("%db"):format(bytes)
end

--- Reads a duration in seconds: a number, or "90", "90s", "5m", "1h30m", "2d".
---@param value number|string
---@return number|nil seconds
---@return string? reason
function M.duration(value)
  local plain = tonumber(value)
  if type(value) == "string" and not value:match("^%d+%.?%d*$") then
    plain = nil
    local rest, total = value:lower():gsub("%s", ""), 0
    while rest ~= "" do
      local digits, unit, tail = rest:match("^(%d+%.?%d*)([smhd])(.*)$")
      if not digits then
        return nil, "is not a duration such as 90s, 5m or 1h30m"
      end
      total, rest = total + tonumber(digits) * SECONDS[unit], tail
      plain = total
    end
  end
  if not plain then
    return nil, "is not a duration such as 90s, 5m or 1h30m"
  end
  if not (plain > 0 and plain <= LARGEST) then
    return nil, "is out of range"
  end
  return math.tointeger(plain) or plain
end

--- Reads a number of processors: 2, 1.5, "0.5".
---@param value number|string
---@return number|nil cpus
---@return string? reason
function M.cpus(value)
  local number = value
  if type(value) == "string" then
    number = value:match("^%d+%.?%d*$") and tonumber(value)
  end
  if type(number) ~= "number" then
    return nil, "is not a number of processors such as 2 or 1.5"
  end
  if not (number >= 0.01 and number <= 1e6) then
    return nil, "is out of range"
  end
  return math.tointeger(number) or number
end

--- Reads a whole number above zero.
---@param value number|string
---@return integer|nil count
---@return string? reason
function M.count(value)
  local number = value
  if type(value) == "string" then
    number = value:match("^%d+$") and tonumber(value)
  end
  number = type(number) == "number" and math.tointeger(number) or nil
  if not number or number < 1 or number > LARGEST then
    return nil, "is not a whole number above zero"
  end
  return number
end

--- Whether a text can name a container.
---@param value string
---@return true|nil
---@return string? reason
---@return nil code
---@return string? hint
function M.container_name(value)
  if value:match("^[%w][%w_.-]*$") and #value <= LONGEST_NAME then return true end
  return nil, "is not a container name", nil,
    ("letters, digits, and _ . - after the first character; at most %d"):format(LONGEST_NAME)
end

--- Whether a text can name an image, and not be taken for an option of the engine.
---@param value any
---@return true|nil
---@return string? reason
function M.image_reference(value)
  if type(value) == "string" and value ~= "" and not value:find("^%-")
    and not value:find("[%s%c]") then
    return true
  end
  return nil, "is not an image reference"
end

--- Whether a person may give a variable of this name a value.
---@param name any
---@return true|nil
---@return string? reason
---@return nil code
---@return string? hint
function M.variable_name(name)
  if type(name) ~= "string" or not name:match("^[%a_][%w_]*$") then
    return nil, "is not a variable name", nil, "letters, digits and _ only"
  end
  if RESERVED[name] then return nil, "is set by wrapix and cannot be changed" end
  return true
end

return M
