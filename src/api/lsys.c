// SPDX-License-Identifier: MIT
// wrapix._c.sys: facts about the process, the user and the machine. Reads
// only: setting a variable would race with the threads of the loop.
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api.h"
#include "core/plat.h"
#include "core/sys.h"

// uid() -> integer
static int l_uid(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)getuid());
  return 1;
}

// euid() -> integer
static int l_euid(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)geteuid());
  return 1;
}

// gid() -> integer
static int l_gid(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)getgid());
  return 1;
}

// pid() -> integer
static int l_pid(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)getpid());
  return 1;
}

// ppid() -> integer
static int l_ppid(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)getppid());
  return 1;
}

// user(uid) -> name, home | nil | nil, message, code; plain nil: no such user
static int l_user(lua_State *L) {
  lua_Integer uid = luaL_checkinteger(L, 1);
  luaL_argcheck(L, uid >= 0 && uid <= UINT32_MAX, 1, "not a user id");
  struct wx_sys_user user;
  wx_err err;
  int rc = wx_sys_user((uid_t)uid, &user, &err);
  if (rc < 0)
    return wx_push_fail(L, &err);
  if (rc == 0)
    return 0;
  lua_pushstring(L, user.name);
  lua_pushstring(L, user.home);
  return 2;
}

// hostname() -> string | nil, message, code
static int l_hostname(lua_State *L) {
  char name[256];
  wx_err err;
  if (wx_sys_hostname(name, sizeof name, &err) < 0)
    return wx_push_fail(L, &err);
  lua_pushstring(L, name);
  return 1;
}

// boot_id() -> string | nil, message, code
static int l_boot_id(lua_State *L) {
  char id[64];
  wx_err err;
  if (wx_plat_boot_id(id, sizeof id, &err) < 0)
    return wx_push_fail(L, &err);
  lua_pushstring(L, id);
  return 1;
}

// process_start(pid) -> string | nil, message, code; ESRCH: no such process
static int l_process_start(lua_State *L) {
  lua_Integer pid = luaL_checkinteger(L, 1);
  luaL_argcheck(L, pid > 0 && pid <= INT32_MAX, 1, "not a process id");
  char start[64];
  wx_err err;
  if (wx_plat_process_start((pid_t)pid, start, sizeof start, &err) < 0)
    return wx_push_fail(L, &err);
  lua_pushstring(L, start);
  return 1;
}

// signal(pid, start, signo) -> true | nil, message, code; ESRCH: that process is gone
static int l_signal(lua_State *L) {
  lua_Integer pid = luaL_checkinteger(L, 1);
  luaL_argcheck(L, pid > 0 && pid <= INT32_MAX, 1, "not a process id");
  const char *start = luaL_checkstring(L, 2);
  lua_Integer signo = luaL_checkinteger(L, 3);
  luaL_argcheck(L, signo >= 0 && signo < NSIG, 3, "not a signal number");
  wx_err err;
  if (wx_plat_signal((pid_t)pid, start, (int)signo, &err) < 0)
    return wx_push_fail(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

static int check_fd(lua_State *L, int arg) {
  lua_Integer fd = luaL_checkinteger(L, arg);
  luaL_argcheck(L, fd >= 0 && fd <= INT32_MAX, arg, "not a descriptor");
  return (int)fd;
}

// isatty(fd) -> boolean
static int l_isatty(lua_State *L) {
  lua_pushboolean(L, isatty(check_fd(L, 1)));
  return 1;
}

// term_size(fd) -> rows, cols | nil, message, code
static int l_term_size(lua_State *L) {
  int rows, cols;
  wx_err err;
  if (wx_sys_term_size(check_fd(L, 1), &rows, &cols, &err) < 0)
    return wx_push_fail(L, &err);
  lua_pushinteger(L, rows);
  lua_pushinteger(L, cols);
  return 2;
}

static void set_limit(lua_State *L, const char *name, rlim_t value) {
  if (value == RLIM_INFINITY || value > (rlim_t)LUA_MAXINTEGER)
    lua_pushnumber(L, HUGE_VAL);
  else
    lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, name);
}

// limits() -> { nofile = { soft, hard }, nproc = { soft, hard } }
static int l_limits(lua_State *L) {
  static const struct {
    const char *name;
    int id;
  } known[] = {{"nofile", RLIMIT_NOFILE}, {"nproc", RLIMIT_NPROC}};
  lua_createtable(L, 0, 2); // limits
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    struct rlimit limit;
    if (getrlimit(known[i].id, &limit) < 0)
      continue;
    lua_createtable(L, 0, 2); // limits pair
    set_limit(L, "soft", limit.rlim_cur);
    set_limit(L, "hard", limit.rlim_max);
    lua_setfield(L, -2, known[i].name);
  }
  return 1;
}

