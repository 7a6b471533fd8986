// SPDX-License-Identifier: MIT
// Linux: the answers are in /proc and in the scheduler.
#include "plat.h"

#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "util.h"

const char wx_plat_name[] = "linux";

// Reads a whole small file as text.
static int read_text(const char *path, char *out, size_t size, wx_err *err) {
  auto_close int fd = (int)WX_RETRY(open(path, O_RDONLY | O_CLOEXEC));
  if (fd < 0)
    return wx_err_set(err, errno, "open '%s'", path);
  size_t len = 0;
  while (len < size - 1) {
    ssize_t n = WX_RETRY(read(fd, out + len, size - 1 - len));
    if (n < 0)
      return wx_err_set(err, errno, "read '%s'", path);
    if (n == 0)
      break;
    len += (size_t)n;
  }
  out[len] = '\0';
  return 0;
}

int wx_plat_boot_id(char *out, size_t size, wx_err *err) {
  if (read_text("/proc/sys/kernel/random/boot_id", out, size, err) < 0)
    return -1;
  out[strcspn(out, "\n")] = '\0';
  return 0;
}

int wx_plat_process_start(pid_t pid, char *out, size_t size, wx_err *err) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
  if (read_text(path, text, sizeof text, err) < 0) {
    if (err->code == ENOENT)
      err->code = ESRCH;
    return -1;
  }
  // Field 2 is the program's name in parentheses and may hold anything, spaces
  // and parentheses too; after the last one the fields are plain words.
  char *at = strrchr(text, ')'), *save = NULL, *word = NULL;
  for (int field = 2; at && field < 22; field++)
    word = strtok_r(field == 2 ? at + 1 : NULL, " ", &save);
  if (!at || !word || word[strspn(word, "0123456789")] || strlen(word) >= size)
    return wx_err_set(err, EPROTO, "read the start time in '%s'", path);
  memcpy(out, word, strlen(word) + 1);
  return 0;
}

// The descriptor is taken first and holds one process: when the start fits after
// that, the signal cannot reach another one. Old kernels have none.
int wx_plat_signal(pid_t pid, const char *start, int signo, wx_err *err) {
  auto_close int fd = (int)syscall(SYS_pidfd_open, pid, 0);
  char now[64];
  if (wx_plat_process_start(pid, now, sizeof now, err) < 0)
    return -1;
  if (strcmp(now, start) != 0)
    return wx_err_set(err, ESRCH, "signal process %ld", (long)pid);
  int sent = fd >= 0 ? (int)syscall(SYS_pidfd_send_signal, fd, signo, NULL, 0) : kill(pid, signo);
  return sent < 0 ? wx_err_set(err, errno, "signal process %ld", (long)pid) : 0;
}

int wx_plat_cpus(wx_err *err) {
  // The kernel refuses a set smaller than its own, so grow until it fits.
  for (int room = 1024; room <= 1 << 20; room *= 2) {
    auto_free cpu_set_t *set = CPU_ALLOC(room);
    if (!set)
      return wx_err_set(err, ENOMEM, "count processors");
    if (sched_getaffinity(0, CPU_ALLOC_SIZE(room), set) == 0)
      return CPU_COUNT_S(CPU_ALLOC_SIZE(room), set);
    if (errno != EINVAL)
      break;
  }
  return wx_err_set(err, errno, "count processors");
}

int wx_plat_memory(uint64_t *bytes, wx_err *err) {
  struct sysinfo info;
  if (sysinfo(&info) < 0)
    return wx_err_set(err, errno, "read the memory size");
  *bytes = (uint64_t)info.totalram * info.mem_unit;
  return 0;
}

// Only glibc has the hint; musl grows its heap in its own way.
#ifdef __GLIBC__
void wx_plat_expect_heap(size_t bytes) { mallopt(M_TOP_PAD, (int)bytes); }
#else
void wx_plat_expect_heap(size_t bytes) { (void)bytes; }
#endif

int wx_plat_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int wx_plat_socket(int family, int type) { return socket(family, type | SOCK_CLOEXEC, 0); }

int wx_plat_sync(int fd) { return (int)WX_RETRY(fsync(fd)); }

// SI_USER and SI_TKILL/SI_QUEUE (<= 0) come from a process, SI_KERNEL from a terminal.
pid_t wx_plat_signal_sender(const siginfo_t *info) {
  return info->si_code <= 0 ? info->si_pid : 0;
}

long wx_plat_max_rss_kb(const struct rusage *usage) { return usage->ru_maxrss; }

char **wx_plat_environ(void) { return environ; }

// One by one where the kernel cannot (before 5.9), or valgrind.
void wx_plat_close_from(int first) {
  if (syscall(SYS_close_range, first, ~0u, 0) == 0)
    return;
  for (int fd = first; fd < (int)sysconf(_SC_OPEN_MAX) && fd < 1 << 16; fd++)
    close(fd);
}

int64_t wx_plat_mtime_ns(const struct stat *st) {
  return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

int64_t wx_plat_ctime_ns(const struct stat *st) {
  return (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec;
}
