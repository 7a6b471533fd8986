// SPDX-License-Identifier: MIT
// wrapix in a C program: a state of its own, a C function for Lua, a plan made
// from a profile, and errors told. It starts no sandbox: a plan is only data.
//
//   cc -o embed examples/embed/main.c $(pkg-config --cflags --libs wrapix lua5.4)
//
// from an installed wrapix; in the source tree, after `make`:
//
//   cc -Isrc -o embed examples/embed/main.c build/libwrapix.a
//      $(pkg-config --cflags --libs lua5.4 libuv libcjson)
#include <lauxlib.h>
#include <lua.h>
#include <signal.h>
#include <stdio.h>
#include <wrapix.h>

// show(words): prints a command line; the number of its words is the result.
static int l_show(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_Integer n = luaL_len(L, 1);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_geti(L, 1, i);
    printf("%s%s", i > 1 ? " " : "", luaL_checkstring(L, -1));
    lua_pop(L, 1);
  }
  putchar('\n');
  lua_pushinteger(L, n);
  return 1;
}

static const char plan_source[] =
    "local wrapix = require('wrapix')\n"
    "local box = assert(wrapix.sandbox({\n"
    "  name = 'embedded',\n"
    "  image = 'docker.io/library/debian:trixie-slim',\n"
    "  network = 'none',\n"
    "  command = { 'id' },\n"
    "}))\n"
    "local plan, message, _, hint = box:plan()\n"
    "if not plan then error(message .. (hint and '; hint: ' .. hint or ''), 0) end\n"
    "print('profile ' .. plan.profile .. ', network ' .. plan.network.mode)\n"
    "return show(require('wrapix.runtime.podman').argv(plan))\n";

static int fail(struct wx_host *host, const char *what) {
  fprintf(stderr, "embed: %s: %s\n", what, wx_error(host));
  wx_close(host);
  return 1;
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  struct wx_host *host = wx_open(NULL);
  if (!host) {
    fputs("embed: out of memory\n", stderr);
    return 1;
  }
  lua_pushcfunction(wx_lua(host), l_show);
  lua_setglobal(wx_lua(host), "show");

  int words = wx_run_string(host, plan_source, "plan");
  if (words < 0)
    return fail(host, "plan");
  printf("%d words\n", words);

  // A mistake of the Lua text comes back as text; the state stays usable.
  if (wx_run_string(host, "return wrapix.sandbox('base')", "mistake") >= 0)
    return fail(host, "the mistake was not noticed");
  printf("mistake: %.60s\n", wx_error(host));
  if (wx_run_string(host, "return 42", "again") != 42)
    return fail(host, "again");

  wx_close(host);
  return 0;
}
