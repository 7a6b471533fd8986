// SPDX-License-Identifier: MIT
// Sockets served inside and carried to the host over TCP, each connection with a token first: for
// engines that cannot share a socket of the host. One child of PID 1 serves them all; it is the
// user, as confined as the rest, and must never hold up the end of the sandbox.
#include "vm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { RELAYS = 16, CONNECTIONS = 32, RELAY_BYTES = 8192 };
enum { CONNECT_MS = 10000, RETRY_MS = 100, LAST_MS = 300, PAUSE_NS = 50000000 };

struct relay {
  int listener; // non-blocking  /* owned */
  struct sockaddr_in host;
  const char *token;
};

static struct relay relays[RELAYS];
static size_t relay_count;

// Made by its name alone, from the directory it goes to: an address is a path that follows links.
void do_relay(char **args) {
  if (relay_count == RELAYS)
    refuse("more than %d relays", RELAYS);
  const char *name;
  int dir = walk(open_root(), args[0] + 1, true, &name);
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  if (strlen(name) >= sizeof addr.sun_path)
    refuse("the name is too long for a socket");
  strcpy(addr.sun_path, name);
  struct relay *relay = &relays[relay_count++];
  relay->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  mode_t before = umask(0177);
  if (relay->listener < 0 || fchdir(dir) < 0 ||
      bind(relay->listener, (struct sockaddr *)&addr, sizeof addr) < 0 ||
      listen(relay->listener, 16) < 0)
    die("make the socket");
  umask(before);
  own_at(dir, name, user.uid, user.gid);
  if (chdir("/") < 0)
    die("/");
  close(dir);
  relay->host.sin_family = AF_INET;
  inet_pton(AF_INET, args[1], &relay->host.sin_addr);
  relay->host.sin_port = htons((uint16_t)number(args[2], 10));
  relay->token = args[3];
}

// One direction. `told`: the other side knows that no more will come.
struct stream {
  char data[RELAY_BYTES];
  size_t at, length;
  bool ended, told;
};

enum { INSIDE, HOST };

struct connection {
  const struct relay *to;  // NULL: a free place
  long long give_up, next; // when to end trying, and when to try again
  struct stream from[2];   // what came from INSIDE and from HOST
  int fd[2];               // -1: none yet  /* owned */
  bool gone[2];            // takes nothing any more
  bool connecting;         // the connection to the host is on its way
};

static struct connection connections[CONNECTIONS];

static void end_connection(struct connection *c) {
  for (int side = INSIDE; side <= HOST; side++)
    if (c->fd[side] >= 0)
      close(c->fd[side]);
  c->to = NULL;
}

// The host's address may be there only a moment after this machine is, and its listener after that.
static void try_again(struct connection *c) {
  if (c->fd[HOST] >= 0)
    close(c->fd[HOST]);
  c->fd[HOST] = -1;
  c->connecting = false;
  c->next = now_ms() + RETRY_MS;
  if (c->next > c->give_up)
    end_connection(c);
}

static void reach_host(struct connection *c) {
  c->fd[HOST] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  c->connecting = true;
  if (c->fd[HOST] < 0 ||
      (connect(c->fd[HOST], (const struct sockaddr *)&c->to->host, sizeof c->to->host) < 0 &&
       errno != EINPROGRESS))
    try_again(c);
}

static void check_host(struct connection *c) {
  int err = 0;
  if (getsockopt(c->fd[HOST], SOL_SOCKET, SO_ERROR, &err, &(socklen_t){ sizeof err }) < 0 || err)
    try_again(c);
  else
    c->connecting = false;
}

static void accept_connection(const struct relay *relay) {
  struct connection *c = connections;
  while (c < connections + CONNECTIONS && c->to)
    c++;
  int fd = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) { // too many are open: not to be asked again at once
    nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
    return;
  }
  if (c == connections + CONNECTIONS) {
    close(fd);
    return;
  }
  memset(c, 0, sizeof *c);
  c->fd[INSIDE] = fd;
  c->fd[HOST] = -1;
  c->to = relay;
  c->give_up = now_ms() + CONNECT_MS;
  struct stream *s = &c->from[INSIDE];
  s->length = (size_t)snprintf(s->data, sizeof s->data, "token %s\n", relay->token);
  reach_host(c);
}

static bool is_waiting(ssize_t n) { return n < 0 && (errno == EAGAIN || errno == EINTR); }

static void read_side(struct connection *c, int side) {
  struct stream *s = &c->from[side];
  if (s->length || s->ended)
    return;
  ssize_t n = read(c->fd[side], s->data, sizeof s->data);
  s->at = 0;
  if (n > 0)
    s->length = (size_t)n;
  else if (!is_waiting(n))
    s->ended = true;
}

static void write_side(struct connection *c, int side) {
  struct stream *s = &c->from[!side];
  while (s->length && !c->gone[side]) {
    ssize_t n = send(c->fd[side], s->data + s->at, s->length, MSG_NOSIGNAL);
    if (is_waiting(n))
      return;
    if (n < 0) {
      c->gone[side] = true;
      return;
    }
    s->at += (size_t)n;
    s->length -= (size_t)n;
  }
  if (s->ended && !s->length && !s->told) {
    shutdown(c->fd[side], SHUT_WR);
    s->told = true;
  }
}

