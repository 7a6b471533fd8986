// SPDX-License-Identifier: MIT
// Strict JSON over cJSON. cJSON alone takes `01`, raw control bytes and bad
// UTF-8, and cuts a string at \u0000, so a scanner of our own checks the whole
// text first; cJSON then builds the tree from text that is known to be right.
#ifndef WX_CORE_JSON_H
#define WX_CORE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define WX_JSON_DEPTH_CAP 1000   // cJSON's own limit; deeper is never taken
#define WX_JSON_NUMBER_CAP 63    // cJSON reads numbers into a buffer of 64

struct wx_json_limits {
  size_t max_depth; // 1 .. WX_JSON_DEPTH_CAP; 1 allows [] but not [[]]
  size_t max_size;  // bytes
};

// A number as it was written: cJSON knows doubles only, which loses 1 against
// 1.0 and every integer from 2^53 on.
struct wx_json_number {
  bool is_int;
  union {
    int64_t i;
    double d;
  } as;
};

struct wx_json_doc {
  cJSON *root;                     /* owned */
  struct wx_json_number *numbers;  /* owned; all numbers in the order of the text */
  size_t count;
};

// Checks and parses. On failure *offset is the byte (from 0) where the text
// stops being JSON. The result is freed by wx_json_free.
struct wx_json_doc *wx_json_parse(const char *text, size_t len, const struct wx_json_limits *limits,
                                  size_t *offset, wx_err *err);
void wx_json_free(void *doc);

// Where the INDEXth object key (from 0, in the order of the text) of a text that
// has passed wx_json_parse begins.
size_t wx_json_key_offset(const char *text, size_t len, size_t index);

// How many bytes TEXT takes as a JSON string with its quotes. Fails, with the
// offset of the byte, on bad UTF-8 and on NUL, which decoding refuses as well.
int wx_json_quoted_size(const char *text, size_t len, size_t *size, size_t *offset, wx_err *err);
// Writes exactly that many bytes.
void wx_json_quote(const char *text, size_t len, char *out);

// The shortest text that reads back as the same finite double, always with a
// point or an exponent. Returns its length.
size_t wx_json_format_double(double value, char out[40]);

#endif
