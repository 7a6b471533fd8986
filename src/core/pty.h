// SPDX-License-Identifier: MIT
// A pseudo-terminal: the side that a terminal emulator holds, and the name of the other.
#ifndef WX_CORE_PTY_H
#define WX_CORE_PTY_H

#include "err.h"

#define WX_PTY_PATH 64

struct wx_pty {
  int master, slave; // close-on-exec; owned by the caller
  char path[WX_PTY_PATH]; // of the slave
};

// Opens a pair. Neither becomes anybody's controlling terminal.
int wx_pty_open(struct wx_pty *pty, wx_err *err);

// Gives the terminal at TO the size of the one at FROM; its programs hear of a change.
int wx_pty_copy_size(int from, int to, wx_err *err);

#endif
