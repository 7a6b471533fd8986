// SPDX-License-Identifier: MIT
// The part of a terminal's parser that finds where control strings begin and end. An 8-bit
// introducer (0x9d) is none: in UTF-8, which terminals speak, it is the end of a letter.
#include "watch.h"

#include <stdbool.h>
#include <string.h>

#define BEL 0x07
#define CAN 0x18
#define SUB 0x1a
#define ESC 0x1b

static bool starts_with(const struct wx_watch *w, const char *prefix) {
  size_t len = strlen(prefix);
  return w->used >= len && memcmp(w->text, prefix, len) == 0;
}

static void end_osc(struct wx_watch *w, wx_watch_cb cb, void *ctx) {
  if (starts_with(w, "9;") || starts_with(w, "99;") || starts_with(w, "777;"))
    cb(ctx, w->text, w->used);
  w->state = WX_WATCH_GROUND;
}

// A terminal goes on with what follows an ESC wherever that stands, and obeys a control
// character in the middle of a sequence.
static void after_escape(struct wx_watch *w, unsigned char c, wx_watch_cb cb, void *ctx) {
  bool ends_osc = w->is_osc && c == '\\';
  w->is_osc = false;
  if (ends_osc)
    end_osc(w, cb, ctx);
  else if (c == ']')
    w->state = WX_WATCH_OSC, w->used = 0;
  else if (c == 'P' || c == 'X' || c == '^' || c == '_')
    w->state = WX_WATCH_STRING;
  else if (c == BEL)
    cb(ctx, "bell", 4);
  else if (c != ESC)
    w->state = WX_WATCH_GROUND;
}

static void in_string(struct wx_watch *w, unsigned char c, wx_watch_cb cb, void *ctx) {
  bool is_osc = w->state == WX_WATCH_OSC;
  if (c == ESC) {
    w->is_osc = is_osc;
    w->state = WX_WATCH_ESCAPE;
  } else if (c == CAN || c == SUB) {
    w->state = WX_WATCH_GROUND;
  } else if (is_osc && c == BEL) {
    end_osc(w, cb, ctx);
  } else if (is_osc && c >= 0x20 && w->used < sizeof w->text) {
    w->text[w->used++] = (char)c;
  }
}

// Nearly all bytes are passed over here.
static const char *to_control(const char *at, const char *end) {
  while (at < end && *at != ESC && *at != BEL)
    at++;
  return at;
}

void wx_watch_feed(struct wx_watch *w, const char *data, size_t len, wx_watch_cb cb, void *ctx) {
  const char *at = data, *end = data + len;
  while (at < end) {
    if (w->state == WX_WATCH_GROUND) {
      at = to_control(at, end);
      if (at == end)
        return;
      if (*at++ == BEL)
        cb(ctx, "bell", 4);
      else
        w->state = WX_WATCH_ESCAPE;
    } else if (w->state == WX_WATCH_ESCAPE) {
      after_escape(w, (unsigned char)*at++, cb, ctx);
    } else {
      in_string(w, (unsigned char)*at++, cb, ctx);
    }
  }
}
