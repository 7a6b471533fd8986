// SPDX-License-Identifier: MIT
// What Linux and macOS answer in different ways; plat_linux.c and
// plat_darwin.c hold one half each.
#ifndef WX_CORE_PLAT_H
#define WX_CORE_PLAT_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "err.h"

extern const char wx_plat_name[]; // "linux", "macos"

// A text that changes with every start of the machine.
int wx_plat_boot_id(char *out, size_t size, wx_err *err);

// When the process started, in a text that tells it from any later process of
// the same id. ESRCH when there is none.
int wx_plat_process_start(pid_t pid, char *out, size_t size, wx_err *err);

// Sends a signal to the process of that id which started then, never to a later one
// of the same id. ESRCH when it is gone.
int wx_plat_signal(pid_t pid, const char *start, int signo, wx_err *err);

// Processors this process may run on.
int wx_plat_cpus(wx_err *err);

// Bytes of memory of the machine.
int wx_plat_memory(uint64_t *bytes, wx_err *err);

// Tells the allocator that the heap will grow by about so much, so that it asks
// the system once instead of in small steps. A hint, nothing more.
void wx_plat_expect_heap(size_t bytes);

// A pipe and a socket that no program started by us inherits; as pipe() and socket().
int wx_plat_pipe(int ends[2]);
int wx_plat_socket(int family, int type);

// As fsync(), but what was written is on the disk then, not only on its way.
int wx_plat_sync(int fd);

// The process that sent a signal, 0 for one of the terminal or the kernel. For a handler.
pid_t wx_plat_signal_sender(const siginfo_t *info);

// The most memory a process used at once.
long wx_plat_max_rss_kb(const struct rusage *usage);

// The environment, as `environ`.
char **wx_plat_environ(void);

// Begins a child that makes async-signal-safe calls only and executes a program; until then it may
// have our memory. A macro, as a function must not return in such a child. macOS advises against
// vfork.
#ifdef __APPLE__
#define WX_PLAT_FORK fork
#else
#define WX_PLAT_FORK vfork
#endif

// Closes every descriptor from FIRST on. For a process that was just forked.
void wx_plat_close_from(int first);

// Nanoseconds since 1970.
int64_t wx_plat_mtime_ns(const struct stat *st);
int64_t wx_plat_ctime_ns(const struct stat *st);

#endif
