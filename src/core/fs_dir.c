// SPDX-License-Identifier: MIT
// Directories as lists. A listing is read whole and its stream closed before
// anything is done with it, so that walking deep holds few descriptors.
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "fs.h"
#include "util.h"

void wx_fs_entries_free(void *p) {
  struct wx_fs_entries *entries = p;
  if (!entries)
    return;
  for (size_t i = 0; i < entries->count; i++)
    free(entries->list[i].name);
  free(entries->list);
  free(entries);
}

static int compare_entries(const void *a, const void *b) {
  return strcmp(((const struct wx_fs_entry *)a)->name, ((const struct wx_fs_entry *)b)->name);
}

static int add_entry(struct wx_fs_entries *entries, const char *name, const struct stat *st) {
  if (entries->count == entries->room) {
    size_t room = entries->room ? entries->room * 2 : 16;
    void *grown = realloc(entries->list, room * sizeof *entries->list);
    if (!grown)
      return -1;
    entries->list = grown;
    entries->room = room;
  }
  char *copy = strdup(name);
  if (!copy)
    return -1;
  entries->list[entries->count++] = (struct wx_fs_entry){.name = copy, .st = *st};
  return 0;
}

static bool is_dots(const char *name) { return strcmp(name, ".") == 0 || strcmp(name, "..") == 0; }

static int read_entries(DIR *dir, struct wx_fs_entries *entries) {
  for (;;) {
    errno = 0;
    const struct dirent *item = readdir(dir);
    if (!item)
      return errno ? -1 : 0;
    if (is_dots(item->d_name))
      continue;
    struct stat st;
    if (fstatat(dirfd(dir), item->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
      if (errno == ENOENT) // went away since
        continue;
      return -1;
    }
    if (add_entry(entries, item->d_name, &st) < 0)
      return -1;
  }
}

struct wx_fs_entries *wx_fs_list_fd(int fd, wx_err *err) {
  // A descriptor of its own: the position is shared by duplicates.
  auto_close int own = (int)WX_RETRY(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  auto_dir DIR *dir = own >= 0 ? fdopendir(own) : NULL;
  struct wx_fs_entries *entries = dir ? calloc(1, sizeof *entries) : NULL;
  if (dir)
    (void)wx_steal_fd(&own); // closed with the stream
  if (!entries || read_entries(dir, entries) < 0) {
    wx_err_set(err, errno, "read the directory");
    wx_fs_entries_free(entries);
    return NULL;
  }
  if (entries->count > 0)
    qsort(entries->list, entries->count, sizeof *entries->list, compare_entries);
  return entries;
}

// Opens one name in the directory behind *FD, which the opened one replaces. Without MAKE it has to
// be there.
static int step_into(int *fd, const char *name, bool make, mode_t mode) {
  bool made = make && mkdirat(*fd, name, mode) == 0;
  if (make && !made && errno != EEXIST)
    return -1;
  int next = (int)WX_RETRY(openat(*fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (next < 0)
    return -1;
  close(*fd);
  *fd = next;
  return made ? fchmod(next, mode) : 0; // whatever the umask is
}

static int walk_beneath(const char *root, const char *rel, bool make, mode_t mode, wx_err *err) {
  const char *what = make ? "make directory" : "open";
  auto_close int fd = (int)WX_RETRY(open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd < 0)
    return wx_err_set(err, errno, "open '%s'", root);
  char name[NAME_MAX + 1];
  for (const char *at = rel; *at;) {
    size_t len = strcspn(at, "/");
    if (len > NAME_MAX)
      return wx_err_set(err, ENAMETOOLONG, "%s '%s/%s'", what, root, rel);
    memcpy(name, at, len);
    name[len] = '\0';
    at += len + (at[len] == '/');
    if (len == 0)
      continue;
    if (is_dots(name))
      return wx_err_set(err, EINVAL, "%s '%s/%s'", what, root, rel);
    if (step_into(&fd, name, make, mode) < 0)
      return wx_err_set(err, errno, "%s '%s/%s'", what, root, rel);
  }
  return wx_steal_fd(&fd);
}

int wx_fs_open_beneath(const char *root, const char *rel, wx_err *err) {
  return walk_beneath(root, rel, false, 0, err);
}

// What is there already may be another's: its owner could change what we rely on.
static int settle_owner(int fd, const struct wx_fs_owner *owner) {
  struct stat st;
  if (fstat(fd, &st) < 0)
    return -1;
  if (st.st_uid != owner->uid && st.st_uid != geteuid()) {
    errno = EPERM;
    return -1;
  }
  if (st.st_uid != owner->uid && fchown(fd, owner->uid, owner->gid) < 0)
    return -1;
  return (st.st_mode & 07777) == owner->mode ? 0 : fchmod(fd, owner->mode);
}

int wx_fs_ensure_dir_beneath(const char *root, const char *rel, const struct wx_fs_owner *owner,
                             wx_err *err) {
  auto_close int fd = walk_beneath(root, rel, true, owner->mode, err);
  if (fd < 0)
    return -1;
  if (settle_owner(fd, owner) < 0)
    return wx_err_set(err, errno, "make directory '%s/%s'", root, rel);
  return 0;
}

struct wx_fs_entries *wx_fs_list(const char *root, const char *rel, wx_err *err) {
  auto_close int fd = wx_fs_open_beneath(root, rel, err);
  if (fd < 0)
    return NULL;
  struct wx_fs_entries *entries = wx_fs_list_fd(fd, err);
  if (!entries)
    wx_err_set(err, err->code, "list '%s%s%s'", root, *rel ? "/" : "", rel);
  return entries;
}

int wx_fs_open_parent(const char *path, char *copy, const char **name, wx_err *err) {
  size_t len = strlen(path);
  if (len >= PATH_MAX)
    return wx_err_set(err, ENAMETOOLONG, "open '%s'", path);
  memcpy(copy, path, len + 1);
  while (len > 0 && copy[len - 1] == '/') // a link must not be followed by "link/"
    copy[--len] = '\0';
  char *slash = strrchr(copy, '/');
  *name = slash ? slash + 1 : copy;
  if (**name == '\0' || is_dots(*name))
    return wx_err_set(err, EINVAL, "'%s' ends in no name", path);
  // Keeps the name apart from its directory, and "/" for a name in the root.
  const char *parent = ".";
  if (slash == copy)
    parent = "/";
  else if (slash) {
    *slash = '\0';
    parent = copy;
  }
  int fd = (int)WX_RETRY(open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return fd < 0 ? wx_err_set(err, errno, "open '%s'", parent) : fd;
}
