// SPDX-License-Identifier: MIT
// wrapix._c.fs: positional arguments in, plain values out; options and defaults
// are in fs.lua. Calls do not yield: they work on local files.
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api.h"
#include "core/fs.h"
#include "core/plat.h"

static mode_t check_mode(lua_State *L, int arg) {
  lua_Integer mode = luaL_checkinteger(L, arg);
  luaL_argcheck(L, mode >= 0 && mode <= 07777, arg, "must be 0 to 0o7777");
  return (mode_t)mode;
}

static uid_t check_id(lua_State *L, int arg, const char *what) {
  lua_Integer id = luaL_checkinteger(L, arg);
  luaL_argcheck(L, id >= 0 && id < UINT32_MAX, arg, what);
  return (uid_t)id;
}

static int push_done(lua_State *L, int rc, const wx_err *err) {
  if (rc < 0)
    return wx_push_fail(L, err);
  lua_pushboolean(L, 1);
  return 1;
}

// --- files --------------------------------------------------------------------------

static void free_block(void *block) { free(block); }

// Pushes what was read into a block that HOLD frees.
static int push_block(lua_State *L, struct wx_hold *hold, char *data, size_t len) {
  hold->ptr = data;
  lua_pushlstring(L, data, len);
  wx_hold_clear(hold);
  return 1;
}

static size_t check_limit(lua_State *L, int arg) {
  lua_Integer limit = luaL_checkinteger(L, arg);
  luaL_argcheck(L, limit >= 0, arg, "must not be negative");
  return (size_t)limit;
}

// read(path, limit) -> string | nil, message, code
static int l_read(lua_State *L) {
  const char *path = wx_check_text(L, 1);
  size_t limit = check_limit(L, 2), len;
  struct wx_hold *hold = wx_hold_new(L, free_block);
  char *data;
  wx_err err;
  if (wx_fs_read(path, limit, &data, &len, &err) < 0)
    return wx_push_fail(L, &err);
  return push_block(L, hold, data, len);
}

// read_beneath(root, rel, limit) -> string | nil, message, code
static int l_read_beneath(lua_State *L) {
  const char *root = wx_check_text(L, 1), *rel = wx_check_text(L, 2);
  size_t limit = check_limit(L, 3), len;
  struct wx_hold *hold = wx_hold_new(L, free_block);
  char *data;
  wx_err err;
  if (wx_fs_read_beneath(root, rel, limit, &data, &len, &err) < 0)
    return wx_push_fail(L, &err);
  return push_block(L, hold, data, len);
}

// read_part_beneath(root, rel, at, len) -> string | nil, message, code
static int l_read_part_beneath(lua_State *L) {
  const char *root = wx_check_text(L, 1), *rel = wx_check_text(L, 2);
  lua_Integer at = luaL_checkinteger(L, 3);
  luaL_argcheck(L, at >= 0, 3, "must not be negative");
  size_t len = check_limit(L, 4);
  void *data = lua_newuserdatauv(L, len, 0);
  wx_err err;
  if (wx_fs_read_part_beneath(root, rel, (off_t)at, data, &len, &err) < 0)
    return wx_push_fail(L, &err);
  lua_pushlstring(L, data, len);
  return 1;
}

// true, false or "content"
static enum wx_fs_sync check_sync(lua_State *L, int arg) {
  if (lua_type(L, arg) != LUA_TSTRING)
    return lua_toboolean(L, arg) ? WX_SYNC_ALL : WX_SYNC_NONE;
  luaL_argcheck(L, strcmp(lua_tostring(L, arg), "content") == 0, arg, "true, false or \"content\"");
  return WX_SYNC_CONTENT;
}

// patch_beneath(root, rel, size, at, cut, data, sync) -> true | nil, message, code
static int l_patch_beneath(lua_State *L) {
  const char *root = wx_check_text(L, 1), *rel = wx_check_text(L, 2);
  lua_Integer size = luaL_checkinteger(L, 3), at = luaL_checkinteger(L, 4);
  lua_Integer cut = luaL_checkinteger(L, 5);
  luaL_argcheck(L, at >= 0 && at <= size, 4, "must be within the file");
  luaL_argcheck(L, cut >= 0 && cut <= size - at, 5, "must be within the file");
  struct wx_fs_patch patch = {.size = (off_t)size, .at = (off_t)at, .cut = (off_t)cut};
  patch.data = luaL_checklstring(L, 6, &patch.len);
  patch.sync = check_sync(L, 7);
  wx_err err;
  return push_done(L, wx_fs_patch_beneath(root, rel, &patch, &err), &err);
}

