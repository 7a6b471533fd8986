// SPDX-License-Identifier: MIT
// macOS: the answers are behind sysctl and libproc. Checked against headers of our own, by
// `make check-portability`.
#include "plat.h"

#include <crt_externs.h>
#include <errno.h>
#include <fcntl.h>
#include <libproc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include "util.h"

const char wx_plat_name[] = "macos";

int wx_plat_boot_id(char *out, size_t size, wx_err *err) {
  if (sysctlbyname("kern.bootsessionuuid", out, &size, NULL, 0) < 0)
    return wx_err_set(err, errno, "read kern.bootsessionuuid");
  return 0;
}

// No such process is no error here: then there is nothing in `info`, and the result is 0.
static size_t look_up(pid_t pid, struct kinfo_proc *info) {
  int name[] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, (int)pid};
  size_t len = sizeof *info;
  return sysctl(name, WX_COUNT(name), info, &len, NULL, 0) == 0 ? len : (size_t)-1;
}

int wx_plat_process_start(pid_t pid, char *out, size_t size, wx_err *err) {
  struct kinfo_proc info;
  size_t len = look_up(pid, &info);
  if (len == (size_t)-1)
    return wx_err_set(err, errno, "read process %ld", (long)pid);
  if (len == 0)
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

static int keep_from_programs(int fd) {
  if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
    return fd;
  int saved = errno;
  close(fd);
  errno = saved;
  return -1;
}

// In two steps: nothing is started meanwhile, since only the thread of the loop does that.
int wx_plat_pipe(int ends[2]) {
  if (pipe(ends) < 0)
    return -1;
  if (keep_from_programs(ends[0]) < 0) {
    close(ends[1]);
    return -1;
  }
  if (keep_from_programs(ends[1]) < 0) {
    close(ends[0]);
    return -1;
  }
  return 0;
}

int wx_plat_socket(int family, int type) {
  int fd = socket(family, type, 0);
  return fd < 0 ? -1 : keep_from_programs(fd);
}

// fsync hands over to the disk, which may keep it in memory. Not every file system has more.
int wx_plat_sync(int fd) {
  return fcntl(fd, F_FULLFSYNC) == 0 ? 0 : (int)WX_RETRY(fsync(fd));
}

// The kernel names a sender for each signal, and for those of a terminal whoever typed into its
// other side: a terminal emulator, tmux, sshd. Such a program has no terminal itself; a shell or
// a `kill` has. (XNU: psignal_internal.)
pid_t wx_plat_signal_sender(const siginfo_t *info) {
  struct kinfo_proc sender;
  int signo = info->si_signo;
  if (signo != SIGINT && signo != SIGQUIT && signo != SIGTSTP && signo != SIGWINCH && signo != SIGHUP)
    return info->si_pid;
  size_t len = info->si_pid > 0 ? look_up(info->si_pid, &sender) : 0;
  if (info->si_pid > 0 && (len == 0 || len == (size_t)-1))
    return info->si_pid; // gone already, as `kill` is
  return info->si_pid > 0 && sender.kp_eproc.e_tdev != NODEV ? info->si_pid : 0;
}

// In bytes here.
long wx_plat_max_rss_kb(const struct rusage *usage) { return usage->ru_maxrss / 1024; }

// A library has no `environ` of its own.
char **wx_plat_environ(void) { return *_NSGetEnviron(); }

// The table may be huge, and is nearly empty.
void wx_plat_close_from(int first) {
  struct proc_fdinfo open[1024];
  int bytes = proc_pidinfo(getpid(), PROC_PIDLISTFDS, 0, open, sizeof open);
  bool all = bytes > 0 && (size_t)bytes < sizeof open;
  for (size_t i = 0; all && i < (size_t)bytes / sizeof open[0]; i++)
    if (open[i].proc_fd >= first)
      close(open[i].proc_fd);
  for (int fd = first; !all && fd < getdtablesize(); fd++)
    close(fd);
}

int64_t wx_plat_mtime_ns(const struct stat *st) {
  return (int64_t)st->st_mtimespec.tv_sec * 1000000000 + st->st_mtimespec.tv_nsec;
}

int64_t wx_plat_ctime_ns(const struct stat *st) {
  return (int64_t)st->st_ctimespec.tv_sec * 1000000000 + st->st_ctimespec.tv_nsec;
}
