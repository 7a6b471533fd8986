// SPDX-License-Identifier: MIT
// The JSON scanner below Lua: what it takes, where it stops, and that cJSON
// never refuses what it took.
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/util.h"
#include "tap.h"

static const struct wx_json_limits limits = {.max_depth = 128, .max_size = 1 << 20};

struct sample {
  const char *text;
  long stop; // offset of the failure; -1: taken
};

static const struct sample samples[] = {
    {"", 0},
    {"null", -1},
    {"[1,-0,0.5e-3,\"\\u00e4\",{}]", -1},
    {"[01]", 1},
    {"1.e1", 2},
    {"\"\x01\"", 1},
    {"\"\\u0000\"", 1},
    {"\"\\ud800\\u0041\"", 1},
    {"\"\\udbff\\udfff\"", -1},
    {"\"\xf4\x8f\xbf\xbf\"", -1},
    {"\"\xf4\x90\x80\x80\"", 1},
    {"\"\xc1\xbf\"", 1},
    {"[[[]]", 5},
    {"{\"a\":1,\"a\":2}", -1}, // keys are compared where the table is made
    {"{\"a\":1 \"b\":2}", 7},
    {"tru", 0},
    {"true false", 5},
    {"1e309", 0},
    {"-1e309", 0},
    {"123456789012345678901234567890123456789012345678901234567890123", -1},
    {"1234567890123456789012345678901234567890123456789012345678901234", 0},
};

static void test_samples(void) {
  for (size_t i = 0; i < WX_COUNT(samples); i++) {
    const char *text = samples[i].text;
    size_t offset = 0;
    wx_err err = {0};
    struct wx_json_doc *doc = wx_json_parse(text, strlen(text), &limits, &offset, &err);
    long stop = doc ? -1 : (long)offset;
    check(stop == samples[i].stop, "sample %zu stops at %ld (%ld): %s", i, samples[i].stop, stop,
          doc ? "taken" : err.msg);
    wx_json_free(doc);
  }
}

static void test_numbers(void) {
  const char *text = "[1,1.0,-9223372036854775808,9223372036854775808,9007199254740993]";
  size_t offset;
  wx_err err;
  struct wx_json_doc *doc = wx_json_parse(text, strlen(text), &limits, &offset, &err);
  if (!check(doc && doc->count == 5, "all numbers are kept"))
    return;
  const struct wx_json_number *n = doc->numbers;
  check(n[0].is_int && n[0].as.i == 1 && !n[1].is_int && n[1].as.d == 1, "1 is not 1.0");
  check(n[2].is_int && n[2].as.i == INT64_MIN, "the least integer is exact");
  check(!n[3].is_int && n[3].as.d == 9223372036854775808.0, "beyond 64 bits there are doubles");
  check(n[4].is_int && n[4].as.i == 9007199254740993, "2^53 + 1 is exact");
  wx_json_free(doc);
}

static void test_limits(void) {
  struct wx_json_limits small = {.max_depth = 2, .max_size = 6};
  size_t offset;
  wx_err err;
  struct wx_json_doc *doc = wx_json_parse("[[1]]", 5, &small, &offset, &err);
  check(doc != NULL, "depth at the limit");
  wx_json_free(doc);
  check(!wx_json_parse("[[[]]]", 6, &small, &offset, &err) && offset == 2, "depth beyond it");
  check(!wx_json_parse("[     ]", 7, &small, &offset, &err) && err.code == EFBIG, "size beyond it");
}

static void test_keys(void) {
  const char *text = "{\"a\":{\"b\":[{\"c\":\"{\\\"x\\\":\"}]}, \"d\":1}";
  const char names[] = "abcd";
  for (size_t i = 0; i < 4; i++) {
    size_t at = wx_json_key_offset(text, strlen(text), i);
    check(text[at] == '"' && text[at + 1] == names[i], "key %zu is found", i);
  }
}

static void test_quote(void) {
  char all[128], out[1024];
  for (int i = 1; i < 128; i++)
    all[i - 1] = (char)i;
  size_t size, offset;
  wx_err err;
  check(wx_json_quoted_size(all, 127, &size, &offset, &err) == 0 && size < sizeof out,
        "all of ASCII can be quoted");
  wx_json_quote(all, 127, out);
  struct wx_json_doc *doc = wx_json_parse(out, size, &limits, &offset, &err);
  check(doc && strncmp(doc->root->valuestring, all, 127) == 0, "and reads back");
  wx_json_free(doc);
  check(wx_json_quoted_size("a\xff", 2, &size, &offset, &err) < 0 && offset == 1, "bad UTF-8");
  check(wx_json_quoted_size("a\0", 2, &size, &offset, &err) < 0 && offset == 1, "NUL");
}

static bool survives(double value) {
  char out[40];
  size_t n = wx_json_format_double(value, out), offset;
  wx_err err;
  struct wx_json_doc *doc = wx_json_parse(out, n, &limits, &offset, &err);
  bool same = n == strlen(out) && doc && !doc->numbers[0].is_int && doc->numbers[0].as.d == value;
  wx_json_free(doc);
  return same;
}

static void test_doubles(const char *where) {
  static const double fixed[] = {0.0, -0.0, 0.1, 1e22, 1e23, 5e-324, 1.7976931348623157e308, 1e15};
  bool ok = true;
  for (size_t i = 0; i < WX_COUNT(fixed); i++)
    ok = survives(fixed[i]) && ok;
  srand(3);
  for (int i = 0; i < 20000; i++)
    ok = survives(ldexp((double)rand() / 7 - 1e8, rand() % 200 - 100)) && ok;
  check(ok, "doubles read back the same (%s)", where);
}

// What a comma for a point would break.
static void test_locale(void) {
  static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8"};
  for (size_t i = 0; i < WX_COUNT(names); i++)
    if (setlocale(LC_ALL, names[i])) {
      test_doubles(names[i]);
      break;
    }
  setlocale(LC_ALL, "C");
}

// Changes valid texts at random: whatever is taken, cJSON takes as well (its
// refusal is reported as ENOMEM), and a refusal points into the text.
static void test_mutations(void) {
  static const char *const seeds[] = {
      "{\"a\":[1,2.5e+3,-0,true,false,null],\"\\u00e4\\ud83d\\ude00\":{\"b\":\"\xc3\xa4\\n\"}}",
      "[[[[]]],{},\"\\\\\\\"\",123456789012345678901,0.1E-2]",
  };
  static const char bytes[] = "[]{},:\"\\u0123ed8.-+eE tfn\n\x01\x80\xc3\xf0\xff";
  bool ok = true;
  int taken = 0;
  srand(1);
  for (int round = 0; round < 200000; round++) {
    char text[128];
    const char *seed = seeds[round % 2];
    size_t len = strlen(seed), offset = 0;
    memcpy(text, seed, len);
    for (int i = rand() % 4; i >= 0; i--)
      text[(size_t)rand() % len] = bytes[(size_t)rand() % (sizeof bytes - 1)];
    if (rand() % 8 == 0)
      len = (size_t)rand() % len;
    wx_err err = {0};
    struct wx_json_doc *doc = wx_json_parse(text, len, &limits, &offset, &err);
    ok = ok && (doc ? true : err.code == EINVAL && offset <= len);
    taken += doc != NULL;
    wx_json_free(doc);
  }
  check(ok && taken > 1000, "200000 changed texts, %d of them taken", taken);
}

int main(void) {
  test_samples();
  test_numbers();
  test_limits();
  test_keys();
  test_quote();
  test_doubles("C");
  test_locale();
  test_mutations();
  return finish();
}
