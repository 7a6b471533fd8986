// SPDX-License-Identifier: MIT
// Signals as events, with their sender: the launcher must know whether Ctrl-C
// was typed (the engine got it too) or a process sent the signal.
#ifndef WX_CORE_SIGNALS_H
#define WX_CORE_SIGNALS_H

#include <stdbool.h>
#include <uv.h>

#include "err.h"

struct wx_signals;

struct wx_signal_event {
  int signo;
  int sender; // pid, or 0 when the kernel (a terminal) sent it
};

// Catches the N signals of LIST until closed. Several may watch; each gets every
// event of its signals. A second loop of the process gets EBUSY.
struct wx_signals *wx_signals_open(uv_loop_t *loop, const int *list, int n, wx_err *err);
// True and *EVENT when one has arrived.
bool wx_signals_next(struct wx_signals *s, struct wx_signal_event *event);
// Calls CB when events may be there.
void wx_signals_notify(struct wx_signals *s, void (*cb)(void *ctx), void *ctx);
// Frees it; the last watcher of a signal restores its old action. No callback is
// made any more.
void wx_signals_close(struct wx_signals *s);

// Number of a name without SIG ("TERM"), or 0; and back, or NULL.
int wx_signal_number(const char *name);
const char *wx_signal_name(int signo);

#endif
