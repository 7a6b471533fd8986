// SPDX-License-Identifier: MIT
// wrapix._c.terminal: a process between our terminal and a new one, and the watcher of
// what asks for attention in a program's output.
#include <string.h>
#include <unistd.h>

#include "api.h"
#include "core/relay.h"
#include "core/watch.h"
#include "lstream.h"

// Of one chunk; of more the rest is not told.
#define MOST_EVENTS 64

static struct wx_relay *check_relay(lua_State *L) { return luaL_checkudata(L, 1, WX_RELAY); }

// relay:close(): ends the process if it still runs
static int m_close(lua_State *L) {
  wx_relay_reap(check_relay(L));
  return 0;
}

#define mm_close m_close
#define mm_gc m_close

static int check_fd(lua_State *L, int arg) {
  lua_Integer fd = luaL_checkinteger(L, arg);
  luaL_argcheck(L, fd >= 0 && fd <= INT32_MAX, arg, "not a descriptor");
  return (int)fd;
}

// relay(in, out) -> object, control stream, event stream, path | nil, msg, code
static int l_relay(lua_State *L) {
  int in = check_fd(L, 1), out = check_fd(L, 2);
  wx_err err;
  struct wx_relay *relay = lua_newuserdatauv(L, sizeof *relay, 0); // relay
  memset(relay, 0, sizeof *relay);
  luaL_setmetatable(L, WX_RELAY);
  struct lstream *control = wx_stream_push(L), *events = wx_stream_push(L); // relay control events
  lua_pushnil(L);
  if (wx_relay_start(in, out, relay, &err) < 0)
    return wx_push_fail(L, &err);
  int rc = wx_stream_set_fd(L, control, UV_NAMED_PIPE, relay->control, &err);
  if (rc == 0)
    rc = wx_stream_set_fd(L, events, UV_NAMED_PIPE, relay->events, &err);
  else
    close(relay->events);
  if (rc < 0)
    return wx_push_fail(L, &err); // the objects clean up after themselves
  lua_pop(L, 1);
  lua_pushstring(L, relay->path);
  return 4;
}

// --- the watcher --------------------------------------------------------------------

struct feed {
  lua_State *L;
  lua_Integer count;
};

static void add(void *ctx, const char *text, size_t len) {
  struct feed *f = ctx;
  if (f->count == MOST_EVENTS)
    return;
  lua_pushlstring(f->L, text, len);
  lua_rawseti(f->L, -2, ++f->count);
}

// watcher:feed(bytes) -> list of what asked for attention
static int m_feed(lua_State *L) {
  struct wx_watch *w = luaL_checkudata(L, 1, WX_WATCHER);
  size_t len;
  const char *data = luaL_checklstring(L, 2, &len);
  struct feed feed = {L, 0};
  lua_newtable(L); // list
  wx_watch_feed(w, data, len, add, &feed);
  return 1;
}

// watcher() -> object
static int l_watcher(lua_State *L) {
  struct wx_watch *w = lua_newuserdatauv(L, sizeof *w, 0);
  memset(w, 0, sizeof *w);
  luaL_setmetatable(L, WX_WATCHER);
  return 1;
}

static const luaL_Reg functions[] = {FN(relay), FN(watcher), {NULL, NULL}};
static const luaL_Reg relay_methods[] = {METHOD(close), {NULL, NULL}};
static const luaL_Reg relay_metas[] = {META(gc), META(close), {NULL, NULL}};
static const luaL_Reg watcher_methods[] = {METHOD(feed), {NULL, NULL}};
static const luaL_Reg watcher_metas[] = {{NULL, NULL}};

int luaopen_wrapix_terminal(lua_State *L) {
  wx_stream_class(L);
  wx_new_class(L, WX_RELAY, relay_methods, relay_metas);
  wx_new_class(L, WX_WATCHER, watcher_methods, watcher_metas);
  luaL_newlib(L, functions);
  return 1;
}
