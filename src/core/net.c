// SPDX-License-Identifier: MIT
// Addresses are numeric on purpose: the launcher talks to its own machine, and
// a name look-up would be a request to the outside world.
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "handle.h"
#include "plat.h"
#include "util.h"

struct wx_server {
  struct wx_handle base;
  union {
    uv_stream_t stream;
    uv_pipe_t pipe;
    uv_tcp_t tcp;
  } uv;
  uv_handle_type kind;
  int pending; // connections that libuv holds for us
  int status;
  void (*cb)(void *ctx);
  void *ctx;
};

struct wx_connect {
  uv_connect_t req;
  struct wx_stream *stream; // NULL once withdrawn
  wx_connect_cb cb;
  void *ctx;
};

static int resolve_tcp(const struct wx_addr *addr, struct sockaddr_storage *out, wx_err *err) {
  const char *host = strcmp(addr->host, "localhost") == 0 ? "127.0.0.1" : addr->host;
  if (uv_ip4_addr(host, addr->port, (struct sockaddr_in *)out) == 0 ||
      uv_ip6_addr(host, addr->port, (struct sockaddr_in6 *)out) == 0)
    return 0;
  return wx_err_set(err, EINVAL, "address '%s': a numeric address expected", addr->host);
}

static int fill_unix(const char *path, struct sockaddr_un *sun, wx_err *err) {
  memset(sun, 0, sizeof *sun);
  sun->sun_family = AF_UNIX;
  if (strlen(path) >= sizeof sun->sun_path)
    return wx_err_set(err, ENAMETOOLONG, "socket '%.120s': %zu bytes, of which %zu fit", path,
                      strlen(path), sizeof sun->sun_path - 1);
  strcpy(sun->sun_path, path);
  return 0;
}

// --- listening ------------------------------------------------------------------

static void free_server(uv_handle_t *handle) { free(handle->data); }

static void drop(uv_handle_t *handle) { uv_close(handle, free_server); }

static void on_connection(uv_stream_t *handle, int status) {
  struct wx_server *s = handle->data;
  if (status == 0)
    s->pending++;
  else
    s->status = status;
  if (s->cb)
    s->cb(s->ctx);
}

// Binds by hand: libuv cannot set the mode before the socket can be reached.
static int bind_unix(struct wx_server *s, const struct wx_addr *addr, wx_err *err) {
  struct sockaddr_un sun;
  if (fill_unix(addr->path, &sun, err) < 0)
    return -1;
  auto_close int fd = wx_plat_socket(AF_UNIX, SOCK_STREAM);
  if (fd < 0)
    return wx_err_set(err, errno, "socket");
  mode_t old = umask(0777 & ~addr->mode);
  int rc = bind(fd, (struct sockaddr *)&sun, sizeof sun);
  int code = errno;
  umask(old);
  if (rc != 0)
    return wx_err_set(err, code, "listen on '%s'", addr->path);
  rc = uv_pipe_open(&s->uv.pipe, fd);
  if (rc != 0)
    return wx_err_set(err, rc, "listen on '%s'", addr->path);
  wx_steal_fd(&fd);
  return 0;
}

static int bind_tcp(struct wx_server *s, const struct wx_addr *addr, wx_err *err) {
  struct sockaddr_storage ss;
  if (resolve_tcp(addr, &ss, err) < 0)
    return -1;
  int rc = uv_tcp_bind(&s->uv.tcp, (struct sockaddr *)&ss, 0);
  return rc == 0 ? 0 : wx_err_set(err, rc, "listen on %s port %d", addr->host, addr->port);
}

struct wx_server *wx_server_open(uv_loop_t *loop, const struct wx_addr *addr, int backlog,
                                 wx_err *err) {
  struct wx_server *s = calloc(1, sizeof *s);
  if (!s) {
    wx_err_set(err, ENOMEM, "listen");
    return NULL;
  }
  s->kind = addr->path ? UV_NAMED_PIPE : UV_TCP;
  s->base.drop = drop;
  int rc = addr->path ? uv_pipe_init(loop, &s->uv.pipe, 0) : uv_tcp_init(loop, &s->uv.tcp);
  if (rc != 0) {
    free(s);
    wx_err_set(err, rc, "listen");
    return NULL;
  }
  s->uv.stream.data = s;
  if ((addr->path ? bind_unix(s, addr, err) : bind_tcp(s, addr, err)) < 0) {
    wx_server_close(s);
    return NULL;
  }
  rc = uv_listen(&s->uv.stream, backlog, on_connection);
  if (rc != 0) {
    wx_err_set(err, rc, "listen on '%s'", addr->path ? addr->path : addr->host);
    wx_server_close(s);
    return NULL;
  }
  return s;
}

// What kind of listening stream socket a descriptor is.
static int check_listener(int fd, uv_handle_type *kind, wx_err *err) {
  int type = 0, listens = 0;
  socklen_t len = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0)
    return wx_err_set(err, errno, "listen on descriptor %d", fd);
  len = sizeof listens;
  // Where the kernel cannot tell, libuv's listen() fails in its stead.
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) != 0)
    listens = 1;
  *kind = uv_guess_handle(fd);
  if (type != SOCK_STREAM || !listens || (*kind != UV_NAMED_PIPE && *kind != UV_TCP))
    return wx_err_set(err, EINVAL, "listen on descriptor %d: no listening stream socket", fd);
  return 0;
}

