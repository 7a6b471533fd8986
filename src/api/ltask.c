// SPDX-License-Identifier: MIT
// wrapix._c.task: spawn, join, cancel, sleep. Scopes are Lua, in task.lua.
#include <math.h>
#include <stdlib.h>

#include "api.h"
#include "core/handle.h"
#include "task.h"

static struct wx_task *check_task(lua_State *L, int arg) { return luaL_checkudata(L, arg, WX_TASK); }

// spawn(fn, ...) -> task
static int l_spawn(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  wx_task_new(L, lua_gettop(L) - 1);
  return 1;
}

// current() -> task | nil
static int l_current(lua_State *L) {
  struct wx_task *t = wx_task_current(L);
  if (!t)
    return 0;
  lua_rawgeti(L, LUA_REGISTRYINDEX, t->anchor);
  return 1;
}

static void join_cancel(struct wx_wait *w) {
  struct wx_join *j = (struct wx_join *)w;
  struct wx_join **at = &j->task->joiners;
  while (*at != j)
    at = &(*at)->next;
  *at = j->next;
  wx_wait_canceled(w, "join");
  free(j);
}

// task:join() -> true | nil, msg, code; waits for the end of the task
static int m_join(lua_State *L) {
  struct wx_task *t = check_task(L, 1);
  if (t->state == WX_TASK_DONE) {
    lua_pushboolean(L, 1);
    return 1;
  }
  luaL_argcheck(L, t != wx_task_current(L), 1, "a task cannot wait for itself");
  wx_wait_check(L);
  struct wx_join *j = calloc(1, sizeof *j);
  if (!j)
    return luaL_error(L, "out of memory");
  j->task = t;
  j->next = t->joiners;
  t->joiners = j;
  return wx_wait_begin(L, &j->wait, join_cancel);
}

// task:result() -> ok, values...; only after the end
static int m_result(lua_State *L) {
  struct wx_task *t = check_task(L, 1);
  luaL_argcheck(L, t->state == WX_TASK_DONE, 1, "the task has not ended");
  lua_pushboolean(L, t->ok);
  return 1 + wx_task_push_results(L, t);
}

// task:cancel()
static int m_cancel(lua_State *L) {
  wx_task_cancel(check_task(L, 1));
  return 0;
}

// task:status() -> "ready" | "running" | "waiting" | "done"
static int m_status(lua_State *L) {
  static const char *const names[] = {"ready", "running", "waiting", "done"};
  lua_pushstring(L, names[check_task(L, 1)->state]);
  return 1;
}

// task:cancelled() -> boolean
static int m_cancelled(lua_State *L) {
  lua_pushboolean(L, check_task(L, 1)->cancelled);
  return 1;
}

// shield(delta): enters (1) or leaves (-1) a region that a cancel does not strike
static int l_shield(lua_State *L) {
  lua_Integer delta = luaL_checkinteger(L, 1);
  luaL_argcheck(L, delta == 1 || delta == -1, 1, "must be 1 or -1");
  struct wx_task *t = wx_task_current(L);
  if (t)
    t->shield += (int)delta;
  return 0;
}

struct sleep {
  struct wx_handle base; // first: found through timer.data
  struct wx_wait wait;
  uv_timer_t timer;
};

static void sleep_free(uv_handle_t *handle) { free(handle->data); }

static void sleep_drop(uv_handle_t *handle) { uv_close(handle, sleep_free); }

static void sleep_over(uv_timer_t *timer) {
  struct sleep *s = timer->data;
  lua_pushboolean(s->wait.L, 1);
  wx_wait_done(&s->wait, 1);
  sleep_drop((uv_handle_t *)timer);
}

static void sleep_cancel(struct wx_wait *w) {
  struct sleep *s = (struct sleep *)((char *)w - offsetof(struct sleep, wait));
  wx_wait_canceled(w, "sleep");
  sleep_drop((uv_handle_t *)&s->timer);
}

// sleep(seconds) -> true | nil, msg, code
static int l_sleep(lua_State *L) {
  lua_Number seconds = luaL_checknumber(L, 1);
  luaL_argcheck(L, seconds >= 0 && seconds < 1e9, 1, "must be 0 or more seconds");
  wx_wait_check(L);
  uv_loop_t *loop = wx_sched_loop(L);
  struct sleep *s = calloc(1, sizeof *s);
  if (!s)
    return luaL_error(L, "out of memory");
  s->base.drop = sleep_drop;
  uv_timer_init(loop, &s->timer);
  s->timer.data = s;
  uv_update_time(loop); // Lua may have run for long since the loop last looked
  uv_timer_start(&s->timer, sleep_over, (uint64_t)ceil(seconds * 1000), 0);
  return wx_wait_begin(L, &s->wait, sleep_cancel);
}

// stats() -> tasks, handles; what has not ended or closed
static int l_stats(lua_State *L) {
  int tasks, handles;
  wx_sched_stats(L, &tasks, &handles);
  lua_pushinteger(L, tasks);
  lua_pushinteger(L, handles);
  return 2;
}

static const luaL_Reg functions[] = {
    FN(spawn), FN(current), FN(shield), FN(sleep), FN(stats), {NULL, NULL},
};

static const luaL_Reg methods[] = {
    METHOD(join), METHOD(result), METHOD(cancel), METHOD(cancelled), METHOD(status), {NULL, NULL},
};

static const luaL_Reg metas[] = {{NULL, NULL}};

int luaopen_wrapix_task(lua_State *L) {
  wx_new_class(L, WX_TASK, methods, metas);
  luaL_newlib(L, functions);
  return 1;
}
