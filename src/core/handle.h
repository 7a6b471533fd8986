// SPDX-License-Identifier: MIT
// What every uv handle of ours has in common: `handle->data` points to a struct
// that begins with this one, so that a loop can be emptied without knowing
// what its handles are for. Only the uv close callback frees.
#ifndef WX_CORE_HANDLE_H
#define WX_CORE_HANDLE_H

#include <uv.h>

struct wx_handle {
  // Closes the handle and frees its struct later, calling nobody back.
  void (*drop)(uv_handle_t *handle);
};

// Drops every handle of the loop and runs it until all are gone.
void wx_handle_drop_all(uv_loop_t *loop);

#endif
