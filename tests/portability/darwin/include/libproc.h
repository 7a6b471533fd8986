// SPDX-License-Identifier: MIT
#ifndef STUB_LIBPROC_H
#define STUB_LIBPROC_H
#include <sys/types.h>
#define PROC_PIDLISTFDS 1
struct proc_fdinfo {
  int32_t proc_fd;
  uint32_t proc_fdtype;
};
int proc_pidinfo(int, int, uint64_t, void *, int);
#endif
