// SPDX-License-Identifier: MIT
// macOS: the answers are behind sysctl.
#include "plat.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/proc.h>
#include <sys/sysctl.h>

const char wx_plat_name[] = "macos";

int wx_plat_boot_id(char *out, size_t size, wx_err *err) {
  if (sysctlbyname("kern.bootsessionuuid", out, &size, NULL, 0) < 0)
    return wx_err_set(err, errno, "read kern.bootsessionuuid");
  return 0;
}

int wx_plat_process_start(pid_t pid, char *out, size_t size, wx_err *err) {
  int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, (int)pid};
  struct kinfo_proc info;
  size_t len = sizeof info;
  if (sysctl(name, 4, &info, &len, NULL, 0) < 0)
    return wx_err_set(err, errno, "read process %ld", (long)pid);
  if (len == 0) // no such process is no error here
    return wx_err_set(err, ESRCH, "read process %ld", (long)pid);
  const struct timeval *start = &info.kp_proc.p_starttime;
  snprintf(out, size, "%lld%06d", (long long)start->tv_sec, (int)start->tv_usec);
  return 0;
}

// There is no handle of a process here; between the two calls is a microsecond.
int wx_plat_signal(pid_t pid, const char *start, int signo, wx_err *err) {
  char now[64];
  if (wx_plat_process_start(pid, now, sizeof now, err) < 0)
    return -1;
  if (strcmp(now, start) != 0)
    return wx_err_set(err, ESRCH, "signal process %ld", (long)pid);
  return kill(pid, signo) < 0 ? wx_err_set(err, errno, "signal process %ld", (long)pid) : 0;
}

int wx_plat_cpus(wx_err *err) {
  int count = 0;
  size_t len = sizeof count;
  if (sysctlbyname("hw.logicalcpu", &count, &len, NULL, 0) < 0)
    return wx_err_set(err, errno, "count processors");
  return count;
}

int wx_plat_memory(uint64_t *bytes, wx_err *err) {
  size_t len = sizeof *bytes;
  if (sysctlbyname("hw.memsize", bytes, &len, NULL, 0) < 0)
    return wx_err_set(err, errno, "read the memory size");
  return 0;
}

void wx_plat_expect_heap(size_t bytes) { (void)bytes; }

void wx_plat_close_from(int first) {
  for (int fd = first; fd < getdtablesize(); fd++)
    close(fd);
}

int64_t wx_plat_mtime_ns(const struct stat *st) {
  return (int64_t)st->st_mtimespec.tv_sec * 1000000000 + st->st_mtimespec.tv_nsec;
}

int64_t wx_plat_ctime_ns(const struct stat *st) {
  return (int64_t)st->st_ctimespec.tv_sec * 1000000000 + st->st_ctimespec.tv_nsec;
}
