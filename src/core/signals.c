// SPDX-License-Identifier: MIT
// Theory of operation. uv_signal throws the sender away, so this file has its
// own handler: it writes {signo, sender} to a pipe (atomic, below PIPE_BUF) that
// the loop polls. The pipe is process-wide, as signal actions are; hence one
// watcher at a time. A full pipe loses events, after thousands unread.
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "handle.h"
#include "util.h"

#define MAX_SIGNALS 16

struct wx_signals {
  struct wx_handle base;
  uv_poll_t poll;
  int fd;
  int list[MAX_SIGNALS];
  struct sigaction old[MAX_SIGNALS];
  int n;
  void (*cb)(void *ctx);
  void *ctx;
};

static volatile sig_atomic_t write_fd = -1;

static const struct {
  const char *name;
  int number;
} names[] = {
    {"HUP", SIGHUP},   {"INT", SIGINT},     {"QUIT", SIGQUIT}, {"TERM", SIGTERM},
    {"KILL", SIGKILL}, {"WINCH", SIGWINCH}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2},
    {"CONT", SIGCONT}, {"TSTP", SIGTSTP},   {"STOP", SIGSTOP}, {"PIPE", SIGPIPE},
    {"ALRM", SIGALRM}, {"ABRT", SIGABRT},   {"SEGV", SIGSEGV}, {"CHLD", SIGCHLD},
};

int wx_signal_number(const char *name) {
  for (size_t i = 0; i < WX_COUNT(names); i++)
    if (strcmp(names[i].name, name) == 0)
      return names[i].number;
  return 0;
}

const char *wx_signal_name(int signo) {
  for (size_t i = 0; i < WX_COUNT(names); i++)
    if (names[i].number == signo)
      return names[i].name;
  return NULL;
}

static void handler(int signo, siginfo_t *info, void *context) {
  (void)context;
  int saved = errno;
  // SI_USER and SI_TKILL/SI_QUEUE (<= 0) come from a process, SI_KERNEL from a terminal.
  struct wx_signal_event event = {signo, info->si_code <= 0 ? (int)info->si_pid : 0};
  ssize_t n = write(write_fd, &event, sizeof event);
  (void)n; // a full pipe: nothing better can be done in a handler
  errno = saved;
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  struct wx_signals *s = poll->data;
  if (s->cb)
    s->cb(s->ctx);
}

static void free_signals(uv_handle_t *handle) {
  struct wx_signals *s = handle->data;
  close(s->fd);
  free(s);
}

static void restore(struct wx_signals *s) {
  while (s->n > 0) {
    s->n--;
    sigaction(s->list[s->n], &s->old[s->n], NULL);
  }
  if (write_fd >= 0)
    close(write_fd);
  write_fd = -1;
}

static void drop(uv_handle_t *handle) {
  restore(handle->data);
  uv_close(handle, free_signals);
}

static int install(struct wx_signals *s, const int *list, int n, wx_err *err) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigfillset(&action.sa_mask);
  for (int i = 0; i < n; i++) {
    if (sigaction(list[i], &action, &s->old[i]) != 0)
      return wx_err_set(err, errno, "catch signal %d", list[i]);
    s->list[s->n++] = list[i];
  }
  return 0;
}

struct wx_signals *wx_signals_open(uv_loop_t *loop, const int *list, int n, wx_err *err) {
  if (write_fd >= 0 || n > MAX_SIGNALS) {
    wx_err_set(err, write_fd >= 0 ? EBUSY : EINVAL, "catch signals");
    return NULL;
  }
  int ends[2];
  struct wx_signals *s = calloc(1, sizeof *s);
  if (!s || pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    wx_err_set(err, s ? errno : ENOMEM, "catch signals");
    free(s);
    return NULL;
  }
  int rc = uv_poll_init(loop, &s->poll, ends[0]);
  if (rc != 0) {
    close(ends[0]);
    close(ends[1]);
    free(s);
    wx_err_set(err, rc, "catch signals");
    return NULL;
  }
  s->base.drop = drop;
  s->poll.data = s;
  s->fd = ends[0];
  write_fd = ends[1];
  if (install(s, list, n, err) < 0) {
    drop((uv_handle_t *)&s->poll);
    return NULL;
  }
  uv_poll_start(&s->poll, UV_READABLE, on_poll);
  uv_unref((uv_handle_t *)&s->poll); // a signal to come keeps no program alive
  return s;
}

bool wx_signals_next(struct wx_signals *s, struct wx_signal_event *event) {
  return WX_RETRY(read(s->fd, event, sizeof *event)) == (ssize_t)sizeof *event;
}

void wx_signals_notify(struct wx_signals *s, void (*cb)(void *ctx), void *ctx) {
  s->cb = cb;
  s->ctx = ctx;
}

void wx_signals_close(struct wx_signals *s) {
  s->cb = NULL;
  drop((uv_handle_t *)&s->poll);
}
