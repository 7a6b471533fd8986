// SPDX-License-Identifier: MIT
// Places and mounts by descriptor: each path is walked one name at a time, without following links,
// and what is mounted goes to what was found. Whoever made the image, or shares a directory, could
// have put a link anywhere.
#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FUSE = 0x65735546 };
enum { EMPTY_PATH = 0x1000, MOVE_FROM_TO_FD = 0x4 | 0x40 };
enum { CONFIG_STRING = 1, CONFIG_CREATE = 6 };

_Noreturn void die_at(int dir, const char *name) {
  int err = errno;
  struct stat st;
  if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
    refuse("'%s' on the way there is a symbolic link", name);
  errno = err;
  die(name);
}

// A directory of the host's shows everybody their own id, and lets nobody change it.
static bool is_shared_by_host(int dir) {
  struct statfs fs;
  return errno == EPERM && fstatfs(dir, &fs) == 0 && fs.f_type == FUSE;
}

void own_at(int dir, const char *name, uid_t uid, gid_t gid) {
  struct stat st;
  if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
    die(name);
  if ((st.st_uid != uid || st.st_gid != gid) &&
      fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 && !is_shared_by_host(dir))
    die(name);
}

// As the directory around it: below the user's own directories nothing is root's.
static void own_as(int dir, const char *name) {
  struct stat st;
  if (fstat(dir, &st) < 0)
    die("look at a directory");
  own_at(dir, name, st.st_uid, st.st_gid);
}

// Takes `dir`.
int enter(int dir, const char *name, bool make) {
  int fd = openat(dir, name, DIRECTORY);
  if (fd < 0 && errno == ENOENT && make) {
    if (mkdirat(dir, name, 0755) < 0)
      die_at(dir, name);
    own_as(dir, name);
    fd = openat(dir, name, DIRECTORY);
  }
  if (fd < 0)
    die_at(dir, name);
  close(dir);
  return fd;
}

// The directory a path lies in, from `dir` on, which is taken; `*name` is the last part, until the
// next walk.
int walk(int dir, const char *path, bool make, const char **name) {
  static char text[PATH_MAX];
  strcpy(text, path);
  char *part = text;
  for (char *slash; (slash = strchr(part, '/')); part = slash + 1) {
    *slash = '\0';
    dir = enter(dir, part, make);
  }
  *name = part;
  return dir;
}

int open_root(void) {
  int fd = open("/", DIRECTORY);
  if (fd < 0)
    die("/");
  return fd;
}

int share = -1; // /mnt/wrapix, as the start found it  /* owned */

// Nothing is made there.
int open_shared(const char *path, int flags) {
  const char *name;
  int dir = walk(dup(share), path + sizeof SHARE, false, &name);
  int fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    die_at(dir, name);
  close(dir);
  return fd;
}

mode_t type_of(int fd) {
  struct stat st;
  if (fstat(fd, &st) < 0)
    die("look at it");
  return st.st_mode & S_IFMT;
}

static void make_file(int dir, const char *name) {
  int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0)
    die_at(dir, name);
  close(fd);
  own_as(dir, name);
}

// What is there, to be mounted on; made as a directory or an empty file where nothing is.
int mount_point(const char *path, bool is_dir) {
  const char *name;
  int dir = walk(open_root(), path + 1, true, &name);
  if (is_dir)
    return enter(dir, name, true);
  int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) {
    make_file(dir, name);
    fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  }
  if (fd < 0 || type_of(fd) == S_IFLNK)
    die_at(dir, name);
  if (type_of(fd) == S_IFDIR)
    refuse("a directory is there, where a file goes");
  close(dir);
  return fd;
}

struct attributes {
  uint64_t set, clear, propagation, userns;
};

int set_attributes(int fd, uint64_t set, uint64_t propagation, unsigned flags) {
  struct attributes attr = { .set = set, .propagation = propagation };
  return (int)syscall(SYS_MOUNT_SETATTR, fd, "", EMPTY_PATH | flags, &attr, sizeof attr);
}

// Takes both descriptors.
void attach(int mount, int place) {
  if (syscall(SYS_MOVE_MOUNT, mount, "", place, "", MOVE_FROM_TO_FD) < 0)
    die("mount");
  close(mount);
  close(place);
}

__attribute__((format(printf, 3, 4))) static void configure(int fs, const char *key,
                                                            const char *fmt, ...) {
  char value[32];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(value, sizeof value, fmt, ap);
  va_end(ap);
  if (syscall(SYS_FSCONFIG, fs, CONFIG_STRING, key, value, 0) < 0)
    die(key);
}

int new_tmpfs(unsigned long long size, unsigned mode, uid_t uid, gid_t gid, unsigned attr) {
  int fs = (int)syscall(SYS_FSOPEN, "tmpfs", 1);
  if (fs < 0)
    die("make a tmpfs");
  configure(fs, "size", "%llu", size);
  configure(fs, "mode", "%o", mode);
  configure(fs, "uid", "%lu", (unsigned long)uid);
  configure(fs, "gid", "%lu", (unsigned long)gid);
  if (syscall(SYS_FSCONFIG, fs, CONFIG_CREATE, NULL, NULL, 0) < 0)
    die("make a tmpfs");
  int mount = (int)syscall(SYS_FSMOUNT, fs, 1, ATTR_NOSUID | ATTR_NODEV | attr);
  if (mount < 0)
    die("make a tmpfs");
  close(fs);
  return mount;
}

// What lies mounted below `fd` does not come along. Takes it.
int copy_mount(int fd, unsigned attr) {
  int mount = (int)syscall(SYS_OPEN_TREE, fd, "", EMPTY_PATH | 1 | O_CLOEXEC);
  if (mount < 0 || set_attributes(mount, attr, 0, 0) < 0)
    die("mount");
  close(fd);
  return mount;
}
