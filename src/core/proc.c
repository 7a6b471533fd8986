// SPDX-License-Identifier: MIT
// vfork, exec, wait4. Our own instead of uv_spawn, for real pipes (a socket pair
// breaks programs that open /dev/stdout), rusage per child, and the choice of
// process group. Until the exec the child has our memory, and we stand still: it
// makes async-signal-safe calls only, and writes to nothing but its own stack. A
// copy of the memory would cost more than all else of a start.
#include "proc.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "handle.h"
#include "plat.h"
#include "util.h"

// --- hearing of the end ---------------------------------------------------------

// One per loop, found through loop->data, which nothing else uses.
struct reaper {
  struct wx_handle base;
  uv_signal_t signal;
  struct wx_child *children;
};

// Whoever started a child has abandoned it by now, so only heirs are left.
static void free_reaper(uv_handle_t *handle) {
  struct reaper *r = handle->data;
  handle->loop->data = NULL;
  for (struct wx_child *child = r->children, *next; child; child = next) {
    next = child->next;
    free(child);
  }
  free(r);
}

static void drop_reaper(uv_handle_t *handle) { uv_close(handle, free_reaper); }

static void reap(uv_signal_t *signal, int signum) {
  (void)signum;
  struct reaper *r = signal->data;
  // Only pids of ours: the program that embeds us has children of its own.
  for (struct wx_child **at = &r->children; *at;) {
    struct wx_child *child = *at;
    int status;
    struct rusage usage;
    if (WX_RETRY(wait4(child->pid, &status, WNOHANG, &usage)) != child->pid) {
      at = &child->next;
      continue;
    }
    *at = child->next;
    child->on_exit(child, status, &usage);
  }
  if (!r->children)
    uv_signal_stop(signal);
}

static struct reaper *ensure_reaper(uv_loop_t *loop, wx_err *err) {
  struct reaper *r = loop->data;
  if (!r) {
    r = calloc(1, sizeof *r);
    int rc = r ? uv_signal_init(loop, &r->signal) : UV_ENOMEM;
    if (rc != 0) {
      free(r);
      wx_err_set(err, rc, "watch children");
      return NULL;
    }
    r->base.drop = drop_reaper;
    r->signal.data = r;
    loop->data = r;
  }
  // Before the fork, so that no exit is missed.
  int rc = uv_signal_start(&r->signal, reap, SIGCHLD);
  if (rc != 0) {
    wx_err_set(err, rc, "watch children");
    return NULL;
  }
  return r;
}

static void abandoned_exit(struct wx_child *child, int status, const struct rusage *usage) {
  (void)status;
  (void)usage;
  free(child);
}

void wx_proc_abandon(uv_loop_t *loop, struct wx_child *child) {
  struct reaper *r = loop->data;
  struct wx_child *heir = calloc(1, sizeof *heir);
  for (struct wx_child **at = r ? &r->children : NULL; at && *at; at = &(*at)->next) {
    if (*at != child)
      continue;
    *at = child->next;
    if (heir) {
      *heir = (struct wx_child){child->pid, abandoned_exit, r->children};
      r->children = wx_steal_ptr(&heir);
    }
    break;
  }
  free(heir);
}

// --- starting -------------------------------------------------------------------

struct failure {
  int stage; // index into stages
  int code;
};

static const char *const stages[] = {"run", "change directory to", "set up standard streams of"};

// Child: reports and ends. The parent reads the pipe.
static _Noreturn void child_fail(int pipe, int stage) {
  struct failure f = {stage, errno};
  WX_RETRY(write(pipe, &f, sizeof f));
  _exit(127);
}

