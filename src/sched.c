// SPDX-License-Identifier: MIT
// Tasks over one libuv loop. The only file that resumes a coroutine.
//
// Theory of operation. A task is a userdata that owns a coroutine. The
// scheduler knows which one runs; a primitive called from any other Lua thread
// while the loop runs was called from a coroutine made by hand. A primitive that waits embeds a wx_wait in its
// request, starts the request and yields. The request's callback pushes the
// results on the coroutine's stack and calls wx_wait_done, which only queues
// the task: `step` resumes it later from the bottom of the C stack, so no uv
// callback ever runs Lua. Outside any task the same primitive runs `step`
// until its own wait is done. A task is anchored in the registry from spawn to
// its end, so that the collector cannot take what the loop still points to.
#include "sched.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "core/handle.h"
#include "task.h"

struct wx_block {
  bool done;
  int nres;
};

struct wx_sched {
  uv_loop_t loop;
  lua_State *from;          // who runs the loop now, NULL when it is not running
  struct wx_task *current;  // the task whose Lua code runs now
  struct wx_task *head, *tail; // ready queue
  struct wx_task *all;      // every task that has not ended
  int ntasks;
};

static char sched_key;

// --- state -----------------------------------------------------------------

static int sched_gc(lua_State *L) {
  struct wx_sched *s = lua_touserdata(L, 1);
  wx_handle_drop_all(&s->loop);
  uv_loop_close(&s->loop);
  return 0;
}

struct wx_sched *wx_sched_get(lua_State *L) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &sched_key) == LUA_TUSERDATA) {
    struct wx_sched *s = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return s;
  }
  lua_pop(L, 1);
  struct wx_sched *s = lua_newuserdatauv(L, sizeof *s, 0); // s
  memset(s, 0, sizeof *s);
  int rc = uv_loop_init(&s->loop);
  if (rc != 0)
    luaL_error(L, "event loop: %s", uv_strerror(rc));
  lua_createtable(L, 0, 1); // s mt
  lua_pushcfunction(L, sched_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);                     // s
  lua_rawsetp(L, LUA_REGISTRYINDEX, &sched_key); //
  return s;
}

uv_loop_t *wx_sched_loop(lua_State *L) { return &wx_sched_get(L)->loop; }

struct wx_task *wx_task_current(lua_State *L) {
  struct wx_task *t = wx_sched_get(L)->current;
  return t && t->co == L ? t : NULL;
}

// --- ready queue -----------------------------------------------------------

static void make_ready(struct wx_task *t, int nargs) {
  struct wx_sched *s = t->sched;
  t->state = WX_TASK_READY;
  t->nargs = nargs;
  t->next = NULL;
  if (s->tail)
    s->tail->next = t;
  else
    s->head = t;
  s->tail = t;
}

static struct wx_task *take_ready(struct wx_sched *s) {
  struct wx_task *t = s->head;
  s->head = t->next;
  if (!s->head)
    s->tail = NULL;
  return t;
}

// --- tasks -----------------------------------------------------------------

struct wx_task *wx_task_new(lua_State *L, int nargs) {
  struct wx_sched *s = wx_sched_get(L);
  luaL_checktype(L, -nargs - 1, LUA_TFUNCTION);
  struct wx_task *t = lua_newuserdatauv(L, sizeof *t, 1); // fn args t
  memset(t, 0, sizeof *t);
  t->sched = s;
  t->anchor = LUA_NOREF;
  t->state = WX_TASK_DONE; // until it is whole
  luaL_setmetatable(L, WX_TASK);
  lua_State *co = lua_newthread(L); // fn args t co
  lua_setiuservalue(L, -2, 1);      // fn args t
  lua_insert(L, -nargs - 2);        // t fn args
  if (!lua_checkstack(co, nargs + 1))
    luaL_error(L, "too many arguments for a task");
  lua_pushvalue(L, -nargs - 2);               // t fn args t
  t->anchor = luaL_ref(L, LUA_REGISTRYINDEX); // t fn args
  lua_xmove(L, co, nargs + 1);                // t
  t->co = co;
  t->link.next = s->all;
  if (s->all)
    s->all->link.prev = t;
  s->all = t;
  s->ntasks++;
  make_ready(t, nargs);
  return t;
}

