// SPDX-License-Identifier: MIT
// Files and directories. Whatever works inside a user's tree holds directory
// descriptors and never follows a link there: the tree is hostile and may
// change underneath. Messages name the path as the caller gave it.
#ifndef WX_CORE_FS_H
#define WX_CORE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "err.h"

// --- fs.c: single files -----------------------------------------------------------

// Reads a regular file (of /proc as well) into *data, which free() releases.
// EFBIG beyond LIMIT bytes.
int wx_fs_read(const char *path, size_t limit, char **data, size_t *len, wx_err *err);

// The same for ROOT/REL. ROOT may be reached through links, no part of REL may be one.
int wx_fs_read_beneath(const char *root, const char *rel, size_t limit, char **data, size_t *len,
                       wx_err *err);

// A part of ROOT/REL: up to *LEN bytes from AT on; *LEN becomes how many there were.
int wx_fs_read_part_beneath(const char *root, const char *rel, off_t at, void *data, size_t *len,
                            wx_err *err);

// Puts a whole file in place of PATH in one step: PATH holds the old content or
// the new, never less. A link at PATH is replaced, not followed. MODE -1 means
// 0644 less the umask; any other mode is set exactly.
int wx_fs_write_atomic(const char *path, const void *data, size_t len, int mode, bool sync,
                       wx_err *err);

// Makes the file ROOT/REL whole and in one step, mode 0644 less the umask. EEXIST when the name is
// taken, by a dangling link too. No part of REL may be a link; the directories have to be there.
int wx_fs_create_beneath(const char *root, const char *rel, const void *data, size_t len,
                         wx_err *err);

// What of a new file is on disk when it has its name.
enum wx_fs_sync {
  WX_SYNC_NONE,
  WX_SYNC_CONTENT, // it is never torn; a power cut may bring the old one back
  WX_SYNC_ALL,
};

// As wx_fs_write_atomic, for ROOT/REL. No part of REL but the last may be a link; a link there is
// replaced, not followed. The directories have to be there.
int wx_fs_replace_beneath(const char *root, const char *rel, const void *data, size_t len, int mode,
                          enum wx_fs_sync sync, wx_err *err);

struct wx_fs_patch {
  off_t size; // the file must have
  off_t at, cut; // what is taken out; within SIZE
  const void *data;
  size_t len;
  enum wx_fs_sync sync;
};

// As wx_fs_replace_beneath, with the content that ROOT/REL has but for one part of it; the mode
// stays. ROOT/REL is no link. EAGAIN when it has another size.
int wx_fs_patch_beneath(const char *root, const char *rel, const struct wx_fs_patch *patch,
                        wx_err *err);

// Adds to the end of a regular file with one write where the kernel can;
// makes it with MODE when it is missing.
int wx_fs_append(const char *path, const void *data, size_t len, mode_t mode, wx_err *err);

// The same for ROOT/REL, no part of which may be a link; a new file gets 0644 less the umask.
int wx_fs_append_beneath(const char *root, const char *rel, const void *data, size_t len,
                         wx_err *err);

// Takes the exclusive lock of a file, made when missing, without waiting.
// Returns its descriptor; EAGAIN when somebody else holds it.
int wx_fs_lock(const char *path, mode_t mode, wx_err *err);
void wx_fs_unlock(int fd);

// Makes a directory and those above it. Existing ones stay as they are.
int wx_fs_ensure_dir(const char *path, mode_t mode, wx_err *err);

// Replaces the XXXXXX at the end of TEMPLATE; the directory has mode 0700.
int wx_fs_temp_dir(char *template, wx_err *err);

// OUT has PATH_MAX bytes.
int wx_fs_realpath(const char *path, char *out, wx_err *err);
int wx_fs_stat(const char *path, bool follow, struct stat *out, wx_err *err);
int wx_fs_access(const char *path, int want, wx_err *err); // by the effective ids
int wx_fs_mkdir(const char *path, mode_t mode, wx_err *err);
int wx_fs_rmdir(const char *path, wx_err *err);
int wx_fs_unlink(const char *path, wx_err *err);
int wx_fs_rename(const char *from, const char *to, wx_err *err);
int wx_fs_symlink(const char *target, const char *path, wx_err *err);
int wx_fs_chmod(const char *path, mode_t mode, wx_err *err);
// Does not follow a link.
int wx_fs_chown(const char *path, uid_t uid, gid_t gid, wx_err *err);
// Returns the length of the target in OUT, which is not terminated.
ssize_t wx_fs_readlink(const char *path, char *out, size_t size, wx_err *err);

