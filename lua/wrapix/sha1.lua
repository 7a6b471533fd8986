-- SPDX-License-Identifier: MIT
-- SHA-1 (FIPS 180-4) and HMAC (RFC 2104) of short texts. Only for reading the
-- hashed names of known_hosts, whose form asks for it; nothing may rely on it
-- for more.

local M = {}

local BLOCK = 64
local MASK = 0xffffffff

local function rotate(value, count)
  return (value << count | value >> 32 - count) & MASK
end

local function mix(i, b, c, d)
  if i < 20 then return b & c | ~b & d, 0x5a827999 end
  if i < 40 then return b ~ c ~ d, 0x6ed9eba1 end
  if i < 60 then return b & c | b & d | c & d, 0x8f1bbcdc end
  return b ~ c ~ d, 0xca62c1d6
end

local function compress(state, w)
  for i = 17, 80 do w[i] = rotate(w[i - 3] ~ w[i - 8] ~ w[i - 14] ~ w[i - 16], 1) end
  local a, b, c, d, e = table.unpack(state)
  for i = 0, 79 do
    local f, k = mix(i, b, c, d)
    local next_a = rotate(a, 5) + (f & MASK) + e + k + w[i + 1] & MASK
    a, b, c, d, e = next_a, a, rotate(b, 30), c, d
  end
  for i, word in ipairs({ a, b, c, d, e }) do state[i] = state[i] + word & MASK end
end

--- The SHA-1 of a text.
---@param text string
---@return string digest 20 bytes
function M.digest(text)
  local zeros = -(#text + 9) % BLOCK
  local padded = text .. "\x80" .. ("\0"):rep(zeros) .. (">I8"):pack(#text * 8)
  local state = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 }
  for at = 1, #padded, BLOCK do
    compress(state, { (">" .. ("I4"):rep(16)):unpack(padded, at) })
  end
  return (">I4I4I4I4I4"):pack(table.unpack(state))
end

local function masked(key, byte)
  return (key:gsub(".", function(char) return string.char(char:byte() ~ byte) end))
end

--- The HMAC-SHA-1 of a text.
---@param key string
---@param text string
---@return string digest 20 bytes
function M.hmac(key, text)
  if #key > BLOCK then key = M.digest(key) end
  key = key .. ("\0"):rep(BLOCK - #key)
  return M.digest(masked(key, 0x5c) .. M.digest(masked(key, 0x36) .. text))
end

return M
