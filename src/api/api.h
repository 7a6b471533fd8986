// SPDX-License-Identifier: MIT
// What the bindings share: metatable names, the failure helper, the list of
// modules. One file per module, each exporting luaopen_wrapix_<mod> alone.
#ifndef WX_API_H
#define WX_API_H

#include <lauxlib.h>
#include <lua.h>

#include "core/err.h"

#define WX_PROC "wrapix.proc"
#define WX_STREAM "wrapix.stream"
#define WX_SERVER "wrapix.server"
#define WX_RELAY "wrapix.relay"
#define WX_WATCHER "wrapix.watcher"
#define WX_SIGNALS "wrapix.signals"
#define WX_LOCK "wrapix.lock"
#define WX_HOLD "wrapix.hold"
#define WX_JSON_ARRAY "wrapix.json.array"
#define WX_JSON_NULL "wrapix.json.null"

// One entry of a function table: the Lua name and the C name cannot drift.
#define FN(name) {#name, l_##name}
#define METHOD(name) {#name, m_##name}
#define META(name) {"__" #name, mm_##name}

// Pushes nil, "ENOENT: open '/x': no such file or directory", "ENOENT".
int wx_push_fail(lua_State *L, const wx_err *err);

// A string argument that goes into argv, env or a path: no NUL inside.
const char *wx_check_text(lua_State *L, int arg);

// Makes `name` with its methods and metamethods, __index and no __metatable leak.
void wx_new_class(lua_State *L, const char *name, const luaL_Reg *methods, const luaL_Reg *metas);

// A userdata that owns one block of the core, for as long as Lua may raise.
struct wx_hold {
  void *ptr; /* owned */
  void (*release)(void *ptr);
};

// Pushes an empty one.
struct wx_hold *wx_hold_new(lua_State *L, void (*release)(void *ptr));
// Frees now what it holds.
void wx_hold_clear(struct wx_hold *hold);

int luaopen_wrapix_container(lua_State *L);
int luaopen_wrapix_fault(lua_State *L);
int luaopen_wrapix_fs(lua_State *L);
int luaopen_wrapix_journal(lua_State *L);
int luaopen_wrapix_json(lua_State *L);
int luaopen_wrapix_net(lua_State *L);
int luaopen_wrapix_proc(lua_State *L);
int luaopen_wrapix_sha256(lua_State *L);
int luaopen_wrapix_sys(lua_State *L);
int luaopen_wrapix_task(lua_State *L);
int luaopen_wrapix_terminal(lua_State *L);

// Registers every module as package.preload["wrapix._c.<mod>"].
void wx_api_preload(lua_State *L);

#endif
