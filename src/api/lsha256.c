// SPDX-License-Identifier: MIT
// wrapix._c.sha256: the digest of one text.
#include "api.h"
#include "core/sha256.h"

// hex(text) -> 64 lower-case digits
static int l_hex(lua_State *L) {
  static const char digits[] = "0123456789abcdef";
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  unsigned char digest[WX_SHA256_SIZE];
  char out[2 * WX_SHA256_SIZE];
  wx_sha256(text, len, digest);
  for (size_t i = 0; i < WX_SHA256_SIZE; i++) {
    out[2 * i] = digits[digest[i] >> 4];
    out[2 * i + 1] = digits[digest[i] & 15];
  }
  lua_pushlstring(L, out, sizeof out);
  return 1;
}

static const luaL_Reg functions[] = {FN(hex), {NULL, NULL}};

int luaopen_wrapix_sha256(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
