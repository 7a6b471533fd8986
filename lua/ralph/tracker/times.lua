-- SPDX-License-Identifier: MIT
-- Moments as beads writes them (RFC 3339), and in a form that sorts as a text: digits of
-- UTC down to the nanosecond. Pure but for the clock.

local wrapix = require "wrapix"

local M = {}

local DAY = 86400

-- Days since 1970-01-01 of a date of the Gregorian calendar, and back; the year begins
-- in March here, so that the day that some years lack is the last one.
local function days_of(year, month, day)
  if month <= 2 then year = year - 1 end
  local shifted = (month + 9) % 12
  local days = 365 * year + year // 4 - year // 100 + year // 400
  return days + (153 * shifted + 2) // 5 + day - 1 - 719468
end

local function date_of(days)
  days = days + 719468
  local era = days // 146097
  local rest = days - era * 146097
  local year = (rest - rest // 1460 + rest // 36524 - rest // 146096) // 365
  local inner = rest - (365 * year + year // 4 - year // 100)
  local shifted = (5 * inner + 2) // 153
  local month = shifted < 10 and shifted + 3 or shifted - 9
  return year + era * 400 + (month <= 2 and 1 or 0), month, inner - (153 * shifted + 2) // 5 + 1
end

local function in_utc(y, mo, d, h, mi, s, offset)
  local moment = days_of(y, mo, d) * DAY + h * 3600 + mi * 60 + s - offset
  local year, month, day = date_of(moment // DAY)
  local rest = moment % DAY
  return ("%04d%02d%02d%02d%02d%02d"):format(year, month, day, rest // 3600, rest % 3600 // 60,
    rest % 60)
end

local DAYS = { ["02"] = 28, ["04"] = 30, ["06"] = 30, ["09"] = 30, ["11"] = 30 }

-- Beads refuses a day that its month has not, also where it reads our export.
local function is_day(y, mo, d)
  if d <= "28" then return d >= "01" end
  local year = y // 1
  local is_leap = year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
  return d // 1 <= (mo == "02" and is_leap and 29 or DAYS[mo] or 31)
end

local PATTERN = "^(%d%d%d%d)%-(%d%d)%-(%d%d)[Tt ](%d%d):(%d%d):(%d%d)(%.?%d*)([Zz+-])(.*)$"

--- A moment as digits that sort as it does.
---@param text any RFC 3339
---@return string? key 23 digits; nil for what is no moment
function M.key(text)
  if type(text) ~= "string" or #text > 40 then return nil end
  local y, mo, d, h, mi, s, fraction, sign, zone = text:match(PATTERN)
  if not y or mo < "01" or mo > "12" or not is_day(y, mo, d) or h > "23" or mi > "59" or s > "60"
    or fraction == "." or fraction ~= "" and fraction:sub(1, 1) ~= "." then
    return nil
  end
  local part = (fraction:sub(2) .. "000000000"):sub(1, 9)
  if sign == "Z" or sign == "z" then
    return zone == "" and y .. mo .. d .. h .. mi .. s .. part or nil
  end
  local hours, minutes = zone:match("^(%d%d):(%d%d)$")
  if not hours then return nil end
  local offset = (hours * 3600 + minutes * 60) * (sign == "-" and -1 or 1)
  return in_utc(y // 1, mo // 1, d // 1, h // 1, mi // 1, s // 1, offset // 1) .. part
end

--- A moment as text.
---@param seconds number since 1970
---@param extra integer? microseconds to add
---@return string RFC 3339 in UTC, to the microsecond
function M.format(seconds, extra)
  local micros = math.floor(seconds * 1000000) + (extra or 0)
  return ("%s.%06dZ"):format(os.date("!%Y-%m-%dT%H:%M:%S", micros // 1000000), micros % 1000000)
end

--- Now, as text.
---@param extra integer? microseconds to add
---@return string
function M.now(extra) return M.format(wrapix.sys.time(), extra) end

return M
