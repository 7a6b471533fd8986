// SPDX-License-Identifier: MIT
// Operations on one file or name. Trees are in fs_tree.c and fs_copy.c.
#include "fs.h"

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "plat.h"
#include "sys.h"
#include "util.h"

const char *wx_fs_type(mode_t mode) {
  switch (mode & S_IFMT) {
  case S_IFREG:
    return "file";
  case S_IFDIR:
    return "directory";
  case S_IFLNK:
    return "symlink";
  case S_IFIFO:
    return "fifo";
  case S_IFSOCK:
    return "socket";
  case S_IFCHR:
    return "char";
  default:
    return "block";
  }
}

int wx_fs_write_all(int fd, const void *data, size_t len) {
  for (const char *at = data; len > 0;) {
    ssize_t n = WX_RETRY(write(fd, at, len));
    if (n < 0)
      return -1;
    at += n;
    len -= (size_t)n;
  }
  return 0;
}

// Opens without ever waiting for the other end of a FIFO, and gives back only a
// regular file.
static int open_regular_at(int dir, const char *name, const char *path, int flags, mode_t mode,
                           struct stat *st, wx_err *err) {
  flags |= O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  auto_close int fd = (int)WX_RETRY(openat(dir, name, flags, mode));
  if (fd < 0)
    return wx_err_set(err, errno, "open '%s'", path);
  if (fstat(fd, st) < 0)
    return wx_err_set(err, errno, "stat '%s'", path);
  if (S_ISDIR(st->st_mode))
    return wx_err_set(err, EISDIR, "open '%s'", path);
  if (!S_ISREG(st->st_mode))
    return wx_err_set(err, EINVAL, "open '%s': a %s and not a file", path, wx_fs_type(st->st_mode));
  return wx_steal_fd(&fd);
}

static int open_regular(const char *path, int flags, mode_t mode, struct stat *st, wx_err *err) {
  return open_regular_at(AT_FDCWD, path, path, flags, mode, st, err);
}

// --- reading ----------------------------------------------------------------------

static int read_to_end(int fd, size_t room, size_t limit, char **data, size_t *len) {
  auto_free char *buf = NULL;
  for (size_t used = 0;;) {
    // One byte more than allowed tells a file at the limit from one beyond it.
    room = room > limit ? limit + 1 : room;
    char *grown = realloc(buf, room);
    if (!grown)
      return -1;
    buf = grown;
    ssize_t n = 1;
    while (used < room && (n = WX_RETRY(read(fd, buf + used, room - used))) > 0)
      used += (size_t)n;
    if (n < 0)
      return -1;
    if (used > limit) {
      errno = EFBIG;
      return -1;
    }
    if (n == 0) {
      *len = used;
      *data = wx_steal_ptr(&buf);
      return 0;
    }
    room *= 2;
  }
}

static int read_open(int fd, const struct stat *st, const char *path, size_t limit, char **data,
                     size_t *len, wx_err *err) {
  bool known = st->st_size > 0; // files of /proc say 0
  if (known && (uintmax_t)st->st_size > limit)
    return wx_err_set(err, EFBIG, "read '%s': more than %zu bytes", path, limit);
  if (read_to_end(fd, known ? (size_t)st->st_size + 1 : 4096, limit, data, len) == 0)
    return 0;
  if (errno == EFBIG)
    return wx_err_set(err, EFBIG, "read '%s': more than %zu bytes", path, limit);
  return wx_err_set(err, errno, "read '%s'", path);
}

int wx_fs_read(const char *path, size_t limit, char **data, size_t *len, wx_err *err) {
  struct stat st;
  auto_close int fd = open_regular(path, O_RDONLY, 0, &st, err);
  return fd < 0 ? -1 : read_open(fd, &st, path, limit, data, len, err);
}

