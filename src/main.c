// SPDX-License-Identifier: MIT
// The program. Reads nothing of the command line but --scripts DIR and
// --run FILE; every other word is for lua/wrapix/cli. argv[0] (wrapix-notifyd,
// wrapix-builder, ralph) selects a command there.
#include <fcntl.h>
#include <lauxlib.h>
#include <lualib.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/plat.h"
#include "host.h"
#include "sched.h"

// Kilobytes of heap a start needs, with some to spare.
enum { START_HEAP = 3 * 1024 };

struct words {
  int argc;
  char **argv;
  const char *scripts;
  const char *run;
};

// A closed standard descriptor would be handed to the next open(): a socket
// could end up as stdout of a child.
static void ensure_stdio(void) {
  int fd;
  do
    fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= 2);
  if (fd > 2)
    close(fd);
}

static int usage(const char *word) {
  fprintf(stderr, "wrapix: %s: needs an argument\n", word);
  return 2;
}

static int take_host_options(struct words *w) {
  while (w->argc > 1) {
    const char *word = w->argv[1];
    const char **into = strcmp(word, "--scripts") == 0 ? &w->scripts
                        : strcmp(word, "--run") == 0   ? &w->run
                                                       : NULL;
    if (!into)
      return 0;
    if (w->argc < 3)
      return usage(word);
    *into = w->argv[2];
    w->argv[2] = w->argv[0];
    w->argv += 2;
    w->argc -= 2;
    if (into == &w->run)
      return 0; // the rest belongs to the script
  }
  return 0;
}

static int with_traceback(lua_State *L) {
  if (lua_type(L, 1) == LUA_TSTRING)
    luaL_traceback(L, L, lua_tostring(L, 1), 1);
  return 1;
}

// Leaves the main function and its arguments on the stack.
static int push_main(lua_State *L, const struct words *w) {
  if (w->run) {
    if (luaL_loadfilex(L, w->run, "t") != LUA_OK)
      lua_error(L);
  } else {
    lua_getglobal(L, "require");
    lua_pushliteral(L, "wrapix.cli");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "main"); // cli main
    lua_remove(L, -2);           // main
    lua_pushstring(L, w->argv[0]);
  }
  luaL_checkstack(L, w->argc, "too many arguments");
  for (int i = 1; i < w->argc; i++)
    lua_pushstring(L, w->argv[i]);
  return w->argc - 1 + (w->run ? 0 : 1);
}

static int protected_main(lua_State *L) {
  const struct words *w = lua_touserdata(L, 1);
  lua_settop(L, 0);
  // As if this many kilobytes had just been freed: a start ends before the
  // collector has anything to do, and a longer run notices nothing.
  lua_gc(L, LUA_GCSTEP, -START_HEAP);
  luaL_openlibs(L);
  wx_host_harden_paths(L);
  wx_host_install(L, w->scripts);
  int nargs = push_main(L, w);
  return wx_sched_main(L, nargs);
}

static int exit_status(lua_State *L, int status) {
  if (status != LUA_OK || !lua_toboolean(L, 1)) {
    fprintf(stderr, "wrapix: internal error: %s\n", luaL_tolstring(L, -1, NULL));
    return 125;
  }
  return lua_isinteger(L, 2) ? (int)lua_tointeger(L, 2) : 0;
}

int main(int argc, char **argv) {
  ensure_stdio();
  signal(SIGPIPE, SIG_IGN); // a write to a closed pipe is an error, not a death
  struct words w = {.argc = argc, .argv = argv};
  int status = take_host_options(&w);
  if (status != 0)
    return status;
  wx_plat_expect_heap(START_HEAP * 1024);
  lua_State *L = luaL_newstate();
  if (!L) {
    fputs("wrapix: start: out of memory\n", stderr);
    return 125;
  }
  lua_pushcfunction(L, with_traceback);
  lua_pushcfunction(L, protected_main);
  lua_pushlightuserdata(L, &w);
  int rc = lua_pcall(L, 1, LUA_MULTRET, 1);
  lua_remove(L, 1);
  status = exit_status(L, rc);
  lua_close(L);
  return status;
}