// cpus() -> integer | nil, message, code
static int l_cpus(lua_State *L) {
  wx_err err;
  int count = wx_plat_cpus(&err);
  if (count < 0)
    return wx_push_fail(L, &err);
  lua_pushinteger(L, count);
  return 1;
}

// memory() -> bytes | nil, message, code
static int l_memory(lua_State *L) {
  uint64_t bytes;
  wx_err err;
  if (wx_plat_memory(&bytes, &err) < 0)
    return wx_push_fail(L, &err);
  lua_pushinteger(L, (lua_Integer)bytes);
  return 1;
}

// environ() -> { NAME = value }
static int l_environ(lua_State *L) {
  lua_newtable(L); // env
  for (char **entry = wx_plat_environ(); entry && *entry; entry++) {
    const char *sign = strchr(*entry, '=');
    if (!sign)
      continue;
    lua_pushlstring(L, *entry, (size_t)(sign - *entry)); // env name
    lua_pushvalue(L, -1);
    // Of a name that is there twice getenv takes the first.
    if (lua_rawget(L, -3) != LUA_TNIL) {
      lua_pop(L, 2);
      continue;
    }
    lua_pop(L, 1);
    lua_pushstring(L, sign + 1); // env name value
    lua_rawset(L, -3);
  }
  return 1;
}

// clock() -> seconds on a clock that never steps back
static int l_clock(lua_State *L) {
  lua_pushnumber(L, wx_sys_clock());
  return 1;
}

// time() -> seconds since 1970
static int l_time(lua_State *L) {
  lua_pushnumber(L, wx_sys_time());
  return 1;
}

// random_hex(nbytes) -> two lower-case digits for each byte | nil, message, code
static int l_random_hex(lua_State *L) {
  static const char hex[] = "0123456789abcdef";
  unsigned char bytes[1024];
  char text[2 * sizeof bytes];
  lua_Integer n = luaL_checkinteger(L, 1);
  luaL_argcheck(L, n >= 1 && n <= (lua_Integer)sizeof bytes, 1, "must be 1 to 1024 bytes");
  wx_err err;
  if (wx_sys_random(bytes, (size_t)n, &err) < 0)
    return wx_push_fail(L, &err);
  for (lua_Integer i = 0; i < n; i++) {
    text[2 * i] = hex[bytes[i] >> 4];
    text[2 * i + 1] = hex[bytes[i] & 15];
  }
  lua_pushlstring(L, text, (size_t)n * 2);
  return 1;
}

// arch() -> "x86_64", "aarch64", …
static int l_arch(lua_State *L) {
  char arch[256];
  wx_sys_arch(arch, sizeof arch);
  lua_pushstring(L, arch);
  return 1;
}

static const luaL_Reg functions[] = {
    FN(uid),           FN(euid),   FN(gid),       FN(pid),    FN(ppid),    FN(user),
    FN(hostname),      FN(boot_id), FN(process_start), FN(isatty), FN(term_size), FN(limits),
    FN(cpus),          FN(memory), FN(environ),   FN(clock),  FN(time),    FN(random_hex),
    FN(arch),          FN(signal), {NULL, NULL},
};

int luaopen_wrapix_sys(lua_State *L) {
  luaL_newlib(L, functions); // lib
  lua_pushstring(L, wx_plat_name);
  lua_setfield(L, -2, "platform");
  return 1;
}
