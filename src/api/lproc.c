// SPDX-License-Identifier: MIT
// wrapix._c.proc: spawn, wait, kill. Defaults, PATH lookup, timeouts and the
// collecting of output are Lua, in proc.lua.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "api.h"
#include "core/plat.h"
#include "core/proc.h"
#include "core/signals.h"
#include "lstream.h"
#include "sched.h"

struct proc {
  struct wx_child child; // first: the reaper hands it back
  struct wx_wait wait;
  struct lproc *box; // NULL once the object is gone
  uint64_t started, ended; // uv_hrtime
  bool exited;
  int status;
  struct rusage usage;
};

struct lproc {
  struct proc *p; // owned together with the reaper; NULL before the start and after the collector
  bool session;
};

static struct lproc *check_proc(lua_State *L) { return luaL_checkudata(L, 1, WX_PROC); }

static struct proc *check_started(lua_State *L) {
  struct proc *p = check_proc(L)->p;
  luaL_argcheck(L, p, 1, "the process was never started");
  return p;
}

// --- the end ------------------------------------------------------------------

static void set_number(lua_State *L, const char *key, lua_Number value) {
  lua_pushnumber(L, value);
  lua_setfield(L, -2, key);
}

static lua_Number seconds(struct timeval tv) { return (lua_Number)tv.tv_sec + tv.tv_usec / 1e6; }

static void push_usage(lua_State *L, const struct rusage *u) {
  lua_createtable(L, 0, 3);
  set_number(L, "user", seconds(u->ru_utime));
  set_number(L, "system", seconds(u->ru_stime));
  lua_pushinteger(L, wx_plat_max_rss_kb(u));
  lua_setfield(L, -2, "max_rss_kb");
}

// { code?, signal?, seconds, rusage }: exactly one of code and signal
static int push_result(lua_State *L, const struct proc *p) {
  lua_createtable(L, 0, 4);
  if (WIFSIGNALED(p->status)) {
    lua_pushinteger(L, WTERMSIG(p->status));
    lua_setfield(L, -2, "signal");
  } else {
    lua_pushinteger(L, WEXITSTATUS(p->status));
    lua_setfield(L, -2, "code");
  }
  set_number(L, "seconds", (lua_Number)(p->ended - p->started) / 1e9);
  push_usage(L, &p->usage);
  lua_setfield(L, -2, "rusage");
  return 1;
}

static void on_exit_child(struct wx_child *child, int status, const struct rusage *usage) {
  struct proc *p = (struct proc *)child;
  p->exited = true;
  p->ended = uv_hrtime();
  p->status = status;
  p->usage = *usage;
  if (!p->box)
    free(p);
  else if (wx_wait_active(&p->wait))
    wx_wait_done(&p->wait, push_result(p->wait.L, p));
}

static void cancel_wait(struct wx_wait *w) { wx_wait_canceled(w, "wait for process"); }

// proc:wait() -> { code | signal, seconds, rusage } of the process alone
static int m_wait(lua_State *L) {
  struct proc *p = check_started(L);
  luaL_argcheck(L, !wx_wait_active(&p->wait), 1, "another task waits for this process");
  if (p->exited)
    return push_result(L, p);
  wx_wait_check(L);
  return wx_wait_begin(L, &p->wait, cancel_wait);
}

// proc:kill(signal number) -> true | nil, msg, code; a session gets it as a group
static int m_kill(lua_State *L) {
  struct lproc *box = check_proc(L);
  struct proc *p = check_started(L);
  int sig = (int)luaL_checkinteger(L, 2);
  wx_err err;
  // After the exit the pid may belong to somebody else; the group of a session
  // lives on while one member does, and only then has it that number.
  pid_t target = box->session ? -p->child.pid : p->child.pid;
  if (p->exited && !box->session) {
    wx_err_set(&err, ESRCH, "kill: the process has ended");
    return wx_push_fail(L, &err);
  }
  if (kill(target, sig) != 0) {
    wx_err_set(&err, errno, "kill %d", (int)p->child.pid);
    return wx_push_fail(L, &err);
  }
  lua_pushboolean(L, 1);
  return 1;
}

