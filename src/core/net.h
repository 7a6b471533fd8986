// SPDX-License-Identifier: MIT
// Listening and connecting on Unix and TCP sockets.
#ifndef WX_CORE_NET_H
#define WX_CORE_NET_H

#include <uv.h>

#include "err.h"
#include "stream.h"

struct wx_server;

// Where: a Unix path, or a numeric address with a port.
struct wx_addr {
  const char *path; // NULL for TCP
  const char *host;
  int port;
  unsigned mode; // of a Unix socket file
};

struct wx_server *wx_server_open(uv_loop_t *loop, const struct wx_addr *addr, int backlog,
                                 wx_err *err);
// The same on a descriptor that listens already, as a service manager passes it. It
// stays the caller's when it is no such socket; otherwise it is the server's to close.
struct wx_server *wx_server_adopt(uv_loop_t *loop, int fd, int backlog, wx_err *err);
// Calls CB when a connection may be there.
void wx_server_notify(struct wx_server *s, void (*cb)(void *ctx), void *ctx);
// 1: *OUT is a new stream. 0: none is there yet. -1: failed.
int wx_server_accept(struct wx_server *s, struct wx_stream **out, wx_err *err);
// The port it listens on; 0 for Unix.
int wx_server_port(struct wx_server *s);
void wx_server_close(struct wx_server *s);

struct wx_connect;
typedef void (*wx_connect_cb)(void *ctx, struct wx_stream *stream, int code);
// CB gets the stream, or NULL and an errno value.
struct wx_connect *wx_connect_start(uv_loop_t *loop, const struct wx_addr *addr, wx_connect_cb cb,
                                    void *ctx, wx_err *err);
// Withdraws it; CB is not called any more.
void wx_connect_cancel(struct wx_connect *c);

#endif
