// SPDX-License-Identifier: MIT
// See journal.h. Holds no descriptor between two calls.
#include "journal.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "fs.h"
#include "plat.h"
#include "util.h"

// Never waits for the other end of a FIFO.
static int open_file(const char *path, int flags, mode_t mode, struct stat *st, wx_err *err) {
  flags |= O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  auto_close int fd = (int)WX_RETRY(open(path, flags, mode));
  if (fd < 0)
    return wx_err_set(err, errno, "open '%s'", path);
  if (fstat(fd, st) < 0)
    return wx_err_set(err, errno, "stat '%s'", path);
  if (!S_ISREG(st->st_mode))
    return wx_err_set(err, EINVAL, "open '%s': a %s and not a file", path, wx_fs_type(st->st_mode));
  return wx_steal_fd(&fd);
}

// A new name is on disk only when its directory is.
static int sync_parent(const char *path, wx_err *err) {
  char copy[PATH_MAX];
  const char *name;
  auto_close int dir = wx_fs_open_parent(path, copy, &name, err);
  if (dir < 0)
    return -1;
  if (wx_plat_sync(dir) < 0 && errno != EINVAL && errno != ENOTSUP)
    return wx_err_set(err, errno, "sync the directory of '%s'", path);
  return 0;
}

int wx_journal_append(const char *path, const void *data, size_t len, mode_t mode, wx_err *err) {
  struct stat st;
  auto_close int fd = open_file(path, O_WRONLY | O_APPEND | O_CREAT, mode, &st, err);
  if (fd < 0)
    return -1;
  if (wx_fs_write_all(fd, data, len) < 0 || wx_plat_sync(fd) < 0) {
    int saved = errno;
    // What cannot be taken back is a torn piece, which readers have to know anyway.
    (void)!ftruncate(fd, st.st_size);
    return wx_err_set(err, saved, "append to '%s'", path);
  }
  return st.st_size == 0 ? sync_parent(path, err) : 0;
}

int wx_journal_cut(const char *path, off_t size, wx_err *err) {
  struct stat st;
  auto_close int fd = open_file(path, O_WRONLY, 0, &st, err);
  if (fd < 0)
    return -1;
  if (st.st_size <= size)
    return 0;
  if (WX_RETRY(ftruncate(fd, size)) < 0 || wx_plat_sync(fd) < 0)
    return wx_err_set(err, errno, "shorten '%s'", path);
  return 0;
}

ssize_t wx_journal_read(const char *path, off_t offset, void *out, size_t len, wx_err *err) {
  struct stat st;
  auto_close int fd = open_file(path, O_RDONLY, 0, &st, err);
  if (fd < 0)
    return -1;
  size_t done = 0;
  while (done < len) {
    ssize_t n = WX_RETRY(pread(fd, (char *)out + done, len - done, offset + (off_t)done));
    if (n < 0)
      return wx_err_set(err, errno, "read '%s'", path);
    if (n == 0)
      break;
    done += (size_t)n;
  }
  return (ssize_t)done;
}