// Opens the directory that the last name of ROOT/REL is in, and points *name at that name.
static int open_parent_beneath(const char *root, const char *rel, const char **name, wx_err *err) {
  char parent[PATH_MAX];
  const char *slash = strrchr(rel, '/');
  *name = slash ? slash + 1 : rel;
  size_t above = slash ? (size_t)(slash - rel) : 0;
  if (above >= sizeof parent)
    return wx_err_set(err, ENAMETOOLONG, "open '%s'", rel);
  if (**name == '\0' || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0)
    return wx_err_set(err, EINVAL, "'%s' ends in no name", rel);
  memcpy(parent, rel, above);
  parent[above] = '\0';
  return wx_fs_open_beneath(root, parent, err);
}

int wx_fs_read_beneath(const char *root, const char *rel, size_t limit, char **data, size_t *len,
                       wx_err *err) {
  const char *name;
  auto_close int dir = open_parent_beneath(root, rel, &name, err);
  if (dir < 0)
    return -1;
  struct stat st;
  auto_close int fd = open_regular_at(dir, name, rel, O_RDONLY | O_NOFOLLOW, 0, &st, err);
  return fd < 0 ? -1 : read_open(fd, &st, rel, limit, data, len, err);
}

int wx_fs_read_part_beneath(const char *root, const char *rel, off_t at, void *data, size_t *len,
                            wx_err *err) {
  const char *name;
  auto_close int dir = open_parent_beneath(root, rel, &name, err);
  if (dir < 0)
    return -1;
  struct stat st;
  auto_close int fd = open_regular_at(dir, name, rel, O_RDONLY | O_NOFOLLOW, 0, &st, err);
  if (fd < 0)
    return -1;
  size_t got = 0;
  while (got < *len) {
    ssize_t n = WX_RETRY(pread(fd, (char *)data + got, *len - got, at + (off_t)got));
    if (n < 0)
      return wx_err_set(err, errno, "read '%s'", rel);
    if (n == 0)
      break;
    got += (size_t)n;
  }
  *len = got;
  return 0;
}

// --- writing ----------------------------------------------------------------------

// A name of its own length, so that a long file name leaves room for it.
static int open_temp(int dir, char name[40], mode_t mode, wx_err *err) {
  for (int attempt = 0; attempt < 100; attempt++) {
    uint64_t random;
    if (wx_sys_random(&random, sizeof random, err) < 0)
      return -1;
    snprintf(name, 40, ".wrapix-%016llx", (unsigned long long)random);
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    int fd = (int)WX_RETRY(openat(dir, name, flags, mode));
    if (fd >= 0)
      return fd;
    if (errno != EEXIST)
      return wx_err_set(err, errno, "create a file");
  }
  return wx_err_set(err, EEXIST, "create a file");
}

static int fill_temp(int *fd, const void *data, size_t len, int mode, enum wx_fs_sync sync) {
  if (wx_fs_write_all(*fd, data, len) < 0)
    return -1;
  if (mode >= 0 && fchmod(*fd, (mode_t)mode) < 0)
    return -1;
  if (sync != WX_SYNC_NONE && wx_plat_sync(*fd) < 0)
    return -1;
  // Network file systems report a failed write only here.
  return close(wx_steal_fd(fd));
}

static int sync_dir(int dir) {
  if (wx_plat_sync(dir) == 0)
    return 0;
  return errno == EINVAL || errno == ENOTSUP ? 0 : -1; // cannot be synced on its own
}

// Puts a whole file in place of NAME in DIR; PATH is what messages call it. A failure leaves
// nothing behind, a full disk included.
static int replace_at(int dir, const char *name, const char *path, const void *data, size_t len,
                      int mode, enum wx_fs_sync sync, wx_err *err) {
  char temp[40];
  // Nobody else gets to see the content before its mode is set.
  auto_close int fd = open_temp(dir, temp, mode < 0 ? 0644 : 0600, err);
  if (fd < 0)
    return wx_err_wrap(err, "write '%s'", path);
  if (fill_temp(&fd, data, len, mode, sync) < 0 || renameat(dir, temp, dir, name) < 0) {
    int saved = errno;
    unlinkat(dir, temp, 0);
    return wx_err_set(err, saved, "write '%s'", path);
  }
  if (sync == WX_SYNC_ALL && sync_dir(dir) < 0)
    return wx_err_set(err, errno, "sync the directory of '%s'", path);
  return 0;
}