static void unlink_task(struct wx_task *t) {
  if (t->link.prev)
    t->link.prev->link.next = t->link.next;
  else
    t->sched->all = t->link.next;
  if (t->link.next)
    t->link.next->link.prev = t->link.prev;
  t->sched->ntasks--;
}

static void end_task(struct wx_task *t, bool ok, int nres) {
  t->state = WX_TASK_DONE;
  t->ok = ok;
  t->nargs = nres; // results stay on the coroutine's stack
  unlink_task(t);
  while (t->joiners) {
    struct wx_join *j = t->joiners;
    t->joiners = j->next;
    lua_pushboolean(j->wait.L, 1);
    wx_wait_done(&j->wait, 1);
    free(j);
  }
  luaL_unref(t->co, LUA_REGISTRYINDEX, t->anchor);
  t->anchor = LUA_NOREF;
}

static void close_coroutine(lua_State *co, lua_State *from) {
#if LUA_VERSION_RELEASE_NUM >= 50406
  lua_closethread(co, from);
#else
  (void)from;
  lua_resetthread(co);
#endif
}

static void kill_task(struct wx_task *t, const char *why) {
  close_coroutine(t->co, t->sched->from);
  lua_settop(t->co, 0);
  lua_pushstring(t->co, why);
  end_task(t, false, 1);
}

static void resume_task(struct wx_task *t) {
  struct wx_sched *s = t->sched;
  if (t->cancelled && lua_status(t->co) == LUA_OK && !t->shield) {
    kill_task(t, "ECANCELED: task: cancelled before it began"); // rule 13
    return;
  }
  t->state = WX_TASK_RUNNING;
  s->current = t;
  int n = 0;
  int status = lua_resume(t->co, s->from, t->nargs, &n);
  s->current = NULL;
  if (status == LUA_OK) {
    end_task(t, true, n);
  } else if (status == LUA_YIELD) {
    if (t->state == WX_TASK_RUNNING) // no request stands behind this yield
      kill_task(t, "coroutine.yield inside a task: only wrapix functions that wait may yield");
  } else {
    close_coroutine(t->co, s->from); // leaves the error object on top
    end_task(t, false, 1);
  }
}

void wx_task_cancel(struct wx_task *t) {
  if (t->state == WX_TASK_DONE || t->cancelled)
    return;
  t->cancelled = true;
  if (t->wait && !t->shield) {
    t->told = true;
    t->wait->cancel(t->wait);
  }
}

// --- waiting ---------------------------------------------------------------

void wx_wait_check(lua_State *L) {
  struct wx_sched *s = wx_sched_get(L);
  struct wx_task *t = wx_task_current(L);
  if (!t) {
    if (s->from)
      luaL_error(L, "cannot wait here: this coroutine is not a wrapix task (use task.spawn)");
    return;
  }
  if (!lua_isyieldable(L))
    luaL_error(L, "cannot wait here: inside a finalizer, a comparator or another C callback");
  if (t->cancelled && t->told && !t->shield)
    luaL_error(L, "ECANCELED: task: cancelled, and went on waiting");
}

// Whether what a step is made for has come: the end of the task, the results of a
// wait outside any task, or, without either, the end of all tasks.
static bool is_over(const struct wx_sched *s, const struct wx_task *t, const struct wx_block *b) {
  return t ? t->state == WX_TASK_DONE : b ? b->done : !s->all;
}

static bool step(struct wx_sched *s, lua_State *from, const struct wx_task *t,
                 const struct wx_block *b) {
  s->from = from;
  int budget = s->ntasks; // one pass: a task made ready now waits for the next
  while (s->head && budget-- > 0)
    resume_task(take_ready(s));
  // With the goal reached in this pass, others may wait for long yet.
  bool look_only = s->head || is_over(s, t, b);
  bool alive = uv_run(&s->loop, look_only ? UV_RUN_NOWAIT : UV_RUN_ONCE) != 0;
  s->from = NULL;
  return alive || s->head;
}