// write_atomic(path, data, mode | nil, sync) -> true | nil, message, code
static int l_write_atomic(lua_State *L) {
  const char *path = wx_check_text(L, 1);
  size_t len;
  const char *data = luaL_checklstring(L, 2, &len);
  int mode = lua_isnoneornil(L, 3) ? -1 : (int)check_mode(L, 3);
  wx_err err;
  return push_done(L, wx_fs_write_atomic(path, data, len, mode, lua_toboolean(L, 4), &err), &err);
}

// create_beneath(root, rel, data) -> true | nil, message, code
static int l_create_beneath(lua_State *L) {
  const char *root = wx_check_text(L, 1), *rel = wx_check_text(L, 2);
  size_t len;
  const char *data = luaL_checklstring(L, 3, &len);
  wx_err err;
  return push_done(L, wx_fs_create_beneath(root, rel, data, len, &err), &err);
}

// replace_beneath(root, rel, data, mode | nil, sync) -> true | nil, message, code
static int l_replace_beneath(lua_State *L) {
  const char *root = wx_check_text(L, 1), *rel = wx_check_text(L, 2);
  size_t len;
  const char *data = luaL_checklstring(L, 3, &len);
  int mode = lua_isnoneornil(L, 4) ? -1 : (int)check_mode(L, 4);
  enum wx_fs_sync sync = check_sync(L, 5);
  wx_err err;
  return push_done(L, wx_fs_replace_beneath(root, rel, data, len, mode, sync, &err), &err);
}

// append_beneath(root, rel, data) -> true | nil, message, code
static int l_append_beneath(lua_State *L) {
  const char *root = wx_check_text(L, 1), *rel = wx_check_text(L, 2);
  size_t len;
  const char *data = luaL_checklstring(L, 3, &len);
  wx_err err;
  return push_done(L, wx_fs_append_beneath(root, rel, data, len, &err), &err);
}

// append(path, data, mode) -> true | nil, message, code
static int l_append(lua_State *L) {
  const char *path = wx_check_text(L, 1);
  size_t len;
  const char *data = luaL_checklstring(L, 2, &len);
  mode_t mode = check_mode(L, 3);
  wx_err err;
  return push_done(L, wx_fs_append(path, data, len, mode, &err), &err);
}

// --- locks --------------------------------------------------------------------------

struct lock {
  int fd; /* owned */
};

static struct lock *check_lock(lua_State *L) { return luaL_checkudata(L, 1, WX_LOCK); }

// lock(path, mode) -> lock | nil, message, code; EAGAIN: held by somebody else
static int l_lock(lua_State *L) {
  const char *path = wx_check_text(L, 1);
  mode_t mode = check_mode(L, 2);
  struct lock *lock = lua_newuserdatauv(L, sizeof *lock, 0);
  lock->fd = -1;
  luaL_setmetatable(L, WX_LOCK);
  wx_err err;
  lock->fd = wx_fs_lock(path, mode, &err);
  return lock->fd < 0 ? wx_push_fail(L, &err) : 1;
}

// lock:close(); twice is allowed
static int m_close(lua_State *L) {
  struct lock *lock = check_lock(L);
  if (lock->fd >= 0)
    wx_fs_unlock(lock->fd);
  lock->fd = -1;
  return 0;
}

#define mm_gc m_close
#define mm_close m_close

static int mm_tostring(lua_State *L) {
  const struct lock *lock = check_lock(L);
  lua_pushfstring(L, "lock (%s)", lock->fd >= 0 ? "held" : "closed");
  return 1;
}

// --- directories --------------------------------------------------------------------

// ensure_dir(path, mode) -> true | nil, message, code
static int l_ensure_dir(lua_State *L) {
  const char *path = wx_check_text(L, 1);
  mode_t mode = check_mode(L, 2);
  wx_err err;
  return push_done(L, wx_fs_ensure_dir(path, mode, &err), &err);
}

