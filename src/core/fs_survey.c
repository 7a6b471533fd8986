// SPDX-License-Identifier: MIT
// A look through a whole tree that somebody else may be changing: what in it is neither file nor
// directory, where some names are, and one digest of what the kernel knows of all its files. Opens
// nothing but directories, follows no link, gives up where there is more than was asked for.
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fs.h"
#include "plat.h"
#include "sha256.h"
#include "util.h"

// Each level holds a descriptor.
enum { MOST_DEPTH = 100 };

// Bytes that grow.
struct text {
  char *data;
  size_t len, room;
};

struct walk {
  const struct wx_fs_survey_options *options;
  struct wx_fs_survey *out;
  struct text path, seen;
  bool is_noted; // in the digest
};

static int append(struct text *t, const void *data, size_t len) {
  if (len == 0)
    return 0;
  if (len > t->room - t->len) {
    size_t room = (t->room + len) * 2;
    char *grown = realloc(t->data, room);
    if (!grown)
      return -1;
    t->data = grown;
    t->room = room;
  }
  memcpy(t->data + t->len, data, len);
  t->len += len;
  return 0;
}

static bool is_one_of(const char *const *names, const char *name) {
  for (; names && *names; names++)
    if (strcmp(*names, name) == 0)
      return true;
  return false;
}

// What tells this state of an entry from any other. A directory is its entries: that one came and
// went again shows in its times, and means nothing.
static int note(struct walk *w, const char *name, const struct stat *st) {
  int64_t ctime = wx_plat_ctime_ns(st);
  bool is_dir = S_ISDIR(st->st_mode);
  const int64_t words[] = {
      (int64_t)st->st_mode,           (int64_t)st->st_dev,
      (int64_t)st->st_ino,            is_dir ? 0 : (int64_t)st->st_size,
      is_dir ? 0 : wx_plat_mtime_ns(st), is_dir ? 0 : ctime,
  };
  if (!is_dir && ctime > w->out->newest_ns)
    w->out->newest_ns = ctime;
  if (append(&w->seen, name, strlen(name) + 1) < 0)
    return -1;
  return append(&w->seen, words, sizeof words);
}

static int add_found(struct wx_fs_entries *found, const char *path, const struct stat *st) {
  void *grown = realloc(found->list, (found->count + 1) * sizeof *found->list);
  if (!grown)
    return -1;
  found->list = grown;
  char *copy = strdup(path);
  if (!copy)
    return -1;
  found->list[found->count++] = (struct wx_fs_entry){.name = copy, .st = *st};
  return 0;
}

static int walk_dir(struct walk *w, int fd, int depth);

static int enter(struct walk *w, int fd, const char *name, int depth) {
  auto_close int inner =
      (int)WX_RETRY(openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (inner < 0)
    return -1;
  bool was_noted = w->is_noted;
  if (depth == 0 && w->options->skip && strcmp(name, w->options->skip) == 0)
    w->is_noted = false;
  int rc = walk_dir(w, wx_steal_fd(&inner), depth + 1);
  w->is_noted = was_noted;
  return rc == 0 && was_noted ? append(&w->seen, "/", 2) : rc;
}

// The path of the entry stands in w->path, with its end.
static int look_at(struct walk *w, int fd, const char *name, unsigned char type, int depth) {
  const struct wx_fs_survey_options *options = w->options;
  bool is_stop = is_one_of(options->stop, name);
  bool is_named = is_stop || is_one_of(options->names, name);
  struct stat st = { 0 };
  if (type == DT_UNKNOWN || is_named || w->is_noted) {
    if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
      return errno == ENOENT ? 0 : -1; // went away since
    type = S_ISDIR(st.st_mode) ? DT_DIR : S_ISREG(st.st_mode) ? DT_REG : DT_LNK;
  }
  if (is_named && add_found(&w->out->found, w->path.data, &st) < 0)
    return -1;
  if (w->is_noted && note(w, name, &st) < 0)
    return -1;
  if (type != DT_DIR && type != DT_REG && !w->out->odd && !(w->out->odd = strdup(w->path.data)))
    return -1;
  return type == DT_DIR && !is_stop ? enter(w, fd, name, depth) : 0;
}

static int read_dir(struct walk *w, DIR *dir, int depth) {
  size_t base = w->path.len;
  for (;;) {
    errno = 0;
    const struct dirent *item = readdir(dir);
    if (!item)
      return errno ? -1 : 0;
    const char *name = item->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
      continue;
    if (++w->out->count > w->options->most) {
      errno = E2BIG;
      return -1;
    }
    w->path.len = base;
    if (append(&w->path, "/", base > 0) < 0 || append(&w->path, name, strlen(name) + 1) < 0)
      return -1;
    w->path.len--; // its end is there, but no part of it
    if (look_at(w, dirfd(dir), name, item->d_type, depth) < 0)
      return -1;
  }
}

// Takes the descriptor.
static int walk_dir(struct walk *w, int fd, int depth) {
  auto_close int own = fd;
  if (depth > MOST_DEPTH) {
    errno = E2BIG;
    return -1;
  }
  auto_dir DIR *dir = fdopendir(own);
  if (!dir)
    return -1;
  (void)wx_steal_fd(&own); // closed with the stream
  size_t base = w->path.len;
  int rc = read_dir(w, dir, depth), saved = errno;
  w->path.len = base;
  errno = saved;
  return rc;
}

void wx_fs_survey_clear(struct wx_fs_survey *survey) {
  for (size_t i = 0; i < survey->found.count; i++)
    free(survey->found.list[i].name);
  free(survey->found.list);
  free(survey->odd);
}

int wx_fs_survey(const char *root, const char *rel, const struct wx_fs_survey_options *options,
                 struct wx_fs_survey *out, wx_err *err) {
  struct walk w = {.options = options, .out = out, .is_noted = options->digest};
  *out = (struct wx_fs_survey){.count = 0};
  auto_close int fd = wx_fs_open_beneath(root, rel, err);
  if (fd < 0)
    return -1;
  int rc = walk_dir(&w, wx_steal_fd(&fd), 0);
  if (rc < 0)
    wx_err_set(err, errno, "look through '%s%s%s'", root, *rel ? "/" : "", rel);
  else if (options->digest)
    wx_sha256(w.seen.data ? w.seen.data : "", w.seen.len, out->digest);
  free(w.seen.data);
  free(w.path.data);
  return rc;
}
