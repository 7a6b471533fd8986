// SPDX-License-Identifier: MIT
// A byte stream over a pipe or socket, with a read buffer: wants are polled
// against the buffer first, so that a reader that is behind never waits.
#ifndef WX_CORE_STREAM_H
#define WX_CORE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "err.h"

struct wx_stream;

enum wx_want_kind { WX_WANT_SOME, WX_WANT_LINE, WX_WANT_EXACT, WX_WANT_ALL };

struct wx_want {
  enum wx_want_kind kind;
  size_t limit; // most bytes of a chunk, line or whole; exact number for EXACT
};

struct wx_span {
  const char *data; // NULL at the end of the stream
  size_t len;
};

// KIND is UV_NAMED_PIPE or UV_TCP. NULL when it fails.
struct wx_stream *wx_stream_new(uv_loop_t *loop, uv_handle_type kind, wx_err *err);
// The uv handle, for connect and accept.
uv_stream_t *wx_stream_handle(struct wx_stream *s);
// Takes over a descriptor; on failure the descriptor stays the caller's.
int wx_stream_adopt(struct wx_stream *s, int fd, wx_err *err);

// 1: *OUT holds the answer, valid until wx_stream_consume. 0: not yet. -1: failed
// (EMSGSIZE when a line or the whole passes the limit).
int wx_stream_poll(struct wx_stream *s, struct wx_want want, struct wx_span *out, wx_err *err);
// Takes what the last poll showed.
void wx_stream_consume(struct wx_stream *s);

// Calls CB after each change of the buffer, until wx_stream_unwatch.
typedef void (*wx_stream_cb)(void *ctx);
int wx_stream_watch(struct wx_stream *s, wx_stream_cb cb, void *ctx, wx_err *err);
void wx_stream_unwatch(struct wx_stream *s);

// 1: all written. 0: CB will say so, with 0 or an errno value. The rest of DATA is copied.
typedef void (*wx_write_cb)(void *ctx, int code);
int wx_stream_write(struct wx_stream *s, const char *data, size_t len, wx_write_cb cb, void *ctx,
                    wx_err *err);
// Forgets the callback of a pending write; the bytes still go out.
void wx_stream_forget_write(struct wx_stream *s);

// Ends the writing side after pending writes: the peer sees end of file.
void wx_stream_shutdown(struct wx_stream *s);

// Closes and, later, frees. No callback is made any more.
void wx_stream_close(struct wx_stream *s);

#endif
