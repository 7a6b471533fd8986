// SPDX-License-Identifier: MIT
// A Lua state that knows wrapix: embedded scripts, C modules, safe paths.
#ifndef WX_HOST_H
#define WX_HOST_H

#include <lua.h>
#include <stddef.h>

// One file embedded at build time; the table in build/scripts.c is sorted by name.
struct wx_script {
  const char *name; // "wrapix/plan.lua", "profiles/base.lua", "guest/wrapix-init"
  const unsigned char *data;
  size_t len;
};
extern const struct wx_script wx_scripts[];
extern const size_t wx_scripts_count;

// The embedded file of that name, or NULL.
const struct wx_script *wx_script_find(const char *name);

// Makes `require` find the C modules and the scripts in this state; SCRIPTS_DIR
// (may be NULL) is looked at before the embedded files. Raises on failure.
void wx_host_install(lua_State *L, const char *scripts_dir);

// Takes the relative entries out of package.path and package.cpath: wrapix runs
// in other people's checkouts, and must not load code from them.
void wx_host_harden_paths(lua_State *L);

#endif
