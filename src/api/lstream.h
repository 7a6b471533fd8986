// SPDX-License-Identifier: MIT
// Stream objects, for the bindings that make them: proc and net.
#ifndef WX_API_LSTREAM_H
#define WX_API_LSTREAM_H

#include <lua.h>

#include "core/stream.h"

struct lstream;

// Registers the class; idempotent.
void wx_stream_class(lua_State *L);
// Pushes a closed stream object.
struct lstream *wx_stream_push(lua_State *L);
// Gives it its stream; the object owns it from now on.
void wx_stream_set(struct lstream *ls, struct wx_stream *s);
// Makes a stream of KIND over FD and gives it; takes FD in any case.
int wx_stream_set_fd(lua_State *L, struct lstream *ls, uv_handle_type kind, int fd, wx_err *err);

#endif
