// SPDX-License-Identifier: MIT
// Errors of the core: a fixed buffer owned by the caller, so that nothing has
// to be freed when Lua raises. Success leaves it untouched; failure fills it.
#ifndef WX_CORE_ERR_H
#define WX_CORE_ERR_H

typedef struct wx_err {
  int code;      // an errno value, > 0
  char msg[256]; // "action 'object'", without the errno's text
} wx_err;

// Fills ERR with CODE (errno value, or a negative libuv status) and a text.
// Returns -1 so that callers can `return wx_err_set(...)`.
__attribute__((format(printf, 3, 4))) int wx_err_set(wx_err *err, int code, const char *fmt, ...);

// Puts the outer step in front: "outer: inner". Returns -1.
__attribute__((format(printf, 2, 3))) int wx_err_wrap(wx_err *err, const char *fmt, ...);

// The symbolic name of an errno value: "ENOENT". Never NULL.
const char *wx_err_name(int code);

#endif
