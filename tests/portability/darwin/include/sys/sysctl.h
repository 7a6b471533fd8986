// SPDX-License-Identifier: MIT
#ifndef STUB_SYS_SYSCTL_H
#define STUB_SYS_SYSCTL_H
#include <sys/types.h>
#define CTL_KERN 1
#define KERN_PROC 14
#define KERN_PROC_PID 1
struct extern_proc {
  union {
    struct {
      void *forw, *back;
    } p_st1;
    struct timeval __p_starttime;
  } p_un;
  int p_flag;
  char p_stat;
  pid_t p_pid;
};
#define p_starttime p_un.__p_starttime
struct kinfo_proc {
  struct extern_proc kp_proc;
  struct eproc {
    pid_t e_ppid, e_pgid;
    dev_t e_tdev;
    pid_t e_tpgid;
  } kp_eproc;
};
int sysctl(int *, unsigned, void *, size_t *, void *, size_t);
int sysctlbyname(const char *, void *, size_t *, void *, size_t);
#endif
