// SPDX-License-Identifier: MIT
// activate PATH|PORT COMMAND [ARG...]: listens as a service manager does, on a Unix socket or
// a port of the loopback, and becomes the command with the socket as descriptor 3. For specs.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int fail(const char *what) {
  perror(what);
  return 1;
}

static int open_unix(const char *path) {
  struct sockaddr_un sun = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof sun.sun_path)
    return -1;
  strcpy(sun.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  return fd >= 0 && bind(fd, (struct sockaddr *)&sun, sizeof sun) == 0 ? fd : -1;
}

static int open_tcp(const char *port) {
  struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  sin.sin_port = htons((unsigned short)atoi(port));
  int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  return fd >= 0 && bind(fd, (struct sockaddr *)&sin, sizeof sin) == 0 ? fd : -1;
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fputs("usage: activate PATH|PORT COMMAND [ARG...]\n", stderr);
    return 2;
  }
  int fd = argv[1][0] == '/' ? open_unix(argv[1]) : open_tcp(argv[1]);
  if (fd < 0 || listen(fd, 64) != 0)
    return fail(argv[1]);
  if (fd != 3 && dup2(fd, 3) < 0)
    return fail("dup2");
  if (fd != 3)
    close(fd);
  char pid[16];
  snprintf(pid, sizeof pid, "%d", (int)getpid());
  setenv("LISTEN_PID", pid, 1);
  setenv("LISTEN_FDS", "1", 1);
  execvp(argv[2], argv + 2);
  return fail(argv[2]);
}
