// SPDX-License-Identifier: MIT
// The terminal's modes, and whether our standard streams block: kept before a program gets
// them, put back after it, however it ended.
#ifndef WX_CORE_TERM_H
#define WX_CORE_TERM_H

#include <stdbool.h>

// Keeps the modes of FD if it is a terminal; puts them back at exit() too.
// False when FD is no terminal.
bool wx_term_save(int fd);
// Puts the kept modes back. Does nothing when none are kept.
void wx_term_restore(void);

// Keeps whether stdin, stdout and stderr block, which is no property of ours: a program that
// makes its own stdin non-blocking does so to everybody who has it. At exit() too.
void wx_streams_save(void);
void wx_streams_restore(void);

#endif
