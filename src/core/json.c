// SPDX-License-Identifier: MIT
// The scanner: one pass, no recursion, no look-back, so time is linear and the
// stack constant whatever the text holds. It decides what is JSON; cJSON only
// ever sees text that passed.
#include "json.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scan {
  const unsigned char *text;
  size_t len;
  size_t at;
  size_t depth;
  size_t max_depth;
  size_t keys;      // object keys seen so far
  size_t stop_key;  // the scan ends before this one; SIZE_MAX: never
  struct wx_json_doc *doc; // receives the numbers; NULL when only the scan matters
  size_t room;             // of doc->numbers
  const char *reason;
  char open[WX_JSON_DEPTH_CAP]; // the containers we are in: '{' or '['
};

// STEP_FAIL is 0, so that fail_at() also answers "false".
enum step { STEP_FAIL, STEP_VALUE, STEP_KEY, STEP_AFTER, STEP_END };

static enum step fail_at(struct scan *s, size_t at, const char *reason) {
  s->at = at;
  s->reason = reason;
  return STEP_FAIL;
}

static int peek(const struct scan *s) { return s->at < s->len ? s->text[s->at] : -1; }

static void skip_space(struct scan *s) {
  for (int c = peek(s); c == ' ' || c == '\n' || c == '\r' || c == '\t'; c = peek(s))
    s->at++;
}

static bool is_digit(int c) { return c >= '0' && c <= '9'; }

// --- strings --------------------------------------------------------------------

static bool is_tail(const unsigned char *p, size_t n, size_t i) {
  return i < n && (p[i] & 0xC0) == 0x80;
}

// Length of the UTF-8 sequence at P; 0 for anything but the shortest form of a
// character up to U+10FFFF that is no surrogate.
static size_t utf8_length(const unsigned char *p, size_t n) {
  if (p[0] < 0x80)
    return 1;
  if (p[0] < 0xC2 || p[0] > 0xF4 || !is_tail(p, n, 1))
    return 0;
  if (p[0] < 0xE0)
    return 2;
  if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) ||
      (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F) || !is_tail(p, n, 2))
    return 0;
  if (p[0] < 0xF0)
    return 3;
  return is_tail(p, n, 3) ? 4 : 0;
}

// The four hex digits at AT, or -1.
static long read_hex4(const struct scan *s, size_t at) {
  long value = 0;
  for (size_t i = at; i < at + 4; i++) {
    int c = i < s->len ? s->text[i] : -1;
    int digit = is_digit(c)            ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0)
      return -1;
    value = value * 16 + digit;
  }
  return value;
}

static bool scan_unicode(struct scan *s) {
  size_t start = s->at - 1; // of the backslash
  long unit = read_hex4(s, s->at + 1);
  if (unit < 0)
    return fail_at(s, start, "\\u needs four hexadecimal digits");
  if (unit == 0)
    return fail_at(s, start, "\\u0000 is not accepted in a string");
  if (unit >= 0xDC00 && unit <= 0xDFFF)
    return fail_at(s, start, "low surrogate without a high one before it");
  s->at += 5;
  if (unit < 0xD800 || unit > 0xDBFF)
    return true;
  bool pair = s->len - s->at >= 2 && s->text[s->at] == '\\' && s->text[s->at + 1] == 'u';
  long low = pair ? read_hex4(s, s->at + 2) : -1;
  if (low < 0xDC00 || low > 0xDFFF)
    return fail_at(s, start, "high surrogate without a low one after it");
  s->at += 6;
  return true;
}

static bool scan_escape(struct scan *s) {
  s->at++;
  int c = peek(s);
  if (c == 'u')
    return scan_unicode(s);
  if (c <= 0 || !strchr("\"\\/bfnrt", c))
    return fail_at(s, s->at - 1, "unknown escape in a string");
  s->at++;
  return true;
}

static bool scan_string(struct scan *s) {
  for (s->at++; s->at < s->len;) {
    unsigned char c = s->text[s->at];
    if (c == '"') {
      s->at++;
      return true;
    }
    if (c < 0x20)
      return fail_at(s, s->at, "control character in a string; write it as an escape");
    if (c == '\\') {
      if (!scan_escape(s))
        return false;
      continue;
    }
    // Most of all texts is ASCII, which needs no call.
    size_t n = c < 0x80 ? 1 : utf8_length(s->text + s->at, s->len - s->at);
    if (n == 0)
      return fail_at(s, s->at, "string is not valid UTF-8");
    s->at += n;
  }
  return fail_at(s, s->len, "string without its closing quote");
}

// --- numbers --------------------------------------------------------------------

