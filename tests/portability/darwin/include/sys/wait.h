// SPDX-License-Identifier: MIT
#ifndef STUB_SYS_WAIT_H
#define STUB_SYS_WAIT_H
#include <sys/resource.h>
#include <sys/types.h>
#define WNOHANG 1
#define WUNTRACED 2
#define WSTATUS(s) ((s)&0177)
#define WIFEXITED(s) (WSTATUS(s) == 0)
#define WEXITSTATUS(s) (((s) >> 8) & 0xff)
#define WIFSIGNALED(s) (WSTATUS(s) != 0177 && WSTATUS(s) != 0)
#define WTERMSIG(s) WSTATUS(s)
#define WIFSTOPPED(s) (WSTATUS(s) == 0177 && ((s) >> 8) != 0x13)
#define WSTOPSIG(s) ((s) >> 8)
pid_t waitpid(pid_t, int *, int);
pid_t wait4(pid_t, int *, int, struct rusage *);
#endif
