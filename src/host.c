// SPDX-License-Identifier: MIT
// The Lua side of the host: where scripts come from. Order for a module:
// --scripts DIR, the user's own $XDG_CONFIG_HOME/wrapix/lua, the embedded file.
// Knows no policy; the first line that decides anything is Lua.
#include "host.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/api.h"
#include "sched.h"
#include "task.h"

static char scripts_dir_key;

static int compare_name(const void *key, const void *element) {
  return strcmp(key, ((const struct wx_script *)element)->name);
}

const struct wx_script *wx_script_find(const char *name) {
  return bsearch(name, wx_scripts, wx_scripts_count, sizeof wx_scripts[0], compare_name);
}

// --- lookup -------------------------------------------------------------------

// Pushes the content and the path of DIR/NAME or DIR/lua/NAME; false if neither is there.
static bool push_from_dir(lua_State *L, const char *dir, const char *name) {
  static const char *const forms[] = {"%s/lua/%s", "%s/%s"};
  for (size_t i = 0; i < 2; i++) {
    const char *path = lua_pushfstring(L, forms[i], dir, name); // path
    FILE *f = fopen(path, "re");
    if (!f) {
      lua_pop(L, 1);
      continue;
    }
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    // No Lua error can be raised between fopen and fclose but out of memory.
    for (size_t n; (n = fread(luaL_prepbuffer(&b), 1, LUAL_BUFFERSIZE, f)) > 0;)
      luaL_addsize(&b, n);
    fclose(f);
    luaL_pushresult(&b); // path content
    lua_insert(L, -2);   // content path
    return true;
  }
  return false;
}

// Pushes the user's directory for overriding scripts, or nil. Looked for once:
// without it every module would be asked for in vain.
static void push_user_dir(lua_State *L) {
  const char *config = getenv("XDG_CONFIG_HOME");
  const char *home = getenv("HOME");
  if (config && config[0] == '/')
    lua_pushfstring(L, "%s/wrapix/lua", config);
  else if (home && home[0] == '/')
    lua_pushfstring(L, "%s/.config/wrapix/lua", home);
  else
    lua_pushnil(L);
  if (lua_isstring(L, -1) && access(lua_tostring(L, -1), X_OK) != 0) {
    lua_pop(L, 1);
    lua_pushnil(L);
  }
}

// Pushes content and path of a file that stands in for an embedded one.
static bool push_override(lua_State *L, const char *name) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &scripts_dir_key); // dirs
  for (int i = 1; i <= 2; i++) {
    if (lua_rawgeti(L, -1, i) == LUA_TSTRING && push_from_dir(L, lua_tostring(L, -1), name)) {
      lua_remove(L, -3);
      lua_remove(L, -3); // content path
      return true;
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return false;
}

// Loads the chunk of a file by name and leaves it and its chunk name; false if
// there is none. Embedded text is compiled where it lies.
static bool load_script(lua_State *L, const char *module, const char *name) {
  const char *text;
  size_t len;
  if (push_override(L, name)) {
    text = lua_tolstring(L, -2, &len); // content path
    name = lua_tostring(L, -1);
  } else {
    const struct wx_script *script = wx_script_find(name);
    if (!script)
      return false;
    text = (const char *)script->data;
    len = script->len;
  }
  const char *chunk = lua_pushfstring(L, "@%s", name);
  if (luaL_loadbufferx(L, text, len, chunk, "t") != LUA_OK)
    luaL_error(L, "error loading module '%s':\n\t%s", module, lua_tostring(L, -1));
  lua_insert(L, -2); // fn chunk
  return true;
}

// package.searchers entry: "wrapix.plan" -> wrapix/plan.lua or wrapix/plan/init.lua
static int search_script(lua_State *L) {
  const char *module = luaL_checkstring(L, 1);
  const char *base = luaL_gsub(L, module, ".", "/");
  static const char *const forms[] = {"%s.lua", "%s/init.lua"};
  for (size_t i = 0; i < 2; i++) {
    if (load_script(L, module, lua_pushfstring(L, forms[i], base)))
      return 2;
  }
  lua_pushfstring(L, "no embedded script for '%s'", module);
  return 1;
}

// --- wrapix._c.host -------------------------------------------------------------

// script(name) -> text, origin | nil; a file that came with the program
static int l_script(lua_State *L) {
  const char *name = wx_check_text(L, 1);
  bool overridden = push_override(L, name);
  if (!overridden) {
    const struct wx_script *script = wx_script_find(name);
    if (!script)
      return 0;
    lua_pushlstring(L, (const char *)script->data, script->len);
    lua_pushstring(L, name); // content name
  }
  lua_pushboolean(L, !overridden);
  return 3;
}

// scripts() -> names of all embedded files, sorted
static int l_scripts(lua_State *L) {
  lua_createtable(L, (int)wx_scripts_count, 0);
  for (size_t i = 0; i < wx_scripts_count; i++) {
    lua_pushstring(L, wx_scripts[i].name);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

static const luaL_Reg functions[] = {FN(script), FN(scripts), {NULL, NULL}};

static int open_host(lua_State *L) {
  luaL_newlib(L, functions);
  lua_pushliteral(L, WX_VERSION);
  lua_setfield(L, -2, "version");
  return 1;
}

// --- installing ------------------------------------------------------------------

static void keep_absolute(lua_State *L, const char *field) {
  lua_getfield(L, -1, field); // package path
  const char *path = lua_tostring(L, -1);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  bool first = true;
  while (path && *path) {
    size_t len = strcspn(path, ";");
    if (path[0] == '/') {
      if (!first)
        luaL_addchar(&b, ';');
      luaL_addlstring(&b, path, len);
      first = false;
    }
    path += len + (path[len] == ';');
  }
  luaL_pushresult(&b);        // package path absolute
  lua_setfield(L, -3, field); // package path
  lua_pop(L, 1);
}

void wx_host_harden_paths(lua_State *L) {
  lua_getglobal(L, "package");
  keep_absolute(L, "path");
  keep_absolute(L, "cpath");
  lua_pop(L, 1);
}

static void add_searcher(lua_State *L) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchers"); // package searchers
  lua_Integer n = luaL_len(L, -1);
  for (lua_Integer i = n; i >= 2; i--) { // right after preload
    lua_rawgeti(L, -1, i);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushcfunction(L, search_script);
  lua_rawseti(L, -2, 2);
  lua_pop(L, 2);
}

void wx_host_install(lua_State *L, const char *scripts_dir) {
  wx_sched_get(L); // first, so that it is the last userdata to be collected
  lua_createtable(L, 2, 0);
  if (scripts_dir) {
    lua_pushstring(L, scripts_dir);
    lua_rawseti(L, -2, 1);
  } else {
    lua_pushboolean(L, 0);
    lua_rawseti(L, -2, 1);
  }
  push_user_dir(L);
  lua_rawseti(L, -2, 2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &scripts_dir_key);
  wx_api_preload(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, open_host);
  lua_setfield(L, -2, "wrapix._c.host");
  lua_pop(L, 1);
  add_searcher(L);
  luaL_requiref(L, "wrapix._c.task", luaopen_wrapix_task, 0); // the root task needs its class
  lua_pop(L, 1);
}