// proc:pid() -> integer
static int m_pid(lua_State *L) {
  lua_pushinteger(L, check_started(L)->child.pid);
  return 1;
}

// proc:exited() -> boolean
static int m_exited(lua_State *L) {
  lua_pushboolean(L, check_started(L)->exited);
  return 1;
}

// proc:release(): the process goes on whatever becomes of this object
static int m_release(lua_State *L) {
  struct lproc *box = check_proc(L);
  struct proc *p = check_started(L);
  luaL_argcheck(L, !wx_wait_active(&p->wait), 1, "a task waits for this process");
  box->p = NULL;
  p->box = NULL;
  if (!p->exited)
    wx_proc_abandon(wx_sched_loop(L), &p->child);
  free(p);
  return 0;
}

// The collector ends what nobody can reach any more: a forgotten child must
// not outlive the thing that started it.
static int mm_gc(lua_State *L) {
  struct lproc *box = check_proc(L);
  struct proc *p = box->p;
  if (!p)
    return 0;
  box->p = NULL;
  p->box = NULL;
  if (p->exited) {
    free(p);
    return 0;
  }
  kill(box->session ? -p->child.pid : p->child.pid, SIGKILL);
  wx_proc_abandon(wx_sched_loop(L), &p->child);
  free(p);
  return 0;
}

// --- the start ----------------------------------------------------------------

// A NULL-terminated array of the strings of the list at ARG; pushes its owner.
static char **check_strings(lua_State *L, int arg, const char *what) {
  luaL_checktype(L, arg, LUA_TTABLE);
  lua_Integer n = luaL_len(L, arg);
  luaL_argcheck(L, n >= 0 && n < 1 << 20, arg, "too long");
  char **out = lua_newuserdatauv(L, sizeof *out * ((size_t)n + 1), 0);
  for (lua_Integer i = 1; i <= n; i++) {
    size_t len;
    lua_rawgeti(L, arg, i);
    if (lua_type(L, -1) != LUA_TSTRING)
      luaL_error(L, "%s[%I]: a string expected, got %s", what, i, luaL_typename(L, -1));
    const char *text = lua_tolstring(L, -1, &len);
    if (strlen(text) != len)
      luaL_error(L, "%s[%I]: contains a NUL byte", what, i);
    out[i - 1] = (char *)text; // the list keeps the string alive
    lua_pop(L, 1);
  }
  out[n] = NULL;
  return out;
}

static int file_flags(lua_State *L, const char *mode) {
  if (strcmp(mode, "rw") == 0)
    return O_RDWR;
  switch (mode[0]) {
  case 'r':
    return O_RDONLY;
  case 'w':
    return O_WRONLY | O_CREAT | O_TRUNC;
  case 'a':
    return O_WRONLY | O_CREAT | O_APPEND;
  }
  return luaL_error(L, "stdio: file mode '%s' is not r, w, a or rw", mode);
}

// Reads "inherit" | "null" | "pipe" | "stdout" | { file, mode } at the top.
static struct wx_stdio check_stdio(lua_State *L, int i) {
  static const char *const words[] = {"inherit", "null", "pipe", NULL, "stdout"};
  struct wx_stdio io = {WX_STDIO_INHERIT, NULL, 0};
  if (lua_istable(L, -1)) {
    lua_getfield(L, -1, "file");
    lua_getfield(L, -2, "mode"); // file mode
    io.kind = WX_STDIO_FILE;
    io.path = wx_check_text(L, -2);
    io.flags = file_flags(L, luaL_optstring(L, -1, i == 0 ? "r" : "w"));
    lua_pop(L, 2); // the table holds the path
    return io;
  }
  const char *word = luaL_checkstring(L, -1);
  for (size_t k = 0; k < WX_STDIO_STDOUT + 1u; k++)
    if (words[k] && strcmp(word, words[k]) == 0 && (k != WX_STDIO_STDOUT || i == 2)) {
      io.kind = (enum wx_stdio_kind)k;
      return io;
    }
  luaL_error(L, "stdio[%d]: '%s' is not inherit, null, pipe%s or { file }", i, word,
             i == 2 ? ", stdout" : "");
  return io;
}

