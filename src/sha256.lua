-- SPDX-License-Identifier: MIT
-- Build tool: SHA-256 (FIPS 180-4) in Lua alone, for pack.lua, which runs before
-- anything is compiled. The program has lua/wrapix/sha256.lua, many times faster.

local M = {}

-- Fractions of the cube roots of the first 64 primes.
-- stylua: ignore
local K = {
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
}

-- Fractions of the square roots of the first 8 primes.
-- stylua: ignore
local H = {
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
}

-- Lua's integers have 64 bits. A 32-bit word written twice side by side makes
-- every rotation a plain shift; what overflows upwards is cut off where it
-- would count.
local function schedule(w)
  for i = 17, 64 do
    local a, b = w[i - 15], w[i - 2]
    local aa, bb = a << 32 | a, b << 32 | b
    local s0 = aa >> 7 ~ aa >> 18 ~ a >> 3
    local s1 = bb >> 17 ~ bb >> 19 ~ b >> 10
    w[i] = w[i - 16] + s0 + w[i - 7] + s1 & 0xffffffff
  end
end

local function compress(state, w)
  schedule(w)
  local a, b, c, d, e, f, g, h = table.unpack(state)
  for i = 1, 64 do
    local ee, aa = e << 32 | e, a << 32 | a
    local s1 = ee >> 6 ~ ee >> 11 ~ ee >> 25
    local t1 = h + (s1 & 0xffffffff) + (g ~ e & (f ~ g)) + K[i] + w[i]
    local s0 = aa >> 2 ~ aa >> 13 ~ aa >> 22
    local t2 = (s0 & 0xffffffff) + (a & b | c & (a | b))
    h, g, f, e, d, c, b, a = g, f, e, d + t1 & 0xffffffff, c, b, a, t1 + t2 & 0xffffffff
  end
  for i, word in ipairs({ a, b, c, d, e, f, g, h }) do
    state[i] = state[i] + word & 0xffffffff
  end
end

--- The SHA-256 of a text.
---@param text string
---@return string digest 64 lower-case hex digits
function M.hex(text)
  if type(text) ~= "string" then error("text: string expected, got " .. type(text), 2) end
  local zeros = ("\0"):rep((55 - #text) % 64)
  local padded = text .. "\x80" .. zeros .. (">I8"):pack(#text * 8)
  local state = table.move(H, 1, 8, 1, {})
  for at = 1, #padded, 64 do
    compress(state, { (">I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4"):unpack(padded, at) })
  end
  return (("%08x"):rep(8):format(table.unpack(state)))
end

return M
