// SPDX-License-Identifier: MIT
// Copying a tree. Like removal it works on held directories and takes no link
// for what it points to unless told; what is neither file, directory nor link
// is refused, because reading it could wait for ever or do something.
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "fs.h"
#include "util.h"

#define MAX_DEPTH 128 // two descriptors for each level
#define CHUNK 65536

// The source directories we are in, to see a link that leads back up.
struct level {
  const struct level *up;
  struct stat st;
};

struct copy {
  const struct wx_fs_copy *how;
  const char *src; // for messages
  off_t bytes;     // so far
  struct stat dst; // of the new top directory, once there is one
  wx_err *err;
};

static int fail(struct copy *c, int code, const char *name) {
  return wx_err_set(c->err, code, "copy '%s': at '%s'", c->src, name);
}

static bool is_same(const struct stat *a, const struct stat *b) {
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int copy_bytes(struct copy *c, int in, int out, const char *name) {
  char chunk[CHUNK];
  for (;;) {
    ssize_t n = WX_RETRY(read(in, chunk, sizeof chunk));
    if (n < 0)
      return fail(c, errno, name);
    if (n == 0)
      return 0;
    c->bytes += n;
    if (c->how->max_bytes >= 0 && c->bytes > c->how->max_bytes)
      return wx_err_set(c->err, EFBIG, "copy '%s': more than %lld bytes", c->src,
                        (long long)c->how->max_bytes);
    if (wx_fs_write_all(out, chunk, (size_t)n) < 0)
      return fail(c, errno, name);
  }
}

static int copy_file(struct copy *c, int from, const char *name, int to, const char *to_name) {
  int nofollow = c->how->follow ? 0 : O_NOFOLLOW;
  const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  auto_close int in = (int)WX_RETRY(openat(from, name, flags | nofollow));
  struct stat st;
  if (in < 0 || fstat(in, &st) < 0)
    return fail(c, errno, name);
  if (!S_ISREG(st.st_mode)) // swapped since it was looked at
    return fail(c, EINVAL, name);
  const int make = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  auto_close int out = (int)WX_RETRY(openat(to, to_name, make, 0600));
  if (out < 0)
    return fail(c, errno, name);
  if (copy_bytes(c, in, out, name) < 0)
    return -1;
  // A set-id bit would now make a program run as ourselves.
  if (fchmod(out, st.st_mode & 0777) < 0 || close(wx_steal_fd(&out)) < 0)
    return fail(c, errno, name);
  return 0;
}

static int copy_link(struct copy *c, int from, const char *name, int to, const char *to_name) {
  char target[PATH_MAX];
  ssize_t n = readlinkat(from, name, target, sizeof target - 1);
  if (n < 0)
    return fail(c, errno, name);
  target[n] = '\0';
  return symlinkat(target, to, to_name) < 0 ? fail(c, errno, name) : 0;
}

static int copy_entry(struct copy *c, int from, const char *name, int to, const char *to_name,
                      const struct level *up);

static int copy_listed(struct copy *c, int in, int out, const struct level *here,
                       const char *name) {
  wx_err err;
  struct wx_fs_entries *entries = wx_fs_list_fd(in, &err);
  if (!entries)
    return fail(c, err.code, name);
  int rc = 0;
  for (size_t i = 0; i < entries->count && rc == 0; i++) {
    const char *inner = entries->list[i].name;
    rc = copy_entry(c, in, inner, out, inner, here);
  }
  wx_fs_entries_free(entries);
  return rc;
}

// Refuses a directory that would never come to an end.
static int check_level(struct copy *c, const struct level *here, const char *name) {
  int depth = 0;
  for (const struct level *at = here->up; at; at = at->up) {
    if (is_same(&at->st, &here->st))
      return fail(c, ELOOP, name);
    if (++depth >= MAX_DEPTH)
      return wx_err_set(c->err, ELOOP, "copy '%s': more than %d levels", c->src, MAX_DEPTH);
  }
  if (here->up && is_same(&c->dst, &here->st))
    return wx_err_set(c->err, EINVAL, "copy '%s': the destination is inside of it", c->src);
  return 0;
}

static int copy_dir(struct copy *c, int from, const char *name, int to, const char *to_name,
                    const struct level *up) {
  int nofollow = c->how->follow ? 0 : O_NOFOLLOW;
  const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  auto_close int in = (int)WX_RETRY(openat(from, name, flags | nofollow));
  struct level here = {.up = up};
  if (in < 0 || fstat(in, &here.st) < 0)
    return fail(c, errno, name);
  if (check_level(c, &here, name) < 0)
    return -1;
  if (mkdirat(to, to_name, 0700) < 0)
    return fail(c, errno, name);
  auto_close int out = (int)WX_RETRY(openat(to, to_name, flags | O_NOFOLLOW));
  if (out < 0 || (!up && fstat(out, &c->dst) < 0))
    return fail(c, errno, name);
  if (copy_listed(c, in, out, &here, name) < 0)
    return -1;
  return fchmod(out, here.st.st_mode & 01777) < 0 ? fail(c, errno, name) : 0;
}

static int copy_entry(struct copy *c, int from, const char *name, int to, const char *to_name,
                      const struct level *up) {
  struct stat st;
  if (fstatat(from, name, &st, c->how->follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
    return fail(c, errno, name);
  switch (st.st_mode & S_IFMT) {
  case S_IFREG:
    return copy_file(c, from, name, to, to_name);
  case S_IFLNK:
    return copy_link(c, from, name, to, to_name);
  case S_IFDIR:
    return copy_dir(c, from, name, to, to_name, up);
  default:
    return wx_err_set(c->err, EINVAL, "copy '%s': '%s' is a %s", c->src, name,
                      wx_fs_type(st.st_mode));
  }
}

int wx_fs_copy_tree(const char *src, const char *dst, const struct wx_fs_copy *how, wx_err *err) {
  char copy[PATH_MAX];
  const char *name;
  auto_close int parent = wx_fs_open_parent(dst, copy, &name, err);
  if (parent < 0)
    return wx_err_wrap(err, "copy '%s' to '%s'", src, dst);
  struct stat st;
  if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
    return wx_err_set(err, EEXIST, "copy '%s' to '%s'", src, dst);
  struct copy c = {.how = how, .src = src, .err = err};
  if (copy_entry(&c, AT_FDCWD, src, parent, name, NULL) == 0)
    return 0;
  wx_err ignored; // the first failure is the one to tell
  if (err->code != EEXIST)
    (void)wx_fs_remove_tree(dst, &ignored);
  return -1;
}
