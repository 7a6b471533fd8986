// SPDX-License-Identifier: MIT
// What wrapix-vm says, and how it ends when a step has failed.
#include "vm.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *doing = "start", *object;

void warn(const char *fmt, ...) {
  char text[PATH_MAX + 256];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  // One write for one line.
  char line[2 * PATH_MAX + 512];
  int n = snprintf(line, sizeof line, "wrapix: run: wrapix-vm: %s%s%s: %s\n", doing,
                   object ? " " : "", object ? object : "", text);
  ssize_t ignored = write(STDERR_FILENO, line, n < (int)sizeof line ? (size_t)n : sizeof line - 1);
  (void)ignored;
}

// What a container says in its first milliseconds may be lost if they are its last too.
_Noreturn void leave(void) {
  if (getpid() == 1)
    nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
  exit(EXIT_WRAPIX);
}

_Noreturn void die(const char *what) {
  warn("%s: %s", what, strerror(errno));
  leave();
}

long long now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}
