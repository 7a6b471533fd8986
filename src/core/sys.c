// SPDX-License-Identifier: MIT
// See sys.h. Nothing here changes the process.
#include "sys.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <time.h>

#include "util.h"

static int copy_user(const struct passwd *entry, struct wx_sys_user *out, wx_err *err) {
  size_t name = strlen(entry->pw_name) + 1, home = strlen(entry->pw_dir) + 1;
  if (name > sizeof out->name || home > sizeof out->home)
    return wx_err_set(err, ENAMETOOLONG, "look up user %ld", (long)entry->pw_uid);
  memcpy(out->name, entry->pw_name, name);
  memcpy(out->home, entry->pw_dir, home);
  return 1;
}

int wx_sys_user(uid_t uid, struct wx_sys_user *out, wx_err *err) {
  auto_free char *buf = NULL;
  int rc = ERANGE;
  for (size_t size = 1024; rc == ERANGE && size <= 1 << 20; size *= 2) {
    char *grown = realloc(buf, size);
    if (!grown)
      return wx_err_set(err, ENOMEM, "look up user %ld", (long)uid);
    buf = grown;
    struct passwd entry, *found = NULL;
    do
      rc = getpwuid_r(uid, &entry, buf, size, &found);
    while (rc == EINTR);
    if (found)
      return copy_user(found, out, err);
  }
  // Some name services say "no such user" by one of these.
  if (rc == 0 || rc == ENOENT || rc == ESRCH || rc == EBADF || rc == EPERM)
    return 0;
  return wx_err_set(err, rc, "look up user %ld", (long)uid);
}

int wx_sys_hostname(char *out, size_t size, wx_err *err) {
  if (gethostname(out, size) < 0)
    return wx_err_set(err, errno, "read the host name");
  out[size - 1] = '\0';
  return 0;
}

int wx_sys_term_size(int fd, int *rows, int *cols, wx_err *err) {
  struct winsize size;
  if (WX_RETRY(ioctl(fd, TIOCGWINSZ, &size)) < 0)
    return wx_err_set(err, errno, "read the terminal size of descriptor %d", fd);
  *rows = size.ws_row;
  *cols = size.ws_col;
  return 0;
}

int wx_sys_random(void *out, size_t size, wx_err *err) {
  for (size_t done = 0; done < size;) {
    size_t chunk = size - done < 256 ? size - done : 256; // all that getentropy gives at once
    if (getentropy((char *)out + done, chunk) < 0)
      return wx_err_set(err, errno, "read random bytes");
    done += chunk;
  }
  return 0;
}

static double read_clock(clockid_t id) {
  struct timespec now;
  clock_gettime(id, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double wx_sys_clock(void) { return read_clock(CLOCK_MONOTONIC); }

double wx_sys_time(void) { return read_clock(CLOCK_REALTIME); }

void wx_sys_arch(char *out, size_t size) {
  struct utsname name;
  const char *word = uname(&name) == 0 ? name.machine : "unknown";
  if (strcmp(word, "arm64") == 0) // macOS has its own word for it
    word = "aarch64";
  snprintf(out, size, "%s", word);
}
