// SPDX-License-Identifier: MIT
// The public embedding API of wrapix.h, and the module entry for stock Lua.
#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "sched.h"
#include "wrapix.h"

struct wx_host {
  lua_State *L;
  char error[1024];
};

static int install(lua_State *L) {
  luaL_openlibs(L);
  wx_host_harden_paths(L);
  wx_host_install(L, lua_touserdata(L, 1));
  return 0;
}

struct wx_host *wx_open(const struct wx_options *options) {
  struct wx_host *host = calloc(1, sizeof *host);
  lua_State *L = host ? luaL_newstate() : NULL;
  if (!L) {
    free(host);
    return NULL;
  }
  host->L = L;
  lua_pushcfunction(L, install);
  lua_pushlightuserdata(L, (void *)(options ? options->scripts_dir : NULL));
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
    wx_close(host);
    return NULL;
  }
  return host;
}

static int keep_error(struct wx_host *host) {
  const char *text = luaL_tolstring(host->L, -1, NULL);
  strncpy(host->error, text, sizeof host->error - 1);
  lua_settop(host->L, 0);
  return -1;
}

// The chunk and its arguments on the stack become those of task.root, which waits
// for the tasks that the chunk leaves. In protected mode: the scheduler raises
// when its loop already runs.
static int run_main(lua_State *L) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "wrapix.task");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "root"); // chunk args task root
  lua_insert(L, 1);
  lua_pop(L, 1); // root chunk args
  return wx_sched_main(L, lua_gettop(L) - 1);
}

// Runs the chunk and its N arguments on the stack.
static int run_loaded(struct wx_host *host, int nargs) {
  lua_State *L = host->L;
  lua_pushcfunction(L, run_main);
  lua_insert(L, 1);
  if (lua_pcall(L, nargs + 1, LUA_MULTRET, 0) != LUA_OK)
    return keep_error(host);
  if (!lua_toboolean(L, 1)) {
    lua_settop(L, 2);
    return keep_error(host);
  }
  int code = lua_isinteger(L, 2) ? (int)lua_tointeger(L, 2) : 0;
  lua_settop(L, 0);
  return code < 0 ? 0 : code;
}

int wx_run_file(struct wx_host *host, const char *path, int argc, const char *const *argv) {
  lua_State *L = host->L;
  host->error[0] = '\0';
  lua_settop(L, 0);
  if (luaL_loadfilex(L, path, "t") != LUA_OK)
    return keep_error(host);
  if (!lua_checkstack(L, argc + 2)) {
    lua_pushliteral(L, "too many arguments");
    return keep_error(host);
  }
  for (int i = 0; i < argc; i++)
    lua_pushstring(L, argv[i]);
  return run_loaded(host, argc);
}

int wx_run_string(struct wx_host *host, const char *source, const char *name) {
  lua_State *L = host->L;
  host->error[0] = '\0';
  lua_settop(L, 0);
  lua_pushfstring(L, "=%s", name);
  if (luaL_loadbufferx(L, source, strlen(source), lua_tostring(L, 1), "t") != LUA_OK)
    return keep_error(host);
  lua_remove(L, 1);
  return run_loaded(host, 0);
}

const char *wx_error(const struct wx_host *host) { return host->error; }

lua_State *wx_lua(struct wx_host *host) { return host->L; }

void wx_close(struct wx_host *host) {
  if (!host)
    return;
  lua_close(host->L);
  free(host);
}

int luaopen_wrapix(lua_State *L) {
  wx_host_install(L, NULL);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "wrapix.init");
  lua_call(L, 1, 1);
  return 1;
}