int wx_fs_write_atomic(const char *path, const void *data, size_t len, int mode, bool sync,
                       wx_err *err) {
  char copy[PATH_MAX];
  const char *name;
  size_t path_len = strlen(path);
  if (path_len > 0 && path[path_len - 1] == '/')
    return wx_err_set(err, EISDIR, "write '%s'", path);
  auto_close int dir = wx_fs_open_parent(path, copy, &name, err);
  if (dir < 0)
    return wx_err_wrap(err, "write '%s'", path);
  return replace_at(dir, name, path, data, len, mode, sync ? WX_SYNC_ALL : WX_SYNC_NONE, err);
}

int wx_fs_replace_beneath(const char *root, const char *rel, const void *data, size_t len, int mode,
                          enum wx_fs_sync sync, wx_err *err) {
  const char *name;
  auto_close int dir = open_parent_beneath(root, rel, &name, err);
  return dir < 0 ? -1 : replace_at(dir, name, rel, data, len, mode, sync, err);
}

static int copy_part(int in, off_t from, off_t to, int out) {
  char block[64 * 1024];
  while (from < to) {
    size_t want = to - from < (off_t)sizeof block ? (size_t)(to - from) : sizeof block;
    ssize_t n = WX_RETRY(pread(in, block, want, from));
    if (n == 0)
      errno = EAGAIN; // shorter than a moment ago
    if (n <= 0 || wx_fs_write_all(out, block, (size_t)n) < 0)
      return -1;
    from += n;
  }
  return 0;
}

static int fill_patched(int *fd, int in, const struct stat *st, const struct wx_fs_patch *patch) {
  if (copy_part(in, 0, patch->at, *fd) < 0 || wx_fs_write_all(*fd, patch->data, patch->len) < 0)
    return -1;
  if (copy_part(in, patch->at + patch->cut, st->st_size, *fd) < 0)
    return -1;
  return fill_temp(fd, "", 0, (int)(st->st_mode & 0777), patch->sync);
}

int wx_fs_patch_beneath(const char *root, const char *rel, const struct wx_fs_patch *patch,
                        wx_err *err) {
  char temp[40];
  const char *name;
  auto_close int dir = open_parent_beneath(root, rel, &name, err);
  if (dir < 0)
    return -1;
  struct stat st;
  auto_close int in = open_regular_at(dir, name, rel, O_RDONLY | O_NOFOLLOW, 0, &st, err);
  if (in < 0)
    return -1;
  if (st.st_size != patch->size)
    return wx_err_set(err, EAGAIN, "write '%s': it is of another size by now", rel);
  auto_close int fd = open_temp(dir, temp, 0600, err);
  if (fd < 0)
    return wx_err_wrap(err, "write '%s'", rel);
  if (fill_patched(&fd, in, &st, patch) < 0 || renameat(dir, temp, dir, name) < 0) {
    int saved = errno;
    unlinkat(dir, temp, 0);
    return wx_err_set(err, saved, "write '%s'", rel);
  }
  if (patch->sync == WX_SYNC_ALL && sync_dir(dir) < 0)
    return wx_err_set(err, errno, "sync the directory of '%s'", rel);
  return 0;
}

// Gives a file its name unless something has it, a dangling link too. Where there are no hard
// links the name is taken by an empty file first, which the rename then replaces.
static int publish(int dir, const char *temp, const char *name) {
  if (linkat(dir, temp, dir, name, 0) == 0)
    return unlinkat(dir, temp, 0);
  if (errno != EPERM && errno != ENOTSUP && errno != ENOSYS)
    return -1;
  int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
  auto_close int claim = (int)WX_RETRY(openat(dir, name, flags, 0644));
  return claim < 0 ? -1 : renameat(dir, temp, dir, name);
}

