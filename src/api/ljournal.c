// SPDX-License-Identifier: MIT
// wrapix._c.journal: adding to and reading from files that only grow.
#include "api.h"
#include "core/journal.h"

// append(path, data, mode) -> true | nil, message, code
static int l_append(lua_State *L) {
  const char *path = wx_check_text(L, 1);
  size_t len;
  const char *data = luaL_checklstring(L, 2, &len);
  lua_Integer mode = luaL_checkinteger(L, 3);
  luaL_argcheck(L, mode >= 0 && mode <= 0777, 3, "must be 0 to 0o777");
  wx_err err;
  if (wx_journal_append(path, data, len, (mode_t)mode, &err) < 0)
    return wx_push_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

// cut(path, size) -> true | nil, message, code
static int l_cut(lua_State *L) {
  const char *path = wx_check_text(L, 1);
  lua_Integer size = luaL_checkinteger(L, 2);
  luaL_argcheck(L, size >= 0, 2, "must not be negative");
  wx_err err;
  if (wx_journal_cut(path, (off_t)size, &err) < 0)
    return wx_push_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

// read(path, offset, len) -> bytes | nil, message, code; fewer only at the end
static int l_read(lua_State *L) {
  const char *path = wx_check_text(L, 1);
  lua_Integer offset = luaL_checkinteger(L, 2), len = luaL_checkinteger(L, 3);
  luaL_argcheck(L, offset >= 0, 2, "must not be negative");
  luaL_argcheck(L, len >= 0 && len <= 1 << 24, 3, "must be 0 to 16 MiB");
  luaL_Buffer b;
  char *room = luaL_buffinitsize(L, &b, (size_t)len);
  wx_err err;
  ssize_t n = wx_journal_read(path, (off_t)offset, room, (size_t)len, &err);
  if (n < 0)
    return wx_push_fail(L, &err);
  luaL_pushresultsize(&b, (size_t)n);
  return 1;
}

static const luaL_Reg functions[] = {FN(append), FN(cut), FN(read), {NULL, NULL}};

int luaopen_wrapix_journal(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
