// SPDX-License-Identifier: MIT
// The stream object of proc and net: read, read_line, read_all, write, shutdown,
// close. One reader and one writer at a time (rule 20 of docs/concurrency.md).
#include "lstream.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api.h"
#include "core/peer.h"
#include "sched.h"

#define LINE_LIMIT (1 << 20)
#define ALL_LIMIT (1 << 30)

struct lstream {
  struct wx_stream *s; // owned; NULL when closed
  struct wx_want want;
  struct wx_wait reader, writer;
};

static struct lstream *check_stream(lua_State *L) { return luaL_checkudata(L, 1, WX_STREAM); }

static int push_closed(lua_State *L, const char *action) {
  wx_err err;
  wx_err_set(&err, EBADF, "%s: the stream is closed", action);
  return wx_push_fail(L, &err);
}

// --- reading ------------------------------------------------------------------

static struct lstream *of_reader(struct wx_wait *w) {
  return (struct lstream *)((char *)w - offsetof(struct lstream, reader));
}

static struct lstream *of_writer(struct wx_wait *w) {
  return (struct lstream *)((char *)w - offsetof(struct lstream, writer));
}

// Pushes what a poll found; 0 when there is nothing yet.
static int push_read(lua_State *L, struct lstream *ls) {
  struct wx_span span;
  wx_err err;
  int rc = wx_stream_poll(ls->s, ls->want, &span, &err);
  if (rc < 0)
    return wx_push_fail(L, &err);
  if (rc == 0)
    return 0;
  if (span.data)
    lua_pushlstring(L, span.data, span.len);
  else
    lua_pushnil(L); // end of the stream
  wx_stream_consume(ls->s);
  return 1;
}

static void on_ready(void *ctx) {
  struct lstream *ls = ctx;
  int n = push_read(ls->reader.L, ls);
  if (n == 0)
    return;
  wx_stream_unwatch(ls->s);
  wx_wait_done(&ls->reader, n);
}

static void cancel_read(struct wx_wait *w) {
  wx_stream_unwatch(of_reader(w)->s);
  wx_wait_canceled(w, "read");
}

static int read_want(lua_State *L, enum wx_want_kind kind, lua_Integer limit) {
  struct lstream *ls = check_stream(L);
  luaL_argcheck(L, limit > 0, 2, "must be positive");
  luaL_argcheck(L, !wx_wait_active(&ls->reader), 1, "another task reads from this stream");
  if (!ls->s)
    return push_closed(L, "read");
  wx_wait_check(L);
  ls->want = (struct wx_want){kind, (size_t)limit};
  int n = push_read(L, ls);
  if (n > 0)
    return n;
  wx_err err;
  if (wx_stream_watch(ls->s, on_ready, ls, &err) < 0)
    return wx_push_fail(L, &err);
  return wx_wait_begin(L, &ls->reader, cancel_read);
}

// stream:read([max]) -> what is there, at most max bytes | nil at the end
static int m_read(lua_State *L) {
  return read_want(L, WX_WANT_SOME, luaL_optinteger(L, 2, 65536));
}

// stream:read_exact(n) -> n bytes, fewer only at the end | nil
static int m_read_exact(lua_State *L) {
  return read_want(L, WX_WANT_EXACT, luaL_checkinteger(L, 2));
}

// stream:read_line([max]) -> the line without its \n | nil at the end
static int m_read_line(lua_State *L) {
  return read_want(L, WX_WANT_LINE, luaL_optinteger(L, 2, LINE_LIMIT));
}

// stream:read_all([max]) -> everything until the end
static int m_read_all(lua_State *L) {
  return read_want(L, WX_WANT_ALL, luaL_optinteger(L, 2, ALL_LIMIT));
}

// --- writing ------------------------------------------------------------------

static void on_written(void *ctx, int code) {
  struct lstream *ls = ctx;
  lua_State *L = ls->writer.L;
  wx_err err;
  if (code == 0) {
    lua_pushboolean(L, 1);
    wx_wait_done(&ls->writer, 1);
    return;
  }
  wx_err_set(&err, code, "write");
  wx_wait_done(&ls->writer, wx_push_fail(L, &err));
}

static void cancel_write(struct wx_wait *w) {
  wx_stream_forget_write(of_writer(w)->s);
  wx_wait_canceled(w, "write");
}