int wx_fs_create_beneath(const char *root, const char *rel, const void *data, size_t len,
                         wx_err *err) {
  char temp[40];
  const char *name;
  auto_close int dir = open_parent_beneath(root, rel, &name, err);
  if (dir < 0)
    return -1;
  auto_close int fd = open_temp(dir, temp, 0644, err);
  if (fd < 0)
    return wx_err_wrap(err, "create '%s'", rel);
  if (fill_temp(&fd, data, len, -1, true) < 0 || publish(dir, temp, name) < 0) {
    int saved = errno;
    unlinkat(dir, temp, 0);
    return wx_err_set(err, saved, "create '%s'", rel);
  }
  if (sync_dir(dir) < 0)
    return wx_err_set(err, errno, "sync the directory of '%s'", rel);
  return 0;
}

static int append_open(int *fd, const char *path, const void *data, size_t len, wx_err *err) {
  if (wx_fs_write_all(*fd, data, len) < 0 || close(wx_steal_fd(fd)) < 0)
    return wx_err_set(err, errno, "append to '%s'", path);
  return 0;
}

int wx_fs_append(const char *path, const void *data, size_t len, mode_t mode, wx_err *err) {
  struct stat st;
  auto_close int fd = open_regular(path, O_WRONLY | O_APPEND | O_CREAT, mode, &st, err);
  return fd < 0 ? -1 : append_open(&fd, path, data, len, err);
}

int wx_fs_append_beneath(const char *root, const char *rel, const void *data, size_t len,
                         wx_err *err) {
  const char *name;
  auto_close int dir = open_parent_beneath(root, rel, &name, err);
  if (dir < 0)
    return -1;
  struct stat st;
  int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW;
  auto_close int fd = open_regular_at(dir, name, rel, flags, 0644, &st, err);
  return fd < 0 ? -1 : append_open(&fd, rel, data, len, err);
}

// --- locks ------------------------------------------------------------------------

// "process 123" as the file says, for the message alone.
static int held_by(int fd, const char *path, wx_err *err) {
  char text[24];
  ssize_t n = WX_RETRY(pread(fd, text, sizeof text - 1, 0));
  text[n > 0 ? n : 0] = '\0';
  size_t digits = strspn(text, "0123456789");
  if (digits == 0)
    return wx_err_set(err, EAGAIN, "lock '%s': held by another process", path);
  return wx_err_set(err, EAGAIN, "lock '%s': held by process %.*s", path, (int)digits, text);
}

// 1: the descriptor is the locked file that PATH names; 0: somebody removed or
// replaced the file meanwhile, so the lock would exclude nobody.
static int lock_once(const char *path, mode_t mode, int *out, wx_err *err) {
  struct stat held = {0}, named;
  auto_close int fd = open_regular(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode, &held, err);
  if (fd < 0)
    return -1;
  if (WX_RETRY(flock(fd, LOCK_EX | LOCK_NB)) < 0)
    return errno == EWOULDBLOCK ? held_by(fd, path, err)
                                : wx_err_set(err, errno, "lock '%s'", path);
  if (stat(path, &named) < 0 || named.st_ino != held.st_ino || named.st_dev != held.st_dev)
    return 0;
  char text[24];
  int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
  if (ftruncate(fd, 0) < 0 || wx_fs_write_all(fd, text, (size_t)n) < 0)
    return wx_err_set(err, errno, "write '%s'", path);
  *out = wx_steal_fd(&fd);
  return 1;
}

int wx_fs_lock(const char *path, mode_t mode, wx_err *err) {
  for (int attempt = 0; attempt < 100; attempt++) {
    int fd = -1;
    int rc = lock_once(path, mode, &fd, err);
    if (rc != 0)
      return rc < 0 ? -1 : fd;
  }
  return wx_err_set(err, EAGAIN, "lock '%s': the file is replaced again and again", path);
}

void wx_fs_unlock(int fd) {
  // A process forked meanwhile may still hold a copy of the descriptor, so
  // closing alone would not release. The content is only for people.
  (void)!ftruncate(fd, 0);
  (void)!flock(fd, LOCK_UN);
  close(fd);
}