// temp_dir(prefix) -> path | nil, message, code; prefix is a whole path
static int l_temp_dir(lua_State *L) {
  char path[PATH_MAX];
  wx_err err;
  size_t len;
  const char *prefix = luaL_checklstring(L, 1, &len);
  wx_check_text(L, 1);
  luaL_argcheck(L, len + sizeof "XXXXXX" <= sizeof path, 1, "path too long");
  memcpy(path, prefix, len);
  memcpy(path + len, "XXXXXX", sizeof "XXXXXX");
  if (wx_fs_temp_dir(path, &err) < 0)
    return wx_push_fail(L, &err);
  lua_pushstring(L, path);
  return 1;
}

static void push_stat(lua_State *L, const struct stat *st) {
  int64_t mtime = wx_plat_mtime_ns(st);
  const struct {
    const char *name;
    lua_Integer value;
  } fields[] = {
      {"size", (lua_Integer)st->st_size},   {"mode", (lua_Integer)(st->st_mode & 07777)},
      {"uid", (lua_Integer)st->st_uid},     {"gid", (lua_Integer)st->st_gid},
      {"ino", (lua_Integer)st->st_ino},     {"dev", (lua_Integer)st->st_dev},
      {"nlink", (lua_Integer)st->st_nlink}, {"mtime_ns", (lua_Integer)mtime},
      {"ctime_ns", (lua_Integer)wx_plat_ctime_ns(st)},
  };
  lua_createtable(L, 0, 11); // stat
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    lua_pushinteger(L, fields[i].value);
    lua_setfield(L, -2, fields[i].name);
  }
  lua_pushnumber(L, (lua_Number)mtime / 1e9);
  lua_setfield(L, -2, "mtime");
  lua_pushstring(L, wx_fs_type(st->st_mode));
  lua_setfield(L, -2, "type");
}

static void free_entries(void *entries) { wx_fs_entries_free(entries); }