// stream:write(data) -> true | nil, msg, code; waits while the peer is slow
static int m_write(lua_State *L) {
  struct lstream *ls = check_stream(L);
  size_t len;
  const char *data = luaL_checklstring(L, 2, &len);
  luaL_argcheck(L, !wx_wait_active(&ls->writer), 1, "another task writes to this stream");
  if (!ls->s)
    return push_closed(L, "write");
  wx_wait_check(L);
  wx_err err;
  int rc = wx_stream_write(ls->s, data, len, on_written, ls, &err);
  if (rc < 0)
    return wx_push_fail(L, &err);
  if (rc == 0)
    return wx_wait_begin(L, &ls->writer, cancel_write);
  lua_pushboolean(L, 1);
  return 1;
}

// stream:shutdown(): the peer sees the end, reading goes on
static int m_shutdown(lua_State *L) {
  struct lstream *ls = check_stream(L);
  if (!ls->s)
    return push_closed(L, "shutdown");
  wx_stream_shutdown(ls->s);
  lua_pushboolean(L, 1);
  return 1;
}

// stream:peer() -> { uid, gid, pid } of a Unix socket's other end
static int m_peer(lua_State *L) {
  struct lstream *ls = check_stream(L);
  if (!ls->s)
    return push_closed(L, "peer");
  uv_os_fd_t fd;
  struct wx_peer peer;
  wx_err err;
  if (uv_fileno((uv_handle_t *)wx_stream_handle(ls->s), &fd) != 0)
    return push_closed(L, "peer");
  if (wx_peer_get(fd, &peer, &err) < 0)
    return wx_push_fail(L, &err);
  lua_createtable(L, 0, 3);
  lua_pushinteger(L, (lua_Integer)peer.uid);
  lua_setfield(L, -2, "uid");
  lua_pushinteger(L, (lua_Integer)peer.gid);
  lua_setfield(L, -2, "gid");
  lua_pushinteger(L, (lua_Integer)peer.pid);
  lua_setfield(L, -2, "pid");
  return 1;
}

// stream:is_closed() -> boolean
static int m_is_closed(lua_State *L) {
  lua_pushboolean(L, check_stream(L)->s == NULL);
  return 1;
}

// stream:is_reading() -> boolean; whether a task waits in a read
static int m_is_reading(lua_State *L) {
  lua_pushboolean(L, wx_wait_active(&check_stream(L)->reader));
  return 1;
}

// --- life ---------------------------------------------------------------------

static void close_stream(struct lstream *ls) {
  if (!ls->s)
    return;
  if (wx_wait_active(&ls->reader))
    cancel_read(&ls->reader);
  if (wx_wait_active(&ls->writer))
    cancel_write(&ls->writer);
  wx_stream_close(ls->s);
  ls->s = NULL;
}

static int m_close(lua_State *L) {
  close_stream(check_stream(L));
  return 0;
}

// At the collector's call nobody can wait: a waiter would hold the object. At
// the end of the state one could, and its coroutine is gone: no word to it.
static int mm_gc(lua_State *L) {
  struct lstream *ls = check_stream(L);
  if (ls->s)
    wx_stream_close(ls->s);
  ls->s = NULL;
  return 0;
}

#define mm_close m_close

static const luaL_Reg methods[] = {
    METHOD(read),  METHOD(read_exact), METHOD(read_line), METHOD(read_all),  METHOD(write),
    METHOD(shutdown), METHOD(peer),    METHOD(is_closed), METHOD(is_reading),
    METHOD(close), {NULL, NULL},
};

static const luaL_Reg metas[] = {META(gc), META(close), {NULL, NULL}};

void wx_stream_class(lua_State *L) { wx_new_class(L, WX_STREAM, methods, metas); }

struct lstream *wx_stream_push(lua_State *L) {
  struct lstream *ls = lua_newuserdatauv(L, sizeof *ls, 0);
  memset(ls, 0, sizeof *ls);
  luaL_setmetatable(L, WX_STREAM);
  return ls;
}

void wx_stream_set(struct lstream *ls, struct wx_stream *s) { ls->s = s; }

int wx_stream_set_fd(lua_State *L, struct lstream *ls, uv_handle_type kind, int fd, wx_err *err) {
  struct wx_stream *s = wx_stream_new(wx_sched_loop(L), kind, err);
  if (s && wx_stream_adopt(s, fd, err) == 0) {
    ls->s = s;
    return 0;
  }
  if (s)
    wx_stream_close(s);
  close(fd);
  return -1;
}
