// SPDX-License-Identifier: MIT
// What vm_test.sh needs inside a sandbox and no shell has. Linked statically. It prints, the script
// compares.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static int fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  return 1;
}

static int reach(const char *path) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  snprintf(addr.sun_path, sizeof addr.sun_path, "%s", path);
  return connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0 ? -1 : fd;
}

// talk SOCKET BYTES: sends so many bytes of a pattern and ends what it says; prints what comes back.
static int talk(const char *path, size_t bytes) {
  static char out[1 << 16], in[1 << 16];
  int fd = reach(path);
  if (fd < 0)
    return fail("connect");
  memset(out, 'x', sizeof out);
  for (size_t sent = 0, ended = 0;;) {
    struct pollfd p = { .fd = fd, .events = (short)(POLLIN | (sent < bytes ? POLLOUT : 0)) };
    poll(&p, 1, -1);
    if (sent < bytes && p.revents & POLLOUT) {
      size_t chunk = bytes - sent < sizeof out ? bytes - sent : sizeof out;
      ssize_t n = send(fd, out, chunk, MSG_NOSIGNAL | MSG_DONTWAIT);
      sent += n > 0 ? (size_t)n : 0;
    }
    if (sent >= bytes && !ended)
      ended = shutdown(fd, SHUT_WR) == 0;
    if (p.revents & (POLLIN | POLLHUP)) {
      ssize_t n = read(fd, in, sizeof in);
      if (n <= 0)
        return n < 0 ? fail("read") : 0;
      fwrite(in, 1, (size_t)n, stdout);
    }
  }
}

// crowd SOCKET N: N connections at once; prints how many of them are still open after a moment.
static int crowd(const char *path, int n) {
  struct pollfd fds[256] = { { 0 } };
  int open = 0;
  for (int i = 0; i < n; i++)
    fds[i] = (struct pollfd){ .fd = reach(path), .events = POLLIN };
  usleep(500000);
  poll(fds, (nfds_t)n, 0);
  for (int i = 0; i < n; i++)
    open += fds[i].fd >= 0 && !(fds[i].revents & POLLHUP);
  printf("%d\n", open);
  return 0;
}

static void show(const char *name, long result) {
  printf("%s %s\n", name, result >= 0 ? "ok" : strerror(errno));
}

// What the attack program leaves out.
static int calls(void) {
  show("vsock", socket(40, SOCK_STREAM, 0));
  show("io_uring", syscall(425, 1, NULL));
  show("fsopen", syscall(430, "tmpfs", 0));
  show("mount_setattr", syscall(442, AT_FDCWD, "/", 0, NULL, 0));
  show("setns", syscall(SYS_setns, 0, 0));
  show("future", syscall(1000));
#ifdef __x86_64__
  show("x32", syscall(0x40000000 + SYS_getpid));
#endif
  show("unix", socket(AF_UNIX, SOCK_STREAM, 0));
  show("tcp", socket(AF_INET, SOCK_STREAM, 0));
  show("thread", syscall(SYS_unshare, 0x400 /* files */));
  printf("securebits %#x\n", (unsigned)prctl(PR_GET_SECUREBITS));
  show("raise_limit", setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 100000, 100000 }));
  return 0;
}

// A program of the 32-bit ABI, without a compiler for one: the kernel takes the call either way.
static int compat(void) {
#ifdef __x86_64__
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
  printf("came back with %ld\n", result);
#endif
  return 0;
}

int main(int argc, char **argv) {
  const char *word = argc > 1 ? argv[1] : "";
  if (strcmp(word, "talk") == 0 && argc == 4)
    return talk(argv[2], strtoul(argv[3], NULL, 10));
  if (strcmp(word, "crowd") == 0 && argc == 4)
    return crowd(argv[2], atoi(argv[3]));
  if (strcmp(word, "calls") == 0)
    return calls();
  if (strcmp(word, "compat") == 0)
    return compat();
  return 2;
}
