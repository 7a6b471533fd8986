// SPDX-License-Identifier: MIT
// What the lines of vm.conf do, but those that come last; see vm.c.
#include "vm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

// What the launcher staged is a few settings files.
enum { COPY_DEPTH = 16, COPY_FILES = 4096 };

// -- Mounts ------------------------------------------------------------------------------------

static void do_tmpfs(char **args) {
  int mount = new_tmpfs(number(args[1], 10), (unsigned)number(args[2], 8), user.uid, user.gid, 0);
  attach(mount, mount_point(args[0], true));
}

// What is there already belongs to the image or a mount, and stays as it is.
static void do_dir(char **args) {
  const char *name;
  mode_t mode = (mode_t)number(args[1], 8);
  int dir = walk(open_root(), args[0] + 1, true, &name);
  if (mkdirat(dir, name, mode) == 0)
    own_at(dir, name, user.uid, user.gid);
  else if (errno != EEXIST)
    die_at(dir, name);
  close(enter(dir, name, false));
}

static void do_bind(char **args) {
  int from = open_shared(args[0], O_PATH);
  mode_t type = type_of(from);
  if (type != S_IFDIR && type != S_IFREG && type != S_IFSOCK)
    refuse("%s: neither a directory nor a file", args[0]);
  unsigned attr = ATTR_NOSUID | ATTR_NODEV | (strcmp(args[2], "ro") == 0 ? ATTR_RDONLY : 0);
  attach(copy_mount(from, attr), mount_point(args[1], type == S_IFDIR));
}

// The engine makes it as root's, with the mode it has on the host.
static void do_socket(char **args) {
  const char *name;
  int dir = walk(dup(share), args[0] + sizeof SHARE, false, &name);
  int from = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (from < 0)
    die_at(dir, name);
  struct stat st;
  if (fstat(from, &st) < 0 || !S_ISSOCK(st.st_mode))
    refuse("%s: not a socket", args[0]);
  own_at(dir, name, user.uid, user.gid);
  if ((st.st_mode & 0600) != 0600 && fchmodat(dir, name, 0600, 0) < 0)
    die(name);
  close(dir);
  attach(copy_mount(from, ATTR_NOSUID | ATTR_NODEV), mount_point(args[1], false));
}

void do_seal(char **args) {
  const char *name;
  int dir = walk(open_root(), args[0] + 1, false, &name);
  int fd = enter(dir, name, false);
  if (set_attributes(fd, ATTR_RDONLY, 0, 0) < 0)
    die("make it read-only");
  close(fd);
}

// -- Copies ------------------------------------------------------------------------------------

static int copied;

// Takes `in`.
static void copy_file(int in, int dir, const char *name) {
  struct stat st;
  if (fstat(in, &st) < 0 || !S_ISREG(st.st_mode))
    refuse("%s: neither a file nor a directory", name);
  int out = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, st.st_mode & 0777);
  if (out < 0)
    die_at(dir, name);
  ssize_t n;
  while ((n = sendfile(out, in, NULL, 1 << 20)) > 0)
    continue;
  if (n < 0 || fchown(out, user.uid, user.gid) < 0)
    die(name);
  close(in);
  close(out);
}

static void copy_entry(int from, int to, const char *name, int depth);

// Takes both.
static void copy_dir(int from, int to, int depth) {
  DIR *dir = fdopendir(from);
  if (!dir || depth == 0)
    refuse("more than %d directories deep", COPY_DEPTH);
  for (struct dirent *entry; (errno = 0, entry = readdir(dir));)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      copy_entry(from, to, entry->d_name, depth);
  if (errno)
    die("read a directory");
  closedir(dir);
  close(to);
}

static void make_own_dir(int dir, const char *name, mode_t mode) {
  if (mkdirat(dir, name, mode) < 0 && errno != EEXIST)
    die_at(dir, name);
  own_at(dir, name, user.uid, user.gid);
}

// Not blocking: opening a pipe would wait for its other end.
static void copy_entry(int from, int to, const char *name, int depth) {
  int in = openat(from, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  if (in < 0)
    die_at(from, name);
  if (++copied > COPY_FILES)
    refuse("more than %d files", COPY_FILES);
  struct stat st;
  if (fstat(in, &st) < 0)
    die(name);
  if (!S_ISDIR(st.st_mode)) {
    copy_file(in, to, name);
    return;
  }
  make_own_dir(to, name, st.st_mode & 0777);
  copy_dir(in, enter(dup(to), name, false), depth - 1);
}

static void do_copy(char **args) {
  int from = open_shared(args[0], O_RDONLY | O_NONBLOCK);
  const char *name;
  int dir = walk(open_root(), args[1] + 1, true, &name);
  if (type_of(from) == S_IFDIR) {
    make_own_dir(dir, name, 0755);
    copy_dir(from, enter(dir, name, false), COPY_DEPTH);
  } else {
    copy_file(from, dir, name);
    close(dir);
  }
}

// -- All ---------------------------------------------------------------------------------------

static void do_lease(char **args) {
  char where[64];
  snprintf(where, sizeof where, "tcp:%s:%s", args[0], args[1]);
  if (setenv(LEASE_NAME, where, 1) < 0 || setenv(LEASE_TOKEN, args[2], 1) < 0)
    die("set the environment");
}

void do_step(const struct step *step) {
  char **args = (char **)step->args;
  doing = step->kind->word;
  object = step->kind->args[0] == 'f' ? args[1] : args[0];
  switch (step->kind->op) {
  case HOSTNAME:
    if (sethostname(args[0], strlen(args[0])) < 0)
      die("set it");
    break;
  case TMPFS:
    do_tmpfs(args);
    break;
  case DIR_:
    do_dir(args);
    break;
  case BIND:
    do_bind(args);
    break;
  case COPY:
    do_copy(args);
    break;
  case SOCKET:
    do_socket(args);
    break;
  case RELAY:
    do_relay(args);
    break;
  case LEASE:
    object = args[0];
    do_lease(args);
    break;
  default: // those that come last
    break;
  }
}
