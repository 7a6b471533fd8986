// SPDX-License-Identifier: MIT
// ralph: what an agent in a sandbox can say to the step it works for. It sends its words as one
// line of JSON to the launcher's socket and prints what comes back. It knows no word of them: what
// may be asked, and what comes of it, is decided outside. Must not wait for ever, nor depend on
// the image.
//
// Theory of operation. Everything that could take long shares one end, LIMIT_MS from the start:
// reading stdin (only where a word is "-"), connecting, sending, waiting for the answer. The
// answer's texts are taken out of the buffer in place, as a decoded text is never longer than its
// escapes. Everything is in static memory: nothing is allocated.
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifndef WX_VERSION
#define WX_VERSION "unversioned"
#endif

#define SOCKET "/run/wrapix/ralph.sock"
#define NO_STEP "this sandbox belongs to no step"

// The reader outside takes lines of 300 KiB; of its answers none is longer than 1 MiB.
enum { LINE_BYTES = 300 << 10, STDIN_BYTES = 256 << 10, ANSWER_BYTES = 1 << 20 };
enum { LIMIT_MS = 30000, RETRY_NS = 5000000, ANSWER_DEPTH = 8 };

static const char HELP[] =
  "usage: ralph VERB [WORD...]\n"
  "\n"
  "Says something to the step this sandbox works for. Text given as - is read from stdin.\n"
  "\n"
  "  issue add TITLE [-d TEXT] [-t TYPE] [-p 0..4] [--accept TEXT] [--blocks-current]\n"
  "                        note work that was discovered, linked to the current issue\n"
  "  issue show [ID]       show the current issue, or another\n"
  "  issue list            show what is open\n"
  "  note TEXT             leave a comment on the current issue\n"
  "  done [SUMMARY] [--no-change REASON]\n"
  "                        end: the current issue is done; checks follow\n"
  "  blocked REASON        end: it cannot be done now\n"
  "  ask QUESTION [--option TEXT]...\n"
  "                        end: a person has to answer first\n"
  "  help                  what the step itself says of this\n";

static long long deadline;

static long long now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static int left(void) {
  long long ms = deadline - now_ms();
  return ms > 0 ? (int)ms : 0;
}

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  fputs("ralph: ", stderr);
  vfprintf(stderr, fmt, ap);
  fputc('\n', stderr);
  va_end(ap);
  exit(1);
}

// -- The request -------------------------------------------------------------------------------

struct line {
  char data[LINE_BYTES];
  size_t len;
};

static void put_bytes(struct line *l, const char *s, size_t len) {
  // One byte stays for the line's end.
  if (len >= sizeof l->data - l->len)
    die("the request is longer than %d KiB", LINE_BYTES >> 10);
  memcpy(l->data + l->len, s, len);
  l->len += len;
}

static void put(struct line *l, const char *s) { put_bytes(l, s, strlen(s)); }

// How many bytes the UTF-8 character at `s` has; 0 when it is none.
static size_t utf8_size(const unsigned char *s, size_t len) {
  size_t size = s[0] < 0x80 ? 1 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
  if (s[0] > 0xF4 || (s[0] >= 0x80 && s[0] < 0xC2) || size > len)
    return 0;
  for (size_t i = 1; i < size; i++)
    if ((s[i] & 0xC0) != 0x80)
      return 0;
  // Longer than needed, halves of UTF-16 pairs, beyond the last character.
  if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) ||
      (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F))
    return 0;
  return size;
}

// Any bytes as a JSON string: what is no UTF-8, and NUL, which the reader outside does not take,
// is shown to have been there.
static void put_text(struct line *l, const char *text, size_t len) {
  const unsigned char *s = (const unsigned char *)text;
  put(l, "\"");
  for (size_t at = 0; at < len;) {
    size_t size = utf8_size(s + at, len - at);
    char escape[8];
    if (size == 0 || s[at] == 0) {
      put(l, "\xEF\xBF\xBD");
      size = 1;
    } else if (s[at] < 0x20 || s[at] == 0x7F || s[at] == '"' || s[at] == '\\') {
      snprintf(escape, sizeof escape, "\\u%04x", s[at]);
      put(l, escape);
    } else {
      put_bytes(l, text + at, size);
    }
    at += size;
  }
  put(l, "\"");
}

