// SPDX-License-Identifier: MIT
// Theory of operation. A process of its own, forked and never executed anew, so that no load
// in ours delays a key, and so that the terminal is put back even when we are killed. It
// calls only what a fork of a program with threads may call.
//
// The person's terminal keeps its modes, with its line editing and its Ctrl-C, until the
// program makes its own raw; then it gets the modes the program chose. So whatever is typed
// or written meanwhile is treated as if the program had the person's terminal itself. The
// program's terminal begins without echo and output processing, since the other does that.
// In packet mode the kernel tells of the change before it hands over what was written after:
// both kinds of raw modes turn Ctrl-S and Ctrl-Q off, which is what it tells of.
#include "relay.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "plat.h"
#include "util.h"
#include "watch.h"

// What a terminal that stopped taking bytes is waited for after the program's end.
#define STUCK_MS 1500
// Written at once where the terminal's descriptor blocks.
#define SMALL_PIECE 256
// Sequences of one read that are told of; of more the rest is not.
#define MOST_EVENTS 16

struct bytes {
  char data[8192];
  size_t at, len; // what is left
};

struct relay {
  int in, out;           // the person's terminal
  int master, slave;     // slave: -1 once the program has its own
  int control, events;
  int signals;           // what the handler wrote
  bool blocks;           // out does
  bool is_raw, is_gone;  // the person's terminal
  bool has_ended;        // the program
  struct termios original;
  struct bytes shown, typed;
  struct wx_watch watch;
  int64_t key_ms;        // when the last one was typed, 0 for never
  int told;              // events of this read
};

static int signal_pipe; // the handler's end, in the process of the relay only