static int block_here(lua_State *L, struct wx_sched *s, struct wx_wait *w) {
  struct wx_block block = {0};
  w->block = &block;
  bool alive = true;
  while (!block.done && alive)
    alive = step(s, L, NULL, &block);
  bool done = block.done;
  if (!done)
    w->cancel(w); // pushes its results; the error below discards them
  w->block = NULL;
  if (!done)
    luaL_error(L, "every task waits and nothing can wake one");
  return block.nres;
}

int wx_wait_begin(lua_State *L, struct wx_wait *w, wx_cancel_fn cancel) {
  struct wx_task *t = wx_task_current(L);
  w->L = L;
  w->cancel = cancel;
  w->task = t;
  w->block = NULL;
  if (!t)
    return block_here(L, wx_sched_get(L), w);
  t->wait = w;
  t->state = WX_TASK_WAITING;
  if (t->cancelled && !t->shield) {
    t->told = true;
    cancel(w);
  }
  return lua_yield(L, 0);
}

void wx_wait_done(struct wx_wait *w, int n) {
  struct wx_task *t = w->task;
  w->L = NULL;
  if (t) {
    t->wait = NULL;
    make_ready(t, n);
  } else {
    w->block->done = true;
    w->block->nres = n;
  }
}

void wx_wait_canceled(struct wx_wait *w, const char *action) {
  lua_State *L = w->L;
  lua_pushnil(L);
  lua_pushfstring(L, "ECANCELED: %s: cancelled", action);
  lua_pushliteral(L, "ECANCELED");
  wx_wait_done(w, 3);
}

// --- the root task -----------------------------------------------------------

static void timer_noop(uv_timer_t *timer) { (void)timer; }

static void cancel_all(struct wx_sched *s) {
  for (struct wx_task *t = s->all; t; t = t->link.next)
    wx_task_cancel(t);
}

// Rule 21: what is left is cancelled and may clean up for two seconds.
static void end_remaining(struct wx_sched *s, lua_State *L) {
  if (!s->all)
    return;
  cancel_all(s);
  struct wx_handle base = {NULL};
  uv_timer_t limit;
  uv_timer_init(&s->loop, &limit);
  limit.data = &base;
  uv_timer_start(&limit, timer_noop, 2000, 0);
  while (s->all && uv_is_active((uv_handle_t *)&limit))
    step(s, L, NULL, NULL);
  uv_close((uv_handle_t *)&limit, NULL);
  uv_run(&s->loop, UV_RUN_NOWAIT);
}

int wx_sched_main(lua_State *L, int nargs) {
  struct wx_sched *s = wx_sched_get(L);
  if (s->from)
    luaL_error(L, "the event loop is running already");
  int base = lua_gettop(L) - nargs - 1;
  struct wx_task *t = wx_task_new(L, nargs); // t
  bool alive = true;
  while (t->state != WX_TASK_DONE && alive)
    alive = step(s, L, t, NULL);
  if (t->state != WX_TASK_DONE) {
    wx_task_cancel(t);
    end_remaining(s, L);
    lua_pushboolean(L, 0);
    lua_pushliteral(L, "every task waits and nothing can wake one");
    return lua_gettop(L) - base - 1;
  }
  end_remaining(s, L);
  lua_pushboolean(L, t->ok); // t ok
  int n = wx_task_push_results(L, t);
  lua_remove(L, base + 1); // ok results
  return n + 1;
}

int wx_task_push_results(lua_State *L, struct wx_task *t) {
  luaL_checkstack(L, t->nargs, "too many results of a task");
  luaL_checkstack(t->co, t->nargs, "too many results of a task");
  int first = lua_gettop(t->co) - t->nargs + 1;
  for (int i = 0; i < t->nargs; i++)
    lua_pushvalue(t->co, first + i);
  lua_xmove(t->co, L, t->nargs);
  return t->nargs;
}

static void count_handle(uv_handle_t *handle, void *arg) {
  if (!uv_is_closing(handle))
    (*(int *)arg)++;
}

void wx_sched_stats(lua_State *L, int *tasks, int *handles) {
  struct wx_sched *s = wx_sched_get(L);
  *tasks = s->ntasks;
  *handles = 0;
  uv_walk(&s->loop, count_handle, handles);
}