// list(dir) -> names | nil, message, code
static int l_list(lua_State *L) {
  const char *path = wx_check_text(L, 1);
  struct wx_hold *hold = wx_hold_new(L, free_entries);
  wx_err err;
  const struct wx_fs_entries *entries = hold->ptr = wx_fs_list(path, "", &err);
  if (!entries)
    return wx_push_fail(L, &err);
  lua_createtable(L, (int)entries->count, 0); // hold names
  for (size_t i = 0; i < entries->count; i++) {
    lua_pushstring(L, entries->list[i].name);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  wx_hold_clear(hold);
  return 1;
}

// scan(root, rel) -> names, stats | nil, message, code; no part of rel may be a link
static int l_scan(lua_State *L) {
  const char *root = wx_check_text(L, 1), *rel = wx_check_text(L, 2);
  struct wx_hold *hold = wx_hold_new(L, free_entries);
  wx_err err;
  const struct wx_fs_entries *entries = hold->ptr = wx_fs_list(root, rel, &err);
  if (!entries)
    return wx_push_fail(L, &err);
  lua_createtable(L, (int)entries->count, 0);
  lua_createtable(L, (int)entries->count, 0); // hold names stats
  for (size_t i = 0; i < entries->count; i++) {
    lua_pushstring(L, entries->list[i].name);
    lua_rawseti(L, -3, (lua_Integer)i + 1);
    push_stat(L, &entries->list[i].st);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  wx_hold_clear(hold);
  return 2;
}

// The words at a place as an array that ends with NULL, at most ROOM - 1 of them; they stay where they
// are as long as the table does.
static void check_words(lua_State *L, int arg, const char **words, lua_Integer room) {
  luaL_checktype(L, arg, LUA_TTABLE);
  lua_Integer count = luaL_len(L, arg);
  luaL_argcheck(L, count < room, arg, "too many names");
  for (lua_Integer i = 0; i < count; i++) {
    luaL_argcheck(L, lua_rawgeti(L, arg, i + 1) == LUA_TSTRING, arg, "strings expected");
    words[i] = lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  words[count] = NULL;
}

static void free_survey(void *survey) {
  wx_fs_survey_clear(survey);
  free(survey);
}

static int push_survey(lua_State *L, const struct wx_fs_survey *survey) {
  lua_pushinteger(L, (lua_Integer)survey->count);
  if (survey->odd)
    lua_pushstring(L, survey->odd);
  else
    lua_pushboolean(L, 0);
  lua_createtable(L, (int)survey->found.count, 0);
  lua_createtable(L, (int)survey->found.count, 0); // count odd paths stats
  for (size_t i = 0; i < survey->found.count; i++) {
    lua_pushstring(L, survey->found.list[i].name);
    lua_rawseti(L, -3, (lua_Integer)i + 1);
    push_stat(L, &survey->found.list[i].st);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_pushlstring(L, (const char *)survey->digest, sizeof survey->digest);
  lua_pushinteger(L, (lua_Integer)survey->newest_ns);
  return 6;
}

// survey(root, rel, most, names, stop, skip, digest) -> count, odd, paths, stats, digest, newest_ns
//   | nil, message, code; odd is false when there is none
static int l_survey(lua_State *L) {
  const char *root = wx_check_text(L, 1), *rel = wx_check_text(L, 2), *words[2][8];
  lua_Integer most = luaL_checkinteger(L, 3);
  luaL_argcheck(L, most >= 0, 3, "must not be negative");
  for (int i = 0; i < 2; i++)
    check_words(L, 4 + i, words[i], 8);
  const struct wx_fs_survey_options options = {
      .most = (size_t)most,
      .names = words[0],
      .stop = words[1],
      .skip = luaL_optstring(L, 6, NULL),
      .digest = lua_toboolean(L, 7),
  };
  struct wx_hold *hold = wx_hold_new(L, free_survey);
  struct wx_fs_survey *survey = hold->ptr = calloc(1, sizeof *survey);
  if (!survey)
    return luaL_error(L, "not enough memory");
  wx_err err;
  if (wx_fs_survey(root, rel, &options, survey, &err) < 0)
    return wx_push_fail(L, &err);
  int count = push_survey(L, survey);
  wx_hold_clear(hold);
  return count;
}

// remove_tree(path) -> true | nil, message, code
static int l_remove_tree(lua_State *L) {
  const char *path = wx_check_text(L, 1);
  wx_err err;
  return push_done(L, wx_fs_remove_tree(path, &err), &err);
}

// copy_tree(src, dst, follow, max_bytes | nil) -> true | nil, message, code
static int l_copy_tree(lua_State *L) {
  const char *src = wx_check_text(L, 1), *dst = wx_check_text(L, 2);
  lua_Integer max = luaL_optinteger(L, 4, -1);
  struct wx_fs_copy how = {.follow = lua_toboolean(L, 3), .max_bytes = (off_t)max};
  wx_err err;
  return push_done(L, wx_fs_copy_tree(src, dst, &how, &err), &err);
}

// --- one call each --------------------------------------------------------------------

static int push_file_stat(lua_State *L, bool follow) {
  struct stat st;
  wx_err err;
  if (wx_fs_stat(wx_check_text(L, 1), follow, &st, &err) < 0)
    return wx_push_fail(L, &err);
  push_stat(L, &st);
  return 1;
}

// stat(path) -> table | nil, message, code
static int l_stat(lua_State *L) { return push_file_stat(L, true); }

// lstat(path) -> table | nil, message, code; of a link itself
static int l_lstat(lua_State *L) { return push_file_stat(L, false); }

// realpath(path) -> path | nil, message, code
static int l_realpath(lua_State *L) {
  char out[PATH_MAX];
  wx_err err;
  if (wx_fs_realpath(wx_check_text(L, 1), out, &err) < 0)
    return wx_push_fail(L, &err);
  lua_pushstring(L, out);
  return 1;
}

// access(path, want) -> true | nil, message, code; want: some of "rwx", "" for existence
static int l_access(lua_State *L) {
  const char *path = wx_check_text(L, 1), *want = wx_check_text(L, 2);
  luaL_argcheck(L, want[strspn(want, "rwx")] == '\0', 2, "must be of the letters r, w and x");
  int mask = (strchr(want, 'r') ? R_OK : 0) | (strchr(want, 'w') ? W_OK : 0) |
             (strchr(want, 'x') ? X_OK : 0);
  wx_err err;
  return push_done(L, wx_fs_access(path, mask ? mask : F_OK, &err), &err);
}

// mkdir(path, mode) -> true | nil, message, code
static int l_mkdir(lua_State *L) {
  const char *path = wx_check_text(L, 1);
  mode_t mode = check_mode(L, 2);
  wx_err err;
  return push_done(L, wx_fs_mkdir(path, mode, &err), &err);
}

// rmdir(path) -> true | nil, message, code
static int l_rmdir(lua_State *L) {
  wx_err err;
  return push_done(L, wx_fs_rmdir(wx_check_text(L, 1), &err), &err);
}

// unlink(path) -> true | nil, message, code
static int l_unlink(lua_State *L) {
  wx_err err;
  return push_done(L, wx_fs_unlink(wx_check_text(L, 1), &err), &err);
}

// rename(from, to) -> true | nil, message, code
static int l_rename(lua_State *L) {
  const char *from = wx_check_text(L, 1), *to = wx_check_text(L, 2);
  wx_err err;
  return push_done(L, wx_fs_rename(from, to, &err), &err);
}

// symlink(target, path) -> true | nil, message, code
static int l_symlink(lua_State *L) {
  const char *target = wx_check_text(L, 1), *path = wx_check_text(L, 2);
  wx_err err;
  return push_done(L, wx_fs_symlink(target, path, &err), &err);
}

// readlink(path) -> target | nil, message, code
static int l_readlink(lua_State *L) {
  char target[PATH_MAX];
  wx_err err;
  ssize_t n = wx_fs_readlink(wx_check_text(L, 1), target, sizeof target, &err);
  if (n < 0)
    return wx_push_fail(L, &err);
  lua_pushlstring(L, target, (size_t)n);
  return 1;
}

// chmod(path, mode) -> true | nil, message, code
static int l_chmod(lua_State *L) {
  const char *path = wx_check_text(L, 1);
  mode_t mode = check_mode(L, 2);
  wx_err err;
  return push_done(L, wx_fs_chmod(path, mode, &err), &err);
}

// chown(path, uid, gid) -> true | nil, message, code
static int l_chown(lua_State *L) {
  const char *path = wx_check_text(L, 1);
  uid_t uid = check_id(L, 2, "no user id");
  gid_t gid = check_id(L, 3, "no group id");
  wx_err err;
  return push_done(L, wx_fs_chown(path, uid, gid, &err), &err);
}

// ensure_dir_beneath(root, rel, mode, uid, gid) -> true | nil, message, code
static int l_ensure_dir_beneath(lua_State *L) {
  const char *root = wx_check_text(L, 1), *rel = wx_check_text(L, 2);
  struct wx_fs_owner owner = {.mode = check_mode(L, 3)};
  owner.uid = check_id(L, 4, "no user id");
  owner.gid = check_id(L, 5, "no group id");
  wx_err err;
  return push_done(L, wx_fs_ensure_dir_beneath(root, rel, &owner, &err), &err);
}

static const luaL_Reg functions[] = {
    FN(read),  FN(write_atomic), FN(append),    FN(lock),    FN(ensure_dir), FN(temp_dir),
    FN(list),  FN(scan),         FN(remove_tree), FN(copy_tree), FN(stat),   FN(lstat),
    FN(realpath), FN(access),    FN(mkdir),     FN(rmdir),   FN(unlink),     FN(rename),
    FN(symlink), FN(readlink),   FN(chmod), FN(chown),
    FN(read_beneath), FN(ensure_dir_beneath), FN(create_beneath),
    FN(replace_beneath), FN(append_beneath), FN(read_part_beneath),
    FN(patch_beneath), FN(survey), {NULL, NULL},
};

static const luaL_Reg methods[] = {METHOD(close), {NULL, NULL}};

static const luaL_Reg metas[] = {META(gc), META(close), META(tostring), {NULL, NULL}};

int luaopen_wrapix_fs(lua_State *L) {
  wx_new_class(L, WX_LOCK, methods, metas);
  luaL_newlib(L, functions);
  return 1;
}
