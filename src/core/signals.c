// SPDX-License-Identifier: MIT
// Theory of operation. uv_signal throws the sender away, so this file has its
// own handler: it writes {signo, sender} to a pipe (atomic, below PIPE_BUF) that
// the loop polls. The pipe is process-wide, as signal actions are: the first
// watcher opens it, the last one closes it, and each event goes to every watcher
// that asked for its signal. A watcher that reads nothing loses the events after
// the first QUEUE.
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "handle.h"
#include "plat.h"
#include "util.h"

#define QUEUE 64

// What all watchers share: the pipe, and the actions there were before.
struct hub {
  struct wx_handle base; // first: found through poll.data
  uv_poll_t poll;
  uv_loop_t *loop;
  int fd;
  struct wx_signals *watchers;
  unsigned count[NSIG]; // watchers of each signal
  struct sigaction old[NSIG];
};

struct wx_signals {
  struct wx_signals *next;
  bool wanted[NSIG];
  struct wx_signal_event queue[QUEUE];
  unsigned head, len;
  void (*cb)(void *ctx);
  void *ctx;
};

static struct hub *hub; /* owned by its loop; NULL without watchers */
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
  struct wx_signal_event event = {signo, (int)wx_plat_signal_sender(info)};
  ssize_t n = write(write_fd, &event, sizeof event);
  (void)n; // a full pipe: nothing better can be done in a handler
  errno = saved;
}

static void give(struct wx_signals *s, const struct wx_signal_event *event) {
  if (!s->wanted[event->signo] || s->len == QUEUE)
    return;
  s->queue[(s->head + s->len++) % QUEUE] = *event;
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  struct hub *h = poll->data;
  struct wx_signal_event event;
  while (WX_RETRY(read(h->fd, &event, sizeof event)) == (ssize_t)sizeof event)
    for (struct wx_signals *s = h->watchers; s; s = s->next)
      give(s, &event);
  for (struct wx_signals *s = h->watchers, *next; s; s = next) {
    next = s->next;
    if (s->len > 0 && s->cb)
      s->cb(s->ctx);
  }
}

static void free_hub(uv_handle_t *handle) {
  struct hub *h = handle->data;
  close(h->fd);
  free(h);
}

static void drop(uv_handle_t *handle) {
  struct hub *h = handle->data;
  for (int signo = 1; signo < NSIG; signo++)
    if (h->count[signo] > 0)
      sigaction(signo, &h->old[signo], NULL);
  if (hub == h)
    hub = NULL;
  close(write_fd);
  write_fd = -1;
  uv_close(handle, free_hub);
}

static struct hub *hub_open(uv_loop_t *loop, wx_err *err) {
  int ends[2];
  struct hub *h = calloc(1, sizeof *h);
  if (!h || wx_plat_pipe(ends) != 0) {
    wx_err_set(err, h ? errno : ENOMEM, "catch signals");
    free(h);
    return NULL;
  }
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  fcntl(ends[1], F_SETFL, O_NONBLOCK);
  int rc = uv_poll_init(loop, &h->poll, ends[0]);
  if (rc != 0) {
    close(ends[0]);
    close(ends[1]);
    free(h);
    wx_err_set(err, rc, "catch signals");
    return NULL;
  }
  h->base.drop = drop;
  h->poll.data = h;
  h->loop = loop;
  h->fd = ends[0];
  write_fd = ends[1];
  uv_poll_start(&h->poll, UV_READABLE, on_poll);
  uv_unref((uv_handle_t *)&h->poll); // a signal to come keeps no program alive
  return h;
}

static int want(struct wx_signals *s, int signo, wx_err *err) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigfillset(&action.sa_mask);
  if (s->wanted[signo])
    return 0;
  if (hub->count[signo] == 0 && sigaction(signo, &action, &hub->old[signo]) != 0)
    return wx_err_set(err, errno, "catch signal %d", signo);
  hub->count[signo]++;
  s->wanted[signo] = true;
  return 0;
}

struct wx_signals *wx_signals_open(uv_loop_t *loop, const int *list, int n, wx_err *err) {
  if (hub && hub->loop != loop) {
    wx_err_set(err, EBUSY, "catch signals");
    return NULL;
  }
  struct wx_signals *s = calloc(1, sizeof *s);
  if (!s) {
    wx_err_set(err, ENOMEM, "catch signals");
    return NULL;
  }
  if (!hub)
    hub = hub_open(loop, err);
  if (!hub) {
    free(s);
    return NULL;
  }
  s->next = hub->watchers;
  hub->watchers = s;
  for (int i = 0; i < n; i++)
    if (want(s, list[i], err) < 0) {
      wx_signals_close(s);
      return NULL;
    }
  return s;
}

bool wx_signals_next(struct wx_signals *s, struct wx_signal_event *event) {
  if (s->len == 0)
    return false;
  *event = s->queue[s->head];
  s->head = (s->head + 1) % QUEUE;
  s->len--;
  return true;
}

void wx_signals_notify(struct wx_signals *s, void (*cb)(void *ctx), void *ctx) {
  s->cb = cb;
  s->ctx = ctx;
}

static bool forget(struct wx_signals *s) {
  struct wx_signals **at = hub ? &hub->watchers : NULL;
  while (at && *at && *at != s)
    at = &(*at)->next;
  if (!at || !*at)
    return false; // the loop went first
  *at = s->next;
  return true;
}

void wx_signals_close(struct wx_signals *s) {
  if (forget(s)) {
    for (int signo = 1; signo < NSIG; signo++)
      if (s->wanted[signo] && --hub->count[signo] == 0)
        sigaction(signo, &hub->old[signo], NULL);
    if (!hub->watchers)
      drop((uv_handle_t *)&hub->poll);
  }
  free(s);
}
