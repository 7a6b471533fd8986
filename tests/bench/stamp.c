// SPDX-License-Identifier: MIT
// stamp FILE ...: adds the time of its start to a file, in nanoseconds of the monotonic clock.
// The sink of the benchmark of notifications: what is measured ends where it begins.
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  char line[40];
  int len = snprintf(line, sizeof line, "%lld\n", now.tv_sec * 1000000000LL + now.tv_nsec);
  int fd = argc > 1 ? open(argv[1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
  return fd >= 0 && write(fd, line, (size_t)len) == len ? 0 : 1;
}
