// SPDX-License-Identifier: MIT
// wrapix._c.container: what running one engine command in the foreground needs
// besides a process: signals with their sender, the terminal's modes, and
// writing to our own stderr without holding up the loop.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api.h"
#include "core/signals.h"
#include "core/term.h"
#include "sched.h"

struct lsignals {
  struct wx_signals *s; // owned; NULL when closed
  struct wx_wait wait;
};

static struct lsignals *check_signals(lua_State *L) { return luaL_checkudata(L, 1, WX_SIGNALS); }

static int push_event(lua_State *L, struct wx_signals *s) {
  struct wx_signal_event event;
  if (!wx_signals_next(s, &event))
    return 0;
  lua_pushstring(L, wx_signal_name(event.signo));
  lua_pushinteger(L, event.sender);
  return 2;
}

static void on_signal(void *ctx) {
  struct lsignals *ls = ctx;
  int n = wx_wait_active(&ls->wait) ? push_event(ls->wait.L, ls->s) : 0;
  if (n == 0)
    return;
  wx_signals_notify(ls->s, NULL, NULL);
  wx_wait_done(&ls->wait, n);
}

static void cancel_next(struct wx_wait *w) {
  struct lsignals *ls = (struct lsignals *)((char *)w - offsetof(struct lsignals, wait));
  wx_signals_notify(ls->s, NULL, NULL);
  wx_wait_canceled(w, "wait for a signal");
}

// signals:next() -> name, sender pid (0: the terminal); waits
static int m_next(lua_State *L) {
  struct lsignals *ls = check_signals(L);
  luaL_argcheck(L, ls->s, 1, "closed");
  luaL_argcheck(L, !wx_wait_active(&ls->wait), 1, "another task waits for these signals");
  wx_wait_check(L);
  int n = push_event(L, ls->s);
  if (n > 0)
    return n;
  wx_signals_notify(ls->s, on_signal, ls);
  return wx_wait_begin(L, &ls->wait, cancel_next);
}

static int m_close(lua_State *L) {
  struct lsignals *ls = check_signals(L);
  if (ls->s && wx_wait_active(&ls->wait))
    cancel_next(&ls->wait);
  if (ls->s)
    wx_signals_close(ls->s);
  ls->s = NULL;
  return 0;
}

static int mm_gc(lua_State *L) {
  struct lsignals *ls = check_signals(L);
  if (ls->s)
    wx_signals_close(ls->s);
  ls->s = NULL;
  return 0;
}

#define mm_close m_close

// signals({ "INT", "TERM", … }) -> object | nil, msg, code
static int l_signals(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  int list[16], n = (int)luaL_len(L, 1);
  luaL_argcheck(L, n >= 1 && n <= 16, 1, "between 1 and 16 names expected");
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, 1, i + 1);
    list[i] = wx_signal_number(luaL_checkstring(L, -1));
    if (list[i] == 0)
      return luaL_error(L, "signals: unknown signal '%s'", lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  struct lsignals *ls = lua_newuserdatauv(L, sizeof *ls, 0);
  memset(ls, 0, sizeof *ls);
  luaL_setmetatable(L, WX_SIGNALS);
  wx_err err;
  ls->s = wx_signals_open(wx_sched_loop(L), list, n, &err);
  return ls->s ? 1 : wx_push_fail(L, &err);
}

// term_save(fd) -> boolean
static int l_term_save(lua_State *L) {
  lua_pushboolean(L, wx_term_save((int)luaL_checkinteger(L, 1)));
  return 1;
}

// term_restore()
static int l_term_restore(lua_State *L) {
  (void)L;
  wx_term_restore();
  return 0;
}

// streams_save(), streams_restore()
static int l_streams_save(lua_State *L) {
  (void)L;
  wx_streams_save();
  return 0;
}

static int l_streams_restore(lua_State *L) {
  (void)L;
  wx_streams_restore();
  return 0;
}

// leave_stdio(): /dev/null in the place of stdin, stdout and stderr
static int l_leave_stdio(lua_State *L) {
  (void)L;
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; null >= 0 && fd <= 2; fd++)
    dup2(null, fd);
  if (null > 2)
    close(null);
  return 0;
}

// --- write to a descriptor of ours, in the thread pool ------------------------------

struct fd_write {
  uv_work_t req;
  struct wx_wait wait;
  int fd, code;
  size_t len;
  char data[];
};

static void write_work(uv_work_t *req) {
  struct fd_write *w = (struct fd_write *)req;
  for (size_t done = 0; done < w->len;) {
    ssize_t n = write(w->fd, w->data + done, w->len - done);
    // Whoever shares it with us may have made it non-blocking.
    if (n < 0 && errno == EAGAIN)
      poll(&(struct pollfd){.fd = w->fd, .events = POLLOUT}, 1, -1);
    if (n < 0 && errno != EINTR && errno != EAGAIN) {
      w->code = errno;
      return;
    }
    done += n > 0 ? (size_t)n : 0;
  }
}

static void write_after(uv_work_t *req, int status) {
  (void)status;
  struct fd_write *w = (struct fd_write *)req;
  if (wx_wait_active(&w->wait)) {
    lua_State *L = w->wait.L;
    wx_err err;
    int n = 1;
    if (w->code == 0)
      lua_pushboolean(L, 1);
    else
      n = (wx_err_set(&err, w->code, "write to descriptor %d", w->fd), wx_push_fail(L, &err));
    wx_wait_done(&w->wait, n);
  }
  free(w);
}

static void cancel_fd_write(struct wx_wait *wait) { wx_wait_canceled(wait, "write"); }

// write_fd(fd, data) -> true | nil, msg, code. In a thread: making our stderr
// non-blocking would make it so for every process that shares it.
static int l_write_fd(lua_State *L) {
  int fd = (int)luaL_checkinteger(L, 1);
  size_t len;
  const char *data = luaL_checklstring(L, 2, &len);
  wx_wait_check(L);
  uv_loop_t *loop = wx_sched_loop(L);
  struct fd_write *w = calloc(1, sizeof *w + len);
  if (!w)
    return luaL_error(L, "out of memory");
  w->fd = fd;
  w->len = len;
  memcpy(w->data, data, len);
  uv_queue_work(loop, &w->req, write_work, write_after);
  return wx_wait_begin(L, &w->wait, cancel_fd_write);
}

static const luaL_Reg functions[] = {
    FN(signals), FN(term_save), FN(term_restore), FN(write_fd), FN(leave_stdio),
    FN(streams_save), FN(streams_restore), {NULL, NULL},
};
static const luaL_Reg methods[] = {METHOD(next), METHOD(close), {NULL, NULL}};
static const luaL_Reg metas[] = {META(gc), META(close), {NULL, NULL}};

int luaopen_wrapix_container(lua_State *L) {
  wx_new_class(L, WX_SIGNALS, methods, metas);
  luaL_newlib(L, functions);
  return 1;
}
