// SPDX-License-Identifier: MIT
// wrapix as a library: open a state, run Lua in it, close it.
//
//   struct wx_host *host = wx_open(NULL);
//   if (wx_run_file(host, "loop.lua", 0, NULL) < 0)
//     fprintf(stderr, "%s\n", wx_error(host));
//   wx_close(host);
//
// A state belongs to one thread. SIGPIPE should be ignored by the program, and
// SIGCHLD must not be: wrapix waits for its own children by pid only.
#ifndef WRAPIX_H
#define WRAPIX_H

#ifdef __cplusplus
extern "C" {
#endif

#define WX_PUBLIC __attribute__((visibility("default")))

struct lua_State;
struct wx_host;

struct wx_options {
  const char *scripts_dir; // overrides the embedded scripts; NULL for none
};

// Opens a state with the standard libraries and wrapix. NULL when out of memory.
WX_PUBLIC struct wx_host *wx_open(const struct wx_options *options);

// Runs a Lua file as a task, with ARGV in `...`. Returns the integer it returns
// (0 for nothing), or -1 after an error that wx_error tells.
WX_PUBLIC int wx_run_file(struct wx_host *host, const char *path, int argc, const char *const *argv);

// The same for a string of Lua source; NAME stands for it in messages.
WX_PUBLIC int wx_run_string(struct wx_host *host, const char *source, const char *name);

// The text of the last failure, valid until the next call. Never NULL.
WX_PUBLIC const char *wx_error(const struct wx_host *host);

// The Lua state, for programs that want to add functions of their own.
WX_PUBLIC struct lua_State *wx_lua(struct wx_host *host);

// Cancels what still runs, waits at most two seconds for it, frees everything.
WX_PUBLIC void wx_close(struct wx_host *host);

// For `require "wrapix"` in any Lua 5.4.
WX_PUBLIC int luaopen_wrapix(struct lua_State *L);

#ifdef __cplusplus
}
#endif
#endif