// Reads the digits as an int64; false when they do not fit.
static bool read_int(const unsigned char *p, size_t n, int64_t *out) {
  bool negative = p[0] == '-';
  uint64_t value = 0, limit = (uint64_t)INT64_MAX + negative;
  for (size_t i = negative; i < n; i++) {
    uint64_t digit = (uint64_t)(p[i] - '0');
    if (value > (limit - digit) / 10)
      return false;
    value = value * 10 + digit;
  }
  // In two steps, because -(INT64_MIN) does not exist.
  *out = !negative ? (int64_t)value : value == 0 ? 0 : -(int64_t)(value - 1) - 1;
  return true;
}

static double read_double(const unsigned char *p, size_t n) {
  char copy[WX_JSON_NUMBER_CAP + 1];
  memcpy(copy, p, n);
  copy[n] = '\0';
  char *point = strchr(copy, '.');
  if (point) // strtod wants the locale's
    *point = localeconv()->decimal_point[0];
  return strtod(copy, NULL);
}

static struct wx_json_number *add_number(struct scan *s) {
  static struct wx_json_number ignored;
  struct wx_json_doc *doc = s->doc;
  if (!doc)
    return &ignored;
  if (doc->count == s->room) {
    size_t room = s->room ? s->room * 2 : 64;
    void *grown = realloc(doc->numbers, room * sizeof *doc->numbers);
    if (!grown)
      return NULL;
    doc->numbers = grown;
    s->room = room;
  }
  return &doc->numbers[doc->count++];
}

static bool skip_digits(struct scan *s) {
  size_t start = s->at;
  while (is_digit(peek(s)))
    s->at++;
  return s->at > start;
}

// Leaves s->at behind the number; *is_int tells whether it has no point or exponent.
static bool scan_number_text(struct scan *s, bool *is_int) {
  if (peek(s) == '-')
    s->at++;
  size_t first = s->at;
  if (!skip_digits(s))
    return fail_at(s, s->at, "digit expected in a number");
  if (s->text[first] == '0' && s->at > first + 1)
    return fail_at(s, first, "number with a leading zero");
  *is_int = true;
  if (peek(s) == '.') {
    *is_int = false;
    s->at++;
    if (!skip_digits(s))
      return fail_at(s, s->at, "digit expected after the point");
  }
  if (peek(s) == 'e' || peek(s) == 'E') {
    *is_int = false;
    s->at++;
    if (peek(s) == '+' || peek(s) == '-')
      s->at++;
    if (!skip_digits(s))
      return fail_at(s, s->at, "digit expected in the exponent");
  }
  return true;
}

static enum step scan_number(struct scan *s) {
  size_t start = s->at;
  bool is_int;
  if (!scan_number_text(s, &is_int))
    return STEP_FAIL;
  size_t n = s->at - start;
  if (n > WX_JSON_NUMBER_CAP)
    return fail_at(s, start, "number of more than 63 characters");
  struct wx_json_number *number = add_number(s);
  if (!number)
    return fail_at(s, start, NULL);
  number->is_int = is_int && read_int(s->text + start, n, &number->as.i);
  if (!number->is_int) {
    number->as.d = read_double(s->text + start, n);
    if (isinf(number->as.d))
      return fail_at(s, start, "number too large");
  }
  return STEP_AFTER;
}

// --- structure ------------------------------------------------------------------

static enum step scan_word(struct scan *s, const char *word) {
  size_t n = strlen(word);
  if (s->len - s->at < n || memcmp(s->text + s->at, word, n) != 0)
    return fail_at(s, s->at, "value expected");
  s->at += n;
  return STEP_AFTER;
}

static enum step open_container(struct scan *s, char kind) {
  if (s->depth == s->max_depth)
    return fail_at(s, s->at, "nested too deeply");
  s->open[s->depth++] = kind;
  s->at++;
  skip_space(s);
  if (peek(s) == (kind == '{' ? '}' : ']')) {
    s->at++;
    s->depth--;
    return STEP_AFTER;
  }
  return kind == '{' ? STEP_KEY : STEP_VALUE;
}

static enum step scan_value(struct scan *s) {
  skip_space(s);
  int c = peek(s);
  switch (c) {
  case '{':
  case '[':
    return open_container(s, (char)c);
  case '"':
    return scan_string(s) ? STEP_AFTER : STEP_FAIL;
  case 't':
    return scan_word(s, "true");
  case 'f':
    return scan_word(s, "false");
  case 'n':
    return scan_word(s, "null");
  case -1:
    return fail_at(s, s->at, "value expected, but the text ends");
  case 0xEF:
    return fail_at(s, s->at, "value expected; a byte order mark is not part of JSON");
  default:
    return c == '-' || is_digit(c) ? scan_number(s) : fail_at(s, s->at, "value expected");
  }
}

static enum step scan_key(struct scan *s) {
  skip_space(s);
  if (peek(s) != '"')
    return fail_at(s, s->at, "key in double quotes expected");
  if (s->keys == s->stop_key)
    return STEP_END;
  s->keys++;
  if (!scan_string(s))
    return STEP_FAIL;
  skip_space(s);
  if (peek(s) != ':')
    return fail_at(s, s->at, "':' expected after a key");
  s->at++;
  return STEP_VALUE;
}

