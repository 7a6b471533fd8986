// SPDX-License-Identifier: MIT
// What asks for attention in the output of a program at a terminal: the bell, and the
// notifications OSC 9, 99 and 777. Sees bytes as they come, in pieces of any size.
#ifndef WX_CORE_WATCH_H
#define WX_CORE_WATCH_H

#include <stddef.h>

// Bytes that are kept of a sequence; of a longer one the rest is dropped. A line of one
// fits a pipe as a whole.
#define WX_WATCH_LONGEST 4000

enum wx_watch_state {
  WX_WATCH_GROUND,
  WX_WATCH_ESCAPE, // after ESC
  WX_WATCH_OSC,    // until BEL or ST
  WX_WATCH_STRING, // of another kind, until ST
};

// Zeroed is ready.
struct wx_watch {
  enum wx_watch_state state;
  int is_osc; // the ESC came inside one, and may end it
  size_t used;
  char text[WX_WATCH_LONGEST];
};

// Called with "bell", or with what stands between OSC and its end, such as "9;text": free
// of control characters but for DEL; any other bytes may be in it.
typedef void (*wx_watch_cb)(void *ctx, const char *text, size_t len);

void wx_watch_feed(struct wx_watch *w, const char *data, size_t len, wx_watch_cb cb, void *ctx);

#endif
