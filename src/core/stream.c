// SPDX-License-Identifier: MIT
// Theory of operation. Reading is started only while somebody waits, so a fast
// peer is held back by the kernel's buffer and not by our memory. The buffer is
// one block: consumed bytes move `start`, and the block is compacted when its
// end is reached. A search for a line end goes on where the last one stopped,
// so a slow line of N bytes costs N and not N squared.
#include "stream.h"

#include <stdlib.h>
#include <string.h>

#include "handle.h"
#include "util.h"

#define CHUNK 65536

struct wx_stream {
  struct wx_handle base; // first: uv's data pointer leads here
  union {
    uv_stream_t stream;
    uv_pipe_t pipe;
    uv_tcp_t tcp;
  } uv;
  char *buf; // owned
  size_t cap, start, end;
  size_t scanned;  // bytes after start known to hold no line end
  size_t consume;  // what wx_stream_consume takes
  int status;      // 0, UV_EOF or a libuv error
  wx_stream_cb cb;
  void *ctx;
  struct write *write; // the pending one whose callback is wanted
};

struct write {
  uv_write_t req;
  struct wx_stream *stream; // NULL when nobody wants to know
  wx_write_cb cb;
  void *ctx;
  char data[];
};

static void free_stream(uv_handle_t *handle) {
  struct wx_stream *s = handle->data;
  free(s->buf);
  free(s);
}

static void drop(uv_handle_t *handle) { uv_close(handle, free_stream); }

struct wx_stream *wx_stream_new(uv_loop_t *loop, uv_handle_type kind, wx_err *err) {
  struct wx_stream *s = calloc(1, sizeof *s);
  int rc = UV_ENOMEM;
  if (s)
    rc = kind == UV_TCP ? uv_tcp_init(loop, &s->uv.tcp) : uv_pipe_init(loop, &s->uv.pipe, 0);
  if (rc != 0) {
    free(s);
    wx_err_set(err, rc, "stream");
    return NULL;
  }
  s->base.drop = drop;
  s->uv.stream.data = s;
  return s;
}

uv_stream_t *wx_stream_handle(struct wx_stream *s) { return &s->uv.stream; }

int wx_stream_adopt(struct wx_stream *s, int fd, wx_err *err) {
  int rc = s->uv.stream.type == UV_TCP ? uv_tcp_open(&s->uv.tcp, fd) : uv_pipe_open(&s->uv.pipe, fd);
  return rc == 0 ? 0 : wx_err_set(err, rc, "stream from descriptor %d", fd);
}

// --- reading ------------------------------------------------------------------

static int ready(struct wx_stream *s, size_t len, size_t consume, struct wx_span *out) {
  out->data = s->buf + s->start;
  out->len = len;
  s->consume = consume;
  return 1;
}

static int at_end(struct wx_stream *s, struct wx_span *out, wx_err *err) {
  out->data = NULL;
  out->len = 0;
  s->consume = 0;
  return s->status == UV_EOF ? 1 : wx_err_set(err, s->status, "read");
}

static int poll_line(struct wx_stream *s, size_t limit, struct wx_span *out, wx_err *err) {
  size_t have = s->end - s->start;
  const char *from = s->buf + s->start;
  const char *nl = have > s->scanned ? memchr(from + s->scanned, '\n', have - s->scanned) : NULL;
  size_t len = nl ? (size_t)(nl - from) : have;
  if (len > limit)
    return wx_err_set(err, EMSGSIZE, "read line: longer than %zu bytes", limit);
  if (nl)
    return ready(s, len, len + 1, out);
  s->scanned = have;
  if (s->status == 0)
    return 0;
  return have > 0 ? ready(s, have, have, out) : at_end(s, out, err);
}

static int poll_all(struct wx_stream *s, size_t limit, struct wx_span *out, wx_err *err) {
  size_t have = s->end - s->start;
  if (have > limit)
    return wx_err_set(err, EMSGSIZE, "read: more than %zu bytes", limit);
  if (s->status == 0)
    return 0;
  if (s->status != UV_EOF)
    return wx_err_set(err, s->status, "read");
  static char nothing[1];
  if (!s->buf) {
    *out = (struct wx_span){nothing, 0};
    s->consume = 0;
    return 1;
  }
  return ready(s, have, have, out);
}

