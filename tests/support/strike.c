// SPDX-License-Identifier: MIT
// Preloaded into a program: counts what it does to files and processes, and kills it
// before the call with the number $WRAPIX_TEST_STRIKE; with "h" after the number, when
// that call writes, after the first half of it. $WRAPIX_TEST_STRIKE_LOG is a file that
// gets a line for each call. What the program starts is not struck.
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))
#define NEXT(ret, name, ...)                                                                       \
  static ret (*next)(__VA_ARGS__);                                                                 \
  if (!next)                                                                                       \
  *(void **)&next = dlsym(RTLD_NEXT, name)

static atomic_long passed;
static long wanted = -1;
static bool half;
static pid_t self;
static int log_fd = -1;

__attribute__((constructor)) static void begin(void) {
  const char *text = getenv("WRAPIX_TEST_STRIKE"), *file = getenv("WRAPIX_TEST_STRIKE_LOG");
  unsetenv("LD_PRELOAD");
  if (text) {
    wanted = atol(text);
    half = strchr(text, 'h') != NULL;
  }
  if (file)
    log_fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  unsetenv("WRAPIX_TEST_STRIKE");
  unsetenv("WRAPIX_TEST_STRIKE_LOG");
  self = getpid();
}

static void die(void) {
  syscall(SYS_kill, self, SIGKILL);
  for (;;)
    pause();
}

// Whether this is the wanted one, and it is a half of it that shall be done.
static bool pass(const char *call, const char *path, bool can_halve) {
  if ((wanted < 0 && log_fd < 0) || getpid() != self)
    return false;
  long now = atomic_fetch_add(&passed, 1) + 1;
  if (log_fd >= 0) {
    char line[400];
    int n = snprintf(line, sizeof line, "%ld %s %.300s\n", now, call, path ? path : "");
    syscall(SYS_write, log_fd, line, (size_t)n);
  }
  if (now != wanted)
    return false;
  if (half && can_halve)
    return true;
  die();
  return false;
}

static const char *name_of(int fd, char *out, size_t size) {
  char link[40];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, out, size - 1);
  out[n > 0 ? n : 0] = 0;
  return out;
}

static bool is_file(int fd) {
  struct stat st;
  return fd != log_fd && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

PUBLIC ssize_t write(int fd, const void *data, size_t size) {
  NEXT(ssize_t, "write", int, const void *, size_t);
  char path[300];
  if ((wanted >= 0 || log_fd >= 0) && is_file(fd) &&
      pass("write", name_of(fd, path, sizeof path), size > 1)) {
    next(fd, data, size / 2);
    die();
  }
  return next(fd, data, size);
}

PUBLIC int fsync(int fd) {
  NEXT(int, "fsync", int);
  char path[300];
  pass("fsync", name_of(fd, path, sizeof path), false);
  return next(fd);
}

PUBLIC int ftruncate(int fd, off_t size) {
  NEXT(int, "ftruncate", int, off_t);
  char path[300];
  pass("ftruncate", name_of(fd, path, sizeof path), false);
  return next(fd, size);
}

PUBLIC int flock(int fd, int what) {
  NEXT(int, "flock", int, int);
  char path[300];
  pass("flock", name_of(fd, path, sizeof path), false);
  return next(fd, what);
}

PUBLIC int openat(int dir, const char *path, int flags, ...) {
  NEXT(int, "openat", int, const char *, int, ...);
  va_list more;
  va_start(more, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
  va_end(more);
  if (flags & (O_CREAT | O_TRUNC))
    pass("open", path, false);
  return next(dir, path, flags, mode);
}

PUBLIC int open(const char *path, int flags, ...) {
  NEXT(int, "open", const char *, int, ...);
  va_list more;
  va_start(more, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
  va_end(more);
  if (flags & (O_CREAT | O_TRUNC))
    pass("open", path, false);
  return next(path, flags, mode);
}

PUBLIC int rename(const char *from, const char *to) {
  NEXT(int, "rename", const char *, const char *);
  pass("rename", to, false);
  return next(from, to);
}

PUBLIC int renameat(int a, const char *from, int b, const char *to) {
  NEXT(int, "renameat", int, const char *, int, const char *);
  pass("rename", to, false);
  return next(a, from, b, to);
}

PUBLIC int linkat(int a, const char *from, int b, const char *to, int flags) {
  NEXT(int, "linkat", int, const char *, int, const char *, int);
  pass("link", to, false);
  return next(a, from, b, to, flags);
}

PUBLIC int symlink(const char *target, const char *path) {
  NEXT(int, "symlink", const char *, const char *);
  pass("symlink", path, false);
  return next(target, path);
}

PUBLIC int unlink(const char *path) {
  NEXT(int, "unlink", const char *);
  pass("unlink", path, false);
  return next(path);
}

PUBLIC int unlinkat(int dir, const char *path, int flags) {
  NEXT(int, "unlinkat", int, const char *, int);
  pass("unlink", path, false);
  return next(dir, path, flags);
}

PUBLIC int mkdir(const char *path, mode_t mode) {
  NEXT(int, "mkdir", const char *, mode_t);
  pass("mkdir", path, false);
  return next(path, mode);
}

PUBLIC int mkdirat(int dir, const char *path, mode_t mode) {
  NEXT(int, "mkdirat", int, const char *, mode_t);
  pass("mkdir", path, false);
  return next(dir, path, mode);
}

// Before, and when the child is there.
PUBLIC pid_t fork(void) {
  NEXT(pid_t, "fork", void);
  pass("fork", "before", false);
  pid_t child = next();
  if (child > 0)
    pass("fork", "after", false);
  return child;
}
