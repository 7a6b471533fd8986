// SPDX-License-Identifier: MIT
// Test programs of the core speak TAP: one line for each check, a plan at the
// end, exit status 1 after a failure.
#ifndef WX_TESTS_TAP_H
#define WX_TESTS_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 2, 3))) static inline bool check(bool ok, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  printf("%sok %d - ", ok ? "" : "not ", ++tap_count);
  vprintf(fmt, ap);
  putchar('\n');
  va_end(ap);
  fflush(stdout); // a forked child must not print it again
  tap_failed += !ok;
  return ok;
}

static inline int finish(void) {
  printf("1..%d\n", tap_count);
  return tap_failed > 0;
}

#endif
