// SPDX-License-Identifier: MIT
// Emptying a loop at the end of its Lua state.
#include "handle.h"

static void drop_one(uv_handle_t *handle, void *arg) {
  (void)arg;
  if (uv_is_closing(handle))
    return;
  struct wx_handle *base = handle->data;
  base->drop(handle);
}

void wx_handle_drop_all(uv_loop_t *loop) {
  uv_walk(loop, drop_one, NULL);
  uv_run(loop, UV_RUN_DEFAULT);
}
