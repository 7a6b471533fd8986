// SPDX-License-Identifier: MIT
// One terminal per process: the one that wrapix was started in; and three standard streams, which
// it shares with whoever started it.
#include "term.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "util.h"

static int saved_fd = -1; // a duplicate of our own, owned
static struct termios saved;

void wx_term_restore(void) {
  if (saved_fd < 0)
    return;
  // From the background the kernel would stop us with SIGTTOU.
  sigset_t ttou, old;
  sigemptyset(&ttou);
  sigaddset(&ttou, SIGTTOU);
  sigprocmask(SIG_BLOCK, &ttou, &old);
  WX_RETRY(tcsetattr(saved_fd, TCSADRAIN, &saved));
  sigprocmask(SIG_SETMASK, &old, NULL);
  close(wx_steal_fd(&saved_fd));
}

static struct {
  bool kept;
  int flags[3]; // -1: not open
} streams;

void wx_streams_restore(void) {
  for (int fd = 0; streams.kept && fd <= 2; fd++) {
    int now = streams.flags[fd] < 0 ? -1 : fcntl(fd, F_GETFL);
    if (now >= 0 && (now ^ streams.flags[fd]) & O_NONBLOCK)
      fcntl(fd, F_SETFL, now ^ O_NONBLOCK);
  }
  streams.kept = false;
}

void wx_streams_save(void) {
  static bool registered;
  if (streams.kept)
    return;
  for (int fd = 0; fd <= 2; fd++)
    streams.flags[fd] = fcntl(fd, F_GETFL);
  streams.kept = true;
  if (!registered)
    registered = atexit(wx_streams_restore) == 0;
}

bool wx_term_save(int fd) {
  static bool registered;
  if (saved_fd >= 0 || !isatty(fd) || tcgetattr(fd, &saved) != 0)
    return saved_fd >= 0;
  saved_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (saved_fd >= 0 && !registered)
    registered = atexit(wx_term_restore) == 0;
  return saved_fd >= 0;
}
