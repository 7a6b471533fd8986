// SPDX-License-Identifier: MIT
// Uses wrapix.h as programs may: two states at a time, files with arguments,
// mistakes. Prints what went wrong; started by tests/integration/embed_spec.lua.
#include <lauxlib.h>
#include <lua.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <wrapix.h>

static int failures;

#define CHECK(what)                                                                                \
  do {                                                                                             \
    if (!(what)) {                                                                                 \
      printf("line %d: %s\n", __LINE__, #what);                                                    \
      failures++;                                                                                  \
    }                                                                                              \
  } while (0)

static const char work[] = "local w = require('wrapix')\n"
                           "local r = assert(w.proc.run({ 'sh', '-c', 'exit 7' }))\n"
                           "assert(w.task.sleep(0.01))\n"
                           "return r.code\n";

static struct wx_host *outer;

// The loop of a state runs once at a time: the second call must fail, not hang.
static int l_nested(lua_State *L) {
  lua_pushinteger(L, wx_run_string(outer, "return 1", "nested"));
  return 1;
}

static void two_at_a_time(void) {
  struct wx_host *a = wx_open(NULL), *b = wx_open(NULL);
  CHECK(a && b && wx_lua(a) != wx_lua(b));
  for (int i = 0; i < 3; i++) {
    CHECK(wx_run_string(a, work, "a") == 7);
    CHECK(wx_run_string(b, work, "b") == 7);
  }
  CHECK(wx_run_string(a, "shared = 1", "a") == 0);
  CHECK(wx_run_string(b, "return shared == nil and 5 or 6", "b") == 5);
  wx_close(a);
  CHECK(wx_run_string(b, work, "b") == 7);
  wx_close(b);
}

static void files(const char *path) {
  struct wx_host *host = wx_open(NULL);
  const char *const argv[] = {"one", "two words", ""};
  CHECK(wx_run_file(host, path, 3, argv) == 3);
  CHECK(strcmp(wx_error(host), "") == 0);
  CHECK(wx_run_file(host, "/nonexistent/x.lua", 0, NULL) == -1);
  CHECK(strstr(wx_error(host), "/nonexistent/x.lua"));
  wx_close(host);
}

static void mistakes(void) {
  struct wx_host *host = wx_open(NULL);
  CHECK(wx_run_string(host, "return (", "text") == -1);
  CHECK(strncmp(wx_error(host), "text:1:", 7) == 0);
  CHECK(wx_run_string(host, "error('broken')", "text") == -1);
  CHECK(strstr(wx_error(host), "broken"));
  CHECK(wx_run_string(host, "error({})", "text") == -1);
  CHECK(wx_run_string(host, "require('wrapix').task.spawn(error, 'child')", "text") == -1);
  CHECK(strstr(wx_error(host), "child"));
  CHECK(wx_run_string(host, "return 9", "text") == 9);
  CHECK(strcmp(wx_error(host), "") == 0);
  CHECK(wx_run_string(host, "return 'text'", "text") == 0);
  wx_close(host);
  wx_close(NULL);
}

static void nested(void) {
  outer = wx_open(NULL);
  lua_pushcfunction(wx_lua(outer), l_nested);
  lua_setglobal(wx_lua(outer), "nested");
  // Its own stack stays whole: the code after the call goes on.
  int code = wx_run_string(outer, "local got = nested() return got == -1 and 3 or 4", "outer");
  CHECK(code == 3);
  wx_close(outer);
}

// A state with something running is closed without waiting for it.
static void unfinished(void) {
  struct wx_host *host = wx_open(NULL);
  CHECK(wx_run_string(host, "local w = require('wrapix') w.task.detach(w.task.sleep, 60) return 2",
                      "unfinished") == 2);
  wx_close(host);
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN);
  if (argc != 2)
    return 2;
  two_at_a_time();
  files(argv[1]);
  mistakes();
  nested();
  unfinished();
  return failures == 0 ? 0 : 1;
}
