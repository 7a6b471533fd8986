// SPDX-License-Identifier: MIT
// The task object, shared by sched.c and its binding api/ltask.c alone.
#ifndef WX_TASK_H
#define WX_TASK_H

#include "sched.h"

#define WX_TASK "wrapix.task" // metatable name

enum wx_task_state { WX_TASK_READY, WX_TASK_RUNNING, WX_TASK_WAITING, WX_TASK_DONE };

struct wx_join {
  struct wx_wait wait; // first, so that a wait is its join
  struct wx_task *task;
  struct wx_join *next;
};

struct wx_task {
  struct wx_sched *sched;
  lua_State *co; // lives in the userdata's first user value
  int anchor;    // registry reference until the task ends
  enum wx_task_state state;
  bool cancelled;
  bool told;  // a wait has returned ECANCELED already
  bool ok;    // how it ended
  int shield; // depth of task.shield
  int nargs;  // values on top of co for the next resume, or the results
  struct wx_wait *wait;
  struct wx_join *joiners;
  struct wx_task *next; // ready queue
  struct {
    struct wx_task *prev, *next;
  } link; // all live tasks
};

// Replaces the function and its N arguments on top of L's stack by a new task,
// ready to run.
struct wx_task *wx_task_new(lua_State *L, int nargs);
// Cancels by rules 11 to 14; does nothing to a task that has ended.
void wx_task_cancel(struct wx_task *t);
// The task that L is, or NULL.
struct wx_task *wx_task_current(lua_State *L);
// Pushes copies of the results of an ended task; returns their number.
int wx_task_push_results(lua_State *L, struct wx_task *t);

#endif
