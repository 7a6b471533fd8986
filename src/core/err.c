// SPDX-License-Identifier: MIT
// The one way errors are made in the core. libuv's table gives the symbolic
// names, because C has none and the numbers differ between systems.
#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

int wx_err_set(wx_err *err, int code, const char *fmt, ...) {
  err->code = code < 0 ? -code : code;
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(err->msg, sizeof err->msg, fmt, ap);
  va_end(ap);
  return -1;
}

int wx_err_wrap(wx_err *err, const char *fmt, ...) {
  char inner[sizeof err->msg];
  memcpy(inner, err->msg, sizeof inner);
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
  va_end(ap);
  if (n >= 0 && (size_t)n < sizeof err->msg)
    snprintf(err->msg + n, sizeof err->msg - (size_t)n, ": %s", inner);
  return -1;
}

const char *wx_err_name(int code) {
  // uv_err_name allocates for a number it does not know, and nobody frees that.
  static const char *const unknown = "EUNKNOWN";
  char probe[32];
  uv_err_name_r(-code, probe, sizeof probe);
  return probe[0] == 'E' ? uv_err_name(-code) : unknown;
}
