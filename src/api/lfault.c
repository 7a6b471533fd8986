// SPDX-License-Identifier: MIT
// wrapix._c.fault: how a test build ends itself at a named point. Without
// WX_FAULTS there is nothing to call, so no release can be made to do it.
#include "api.h"

#ifdef WX_FAULTS
#include <signal.h>

// strike(kind) does not return from "kill"; from "stop" when somebody continues us
static int l_strike(lua_State *L) {
  static const char *const kinds[] = {"kill", "stop", NULL};
  static const int signals[] = {SIGKILL, SIGSTOP};
  raise(signals[luaL_checkoption(L, 1, NULL, kinds)]);
  return 0;
}

static const luaL_Reg functions[] = {FN(strike), {NULL, NULL}};
#else
static const luaL_Reg functions[] = {{NULL, NULL}};
#endif

int luaopen_wrapix_fault(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
