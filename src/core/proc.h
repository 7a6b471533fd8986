// SPDX-License-Identifier: MIT
// Starting a child process and hearing of its end. argv arrays only.
#ifndef WX_CORE_PROC_H
#define WX_CORE_PROC_H

#include <sys/resource.h>
#include <sys/types.h>
#include <uv.h>

#include "err.h"

enum wx_stdio_kind {
  WX_STDIO_INHERIT,
  WX_STDIO_NULL,
  WX_STDIO_PIPE,
  WX_STDIO_FILE,   // open PATH with FLAGS
  WX_STDIO_STDOUT, // where stdout goes; for stderr only
};

struct wx_stdio {
  enum wx_stdio_kind kind;
  const char *path;
  int flags;
};

enum wx_group {
  WX_GROUP_SAME,     // ours: the terminal's signals reach it too
  WX_GROUP_SESSION,  // a session of its own, without a terminal
  WX_GROUP_TERMINAL, // a session of its own, and stdin is its terminal
};

struct wx_proc_spec {
  const char *path; // of the program, resolved
  char *const *argv;
  char *const *envp;
  const char *cwd; // NULL: ours
  struct wx_stdio stdio[3];
  enum wx_group group;
};

// A child that was started. Embed it; it must live until on_exit was called.
struct wx_child {
  pid_t pid;
  void (*on_exit)(struct wx_child *child, int status, const struct rusage *usage);
  struct wx_child *next;
};

// Starts a process. FDS receives our ends of the pipes, -1 where there is none.
// CHILD->on_exit must be set. The error names what failed: program, directory or file.
int wx_proc_start(uv_loop_t *loop, const struct wx_proc_spec *spec, struct wx_child *child,
                  int fds[3], wx_err *err);

// Forgets the child, whose struct may go away now; the process is still reaped.
void wx_proc_abandon(uv_loop_t *loop, struct wx_child *child);

#endif
