// SPDX-License-Identifier: MIT
// Scope-bound ownership and the few macros every file of the core needs.
// auto_* variables must not live across a call that can raise a Lua error
// (a longjmp runs no cleanup), so they belong to core/ alone.
#ifndef WX_CORE_UTIL_H
#define WX_CORE_UTIL_H

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define WX_COUNT(array) (sizeof(array) / sizeof((array)[0]))

// Repeats a system call that a signal interrupted.
#define WX_RETRY(expr)                                                                             \
  __extension__({                                                                                  \
    long wx_retry_;                                                                                \
    do                                                                                             \
      wx_retry_ = (long)(expr);                                                                    \
    while (wx_retry_ == -1 && errno == EINTR);                                                     \
    wx_retry_;                                                                                     \
  })

static inline void wx_cleanup_free(void *p) { free(*(void **)p); }

static inline void wx_cleanup_close(int *fd) {
  if (*fd >= 0) {
    int saved = errno;
    close(*fd);
    errno = saved;
  }
}

static inline void wx_cleanup_dir(DIR **dir) {
  if (*dir)
    closedir(*dir);
}

#define auto_free __attribute__((cleanup(wx_cleanup_free)))
#define auto_close __attribute__((cleanup(wx_cleanup_close)))
#define auto_dir __attribute__((cleanup(wx_cleanup_dir)))

// Ownership leaves a scope only through these two.
static inline int wx_steal_fd(int *fd) {
  int out = *fd;
  *fd = -1;
  return out;
}

#define wx_steal_ptr(pp)                                                                           \
  __extension__({                                                                                  \
    __typeof__(*(pp)) wx_stolen_ = *(pp);                                                          \
    *(pp) = NULL;                                                                                  \
    wx_stolen_;                                                                                    \
  })

#endif
