// SPDX-License-Identifier: MIT
// A process between the person's terminal and one of our own that a program gets: it passes
// bytes, size and modes on as they are, and tells what asked for attention on the way.
#ifndef WX_CORE_RELAY_H
#define WX_CORE_RELAY_H

#include <sys/types.h>

#include "err.h"
#include "pty.h"

struct wx_relay {
  pid_t pid;   // 0 once it was waited for
  int control; // one byte each: WX_RELAY_STARTED, WX_RELAY_ENDED  /* owned */
  int events;  // lines "MILLISECONDS TEXT", since the last key, "-" before one  /* owned */
  char path[WX_PTY_PATH]; // of the terminal the program gets
};

#define WX_RELAY_STARTED 's' // the program has opened its terminal
#define WX_RELAY_ENDED 'e'   // it has ended: what it wrote is still passed on

// IN and OUT are descriptors of the person's terminal. The process ends by itself once nobody
// holds the program's terminal any more, also when we are gone by then; EVENTS ends with it.
int wx_relay_start(int in, int out, struct wx_relay *relay, wx_err *err);

// Ends it now if it still runs, and waits for that.
void wx_relay_reap(struct wx_relay *relay);

#endif