static size_t read_stdin(char *data, size_t size) {
  size_t len = 0;
  for (;;) {
    struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
    int ready = poll(&p, 1, left());
    if (ready < 0 && errno == EINTR)
      continue;
    if (ready <= 0)
      die("stdin has no end after %d seconds", LIMIT_MS / 1000);
    char more;
    ssize_t n = len < size ? read(STDIN_FILENO, data + len, size - len)
                           : read(STDIN_FILENO, &more, 1);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
      continue;
    if (n < 0)
      die("read stdin: %s", strerror(errno));
    if (n == 0)
      return len;
    if (len == size)
      die("stdin is longer than %d KiB", STDIN_BYTES >> 10);
    len += (size_t)n;
  }
}

static void render(struct line *l, char **words) {
  static char data[STDIN_BYTES];
  bool reads_stdin = false;
  put(l, "{\"version\":1,\"words\":[");
  for (char **word = words; *word; word++) {
    if (word != words)
      put(l, ",");
    put_text(l, *word, strlen(*word));
    reads_stdin = reads_stdin || strcmp(*word, "-") == 0;
  }
  put(l, "]");
  if (reads_stdin) {
    put(l, ",\"stdin\":");
    put_text(l, data, read_stdin(data, sizeof data));
  }
  put(l, "}\n");
}

// -- Sending and receiving ---------------------------------------------------------------------

// A Unix socket whose queue is full says EAGAIN, and nothing says when it has room again.
static int connect_to(const char *path) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  if ((size_t)snprintf(addr.sun_path, sizeof addr.sun_path, "%s", path) >= sizeof addr.sun_path)
    die("%s: the name of the socket is too long", path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    die("socket: %s", strerror(errno));
  while (connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0) {
    if (errno == ENOENT || errno == ENOTDIR)
      die("%s", NO_STEP);
    if (errno == ECONNREFUSED)
      die("the step this sandbox belonged to is over");
    if ((errno != EAGAIN && errno != EINTR) || left() == 0)
      die("connect to %s: %s", path, strerror(errno));
    nanosleep(&(struct timespec){ .tv_nsec = RETRY_NS }, NULL);
  }
  return fd;
}

static void send_all(int fd, const struct line *l) {
  for (size_t sent = 0; sent < l->len;) {
    ssize_t n = send(fd, l->data + sent, l->len - sent, MSG_NOSIGNAL);
    if (n > 0) {
      sent += (size_t)n;
      continue;
    }
    struct pollfd p = { .fd = fd, .events = POLLOUT };
    if (errno == EPIPE || errno == ECONNRESET)
      return; // who hangs up may have said why
    if (errno != EAGAIN && errno != EINTR)
      die("send: %s", strerror(errno));
    if (left() == 0)
      die("nobody took the request within %d seconds", LIMIT_MS / 1000);
    poll(&p, 1, left());
  }
}

// The first line of what comes.
static size_t receive(int fd, char *data, size_t size) {
  for (size_t len = 0;;) {
    struct pollfd p = { .fd = fd, .events = POLLIN };
    int ready = poll(&p, 1, left());
    if (ready < 0 && errno == EINTR)
      continue;
    if (ready <= 0)
      die("no answer within %d seconds", LIMIT_MS / 1000);
    ssize_t n = read(fd, data + len, size - len);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
      continue;
    const char *end = n > 0 ? memchr(data + len, '\n', (size_t)n) : NULL;
    if (end)
      return (size_t)(end - data);
    if (n <= 0)
      die("the step this sandbox belongs to gave no answer");
    len += (size_t)n;
    if (len == size)
      die("the answer is too long");
  }
}

// -- The answer --------------------------------------------------------------------------------

struct text {
  const char *data;
  size_t len;
};

struct answer {
  char *at, *end;
  struct text out, err;
  long status;
};

static void skip_space(struct answer *a) {
  while (a->at < a->end && strchr(" \t\r\n", *a->at) && *a->at)
    a->at++;
}

static bool take(struct answer *a, char c) {
  skip_space(a);
  if (a->at >= a->end || *a->at != c)
    return false;
  a->at++;
  return true;
}

// Four hexadecimal digits, or -1.
static int take_unit(struct answer *a) {
  char digits[5] = "";
  for (int i = 0; i < 4; i++) {
    if (a->end - a->at <= i || !isxdigit((unsigned char)a->at[i]))
      return -1;
    digits[i] = a->at[i];
  }
  a->at += 4;
  return (int)strtol(digits, NULL, 16);
}

static char *encode_utf8(char *out, int code) {
  static const int marks[] = { 0, 0xC0, 0xE0, 0xF0 };
  int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  *out++ = (char)(marks[more] | code >> (6 * more));
  while (more-- > 0)
    *out++ = (char)(0x80 | (code >> (6 * more) & 0x3F));
  return out;
}