// "file", "directory", "symlink", "fifo", "socket", "char", "block".
const char *wx_fs_type(mode_t mode);

// Writes all of it; -1 with errno.
int wx_fs_write_all(int fd, const void *data, size_t len);

// --- fs_dir.c: listings -------------------------------------------------------------

struct wx_fs_entry {
  char *name;     /* owned */
  struct stat st; // of the link itself
};

struct wx_fs_entries {
  size_t count, room;
  struct wx_fs_entry *list; /* owned; sorted by name, byte by byte */
};

void wx_fs_entries_free(void *entries);

// What is in the directory behind FD, which stays open.
struct wx_fs_entries *wx_fs_list_fd(int fd, wx_err *err);

// What is in the directory ROOT/REL; REL may be "". ROOT may be reached through
// links, no part of REL may be one.
struct wx_fs_entries *wx_fs_list(const char *root, const char *rel, wx_err *err);

// Opens the directory ROOT/REL name by name, each without following a link.
int wx_fs_open_beneath(const char *root, const char *rel, wx_err *err);

struct wx_fs_owner {
  mode_t mode;
  uid_t uid;
  gid_t gid;
};

// Makes the directory ROOT/REL and those above it up to ROOT, which is there. No part of REL may be
// a link. The last gets exactly this mode and owner, those made above it only the mode; EPERM when
// the last is there already and belongs to neither that owner nor us.
int wx_fs_ensure_dir_beneath(const char *root, const char *rel, const struct wx_fs_owner *owner,
                             wx_err *err);

// Opens the directory that PATH's last name is in, and points *name at that
// name inside of COPY (PATH_MAX bytes). EINVAL when PATH ends in no name: "",
// "/", ".", "..".
int wx_fs_open_parent(const char *path, char *copy, const char **name, wx_err *err);

// --- fs_tree.c: whole trees ---------------------------------------------------------

// Removes what PATH names, with everything in it; nothing there is a success.
// Leaves the tree through no link and into no other file system.
int wx_fs_remove_tree(const char *path, wx_err *err);

// --- fs_survey.c --------------------------------------------------------------------

struct wx_fs_survey_options {
  size_t most;              // entries; E2BIG for more, or below too many directories
  const char *const *names; // whose places are wanted; ends with NULL
  const char *const *stop;  // likewise, and directories of these names are not entered
  const char *skip;         // a name in ROOT/REL itself: what is below is left out of the digest
  bool digest;
};

struct wx_fs_survey {
  size_t count;
  char *odd;                  // the first that is neither file nor directory
  struct wx_fs_entries found; // by their paths from ROOT/REL
  int64_t newest_ns;          // the latest change of what is in the digest and no directory
  unsigned char digest[32];   // of names, inodes, modes, sizes and times
};

// Looks through ROOT/REL. ROOT may be reached through links, no part of REL may be one. Afterwards,
// whatever came of it, wx_fs_survey_clear frees what is in *out.
int wx_fs_survey(const char *root, const char *rel, const struct wx_fs_survey_options *options,
                 struct wx_fs_survey *out, wx_err *err);
void wx_fs_survey_clear(struct wx_fs_survey *survey);

// --- fs_copy.c ------------------------------------------------------------------------

struct wx_fs_copy {
  bool follow;        // copy what links point to instead of the links
  off_t max_bytes;    // EFBIG beyond; negative: no limit
};

// Copies a file, link or directory to DST, which must not exist; after a failure
// it does not exist again. Keeps the permission bits but set-id ones.
int wx_fs_copy_tree(const char *src, const char *dst, const struct wx_fs_copy *how, wx_err *err);

#endif
