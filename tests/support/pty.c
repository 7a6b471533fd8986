// SPDX-License-Identifier: MIT
// pty ROWS COLS COMMAND [ARG...]: runs a command at a terminal of its own, for specs. What the
// command writes to the terminal goes to stdout. stdin takes one order a line:
//   s HEX        type these bytes        w ROWS COLS   change the size
//   m            tell the modes          h             hang up
// stderr answers `raw` or `cooked` to m, and at the end `status N` and whether the modes are the
// `same` as before or `changed`. It must not do anything by itself that a person would not do.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#ifdef __APPLE__ // the conformance suite runs there as well
#include <util.h>
#else
#include <pty.h>
#include <sys/prctl.h>
#include <utmp.h>
#endif

struct terminal {
  int master, slave;  // the slave stays open, so that its modes outlive the command  /* owned */
  int ended;          // a pipe that SIGCHLD writes to  /* owned */
  pid_t child;
  struct termios modes;
  char order[1 << 16];
  size_t used;
};

static _Noreturn void die(const char *what) {
  fprintf(stderr, "pty: %s: %s\n", what, strerror(errno));
  exit(125);
}

static void write_all(int fd, const char *data, size_t size) {
  while (size > 0) {
    ssize_t n = write(fd, data, size);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return; // the reader has seen enough
    data += n;
    size -= (size_t)n;
  }
}

static void set_size(int fd, int rows, int cols) {
  struct winsize size = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols };
  if (ioctl(fd, TIOCSWINSZ, &size) < 0)
    die("set the size");
}

static int child_ended; // the end of the pipe that the handler writes to  /* owned */

static void note_end(int signal) {
  (void)signal;
  int saved = errno;
  if (write(child_ended, "", 1) < 0)
    _exit(125); // a byte into an empty pipe
  errno = saved;
}

static _Noreturn void become(struct terminal *t, char **argv) {
  signal(SIGCHLD, SIG_DFL);
#ifdef __linux__ // elsewhere the terminal that is gone has to do
  prctl(PR_SET_PDEATHSIG, SIGHUP);
#endif
  close(t->master);
  if (login_tty(t->slave) < 0)
    die("take the terminal");
  execvp(argv[0], argv);
  die(argv[0]);
}

static void start(struct terminal *t, char **argv) {
  int ends[2];
  if (pipe(ends) < 0)
    die("make a pipe");
  t->ended = ends[0], child_ended = ends[1];
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  // A command that is only stopped has not ended.
  struct sigaction action = { .sa_handler = note_end, .sa_flags = SA_NOCLDSTOP | SA_RESTART };
  sigaction(SIGCHLD, &action, NULL);
  if (openpty(&t->master, &t->slave, NULL, NULL, NULL) < 0)
    die("open a terminal");
  set_size(t->slave, atoi(argv[1]), atoi(argv[2]));
  if (tcgetattr(t->slave, &t->modes) < 0)
    die("read the modes");
  t->child = fork();
  if (t->child < 0)
    die("fork");
  if (t->child == 0)
    become(t, argv + 3);
  fcntl(t->master, F_SETFL, O_NONBLOCK);
}

static void type(int fd, const char *hex) {
  unsigned byte;
  for (; sscanf(hex, "%2x", &byte) == 1; hex += 2) {
    char c = (char)byte;
    write_all(fd, &c, 1);
  }
}

static void hang_up(struct terminal *t) {
  close(t->slave);
  close(t->master);
  t->slave = t->master = -1;
}

static void obey(struct terminal *t, const char *order) {
  int rows, cols;
  struct termios now;
  if (t->master < 0)
    return;
  if (order[0] == 's')
    type(t->master, order + 2);
  else if (sscanf(order, "w %d %d", &rows, &cols) == 2)
    set_size(t->master, rows, cols);
  else if (order[0] == 'm' && tcgetattr(t->slave, &now) == 0)
    fprintf(stderr, "%s\n", now.c_lflag & ICANON ? "cooked" : "raw");
  else if (order[0] == 'h')
    hang_up(t);
}

// False at the end of the orders: nobody is interested any more.
static bool take_orders(struct terminal *t) {
  ssize_t n = read(STDIN_FILENO, t->order + t->used, sizeof t->order - 1 - t->used);
  if (n <= 0)
    return false;
  t->used += (size_t)n;
  char *line = t->order, *end;
  while ((end = memchr(line, '\n', t->used - (size_t)(line - t->order)))) {
    *end = '\0';
    obey(t, line);
    line = end + 1;
  }
  t->used -= (size_t)(line - t->order);
  memmove(t->order, line, t->used);
  return true;
}

static void pass_output(const struct terminal *t) {
  char buffer[4096];
  ssize_t n;
  while (t->master >= 0 && (n = read(t->master, buffer, sizeof buffer)) > 0)
    write_all(STDOUT_FILENO, buffer, (size_t)n);
}

static bool same_modes(const struct termios *a, const struct termios *b) {
  return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_cflag == b->c_cflag &&
         a->c_lflag == b->c_lflag && memcmp(a->c_cc, b->c_cc, sizeof a->c_cc) == 0;
}

static int report(const struct terminal *t) {
  int status;
  struct termios now;
  waitpid(t->child, &status, 0);
  status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  fprintf(stderr, "status %d\n", status);
  if (t->slave >= 0 && tcgetattr(t->slave, &now) == 0)
    fprintf(stderr, "%s\n", same_modes(&t->modes, &now) ? "same" : "changed");
  return status;
}

int main(int argc, char **argv) {
  static struct terminal t;
  if (argc < 4) {
    fputs("usage: pty ROWS COLS COMMAND [ARG...]\n", stderr);
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  start(&t, argv);
  bool asked = true;
  for (;;) {
    struct pollfd fds[] = {
      { .fd = t.ended, .events = POLLIN },
      { .fd = t.master, .events = POLLIN }, // poll passes over -1
      { .fd = asked ? STDIN_FILENO : -1, .events = POLLIN },
    };
    if (poll(fds, 3, -1) < 0 && errno != EINTR)
      die("poll");
    pass_output(&t);
    if (fds[2].revents && !take_orders(&t)) {
      asked = false;
      hang_up(&t);
    }
    if (fds[0].revents)
      break;
  }
  pass_output(&t);
  return report(&t);
}