int wx_stream_poll(struct wx_stream *s, struct wx_want want, struct wx_span *out, wx_err *err) {
  size_t have = s->end - s->start;
  switch (want.kind) {
  case WX_WANT_LINE:
    return poll_line(s, want.limit, out, err);
  case WX_WANT_ALL:
    return poll_all(s, want.limit, out, err);
  case WX_WANT_EXACT:
    if (have >= want.limit)
      return ready(s, want.limit, want.limit, out);
    break;
  case WX_WANT_SOME:
    if (have > 0) {
      size_t len = have < want.limit ? have : want.limit;
      return ready(s, len, len, out);
    }
    break;
  }
  if (s->status == 0)
    return 0;
  return have > 0 ? ready(s, have, have, out) : at_end(s, out, err);
}

void wx_stream_consume(struct wx_stream *s) {
  s->start += s->consume;
  s->consume = 0;
  s->scanned = 0;
  if (s->start == s->end)
    s->start = s->end = 0;
}

static void make_room(struct wx_stream *s) {
  if (s->cap - s->end >= CHUNK)
    return;
  if (s->start > 0) {
    memmove(s->buf, s->buf + s->start, s->end - s->start);
    s->end -= s->start;
    s->start = 0;
  }
  if (s->cap - s->end >= CHUNK)
    return;
  size_t cap = s->cap ? s->cap * 2 : CHUNK;
  char *grown = realloc(s->buf, cap);
  if (!grown)
    return;
  s->buf = grown;
  s->cap = cap;
}

static void give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
  (void)suggested;
  struct wx_stream *s = handle->data;
  make_room(s);
  *out = uv_buf_init(s->buf + s->end, (unsigned)(s->cap - s->end)); // 0 bytes becomes UV_ENOBUFS
}

static void on_read(uv_stream_t *handle, ssize_t n, const uv_buf_t *buf) {
  (void)buf;
  struct wx_stream *s = handle->data;
  if (n == 0)
    return;
  if (n > 0) {
    s->end += (size_t)n;
  } else {
    s->status = (int)n;
    uv_read_stop(handle);
  }
  if (s->cb)
    s->cb(s->ctx);
}

int wx_stream_watch(struct wx_stream *s, wx_stream_cb cb, void *ctx, wx_err *err) {
  int rc = uv_read_start(&s->uv.stream, give_room, on_read);
  if (rc != 0 && rc != UV_EALREADY)
    return wx_err_set(err, rc, "read");
  s->cb = cb;
  s->ctx = ctx;
  return 0;
}

void wx_stream_unwatch(struct wx_stream *s) {
  uv_read_stop(&s->uv.stream);
  s->cb = NULL;
}

// --- writing ------------------------------------------------------------------

static void on_written(uv_write_t *req, int status) {
  struct write *w = (struct write *)req;
  if (w->stream) {
    w->stream->write = NULL;
    w->cb(w->ctx, -status);
  }
  free(w);
}

int wx_stream_write(struct wx_stream *s, const char *data, size_t len, wx_write_cb cb, void *ctx,
                    wx_err *err) {
  while (len > 0) {
    unsigned part = len < (1u << 30) ? (unsigned)len : 1u << 30;
    uv_buf_t now = uv_buf_init((char *)data, part);
    int rc = uv_try_write(&s->uv.stream, &now, 1);
    if (rc == UV_EAGAIN)
      break;
    if (rc < 0)
      return wx_err_set(err, rc, "write");
    data += rc;
    len -= (size_t)rc;
  }
  if (len == 0)
    return 1;
  struct write *w = malloc(sizeof *w + len);
  if (!w)
    return wx_err_set(err, ENOMEM, "write");
  *w = (struct write){.stream = s, .cb = cb, .ctx = ctx};
  memcpy(w->data, data, len);
  uv_buf_t rest = uv_buf_init(w->data, (unsigned)len);
  int rc = uv_write(&w->req, &s->uv.stream, &rest, 1, on_written);
  if (rc != 0) {
    free(w);
    return wx_err_set(err, rc, "write");
  }
  s->write = w;
  return 0;
}

void wx_stream_forget_write(struct wx_stream *s) {
  if (s->write)
    s->write->stream = NULL;
  s->write = NULL;
}

static void on_shutdown(uv_shutdown_t *req, int status) {
  (void)status;
  free(req);
}

void wx_stream_shutdown(struct wx_stream *s) {
  uv_shutdown_t *req = malloc(sizeof *req);
  if (req && uv_shutdown(req, &s->uv.stream, on_shutdown) != 0)
    free(req);
}

void wx_stream_close(struct wx_stream *s) {
  wx_stream_forget_write(s);
  s->cb = NULL;
  drop((uv_handle_t *)&s->uv.stream);
}