static int64_t now_ms(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

// --- modes and size -----------------------------------------------------------------

// In the background this stops us until we are in the foreground again, as it would the program.
static void set_modes(const struct relay *r, const struct termios *modes) {
  WX_RETRY(tcsetattr(r->in, TCSANOW, modes));
}

static void restore(struct relay *r) {
  if (r->is_raw)
    set_modes(r, &r->original);
  r->is_raw = false;
}

static void follow_modes(struct relay *r) {
  struct termios now, modes = r->original;
  if (r->is_gone || tcgetattr(r->master, &now) != 0)
    return;
  if (now.c_lflag & ICANON) {
    restore(r);
    return;
  }
  modes.c_iflag = now.c_iflag;
  modes.c_oflag = now.c_oflag;
  modes.c_lflag = now.c_lflag;
  memcpy(modes.c_cc, now.c_cc, sizeof modes.c_cc);
  set_modes(r, &modes);
  r->is_raw = true;
}

static void follow_size(const struct relay *r) {
  wx_err err;
  (void)wx_pty_copy_size(r->in, r->master, &err); // a terminal without a size stays without
}

static void hide_line_discipline(struct termios *modes) {
  modes->c_oflag &= ~(tcflag_t)OPOST;
  modes->c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
  modes->c_lflag |= ICANON | ISIG;
  modes->c_iflag |= IXON;
  modes->c_cc[VSTART] = 'Q' & 31;
  modes->c_cc[VSTOP] = 'S' & 31;
}

// --- signals ------------------------------------------------------------------------

// A process that interrupts us tells wrapix as well, which knows what to do.
static void on_signal(int signo, siginfo_t *info, void *context) {
  (void)context;
  int saved = errno;
  char byte = (char)signo;
  if ((signo != SIGINT && signo != SIGQUIT) || !wx_plat_signal_sender(info))
    (void)!write(signal_pipe, &byte, 1);
  errno = saved;
}

static void watch_signals(struct relay *r) {
  static const int handled[] = {SIGINT, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT};
  static const int ignored[] = {SIGHUP, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM};
  struct sigaction action = {.sa_handler = SIG_DFL};
  int ends[2];
  for (int sig = 1; sig < NSIG; sig++)
    sigaction(sig, &action, NULL);
  if (wx_plat_pipe(ends) != 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0 ||
      fcntl(ends[1], F_SETFL, O_NONBLOCK) != 0)
    _exit(1);
  r->signals = ends[0];
  signal_pipe = ends[1];
  action.sa_handler = SIG_IGN;
  for (size_t i = 0; i < WX_COUNT(ignored); i++)
    sigaction(ignored[i], &action, NULL);
  action = (struct sigaction){.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
  for (size_t i = 0; i < WX_COUNT(handled); i++)
    sigaction(handled[i], &action, NULL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static void type(struct relay *r, cc_t key) {
  struct bytes *b = &r->typed;
  if (key != _POSIX_VDISABLE && b->at + b->len < sizeof b->data)
    b->data[b->at + b->len++] = (char)key;
}

// Stopped by hand: the shell gets its terminal as it was.
static void stop(struct relay *r) {
  restore(r);
  raise(SIGSTOP);
}

static void obey_signals(struct relay *r) {
  char list[64] = {0};
  ssize_t n = WX_RETRY(read(r->signals, list, sizeof list));
  if (n <= 0)
    return;
  for (ssize_t i = 0; i < n; i++) {
    if (list[i] == SIGINT)
      type(r, r->original.c_cc[VINTR]);
    else if (list[i] == SIGQUIT)
      type(r, r->original.c_cc[VQUIT]);
    else if (list[i] == SIGTSTP)
      stop(r);
  }
  follow_size(r);
  follow_modes(r);
}

// --- what asks for attention --------------------------------------------------------

// A pipe that is full loses it: whoever reads there has been told enough.
static void tell(void *ctx, const char *text, size_t len) {
  struct relay *r = ctx;
  char line[WX_WATCH_LONGEST + 32];
  size_t at = 24;
  if (r->told++ >= MOST_EVENTS)
    return;
  memcpy(line + at, text, len);
  line[at + len] = '\n';
  size_t end = at + len + 1;
  line[--at] = ' ';
  if (r->key_ms == 0)
    line[--at] = '-';
  for (int64_t idle = now_ms() - r->key_ms; r->key_ms && (idle > 0 || line[at] == ' '); idle /= 10)
    line[--at] = (char)('0' + idle % 10);
  (void)!write(r->events, line + at, end - at);
}

// --- bytes --------------------------------------------------------------------------

// In packet mode a byte in front tells what the others are.
static void take_output(struct relay *r) {
  struct bytes *b = &r->shown;
  ssize_t n = WX_RETRY(read(r->master, b->data, sizeof b->data));
  if (n < 0 && errno == EAGAIN)
    return;
  if (n <= 0) { // EIO: nobody has the program's terminal any more
    r->has_ended = true;
    close(wx_steal_fd(&r->master));
    return;
  }
  if (b->data[0] != TIOCPKT_DATA) {
    follow_modes(r);
    return;
  }
  b->at = 1;
  b->len = (size_t)n - 1;
  r->told = 0;
  wx_watch_feed(&r->watch, b->data + 1, b->len, tell, r);
}

// The program is told by whoever hears of the hang-up; its output goes nowhere meanwhile.
static void lose_terminal(struct relay *r) {
  r->is_gone = true;
  r->is_raw = false;
}

static void take_keys(struct relay *r, short events) {
  struct bytes *b = &r->typed;
  ssize_t n = events & POLLIN ? WX_RETRY(read(r->in, b->data, sizeof b->data)) : -1;
  if (n < 0 && events & POLLIN && errno == EAGAIN)
    return;
  b->at = b->len = 0;
  if (n > 0)
    b->len = (size_t)n;
  else if (n == 0 && !r->is_raw && !(events & POLLHUP))
    type(r, r->original.c_cc[VEOF]); // at the beginning of a line
  else
    lose_terminal(r);
  r->key_ms = now_ms();
}

// False when the other side takes nothing any more.
static bool give(int fd, struct bytes *b, size_t most) {
  ssize_t n = WX_RETRY(write(fd, b->data + b->at, b->len < most ? b->len : most));
  if (n < 0)
    return errno == EAGAIN;
  b->at += (size_t)n;
  b->len -= (size_t)n;
  if (b->len == 0)
    b->at = 0;
  return true;
}

static void take_control(struct relay *r) {
  char byte = 0;
  ssize_t n = WX_RETRY(read(r->control, &byte, 1));
  if (n == 1 && byte == WX_RELAY_ENDED)
    r->has_ended = true;
  if (n <= 0) { // wrapix is gone; the program's end will come
    r->has_ended = r->has_ended || r->slave >= 0;
    close(wx_steal_fd(&r->control));
  }
  if (r->slave >= 0)
    close(wx_steal_fd(&r->slave));
}

// --- the loop -----------------------------------------------------------------------

enum { SIGNALS, CONTROL, MASTER, IN, OUT, COUNT };

static short events_of_master(const struct relay *r) {
  short events = 0;
  if (r->shown.len == 0)
    events |= POLLIN;
  if (r->typed.len > 0 && !r->has_ended)
    events |= POLLOUT;
  return events;
}

// What is asked for nothing is left out: a hang-up would be reported at once.
static int wait_for_more(const struct relay *r, struct pollfd fds[COUNT]) {
  short master = events_of_master(r);
  bool reads = r->typed.len == 0 && !r->is_gone && !r->has_ended;
  bool writes = r->shown.len > 0;
  fds[SIGNALS] = (struct pollfd){r->signals, POLLIN, 0};
  fds[CONTROL] = (struct pollfd){r->control, POLLIN, 0};
  fds[MASTER] = (struct pollfd){master ? r->master : -1, master, 0};
  fds[IN] = (struct pollfd){reads ? r->in : -1, POLLIN, 0};
  fds[OUT] = (struct pollfd){writes ? r->out : -1, POLLOUT, 0};
  return poll(fds, COUNT, !r->has_ended ? -1 : writes ? STUCK_MS : 0);
}

static void pass_on(struct relay *r, const struct pollfd fds[COUNT]) {
  if (fds[MASTER].revents & POLLHUP ||
      (fds[MASTER].revents & POLLOUT && !give(r->master, &r->typed, sizeof r->typed.data)))
    r->typed.at = r->typed.len = 0;
  if (fds[MASTER].revents & ~POLLOUT && r->shown.len == 0)
    take_output(r);
  // A Ctrl-C that came before these keys may be known only since poll returned; behind them
  // it would have the program's terminal throw them away.
  if (fds[IN].revents)
    obey_signals(r);
  if (fds[IN].revents && r->typed.len == 0)
    take_keys(r, fds[IN].revents);
  size_t most = r->blocks ? SMALL_PIECE : sizeof r->shown.data;
  if (r->shown.len > 0 && fds[OUT].revents && !give(r->out, &r->shown, most))
    lose_terminal(r);
  if (r->is_gone)
    r->shown.len = 0;
}

static void run(struct relay *r) {
  struct pollfd fds[COUNT];
  for (;;) {
    int n = wait_for_more(r, fds);
    if (n < 0 && errno != EINTR)
      return;
    if (n == 0 && r->has_ended)
      return; // nothing more comes, or the terminal takes nothing
    if (n <= 0)
      continue;
    if (fds[SIGNALS].revents)
      obey_signals(r);
    if (fds[CONTROL].revents)
      take_control(r);
    pass_on(r, fds);
    if (r->is_gone && r->control < 0)
      return; // nobody is left on this side: the program's terminal hangs up as well
  }
}

// The last thing done: also from the background, where it would stop us.
static _Noreturn void leave(struct relay *r) {
  sigset_t ttou;
  sigemptyset(&ttou);
  sigaddset(&ttou, SIGTTOU);
  sigprocmask(SIG_BLOCK, &ttou, NULL);
  restore(r);
  _exit(0);
}

// --- the start ----------------------------------------------------------------------

// Whatever we hold of the launcher's would outlive it: its lease, for one.
static void close_others(struct relay *r) {
  int *keep[] = {&r->in, &r->out, &r->master, &r->slave, &r->control, &r->events};
  for (size_t i = 0; i < WX_COUNT(keep); i++)
    if (*keep[i] <= 2)
      *keep[i] = fcntl(*keep[i], F_DUPFD_CLOEXEC, 3);
  for (int i = 0; i < (int)WX_COUNT(keep); i++) { // in order, each to the lowest free number
    for (int j = i + 1; j < (int)WX_COUNT(keep); j++)
      if (*keep[j] < *keep[i]) {
        int *lower = keep[j];
        keep[j] = keep[i];
        keep[i] = lower;
      }
    if (*keep[i] != 3 + i)
      *keep[i] = dup2(*keep[i], 3 + i);
  }
  wx_plat_close_from(3 + (int)WX_COUNT(keep));
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; null >= 0 && fd <= 2; fd++)
    dup2(null, fd);
  close(null);
}

static _Noreturn void relay_main(struct relay *r) {
  close_others(r);
  watch_signals(r);
  follow_size(r);
  run(r);
  leave(r);
}

// A descriptor of our own, whose way of waiting is not that of the shell's. Where the terminal
// may not be opened (after `su`) the one we were given, duplicated.
static int reopen(int fd, int flags, bool *blocks) {
  char path[WX_PTY_PATH];
  struct stat given, got;
  *blocks = false;
  int own = ttyname_r(fd, path, sizeof path) == 0
                ? open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
  if (own >= 0 && fstat(fd, &given) == 0 && fstat(own, &got) == 0 && given.st_rdev == got.st_rdev)
    return own;
  if (own >= 0)
    close(own);
  *blocks = true;
  return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static int open_terminals(struct relay *r, int in, int out, char *path, wx_err *err) {
  struct wx_pty pty;
  bool in_blocks;
  int on = 1;
  if (tcgetattr(in, &r->original) != 0)
    return wx_err_set(err, errno, "read the terminal's modes");
  r->in = reopen(in, O_RDONLY, &in_blocks);
  r->out = reopen(out, O_WRONLY, &r->blocks);
  if (r->in < 0 || r->out < 0)
    return wx_err_set(err, errno, "open the terminal");
  if (wx_pty_open(&pty, err) < 0)
    return -1;
  r->master = pty.master;
  r->slave = pty.slave;
  memcpy(path, pty.path, sizeof pty.path);
  struct termios modes = r->original;
  hide_line_discipline(&modes);
  if (tcsetattr(r->slave, TCSANOW, &modes) != 0 || ioctl(r->master, TIOCPKT, &on) != 0 ||
      fcntl(r->master, F_SETFL, O_RDWR | O_NONBLOCK) != 0)
    return wx_err_set(err, errno, "set up '%s'", path);
  follow_size(r); // before a program can ask for it
  return 0;
}

static int open_pipes(struct relay *r, struct wx_relay *relay, wx_err *err) {
  int control[2], events[2];
  if (wx_plat_pipe(control) != 0)
    return wx_err_set(err, errno, "make a pipe");
  r->control = control[0];
  relay->control = control[1];
  if (wx_plat_pipe(events) != 0)
    return wx_err_set(err, errno, "make a pipe");
  r->events = events[1];
  relay->events = events[0];
  if (fcntl(r->events, F_SETFL, O_WRONLY | O_NONBLOCK) != 0)
    return wx_err_set(err, errno, "make a pipe");
  return 0;
}

static int fork_relay(struct relay *r, struct wx_relay *relay, wx_err *err) {
  sigset_t all, old;
  sigfillset(&all);
  // No handler of ours may run in it: it shares our signal pipe until it has its own.
  sigprocmask(SIG_SETMASK, &all, &old);
  relay->pid = fork();
  if (relay->pid == 0)
    relay_main(r);
  int code = errno;
  sigprocmask(SIG_SETMASK, &old, NULL);
  return relay->pid > 0 ? 0 : wx_err_set(err, code, "fork for a terminal");
}

static void close_set(int *fds[], size_t n) {
  for (size_t i = 0; i < n; i++)
    if (*fds[i] >= 0)
      close(wx_steal_fd(fds[i]));
}

int wx_relay_start(int in, int out, struct wx_relay *relay, wx_err *err) {
  struct relay r = {.in = -1, .out = -1, .master = -1, .slave = -1, .control = -1, .events = -1};
  *relay = (struct wx_relay){.control = -1, .events = -1};
  int rc = open_terminals(&r, in, out, relay->path, err);
  if (rc == 0)
    rc = open_pipes(&r, relay, err);
  if (rc == 0)
    rc = fork_relay(&r, relay, err);
  close_set((int *[]){&r.in, &r.out, &r.master, &r.slave, &r.control, &r.events}, 6);
  if (rc != 0)
    close_set((int *[]){&relay->control, &relay->events}, 2);
  return rc;
}

void wx_relay_reap(struct wx_relay *relay) {
  if (relay->pid <= 0)
    return;
  kill(relay->pid, SIGKILL);
  WX_RETRY(waitpid(relay->pid, NULL, 0));
  relay->pid = 0;
}
