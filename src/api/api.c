// SPDX-License-Identifier: MIT
// The list of C modules and the helpers every binding uses.
#include "api.h"

#include <string.h>
#include <uv.h>

static const luaL_Reg modules[] = {
    {"wrapix._c.container", luaopen_wrapix_container},
    {"wrapix._c.fault", luaopen_wrapix_fault},
    {"wrapix._c.fs", luaopen_wrapix_fs},
    {"wrapix._c.journal", luaopen_wrapix_journal},
    {"wrapix._c.json", luaopen_wrapix_json},
    {"wrapix._c.net", luaopen_wrapix_net},
    {"wrapix._c.proc", luaopen_wrapix_proc},
    {"wrapix._c.sha256", luaopen_wrapix_sha256},
    {"wrapix._c.sys", luaopen_wrapix_sys},
    {"wrapix._c.task", luaopen_wrapix_task},
    {"wrapix._c.terminal", luaopen_wrapix_terminal},
    {NULL, NULL},
};

int wx_push_fail(lua_State *L, const wx_err *err) {
  const char *name = wx_err_name(err->code);
  char reason[128] = "";
  uv_strerror_r(-err->code, reason, sizeof reason);
  lua_pushnil(L);
  lua_pushfstring(L, "%s: %s: %s", name, err->msg, reason);
  lua_pushstring(L, name);
  return 3;
}

const char *wx_check_text(lua_State *L, int arg) {
  size_t len;
  const char *text = luaL_checklstring(L, arg, &len);
  luaL_argcheck(L, strlen(text) == len, arg, "contains a NUL byte");
  return text;
}

void wx_hold_clear(struct wx_hold *hold) {
  if (hold->ptr)
    hold->release(hold->ptr);
  hold->ptr = NULL;
}

static int mm_gc(lua_State *L) {
  wx_hold_clear(luaL_checkudata(L, 1, WX_HOLD));
  return 0;
}

struct wx_hold *wx_hold_new(lua_State *L, void (*release)(void *ptr)) {
  struct wx_hold *hold = lua_newuserdatauv(L, sizeof *hold, 0); // hold
  hold->ptr = NULL;
  hold->release = release;
  if (luaL_newmetatable(L, WX_HOLD)) { // hold mt
    lua_pushcfunction(L, mm_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2); // hold
  return hold;
}

void wx_new_class(lua_State *L, const char *name, const luaL_Reg *methods, const luaL_Reg *metas) {
  luaL_newmetatable(L, name);  // mt
  luaL_setfuncs(L, metas, 0);
  lua_newtable(L);             // mt methods
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index"); // mt
  lua_pop(L, 1);
}

void wx_api_preload(lua_State *L) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE); // preload
  luaL_setfuncs(L, modules, 0);
  lua_pop(L, 1);
}
