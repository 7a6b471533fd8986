// SPDX-License-Identifier: MIT
// The terminal's modes: kept before a program gets the terminal, put back after
// it, however it ended.
#ifndef WX_CORE_TERM_H
#define WX_CORE_TERM_H

#include <stdbool.h>

// Keeps the modes of FD if it is a terminal; puts them back at exit() too.
// False when FD is no terminal.
bool wx_term_save(int fd);
// Puts the kept modes back. Does nothing when none are kept.
void wx_term_restore(void);

#endif
