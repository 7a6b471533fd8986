// SPDX-License-Identifier: MIT
// Files that grow by whole pieces and are shortened after a crash only: a piece is on disk when the call has
// returned, or the file is as it was. Writers exclude each other by a lock of
// their own; readers need none, because what is there does not change.
#ifndef WX_CORE_JOURNAL_H
#define WX_CORE_JOURNAL_H

#include <stddef.h>
#include <sys/types.h>

#include "err.h"

// Adds DATA with one write and syncs it. Makes the file, with MODE less the umask, when it
// is missing. After a failure the file has its old length again.
int wx_journal_append(const char *path, const void *data, size_t len, mode_t mode, wx_err *err);

// Shortens the file to SIZE and syncs it. A file that is not longer stays as it is.
int wx_journal_cut(const char *path, off_t size, wx_err *err);

// Reads up to LEN bytes from OFFSET on; returns how many, less than LEN only at
// the end of the file.
ssize_t wx_journal_read(const char *path, off_t offset, void *out, size_t len, wx_err *err);

#endif
