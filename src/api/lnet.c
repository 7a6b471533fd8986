// SPDX-License-Identifier: MIT
// wrapix._c.net: servers and connections; what they carry is api/lstream.c.
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "core/net.h"
#include "lstream.h"
#include "sched.h"

struct lserver {
  struct wx_server *s; // owned; NULL when closed
  struct wx_wait wait;
};

static struct lserver *check_server(lua_State *L) { return luaL_checkudata(L, 1, WX_SERVER); }

static int check_port(lua_State *L, int arg) {
  lua_Integer port = luaL_checkinteger(L, arg);
  luaL_argcheck(L, port >= 0 && port <= 65535, arg, "no port number");
  return (int)port;
}

static struct lserver *new_server(lua_State *L) {
  struct lserver *ls = lua_newuserdatauv(L, sizeof *ls, 0);
  memset(ls, 0, sizeof *ls);
  luaL_setmetatable(L, WX_SERVER);
  return ls;
}

static int push_server(lua_State *L, const struct wx_addr *addr, int backlog) {
  struct lserver *ls = new_server(L);
  wx_err err;
  ls->s = wx_server_open(wx_sched_loop(L), addr, backlog, &err);
  return ls->s ? 1 : wx_push_fail(L, &err);
}

// listen_unix(path, mode, backlog) -> server | nil, msg, code
static int l_listen_unix(lua_State *L) {
  struct wx_addr addr = {.path = wx_check_text(L, 1), .mode = (unsigned)luaL_checkinteger(L, 2)};
  return push_server(L, &addr, (int)luaL_checkinteger(L, 3));
}

// listen_tcp(host, port, backlog) -> server | nil, msg, code
static int l_listen_tcp(lua_State *L) {
  struct wx_addr addr = {.host = wx_check_text(L, 1), .port = check_port(L, 2)};
  return push_server(L, &addr, (int)luaL_checkinteger(L, 3));
}

// listen_fd(fd, backlog) -> server | nil, msg, code
static int l_listen_fd(lua_State *L) {
  lua_Integer fd = luaL_checkinteger(L, 1);
  luaL_argcheck(L, fd > 2 && fd <= INT_MAX, 1, "no descriptor that was passed on");
  int backlog = (int)luaL_checkinteger(L, 2);
  struct lserver *ls = new_server(L);
  wx_err err;
  ls->s = wx_server_adopt(wx_sched_loop(L), (int)fd, backlog, &err);
  return ls->s ? 1 : wx_push_fail(L, &err);
}

// Pushes an accepted stream or the failure; 0 when none is there.
static int push_accepted(lua_State *L, struct lserver *ls) {
  struct lstream *stream = wx_stream_push(L);
  struct wx_stream *s;
  wx_err err;
  int rc = wx_server_accept(ls->s, &s, &err);
  if (rc <= 0)
    lua_pop(L, 1);
  if (rc < 0)
    return wx_push_fail(L, &err);
  if (rc == 0)
    return 0;
  wx_stream_set(stream, s);
  return 1;
}

static void on_connection(void *ctx) {
  struct lserver *ls = ctx;
  int n = push_accepted(ls->wait.L, ls);
  if (n == 0)
    return;
  wx_server_notify(ls->s, NULL, NULL);
  wx_wait_done(&ls->wait, n);
}

static void cancel_accept(struct wx_wait *w) {
  struct lserver *ls = (struct lserver *)((char *)w - offsetof(struct lserver, wait));
  wx_server_notify(ls->s, NULL, NULL);
  wx_wait_canceled(w, "accept");
}

// server:accept() -> stream | nil, msg, code; waits
static int m_accept(lua_State *L) {
  struct lserver *ls = check_server(L);
  luaL_argcheck(L, !wx_wait_active(&ls->wait), 1, "another task accepts on this server");
  wx_err err;
  if (!ls->s) {
    wx_err_set(&err, EBADF, "accept: the server is closed");
    return wx_push_fail(L, &err);
  }
  wx_wait_check(L);
  int n = push_accepted(L, ls);
  if (n > 0)
    return n;
  wx_server_notify(ls->s, on_connection, ls);
  return wx_wait_begin(L, &ls->wait, cancel_accept);
}

// server:port() -> integer, 0 for a Unix socket
static int m_port(lua_State *L) {
  struct lserver *ls = check_server(L);
  lua_pushinteger(L, ls->s ? wx_server_port(ls->s) : 0);
  return 1;
}

static int m_close(lua_State *L) {
  struct lserver *ls = check_server(L);
  if (!ls->s)
    return 0;
  if (wx_wait_active(&ls->wait))
    cancel_accept(&ls->wait);
  wx_server_close(ls->s);
  ls->s = NULL;
  return 0;
}

static int mm_gc(lua_State *L) {
  struct lserver *ls = check_server(L);
  if (ls->s)
    wx_server_close(ls->s);
  ls->s = NULL;
  return 0;
}

#define mm_close m_close

// --- connecting -----------------------------------------------------------------

struct connecting {
  struct wx_wait wait;
  struct wx_connect *connect;
};

static void on_connect(void *ctx, struct wx_stream *stream, int code) {
  struct connecting *c = ctx;
  lua_State *L = c->wait.L;
  wx_err err;
  if (stream) {
    wx_stream_set(wx_stream_push(L), stream);
    wx_wait_done(&c->wait, 1);
  } else {
    wx_err_set(&err, code, "connect");
    wx_wait_done(&c->wait, wx_push_fail(L, &err));
  }
  free(c);
}

static void cancel_connect(struct wx_wait *w) {
  struct connecting *c = (struct connecting *)w;
  wx_connect_cancel(c->connect);
  wx_wait_canceled(w, "connect");
  free(c);
}

static int connect_to(lua_State *L, const struct wx_addr *addr) {
  wx_wait_check(L);
  uv_loop_t *loop = wx_sched_loop(L);
  struct connecting *c = calloc(1, sizeof *c);
  if (!c)
    return luaL_error(L, "out of memory");
  wx_err err;
  c->connect = wx_connect_start(loop, addr, on_connect, c, &err);
  if (!c->connect) {
    free(c);
    return wx_push_fail(L, &err);
  }
  return wx_wait_begin(L, &c->wait, cancel_connect);
}

// connect_unix(path) -> stream | nil, msg, code
static int l_connect_unix(lua_State *L) {
  struct wx_addr addr = {.path = wx_check_text(L, 1)};
  return connect_to(L, &addr);
}

// connect_tcp(host, port) -> stream | nil, msg, code
static int l_connect_tcp(lua_State *L) {
  struct wx_addr addr = {.host = wx_check_text(L, 1), .port = check_port(L, 2)};
  return connect_to(L, &addr);
}

static const luaL_Reg functions[] = {
    FN(listen_unix), FN(listen_tcp), FN(listen_fd), FN(connect_unix), FN(connect_tcp), {NULL, NULL},
};
static const luaL_Reg methods[] = {METHOD(accept), METHOD(port), METHOD(close), {NULL, NULL}};
static const luaL_Reg metas[] = {META(gc), META(close), {NULL, NULL}};

int luaopen_wrapix_net(lua_State *L) {
  wx_stream_class(L);
  wx_new_class(L, WX_SERVER, methods, metas);
  luaL_newlib(L, functions);
  return 1;
}