struct wx_server *wx_server_adopt(uv_loop_t *loop, int fd, int backlog, wx_err *err) {
  uv_handle_type kind = UV_UNKNOWN_HANDLE;
  if (check_listener(fd, &kind, err) < 0)
    return NULL;
  struct wx_server *s = calloc(1, sizeof *s);
  if (!s) {
    wx_err_set(err, ENOMEM, "listen");
    return NULL;
  }
  s->kind = kind;
  s->base.drop = drop;
  bool is_unix = kind == UV_NAMED_PIPE;
  int rc = is_unix ? uv_pipe_init(loop, &s->uv.pipe, 0) : uv_tcp_init(loop, &s->uv.tcp);
  if (rc != 0) {
    free(s);
    wx_err_set(err, rc, "listen");
    return NULL;
  }
  s->uv.stream.data = s;
  fcntl(fd, F_SETFD, FD_CLOEXEC); // whoever passed it on could not
  rc = is_unix ? uv_pipe_open(&s->uv.pipe, fd) : uv_tcp_open(&s->uv.tcp, fd);
  if (rc == 0)
    rc = uv_listen(&s->uv.stream, backlog, on_connection);
  if (rc != 0) {
    wx_err_set(err, rc, "listen on descriptor %d", fd);
    wx_server_close(s);
    return NULL;
  }
  return s;
}

void wx_server_notify(struct wx_server *s, void (*cb)(void *ctx), void *ctx) {
  s->cb = cb;
  s->ctx = ctx;
}

int wx_server_accept(struct wx_server *s, struct wx_stream **out, wx_err *err) {
  if (s->status != 0) {
    int status = s->status;
    s->status = 0;
    return wx_err_set(err, status, "accept");
  }
  if (s->pending == 0)
    return 0;
  s->pending--;
  struct wx_stream *stream = wx_stream_new(s->uv.stream.loop, s->kind, err);
  if (!stream)
    return -1;
  int rc = uv_accept(&s->uv.stream, wx_stream_handle(stream));
  if (rc != 0) {
    wx_stream_close(stream);
    return wx_err_set(err, rc, "accept");
  }
  *out = stream;
  return 1;
}

int wx_server_port(struct wx_server *s) {
  struct sockaddr_storage ss;
  int len = sizeof ss;
  if (s->kind != UV_TCP || uv_tcp_getsockname(&s->uv.tcp, (struct sockaddr *)&ss, &len) != 0)
    return 0;
  return ntohs(ss.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&ss)->sin6_port
                                        : ((struct sockaddr_in *)&ss)->sin_port);
}

void wx_server_close(struct wx_server *s) {
  s->cb = NULL;
  drop((uv_handle_t *)&s->uv.stream);
}

// --- connecting -----------------------------------------------------------------

static void on_connect(uv_connect_t *req, int status) {
  struct wx_connect *c = (struct wx_connect *)req;
  if (c->stream) {
    struct wx_stream *stream = c->stream;
    if (status != 0) {
      wx_stream_close(stream);
      stream = NULL;
    }
    c->cb(c->ctx, stream, -status);
  }
  free(c);
}

struct wx_connect *wx_connect_start(uv_loop_t *loop, const struct wx_addr *addr, wx_connect_cb cb,
                                    void *ctx, wx_err *err) {
  struct sockaddr_storage ss;
  struct sockaddr_un sun;
  if ((addr->path ? fill_unix(addr->path, &sun, err) : resolve_tcp(addr, &ss, err)) < 0)
    return NULL;
  struct wx_connect *c = calloc(1, sizeof *c);
  struct wx_stream *stream =
      c ? wx_stream_new(loop, addr->path ? UV_NAMED_PIPE : UV_TCP, err) : NULL;
  if (!stream) {
    if (!c)
      wx_err_set(err, ENOMEM, "connect");
    free(c);
    return NULL;
  }
  *c = (struct wx_connect){.stream = stream, .cb = cb, .ctx = ctx};
  uv_stream_t *handle = wx_stream_handle(stream);
  int rc = 0;
  if (addr->path)
    uv_pipe_connect(&c->req, (uv_pipe_t *)handle, addr->path, on_connect); // fails in the callback
  else
    rc = uv_tcp_connect(&c->req, (uv_tcp_t *)handle, (struct sockaddr *)&ss, on_connect);
  if (rc != 0) {
    wx_stream_close(stream);
    free(c);
    wx_err_set(err, rc, "connect to %s port %d", addr->host, addr->port);
    return NULL;
  }
  return c;
}

void wx_connect_cancel(struct wx_connect *c) {
  struct wx_stream *stream = wx_steal_ptr(&c->stream);
  wx_stream_close(stream); // on_connect still comes, and frees
}
