// SPDX-License-Identifier: MIT
// Tasks over one libuv loop: what a primitive needs in order to wait.
// The rules are in docs/concurrency.md.
#ifndef WX_SCHED_H
#define WX_SCHED_H

#include <lua.h>
#include <stdbool.h>
#include <uv.h>

struct wx_sched;
struct wx_wait;

// Withdraws the request behind a wait. Must end in wx_wait_done, at once.
typedef void (*wx_cancel_fn)(struct wx_wait *w);

// One pending request of one waiter; lives inside the request's own struct.
struct wx_wait {
  lua_State *L;         // the waiter; results are pushed here. NULL when nobody waits
  wx_cancel_fn cancel;
  struct wx_task *task; // NULL when the waiter blocks outside any task
  struct wx_block *block;
};

// The scheduler of this Lua state, made on first use.
struct wx_sched *wx_sched_get(lua_State *L);
uv_loop_t *wx_sched_loop(lua_State *L);

// Raises unless L may wait here. Call it after the argument checks and before
// anything is acquired.
void wx_wait_check(lua_State *L);

// Ends a primitive: `return wx_wait_begin(L, &req->wait, cancel);`. In a task it
// yields; outside it runs the loop until the wait is done.
int wx_wait_begin(lua_State *L, struct wx_wait *w, wx_cancel_fn cancel);

// True while somebody waits on W.
static inline bool wx_wait_active(const struct wx_wait *w) { return w->L != NULL; }

// Completes a wait: the N results are on top of w->L's stack.
void wx_wait_done(struct wx_wait *w, int n);

// Completes a wait with nil, "ECANCELED: action", "ECANCELED".
void wx_wait_canceled(struct wx_wait *w, const char *action);

// Runs the function and its N arguments on top of the stack as the root task,
// until it ends. Afterwards cancels what is left. Leaves `true, results...` or
// `false, error` and returns how many values that is.
int wx_sched_main(lua_State *L, int nargs);

// Number of tasks that have not ended, and of open handles (for tests).
void wx_sched_stats(lua_State *L, int *tasks, int *handles);

#endif
