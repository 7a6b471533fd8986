// SPDX-License-Identifier: MIT
// wrapix._c.json: decode, and the two texts that encoding cannot make in Lua
// (a string literal, a float). The walk over tables is in json.lua.
#include <string.h>

#include "api.h"
#include "core/json.h"

struct push {
  const struct wx_json_doc *doc;
  size_t numbers; // how many were pushed
  size_t keys;
};

// What the functions of this module share.
#define ARRAY_MT lua_upvalueindex(1)
#define NULL_VALUE lua_upvalueindex(2)
#define HOLD lua_upvalueindex(3)
#define UPVALUES 3

static bool push_value(lua_State *L, struct push *p, const cJSON *item);

// Not lua_pushstring, which looks for the address among the last ones: never found here.
static void push_text(lua_State *L, const char *text) { lua_pushlstring(L, text, strlen(text)); }

static void push_number(lua_State *L, struct push *p) {
  const struct wx_json_number *number = &p->doc->numbers[p->numbers++];
  if (number->is_int)
    lua_pushinteger(L, (lua_Integer)number->as.i);
  else
    lua_pushnumber(L, number->as.d);
}

static bool push_array(lua_State *L, struct push *p, const cJSON *array) {
  lua_createtable(L, cJSON_GetArraySize(array), 0); // array
  lua_pushvalue(L, ARRAY_MT);
  lua_setmetatable(L, -2);
  lua_Integer i = 0;
  for (const cJSON *item = array->child; item; item = item->next) {
    if (!push_value(L, p, item)) // array value
      return false;
    lua_rawseti(L, -2, ++i);
  }
  return true;
}

static bool push_object(lua_State *L, struct push *p, const cJSON *object) {
  lua_createtable(L, 0, cJSON_GetArraySize(object)); // object
  for (const cJSON *item = object->child; item; item = item->next) {
    push_text(L, item->string); // object key
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -3) != LUA_TNIL) // object key old
      return false;
    lua_pop(L, 1);
    p->keys++;
    if (!push_value(L, p, item)) // object key value
      return false;
    lua_rawset(L, -3);
  }
  return true;
}

// Recursion is bounded by the depth limit that the text has passed. False: the
// key number p->keys is there twice.
static bool push_value(lua_State *L, struct push *p, const cJSON *item) {
  luaL_checkstack(L, 8, "json");
  switch (item->type & 0xFF) {
  case cJSON_Array:
    return push_array(L, p, item);
  case cJSON_Object:
    return push_object(L, p, item);
  case cJSON_String:
    push_text(L, item->valuestring);
    return true;
  case cJSON_Number:
    push_number(L, p);
    return true;
  case cJSON_NULL:
    lua_pushvalue(L, NULL_VALUE);
    return true;
  default:
    lua_pushboolean(L, cJSON_IsTrue(item));
    return true;
  }
}

// nil, "line 2, column 5: reason", offset (from 1, as string.sub counts)
static int push_fault(lua_State *L, const char *text, size_t offset, const char *reason) {
  lua_Integer line = 1;
  size_t start = 0;
  for (const char *nl; (nl = memchr(text + start, '\n', offset - start)); line++)
    start = (size_t)(nl - text) + 1;
  lua_pushnil(L);
  lua_pushfstring(L, "line %I, column %I: %s", line, (lua_Integer)(offset - start) + 1, reason);
  lua_pushinteger(L, (lua_Integer)offset + 1);
  return 3;
}

// Pushes an empty hold: the shared one, since to make one costs as much as to read a
// short text. It is taken while a finalizer decodes in the middle of another decode,
// and after one that raised; it goes with that one then, and another is shared.
static struct wx_hold *push_hold(lua_State *L) {
  lua_pushvalue(L, HOLD); // hold
  struct wx_hold *hold = lua_touserdata(L, -1);
  if (!hold->ptr)
    return hold;
  lua_pop(L, 1);
  hold = wx_hold_new(L, wx_json_free); // hold
  lua_copy(L, -1, HOLD);
  return hold;
}

// decode(text, max_depth, max_size) -> value | nil, message, offset
static int l_decode(lua_State *L) {
  size_t len, offset;
  const char *text = luaL_checklstring(L, 1, &len);
  lua_Integer depth = luaL_checkinteger(L, 2), size = luaL_checkinteger(L, 3);
  luaL_argcheck(L, depth >= 1 && depth <= WX_JSON_DEPTH_CAP, 2, "must be 1 to 1000");
  luaL_argcheck(L, size >= 0, 3, "must not be negative");
  lua_settop(L, 1);
  struct wx_hold *hold = push_hold(L); // text hold
  struct wx_json_limits limits = {.max_depth = (size_t)depth, .max_size = (size_t)size};
  wx_err err;
  struct wx_json_doc *doc = wx_json_parse(text, len, &limits, &offset, &err);
  hold->ptr = doc;
  if (!doc)
    return push_fault(L, text, offset, err.msg);
  struct push p = {.doc = doc};
  bool ok = push_value(L, &p, doc->root);
  wx_hold_clear(hold);
  if (ok)
    return 1;
  return push_fault(L, text, wx_json_key_offset(text, len, p.keys), "key is there twice");
}

// quote(text) -> JSON string | nil, reason
static int l_quote(lua_State *L) {
  size_t len, size, offset;
  const char *text = luaL_checklstring(L, 1, &len);
  wx_err err;
  if (wx_json_quoted_size(text, len, &size, &offset, &err) < 0) {
    lua_pushnil(L);
    lua_pushfstring(L, "%s (byte %I)", err.msg, (lua_Integer)offset + 1);
    return 2;
  }
  luaL_Buffer b;
  wx_json_quote(text, len, luaL_buffinitsize(L, &b, size));
  luaL_pushresultsize(&b, size);
  return 1;
}

// float(number) -> the shortest text that reads back as the same finite float
static int l_float(lua_State *L) {
  char out[40];
  size_t len = wx_json_format_double(luaL_checknumber(L, 1), out);
  lua_pushlstring(L, out, len);
  return 1;
}

static int null_tostring(lua_State *L) {
  lua_pushliteral(L, "null");
  return 1;
}

// The one null of this state; a second opening must not make another.
static void push_null(lua_State *L) {
  if (lua_getfield(L, LUA_REGISTRYINDEX, WX_JSON_NULL) != LUA_TNIL)
    return;
  lua_pop(L, 1);
  lua_newuserdatauv(L, 0, 0); // null
  lua_createtable(L, 0, 2);   // null mt
  lua_pushcfunction(L, null_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushliteral(L, "null");
  lua_setfield(L, -2, "__name");
  lua_setmetatable(L, -2); // null
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_REGISTRYINDEX, WX_JSON_NULL);
}

static const luaL_Reg functions[] = {FN(decode), FN(quote), FN(float), {NULL, NULL}};

int luaopen_wrapix_json(lua_State *L) {
  luaL_newlibtable(L, functions);       // lib
  luaL_newmetatable(L, WX_JSON_ARRAY);  // lib mt
  push_null(L);                         // lib mt null
  lua_pushvalue(L, -1);
  lua_setfield(L, -4, "null");
  lua_pushvalue(L, -2);
  lua_setfield(L, -4, "array_mt");
  wx_hold_new(L, wx_json_free);         // lib mt null hold
  luaL_setfuncs(L, functions, UPVALUES); // lib
  return 1;
}
