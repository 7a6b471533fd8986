// SPDX-License-Identifier: MIT
// Removing a tree that its owner may be changing at the same time.
//
// Every step names one entry of a directory held open, and never follows a
// link, so a directory swapped for a link cannot lead outside. Depth is hostile
// too: below KEEP_DEPTH a directory is moved up to the top of the tree and
// removed from there, so descriptors and stack stay bounded.
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "fs.h"
#include "sys.h"
#include "util.h"

#define KEEP_DEPTH 48 // directories held open at once
#define MAX_PASSES 16 // somebody who adds files all the time does not win
// How long a directory that fills up again is gone over, once that was seen.
#define PATIENCE_NS 500000000u
#define MAX_MOVED (1u << 20)

struct removal {
  const char *path; // for messages
  int top;          // the tree's own directory
  dev_t dev;        // its file system
  unsigned moved;   // how many deep directories were brought up
  wx_err *err;
};

static int remove_entry(struct removal *r, int dir, const char *name, int depth);

static int fail(struct removal *r, int code, const char *name) {
  return wx_err_set(r->err, code, "remove '%s': at '%s'", r->path, name);
}

// Opens a directory, giving ourselves its permissions if they are missing.
static int open_dir(int dir, const char *name) {
  const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  int fd = (int)WX_RETRY(openat(dir, name, flags));
  if (fd < 0 && errno == EACCES && fchmodat(dir, name, 0700, AT_SYMLINK_NOFOLLOW) == 0)
    fd = (int)WX_RETRY(openat(dir, name, flags));
  if (fd < 0)
    return -1;
  struct stat st;
  // Failing here is no matter: the first removal inside will tell.
  if (fstat(fd, &st) == 0 && (st.st_mode & 0700) != 0700)
    (void)!fchmod(fd, 0700);
  return fd;
}

static int move_up(struct removal *r, int dir, const char *name) {
  uint64_t random;
  char to[40];
  if (r->moved++ == MAX_MOVED)
    return fail(r, ELOOP, name);
  // Nobody can put something in the way of a name that cannot be guessed.
  if (wx_sys_random(&random, sizeof random, r->err) < 0)
    return -1;
  snprintf(to, sizeof to, ".wrapix-%016llx", (unsigned long long)random);
  int rc = renameat(dir, name, r->top, to);
  if (rc < 0 && errno == EACCES && fchmodat(dir, name, 0700, AT_SYMLINK_NOFOLLOW) == 0)
    rc = renameat(dir, name, r->top, to); // its ".." changes, so it must be writable itself
  return rc < 0 && errno != ENOENT ? fail(r, errno, name) : 0;
}

// One pass over a directory, until the deadline (uv_hrtime; 0: none); returns how
// many entries there were.
static long remove_listed(struct removal *r, int fd, const char *name, int depth,
                          uint64_t deadline) {
  wx_err err;
  struct wx_fs_entries *entries = wx_fs_list_fd(fd, &err);
  if (!entries)
    return fail(r, err.code, name);
  long count = (long)entries->count;
  for (size_t i = 0; i < entries->count && count >= 0; i++) {
    if (deadline && uv_hrtime() > deadline)
      count = fail(r, ENOTEMPTY, name);
    else if (remove_entry(r, fd, entries->list[i].name, depth) < 0)
      count = -1;
  }
  wx_fs_entries_free(entries);
  return count;
}

static int empty_dir(struct removal *r, int fd, const char *name, int depth) {
  struct stat st;
  if (fstat(fd, &st) < 0)
    return fail(r, errno, name);
  if (st.st_dev != r->dev)
    return fail(r, EXDEV, name);
  long count = 1;
  uint64_t deadline = 0;
  // The pass that finds nothing is the proof; deep trees bring directories up
  // into the top one again and again.
  for (int pass = 0; count > 0; pass++) {
    if (depth > 0 && pass == MAX_PASSES)
      return fail(r, ENOTEMPTY, name);
    unsigned before = r->moved;
    count = remove_listed(r, fd, name, depth, deadline);
    // Somebody adds while we remove, and may be the faster one: passes alone are no
    // bound, when each finds more than the last.
    if (pass > 0 && count > 0 && !deadline)
      deadline = uv_hrtime() + PATIENCE_NS;
    if (depth == 0 && r->moved != before)
      pass = 0, deadline = 0;
    else if (depth == 0 && pass == MAX_PASSES)
      return fail(r, ENOTEMPTY, name);
  }
  return count < 0 ? -1 : 0;
}

static int remove_dir(struct removal *r, int dir, const char *name, int depth) {
  auto_close int fd = open_dir(dir, name);
  if (fd < 0) {
    if (errno == ENOENT || errno == ELOOP || errno == ENOTDIR) // changed underneath: next pass
      return 0;
    return fail(r, errno, name);
  }
  if (empty_dir(r, fd, name, depth) < 0)
    return -1;
  if (unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT || errno == ENOTDIR ||
      errno == ENOTEMPTY || errno == EEXIST)
    return 0;
  return fail(r, errno, name);
}

// Removes one name; 0 also when it changed its kind meanwhile, so that the next
// pass meets it again.
static int remove_entry(struct removal *r, int dir, const char *name, int depth) {
  struct stat st;
  if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
    return errno == ENOENT ? 0 : fail(r, errno, name);
  if (S_ISDIR(st.st_mode))
    return depth + 1 >= KEEP_DEPTH ? move_up(r, dir, name) : remove_dir(r, dir, name, depth + 1);
  if (unlinkat(dir, name, 0) == 0 || errno == ENOENT || errno == EISDIR)
    return 0;
  return fail(r, errno, name);
}

static bool is_root(int fd) {
  struct stat root, st;
  return stat("/", &root) < 0 || fstat(fd, &st) < 0 ||
         (root.st_dev == st.st_dev && root.st_ino == st.st_ino);
}

static int remove_top(struct removal *r, int parent, const char *name) {
  auto_close int top = open_dir(parent, name);
  if (top < 0)
    return errno == ENOENT ? 0 : fail(r, errno, name);
  if (is_root(top))
    return fail(r, EINVAL, name);
  struct stat st;
  if (fstat(top, &st) < 0)
    return fail(r, errno, name);
  r->top = top;
  r->dev = st.st_dev;
  for (int pass = 0;; pass++) {
    if (empty_dir(r, top, name, 0) < 0)
      return -1;
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
      return 0;
    bool refilled = errno == ENOTEMPTY || errno == EEXIST;
    if (!refilled || pass == MAX_PASSES)
      return fail(r, errno, name);
  }
}

int wx_fs_remove_tree(const char *path, wx_err *err) {
  char copy[PATH_MAX];
  const char *name;
  auto_close int parent = wx_fs_open_parent(path, copy, &name, err);
  if (parent < 0) {
    if (err->code == ENOENT)
      return 0;
    return wx_err_wrap(err, "remove '%s'", path);
  }
  struct removal r = {.path = path, .top = -1, .err = err};
  struct stat st;
  if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
    return errno == ENOENT ? 0 : fail(&r, errno, name);
  if (S_ISDIR(st.st_mode))
    return remove_top(&r, parent, name);
  if (unlinkat(parent, name, 0) < 0 && errno != ENOENT)
    return fail(&r, errno, name);
  return 0;
}