// --- directories ------------------------------------------------------------------

static int ensure_one(const char *path, mode_t mode, wx_err *err) {
  struct stat st;
  if (stat(path, &st) == 0)
    return S_ISDIR(st.st_mode) ? 0 : wx_err_set(err, ENOTDIR, "make directory '%s'", path);
  if (errno != ENOENT)
    return wx_err_set(err, errno, "make directory '%s'", path);
  if (mkdir(path, mode) == 0)
    return 0;
  int code = errno;
  // Another process may have been quicker; a dangling link also says EEXIST.
  if (code == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
    return 0;
  return wx_err_set(err, code, "make directory '%s'", path);
}

int wx_fs_ensure_dir(const char *path, mode_t mode, wx_err *err) {
  char copy[PATH_MAX];
  size_t len = strlen(path);
  if (len == 0)
    return wx_err_set(err, ENOENT, "make directory ''");
  if (len >= sizeof copy)
    return wx_err_set(err, ENAMETOOLONG, "make directory '%s'", path);
  memcpy(copy, path, len + 1);
  for (size_t i = 1; i < len; i++) {
    if (copy[i] != '/' || copy[i - 1] == '/')
      continue;
    copy[i] = '\0';
    if (ensure_one(copy, mode, err) < 0)
      return -1;
    copy[i] = '/';
  }
  return ensure_one(copy, mode, err);
}

int wx_fs_temp_dir(char *template, wx_err *err) {
  if (!mkdtemp(template))
    return wx_err_set(err, errno, "make a directory '%s'", template);
  return 0;
}

// --- one call each ----------------------------------------------------------------

int wx_fs_realpath(const char *path, char *out, wx_err *err) {
  return realpath(path, out) ? 0 : wx_err_set(err, errno, "resolve '%s'", path);
}

int wx_fs_stat(const char *path, bool follow, struct stat *out, wx_err *err) {
  if (fstatat(AT_FDCWD, path, out, follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
    return wx_err_set(err, errno, "stat '%s'", path);
  return 0;
}

int wx_fs_access(const char *path, int want, wx_err *err) {
  if (faccessat(AT_FDCWD, path, want, AT_EACCESS) < 0)
    return wx_err_set(err, errno, "access '%s'", path);
  return 0;
}

int wx_fs_mkdir(const char *path, mode_t mode, wx_err *err) {
  return mkdir(path, mode) < 0 ? wx_err_set(err, errno, "make directory '%s'", path) : 0;
}

int wx_fs_rmdir(const char *path, wx_err *err) {
  return rmdir(path) < 0 ? wx_err_set(err, errno, "remove directory '%s'", path) : 0;
}

int wx_fs_unlink(const char *path, wx_err *err) {
  return unlink(path) < 0 ? wx_err_set(err, errno, "remove '%s'", path) : 0;
}

int wx_fs_rename(const char *from, const char *to, wx_err *err) {
  return rename(from, to) < 0 ? wx_err_set(err, errno, "rename '%s' to '%s'", from, to) : 0;
}

int wx_fs_symlink(const char *target, const char *path, wx_err *err) {
  return symlink(target, path) < 0 ? wx_err_set(err, errno, "make link '%s'", path) : 0;
}

int wx_fs_chmod(const char *path, mode_t mode, wx_err *err) {
  return chmod(path, mode) < 0 ? wx_err_set(err, errno, "change the mode of '%s'", path) : 0;
}

int wx_fs_chown(const char *path, uid_t uid, gid_t gid, wx_err *err) {
  return lchown(path, uid, gid) < 0 ? wx_err_set(err, errno, "change the owner of '%s'", path) : 0;
}

ssize_t wx_fs_readlink(const char *path, char *out, size_t size, wx_err *err) {
  ssize_t n = readlink(path, out, size);
  return n < 0 ? wx_err_set(err, errno, "read link '%s'", path) : n;
}