// After "\u": the character of one or two escapes; a half without its other is none.
static int take_code(struct answer *a) {
  int unit = take_unit(a);
  if (unit < 0xD800 || unit > 0xDFFF)
    return unit;
  if (unit > 0xDBFF || a->end - a->at < 6 || a->at[0] != '\\' || a->at[1] != 'u')
    return -1;
  a->at += 2;
  int low = take_unit(a);
  if (low < 0xDC00 || low > 0xDFFF)
    return -1;
  return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
}

// Decodes in place, from behind the opening quote to behind the closing one.
static bool take_string(struct answer *a, struct text *out) {
  static const char escapes[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
  char *to = a->at;
  *out = (struct text){ to, 0 };
  while (a->at < a->end) {
    char c = *a->at++;
    if (c == '"') {
      out->len = (size_t)(to - out->data);
      return true;
    }
    if (c != '\\') {
      *to++ = c;
      continue;
    }
    char what = a->at < a->end ? *a->at++ : 0;
    int code = what == 'u' ? take_code(a) : -1;
    for (size_t i = 0; i < sizeof escapes - 1 && what != 'u'; i += 2)
      if (escapes[i] == what)
        code = (unsigned char)escapes[i + 1];
    if (code < 0)
      return false;
    to = encode_utf8(to, code);
  }
  return false;
}

static bool is(struct text t, const char *word) {
  return t.len == strlen(word) && memcmp(t.data, word, t.len) == 0;
}

static bool take_value(struct answer *a, int depth, struct text key);

// Of an object or an array, by its end.
static bool take_members(struct answer *a, int depth, char end) {
  if (take(a, end))
    return true;
  do {
    struct text key = { "", 0 };
    if (end == '}' && (!take(a, '"') || !take_string(a, &key) || !take(a, ':')))
      return false;
    if (!take_value(a, depth, key))
      return false;
  } while (take(a, ','));
  return take(a, end);
}

// What a later version says beside what is known here is passed over.
static bool take_value(struct answer *a, int depth, struct text key) {
  struct text value;
  if (depth >= ANSWER_DEPTH)
    return false;
  if (take(a, '"')) {
    if (!take_string(a, &value))
      return false;
    if (depth == 1 && is(key, "out"))
      a->out = value;
    if (depth == 1 && is(key, "err"))
      a->err = value;
    return true;
  }
  if (take(a, '{'))
    return take_members(a, depth + 1, '}');
  if (take(a, '['))
    return take_members(a, depth + 1, ']');
  const char *start = a->at; // a number, true, false, null
  while (a->at < a->end && (isalnum((unsigned char)*a->at) || strchr("+-.", *a->at)) && *a->at)
    a->at++;
  if (depth == 1 && is(key, "status"))
    a->status = strtol(start, NULL, 10); // ends before the line's end, which is a NUL by now
  return a->at > start;
}

// A line may have been written, in vain, before there was anything to flush.
static bool is_written(void) { return fflush(stdout) == 0 && !ferror(stdout); }

static void print(FILE *to, struct text t) {
  if (t.len > 0)
    fwrite(t.data, 1, t.len, to);
}

int main(int argc, char **argv) {
  static struct line line;
  static char data[ANSWER_BYTES + 1];
  signal(SIGPIPE, SIG_IGN);
  deadline = now_ms() + LIMIT_MS;
  if (argc < 2) {
    fputs(HELP, stderr);
    return 2;
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
    return fputs(HELP, stdout) < 0 || !is_written();
  if (strcmp(argv[1], "--version") == 0)
    return puts("ralph " WX_VERSION) < 0 || !is_written();
  const char *path = getenv("WRAPIX_RALPH_SOCKET");
  path = path && *path ? path : SOCKET;
  if (access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
    die("%s", NO_STEP); // before somebody types at stdin
  render(&line, argv + 1);
  int fd = connect_to(path); // the reader outside waits for nobody's stdin
  send_all(fd, &line);
  size_t len = receive(fd, data, sizeof data - 1);
  data[len] = '\0';
  struct answer a = { .at = data, .end = data + len, .status = -1 };
  if (!take(&a, '{') || !take_members(&a, 1, '}') || a.status < 0 || a.status > 255)
    die("the answer makes no sense");
  print(stdout, a.out);
  print(stderr, a.err);
  if (!is_written() && a.status == 0)
    die("the answer could not be written");
  return (int)a.status;
}