// Reads nil | "session" | "terminal".
static enum wx_group check_group(lua_State *L, int arg) {
  static const char *const words[] = {"same", "session", "terminal", NULL};
  static const enum wx_group groups[] = {WX_GROUP_SAME, WX_GROUP_SESSION, WX_GROUP_TERMINAL};
  return groups[luaL_checkoption(L, arg, "same", words)];
}

// spawn(path, argv, env, cwd | nil, { in, out, err }, group) -> proc, in, out, err
// Streams are nil where there is no pipe. Or nil, msg, code.
static int l_spawn(lua_State *L) {
  struct wx_proc_spec spec = {.path = wx_check_text(L, 1)};
  spec.cwd = lua_isnoneornil(L, 4) ? NULL : wx_check_text(L, 4);
  luaL_checktype(L, 5, LUA_TTABLE);
  spec.group = check_group(L, 6);
  lua_settop(L, 6);
  for (int i = 0; i < 3; i++) {
    lua_rawgeti(L, 5, i + 1);
    spec.stdio[i] = check_stdio(L, i);
    lua_pop(L, 1);
  }
  spec.argv = check_strings(L, 2, "argv");
  luaL_argcheck(L, spec.argv[0], 2, "empty");
  spec.envp = check_strings(L, 3, "env");
  uv_loop_t *loop = wx_sched_loop(L);

  struct lproc *box = lua_newuserdatauv(L, sizeof *box, 0); // … proc
  *box = (struct lproc){NULL, spec.group == WX_GROUP_SESSION};
  luaL_setmetatable(L, WX_PROC);
  struct lstream *streams[3];
  for (int i = 0; i < 3; i++)
    streams[i] = wx_stream_push(L); // … proc in out err

  struct proc *p = calloc(1, sizeof *p);
  if (!p)
    return luaL_error(L, "out of memory");
  p->child.on_exit = on_exit_child;
  p->started = uv_hrtime();
  int fds[3];
  wx_err err;
  if (wx_proc_start(loop, &spec, &p->child, fds, &err) < 0) {
    free(p);
    return wx_push_fail(L, &err);
  }
  p->box = box;
  box->p = p;
  int rc = 0;
  for (int i = 0; i < 3; i++) {
    if (fds[i] >= 0 && wx_stream_set_fd(L, streams[i], UV_NAMED_PIPE, fds[i], &err) < 0)
      rc = -1;
    if (fds[i] < 0) {
      lua_pushnil(L);
      lua_replace(L, -4 + i);
    }
  }
  return rc < 0 ? wx_push_fail(L, &err) : 4; // the objects clean up after themselves
}

// signal_number(name) -> integer | nil
static int l_signal_number(lua_State *L) {
  int number = wx_signal_number(luaL_checkstring(L, 1));
  if (number == 0)
    return 0;
  lua_pushinteger(L, number);
  return 1;
}

// signal_name(number) -> string | nil
static int l_signal_name(lua_State *L) {
  lua_pushstring(L, wx_signal_name((int)luaL_checkinteger(L, 1)));
  return 1;
}

static const luaL_Reg functions[] = {
    FN(spawn), FN(signal_number), FN(signal_name), {NULL, NULL},
};
static const luaL_Reg methods[] = {
    METHOD(wait), METHOD(kill), METHOD(pid), METHOD(exited), METHOD(release), {NULL, NULL},
};
static const luaL_Reg metas[] = {META(gc), {NULL, NULL}};

int luaopen_wrapix_proc(lua_State *L) {
  wx_stream_class(L);
  wx_new_class(L, WX_PROC, methods, metas);
  luaL_newlib(L, functions);
  return 1;
}