static enum step scan_after(struct scan *s) {
  skip_space(s);
  int c = peek(s);
  if (s->depth == 0)
    return c < 0 ? STEP_END : fail_at(s, s->at, "end of the text expected after the value");
  bool in_object = s->open[s->depth - 1] == '{';
  if (c == ',') {
    s->at++;
    return in_object ? STEP_KEY : STEP_VALUE;
  }
  if (c != (in_object ? '}' : ']'))
    return fail_at(s, s->at, in_object ? "',' or '}' expected" : "',' or ']' expected");
  s->at++;
  s->depth--;
  return STEP_AFTER;
}

static bool scan_text(struct scan *s) {
  enum step step = STEP_VALUE;
  while (step != STEP_END && step != STEP_FAIL)
    step = step == STEP_VALUE ? scan_value(s) : step == STEP_KEY ? scan_key(s) : scan_after(s);
  return step == STEP_END;
}

// --- parsing --------------------------------------------------------------------

void wx_json_free(void *p) {
  struct wx_json_doc *doc = p;
  if (!doc)
    return;
  cJSON_Delete(doc->root);
  free(doc->numbers);
  free(doc);
}

static int fill_doc(struct wx_json_doc *doc, const char *text, size_t len,
                    const struct wx_json_limits *limits, size_t *offset, wx_err *err) {
  *offset = limits->max_size;
  if (len > limits->max_size)
    return wx_err_set(err, EFBIG, "text of more than %zu bytes", limits->max_size);
  struct scan s = {.text = (const unsigned char *)text, .len = len, .stop_key = SIZE_MAX};
  s.max_depth = limits->max_depth < WX_JSON_DEPTH_CAP ? limits->max_depth : WX_JSON_DEPTH_CAP;
  s.doc = doc;
  bool ok = scan_text(&s);
  *offset = s.at;
  if (!ok)
    return wx_err_set(err, s.reason ? EINVAL : ENOMEM, "%s", s.reason ? s.reason : "out of memory");
  doc->root = cJSON_ParseWithLengthOpts(text, len, NULL, 0);
  if (!doc->root) // the scanner takes nothing that cJSON refuses
    return wx_err_set(err, ENOMEM, "out of memory");
  return 0;
}

struct wx_json_doc *wx_json_parse(const char *text, size_t len, const struct wx_json_limits *limits,
                                  size_t *offset, wx_err *err) {
  struct wx_json_doc *doc = calloc(1, sizeof *doc);
  if (!doc) {
    wx_err_set(err, ENOMEM, "out of memory");
    *offset = 0;
    return NULL;
  }
  if (fill_doc(doc, text, len, limits, offset, err) < 0) {
    wx_json_free(doc);
    return NULL;
  }
  return doc;
}

size_t wx_json_key_offset(const char *text, size_t len, size_t index) {
  struct scan s = {.text = (const unsigned char *)text, .len = len, .stop_key = index};
  s.max_depth = WX_JSON_DEPTH_CAP;
  scan_text(&s);
  return s.at;
}

// --- printing -------------------------------------------------------------------

// The letter of a two-character escape, or 0.
static char short_escape(unsigned char c) {
  static const char letters[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                 ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};
  return c < sizeof letters ? letters[c] : 0;
}

int wx_json_quoted_size(const char *text, size_t len, size_t *size, size_t *offset, wx_err *err) {
  const unsigned char *p = (const unsigned char *)text;
  *size = 2;
  for (size_t i = 0; i < len;) {
    size_t n = utf8_length(p + i, len - i);
    if (n == 0 || p[i] == 0) {
      *offset = i;
      return wx_err_set(err, EINVAL, n ? "string with a NUL byte" : "string is not valid UTF-8");
    }
    *size += short_escape(p[i]) ? 2 : p[i] < 0x20 ? 6 : n;
    i += n;
  }
  return 0;
}

void wx_json_quote(const char *text, size_t len, char *out) {
  static const char hex[] = "0123456789abcdef";
  *out++ = '"';
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)text[i];
    if (short_escape(c)) {
      *out++ = '\\';
      *out++ = short_escape(c);
    } else if (c < 0x20) {
      for (const char *prefix = "\\u00"; *prefix;)
        *out++ = *prefix++;
      *out++ = hex[c >> 4];
      *out++ = hex[c & 15];
    } else {
      *out++ = (char)c;
    }
  }
  *out = '"';
}

size_t wx_json_format_double(double value, char out[40]) {
  int n = 0;
  for (int digits = 15; digits <= 17; digits++) {
    n = snprintf(out, 40, "%.*g", digits, value);
    if (strtod(out, NULL) == value)
      break;
  }
  char *point = strchr(out, localeconv()->decimal_point[0]);
  if (point)
    *point = '.';
  if (!strpbrk(out, ".e"))
    n += snprintf(out + n, 40 - (size_t)n, ".0");
  return (size_t)n;
}
