// SPDX-License-Identifier: MIT
// posix_openpt and what belongs to it.
#include "pty.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "util.h"

// The program gets it by name, so a file system without /dev/pts is told of here.
static int open_slave(int master, char *path, wx_err *err) {
  if (grantpt(master) != 0 || unlockpt(master) != 0)
    return wx_err_set(err, errno, "unlock a terminal");
  int code = ptsname_r(master, path, WX_PTY_PATH);
  if (code != 0)
    return wx_err_set(err, code > 0 ? code : errno, "name a terminal");
  int slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
  return slave >= 0 ? slave : wx_err_set(err, errno, "open '%s'", path);
}

int wx_pty_open(struct wx_pty *pty, wx_err *err) {
  auto_close int master = posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0)
    return wx_err_set(err, errno, "make a terminal");
  if (fcntl(master, F_SETFD, FD_CLOEXEC) != 0)
    return wx_err_set(err, errno, "make a terminal");
  int slave = open_slave(master, pty->path, err);
  if (slave < 0)
    return -1;
  pty->slave = slave;
  pty->master = wx_steal_fd(&master);
  return 0;
}

int wx_pty_copy_size(int from, int to, wx_err *err) {
  struct winsize size, now;
  if (ioctl(from, TIOCGWINSZ, &size) != 0 || ioctl(to, TIOCGWINSZ, &now) != 0)
    return wx_err_set(err, errno, "read a terminal's size");
  if (memcmp(&size, &now, sizeof size) != 0 && ioctl(to, TIOCSWINSZ, &size) != 0)
    return wx_err_set(err, errno, "set a terminal's size");
  return 0;
}