static void child_reset_signals(void) {
  struct sigaction dfl = {.sa_handler = SIG_DFL};
  for (int sig = 1; sig < NSIG; sig++)
    sigaction(sig, &dfl, NULL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

// FDS[i] is what shall become descriptor i, above 2, or i itself to keep ours.
static void child_place_stdio(const int fds[3], int pipe) {
  for (int i = 0; i < 3; i++)
    if (fds[i] != i && dup2(fds[i], i) < 0)
      child_fail(pipe, 2);
}

static _Noreturn void child_main(const struct wx_proc_spec *spec, const int fds[3], int pipe) {
  child_reset_signals();
  if (spec->group != WX_GROUP_SAME)
    setsid();
  child_place_stdio(fds, pipe);
  if (spec->group == WX_GROUP_TERMINAL && ioctl(0, TIOCSCTTY, 0) != 0)
    child_fail(pipe, 2);
  if (spec->cwd && chdir(spec->cwd) != 0)
    child_fail(pipe, 1);
  execve(spec->path, spec->argv, spec->envp);
  child_fail(pipe, 0);
}

// A descriptor above 2, so that placing one stream cannot overwrite another.
static int lift_fd(int fd) {
  if (fd < 0 || fd > 2)
    return fd;
  int high = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  close(fd);
  return high;
}

static int open_pipe(int i, int *theirs, int *ours, wx_err *err) {
  int ends[2];
  if (wx_plat_pipe(ends) != 0)
    return wx_err_set(err, errno, "make a pipe");
  *theirs = lift_fd(ends[i == 0 ? 0 : 1]);
  *ours = lift_fd(ends[i == 0 ? 1 : 0]);
  return 0;
}

// Prepares stream I: THEIRS becomes what the child gets, OURS our end of a pipe.
static int open_stdio(const struct wx_stdio *io, int i, int theirs[3], int ours[3], wx_err *err) {
  const char *path = io->kind == WX_STDIO_NULL ? "/dev/null" : io->path;
  int flags = io->kind == WX_STDIO_NULL ? O_RDWR : io->flags;
  switch (io->kind) {
  case WX_STDIO_INHERIT:
    theirs[i] = i;
    return 0;
  case WX_STDIO_STDOUT:
    theirs[i] = theirs[1] == 1 ? 1 : fcntl(theirs[1], F_DUPFD_CLOEXEC, 3);
    return theirs[i] >= 0 ? 0 : wx_err_set(err, errno, "duplicate stdout");
  case WX_STDIO_PIPE:
    return open_pipe(i, &theirs[i], &ours[i], err);
  case WX_STDIO_NULL:
  case WX_STDIO_FILE:
    theirs[i] = lift_fd(open(path, flags | O_CLOEXEC | O_NOCTTY, 0666));
    return theirs[i] >= 0 ? 0 : wx_err_set(err, errno, "open '%s'", path);
  }
  return wx_err_set(err, EINVAL, "standard stream %d", i);
}

static void close_all(int fds[3], bool keep_std) {
  for (int i = 0; i < 3; i++)
    if (fds[i] >= 0 && !(keep_std && fds[i] <= 2))
      close(wx_steal_fd(&fds[i]));
}

static pid_t fork_child(const struct wx_proc_spec *spec, const int fds[3], int report[2]) {
  sigset_t all, old;
  sigfillset(&all);
  // No handler of ours may run in the child: it shares our memory and signal pipes.
  sigprocmask(SIG_SETMASK, &all, &old);
  pid_t pid = WX_PLAT_FORK(); // NOLINT(clang-analyzer-security.insecureAPI.vfork): see the top
  if (pid == 0)
    child_main(spec, fds, report[1]); // NOLINT(clang-analyzer-unix.Vfork): likewise
  int saved = errno;
  sigprocmask(SIG_SETMASK, &old, NULL);
  errno = saved;
  return pid;
}

// Starts a child and waits until the program runs (the pipe closes) or has failed.
static int launch(const struct wx_proc_spec *spec, const int fds[3], pid_t *pid, wx_err *err) {
  int report[2];
  if (wx_plat_pipe(report) != 0)
    return wx_err_set(err, errno, "make a pipe");
  report[0] = lift_fd(report[0]);
  report[1] = lift_fd(report[1]);
  *pid = fork_child(spec, fds, report);
  int code = errno;
  close(report[1]);
  struct failure f;
  ssize_t n = *pid < 0 ? 0 : WX_RETRY(read(report[0], &f, sizeof f));
  close(report[0]);
  if (*pid < 0)
    return wx_err_set(err, code, "fork for '%s'", spec->argv[0]);
  if (n != (ssize_t)sizeof f)
    return 0;
  WX_RETRY(waitpid(*pid, NULL, 0));
  const char *object = f.stage == 1 ? spec->cwd : spec->argv[0];
  return wx_err_set(err, f.code, "%s '%s'", stages[f.stage], object);
}

int wx_proc_start(uv_loop_t *loop, const struct wx_proc_spec *spec, struct wx_child *child,
                  int fds[3], wx_err *err) {
  int theirs[3] = {-1, -1, -1};
  fds[0] = fds[1] = fds[2] = -1;
  struct reaper *r = ensure_reaper(loop, err);
  int rc = r ? 0 : -1;
  for (int i = 0; i < 3 && rc == 0; i++)
    rc = open_stdio(&spec->stdio[i], i, theirs, fds, err);
  if (rc == 0)
    rc = launch(spec, theirs, &child->pid, err);
  close_all(theirs, true);
  if (rc == 0) {
    child->next = r->children;
    r->children = child;
    return 0;
  }
  close_all(fds, false);
  if (r && !r->children)
    uv_signal_stop(&r->signal);
  return -1;
}