// Over when both have said all, or when one of them is gone and what it said has been passed on.
static bool is_over(const struct connection *c) {
  for (int side = INSIDE; side <= HOST; side++) {
    const struct stream *s = &c->from[side];
    if (c->gone[side] && (c->gone[!side] || (s->ended && s->told)))
      return true;
  }
  return c->from[INSIDE].told && c->from[HOST].told;
}

static void serve(struct connection *c, const struct pollfd *fds) {
  if (c->connecting && fds[HOST].revents)
    check_host(c);
  if (!c->to || c->connecting || c->fd[HOST] < 0)
    return;
  for (int side = INSIDE; side <= HOST; side++) {
    if (fds[side].revents & (POLLIN | POLLHUP | POLLERR))
      read_side(c, side);
    // It has closed, not only ended what it says: it will read nothing.
    if (fds[side].revents & (POLLHUP | POLLERR) && c->from[side].ended)
      c->gone[side] = true;
  }
  write_side(c, HOST);
  write_side(c, INSIDE);
  if (is_over(c))
    end_connection(c);
}

// One that is waiting for the host is not read, so that what it says waits as well.
static void watch(struct connection *c, struct pollfd *fds) {
  bool through = c->to && !c->connecting && c->fd[HOST] >= 0;
  for (int side = INSIDE; side <= HOST; side++) {
    const struct stream *s = &c->from[side];
    fds[side] = (struct pollfd){ .fd = through && !c->gone[side] ? c->fd[side] : -1 };
    fds[side].events = (short)((s->length || s->ended ? 0 : POLLIN) |
                               (c->from[!side].length ? POLLOUT : 0));
  }
  if (c->to && c->connecting)
    fds[HOST] = (struct pollfd){ .fd = c->fd[HOST], .events = POLLOUT };
}

static void retry_connections(int *timeout) {
  for (struct connection *c = connections; c < connections + CONNECTIONS; c++) {
    if (!c->to || (c->fd[HOST] >= 0 && !c->connecting))
      continue;
    if (now_ms() > c->give_up)
      end_connection(c);
    else if (c->fd[HOST] < 0 && now_ms() >= c->next)
      reach_host(c);
    if (c->to)
      *timeout = RETRY_MS;
  }
}

static volatile sig_atomic_t asked_to_end;

static void note_term(int signal) {
  (void)signal;
  asked_to_end = 1;
}

// What was said before the end has to arrive: a program's last word is often that it is done. Who
// has heard it all closes.
static bool is_silent(void) {
  for (const struct connection *c = connections; c < connections + CONNECTIONS; c++)
    if (c->to && (c->connecting || c->from[INSIDE].ended || c->from[INSIDE].length))
      return false;
  return true;
}

static _Noreturn void run_relay(void) {
  sigset_t none;
  sigemptyset(&none);
  for (long long end = 0;;) {
    struct pollfd fds[RELAYS + 2 * CONNECTIONS];
    int timeout = -1;
    retry_connections(&timeout);
    if (asked_to_end && !end)
      end = now_ms() + LAST_MS;
    if (end)
      timeout = is_silent() ? 0 : LAST_MS / 20;
    for (size_t i = 0; i < relay_count; i++)
      fds[i] = (struct pollfd){ .fd = relays[i].listener, .events = POLLIN };
    for (size_t i = 0; i < CONNECTIONS; i++)
      watch(&connections[i], fds + relay_count + 2 * i);
    struct timespec time = { .tv_sec = timeout / 1000, .tv_nsec = timeout % 1000 * 1000000L };
    int ready = ppoll(fds, relay_count + 2 * CONNECTIONS, timeout < 0 ? NULL : &time, &none);
    if (ready < 0)
      nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
    if (end && ((ready == 0 && is_silent()) || now_ms() > end))
      _exit(0);
    for (size_t i = 0; i < CONNECTIONS; i++)
      if (connections[i].to)
        serve(&connections[i], fds + relay_count + 2 * i);
    for (size_t i = 0; i < relay_count; i++)
      if (fds[i].revents)
        accept_connection(&relays[i]);
  }
}

// Holds neither the terminal nor the output of the sandbox, and cannot be read by the agent, whose
// user it is: it knows the tokens.
void start_relay(void) {
  doing = "relay", object = NULL;
  if (relay_count == 0)
    return;
  sigset_t term, before; // comes only while the relay waits, so that it is never missed
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  if (sigprocmask(SIG_BLOCK, &term, &before) < 0)
    die("block SIGTERM");
  pid_t pid = fork();
  if (pid < 0)
    die("fork");
  if (pid > 0) {
    sigprocmask(SIG_SETMASK, &before, NULL);
    return;
  }
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  setsid();
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  prctl(PR_SET_NAME, "wrapix-relay", 0, 0, 0);
  if (null < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
      sigprocmask(SIG_SETMASK, &term, NULL) < 0)
    die("start");
  sigaction(SIGTERM, &(struct sigaction){ .sa_handler = note_term }, NULL);
  for (int fd = 0; fd <= 2; fd++)
    dup2(null, fd);
  run_relay();
}
