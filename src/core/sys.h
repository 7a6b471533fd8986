// SPDX-License-Identifier: MIT
// Facts about this process, its user and its machine that both systems give
// in the same way; the rest is in plat.h.
#ifndef WX_CORE_SYS_H
#define WX_CORE_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "err.h"

// The passwd entry of a user: 1 when there is one, 0 when not.
struct wx_sys_user {
  char name[256];
  char home[4096];
};
int wx_sys_user(uid_t uid, struct wx_sys_user *out, wx_err *err);

int wx_sys_hostname(char *out, size_t size, wx_err *err);

// Size of the terminal behind FD; ENOTTY when there is none.
int wx_sys_term_size(int fd, int *rows, int *cols, wx_err *err);

// Fills OUT with bytes of the kernel's random generator.
int wx_sys_random(void *out, size_t size, wx_err *err);

// Seconds on a clock that never steps back, and since 1970.
double wx_sys_clock(void);
double wx_sys_time(void);

// The machine's word for its processor: "x86_64", "aarch64".
void wx_sys_arch(char *out, size_t size);

#endif
