// SPDX-License-Identifier: MIT
// wrapix-notify: tells the person outside something, from inside a sandbox. It sends one line of
// JSON to the launcher's socket and is gone: what it was told may be any bytes, the line is valid.
// It must not wait for anybody, must not fail whoever calls it, and must not depend on the image.
//
// Theory of operation. An agent calls this from a hook and waits for its end, so everything that
// could take long has an end of its own: reading stdin, connecting and sending together SEND_MS.
// The reader of a hook's JSON takes texts of the top level (and of tool_input) out of the buffer in
// place, as a decoded text is never longer than its escapes; what is broken behind what was read
// changes nothing. Everything is in static memory: nothing is allocated.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
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

#define SOCKET "/run/wrapix/notify.sock"
#define TOKEN "/run/wrapix/notify.token"
#define TCP_PORT 5959

// As written, with escapes. The server takes lines of 64 KiB.
enum { LINE_MAX_BYTES = 65536, MESSAGE_BYTES = 60000, TITLE_BYTES = 2048, WORD_BYTES = 300 };
// What a tool wrote may be megabytes; what is asked for stands before it or is done without.
enum { HOOK_BYTES = 1 << 20, HOOK_DEPTH = 64, STDIN_MS = 1000, SEND_MS = 250, RETRY_NS = 5000000 };

struct text {
  const char *data;
  size_t len;
};

// A message being made of pieces; what does not fit is left out.
struct words {
  char data[16384];
  size_t len;
};

struct message {
  struct text title, message, sound, event, kind, urgency, tag;
};

static long long deadline_in(int ms) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000LL + t.tv_nsec / 1000000 + ms;
}

static int left_until(long long deadline) {
  long long left = deadline - deadline_in(0);
  return left > 0 ? (int)left : 0;
}

__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...) {
  const char *verbose = getenv("WRAPIX_NOTIFY_VERBOSE");
  if (!verbose || strcmp(verbose, "1") != 0)
    return;
  va_list ap;
  va_start(ap, fmt);
  fputs("wrapix-notify: ", stderr);
  vfprintf(stderr, fmt, ap);
  fputc('\n', stderr);
  va_end(ap);
}

static struct text text_of(const char *s) { return (struct text){ s, s ? strlen(s) : 0 }; }

static struct text first_of(struct text a, struct text b) { return a.len > 0 ? a : b; }

static bool is(struct text t, const char *word) {
  return t.len > 0 && t.len == strlen(word) && memcmp(t.data, word, t.len) == 0;
}

// -- Writing JSON ------------------------------------------------------------------------------

struct line {
  char data[LINE_MAX_BYTES];
  size_t len;
};

// How many bytes the UTF-8 character at `s` has; 0 when it is none.
static size_t utf8_size(const unsigned char *s, size_t len) {
  size_t size = s[0] < 0x80 ? 1 : s[0] >= 0xC2 && s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
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

// One character of the text as it stands in a JSON string; returns how many bytes of it were read.
static size_t escape(const unsigned char *s, size_t len, char out[8], size_t *out_len) {
  size_t size = utf8_size(s, len);
  if (size == 0 || s[0] == 0) { // the reader on the host takes no NUL
    memcpy(out, "\xEF\xBF\xBD", *out_len = 3);
    return 1;
  }
  if (s[0] == '"' || s[0] == '\\')
    memcpy(out, (const char[]){ '\\', (char)s[0] }, *out_len = 2);
  else if (s[0] < 0x20 || s[0] == 0x7F)
    *out_len = (size_t)snprintf(out, 8, "\\u%04x", s[0]);
  else
    memcpy(out, s, *out_len = size);
  return size;
}

static void put(struct line *l, const char *s) {
  size_t len = strlen(s);
  memcpy(l->data + l->len, s, len);
  l->len += len;
}

// A field of at most `limit` bytes as written, cut between two characters. The limits of all
// fields together are less than a line has.
static void put_field(struct line *l, const char *name, struct text t, size_t limit) {
  static const char cut[] = "\xE2\x80\xA6";
  put(l, l->len == 0 ? "{\"" : ",\"");
  put(l, name);
  put(l, "\":\"");
  size_t start = l->len, last = start; // last: where the mark of a cut text still fits
  for (size_t at = 0; at < t.len;) {
    char one[8];
    size_t n;
    at += escape((const unsigned char *)t.data + at, t.len - at, one, &n);
    if (l->len - start + n > limit) {
      l->len = last;
      put(l, cut);
      break;
    }
    memcpy(l->data + l->len, one, n);
    l->len += n;
    if (l->len - start + sizeof cut - 1 <= limit)
      last = l->len;
  }
  put(l, "\"");
}

static void put_optional(struct line *l, const char *name, struct text t) {
  if (t.len > 0)
    put_field(l, name, t, WORD_BYTES);
}

static void render(struct line *l, const struct message *m, struct text token) {
  l->len = 0;
  put_field(l, "title", m->title, TITLE_BYTES);
  put_field(l, "message", m->message, MESSAGE_BYTES);
  put_field(l, "sound", m->sound, WORD_BYTES);
  put_field(l, "session_id", text_of(getenv("WRAPIX_SESSION_ID")), WORD_BYTES);
  put_optional(l, "event", m->event);
  put_optional(l, "kind", m->kind);
  put_optional(l, "urgency", m->urgency);
  put_optional(l, "tag", m->tag);
  put_optional(l, "token", token);
  put(l, "}\n");
}

// -- Reading JSON ------------------------------------------------------------------------------

// The texts a hook is asked for; those of tool_input come with its name before them.
enum { EVENT, MESSAGE, TITLE, KIND, TOOL, TOOL_ABOUT, TOOL_COMMAND, ERROR, LAST, AGENT, REASON,
       TYPE, CODEX_LAST, FIELDS };

static const char *const field_names[FIELDS] = {
  [EVENT] = "hook_event_name", [MESSAGE] = "message", [TITLE] = "title",
  [KIND] = "notification_type", [TOOL] = "tool_name", [TOOL_ABOUT] = "tool_input.description",
  [TOOL_COMMAND] = "tool_input.command", [ERROR] = "error", [LAST] = "last_assistant_message",
  [AGENT] = "agent_type", [REASON] = "reason", [TYPE] = "type",
  [CODEX_LAST] = "last-assistant-message",
};

struct hook {
  char *at, *end;
  struct text fields[FIELDS];
};

static void skip_space(struct hook *h) {
  while (h->at < h->end && (*h->at == ' ' || *h->at == '\t' || *h->at == '\n' || *h->at == '\r'))
    h->at++;
}

static bool take(struct hook *h, char c) {
  skip_space(h);
  if (h->at >= h->end || *h->at != c)
    return false;
  h->at++;
  return true;
}

// Four hexadecimal digits, or -1.
static int take_unit(struct hook *h) {
  char digits[5] = "";
  for (int i = 0; i < 4; i++) {
    if (h->end - h->at <= i || !isxdigit((unsigned char)h->at[i]))
      return -1;
    digits[i] = h->at[i];
  }
  h->at += 4;
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

// After "\u": the character of one or two escapes; a half without its other is replaced.
static int take_code(struct hook *h) {
  int unit = take_unit(h);
  if (unit < 0xD800 || unit > 0xDFFF)
    return unit;
  if (unit > 0xDBFF || h->end - h->at < 6 || h->at[0] != '\\' || h->at[1] != 'u')
    return 0xFFFD;
  h->at += 2;
  int low = take_unit(h);
  if (low >= 0xDC00 && low <= 0xDFFF)
    return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
  h->at -= low < 0 ? 2 : 6;
  return 0xFFFD;
}

// Decodes in place, from behind the opening quote to behind the closing one. False: it has no end,
// or holds what is no escape; what was read up to there is in `out` all the same.
static bool take_string(struct hook *h, struct text *out) {
  static const char escapes[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
  char *to = h->at;
  *out = (struct text){ to, 0 };
  while (h->at < h->end) {
    char c = *h->at++;
    if (c == '"')
      return true;
    if (c == '\\') {
      char what = h->at < h->end ? *h->at++ : 0;
      const char *found = NULL;
      for (size_t i = 0; i < sizeof escapes - 1 && !found; i += 2)
        if (escapes[i] == what)
          found = &escapes[i + 1];
      int code = found ? *found : what == 'u' ? take_code(h) : -1;
      if (code < 0)
        return false;
      to = encode_utf8(to, code);
    } else {
      *to++ = c;
    }
    out->len = (size_t)(to - out->data);
  }
  return false;
}

static void keep(struct hook *h, const char *outer, struct text key, struct text value) {
  for (int i = 0; i < FIELDS; i++) {
    const char *name = field_names[i];
    size_t prefix = strlen(outer);
    if (strncmp(name, outer, prefix) == 0 && is(key, name + prefix) && !h->fields[i].data)
      h->fields[i] = value;
  }
}

static bool take_value(struct hook *h, int depth, const char *outer, struct text key);

// Of an object or an array, by its end. `outer` is what the names of fields in here begin with;
// NULL: none of them is asked for.
static bool take_members(struct hook *h, int depth, const char *outer, char end) {
  if (take(h, end))
    return true;
  do {
    struct text key = { NULL, 0 };
    if (end == '}' && (!take(h, '"') || !take_string(h, &key) || !take(h, ':')))
      return false;
    if (!take_value(h, depth, outer, key))
      return false;
  } while (take(h, ','));
  return take(h, end);
}

static bool take_value(struct hook *h, int depth, const char *outer, struct text key) {
  if (depth >= HOOK_DEPTH)
    return false;
  if (take(h, '"')) {
    struct text value;
    bool whole = take_string(h, &value);
    if (outer)
      keep(h, outer, key, value);
    return whole;
  }
  bool is_input = outer && !*outer && is(key, "tool_input");
  if (take(h, '{'))
    return take_members(h, depth + 1, is_input ? "tool_input." : NULL, '}');
  if (take(h, '['))
    return take_members(h, depth + 1, NULL, ']');
  const char *start = h->at; // a number, true, false, null
  while (h->at < h->end && (isalnum((unsigned char)*h->at) || strchr("+-.", *h->at)) && *h->at)
    h->at++;
  return h->at > start;
}

// -- What a hook says --------------------------------------------------------------------------

// A piece, and what stands before it. Nothing for an empty one.
static void add(struct words *w, const char *before, struct text t) {
  struct text pieces[] = { text_of(before), t };
  for (int i = 0; i < 2 && t.len > 0; i++) {
    size_t room = sizeof w->data - w->len, n = pieces[i].len < room ? pieces[i].len : room;
    memcpy(w->data + w->len, pieces[i].data, n);
    w->len += n;
  }
}

static void say_tool(struct words *w, const struct text *f, const char *before) {
  add(w, before, first_of(f[TOOL], text_of("a tool")));
  add(w, ": ", first_of(f[ERROR], first_of(f[TOOL_ABOUT], f[TOOL_COMMAND])));
}

// Makes the message of an event, and returns how urgent it is.
static const char *say_event(struct words *w, const struct text *f, struct text event) {
  if (is(event, "Stop") || is(event, "agent-turn-complete")) {
    add(w, "", first_of(first_of(f[LAST], f[CODEX_LAST]), text_of("Finished")));
  } else if (is(event, "Notification")) {
    add(w, "", first_of(f[MESSAGE], first_of(f[KIND], text_of("Needs your attention"))));
  } else if (is(event, "StopFailure")) {
    add(w, "Stopped by an error: ", first_of(f[LAST], first_of(f[ERROR], text_of("unknown"))));
    return "critical";
  } else if (is(event, "SubagentStop")) {
    add(w, "Finished: subagent ", first_of(f[AGENT], text_of("of no name")));
    add(w, ": ", f[LAST]);
    return "low";
  } else if (is(event, "PostToolUse") || is(event, "PostToolUseFailure")) {
    say_tool(w, f, is(event, "PostToolUse") ? "Finished: " : "Failed: ");
    return "low";
  } else if (is(event, "PermissionRequest")) {
    say_tool(w, f, "Asks to use ");
  } else {
    add(w, "", event);
    add(w, ": ", first_of(f[MESSAGE], first_of(f[ERROR], f[REASON])));
  }
  return NULL;
}

// False: there is nothing to tell in it.
static bool read_hook(char *data, size_t len, struct words *w, struct message *m) {
  struct hook h = { .at = data, .end = data + len };
  bool whole = take(&h, '{') && take_members(&h, 1, "", '}');
  struct text event = first_of(h.fields[EVENT], h.fields[TYPE]);
  if (event.len == 0) {
    say("hook: not a JSON object with an event");
    return false;
  }
  say(whole ? "hook: %.*s" : "hook: %.*s, of which not all was read", (int)event.len, event.data);
  m->event = event;
  m->kind = h.fields[KIND];
  m->urgency = first_of(m->urgency, text_of(say_event(w, h.fields, event)));
  m->message = (struct text){ w->data, w->len };
  if (m->title.len == 0)
    m->title = first_of(h.fields[TITLE],
                        text_of(h.fields[EVENT].len > 0 ? "Claude Code" : "Codex"));
  return true;
}

// What does not fit is read and dropped, so that the writer is not cut off.
static size_t read_stdin(char *data, size_t size) {
  static char rest[65536];
  long long deadline = deadline_in(STDIN_MS);
  size_t len = 0;
  for (;;) {
    struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
    int left = left_until(deadline); // who writes without an end always has something to read
    if (left == 0 || poll(&p, 1, left) <= 0) {
      say("hook: stdin has no end");
      return len;
    }
    bool fits = len < size;
    ssize_t n = read(STDIN_FILENO, fits ? data + len : rest, fits ? size - len : sizeof rest);
    if (n <= 0)
      return len;
    len += fits ? (size_t)n : 0;
  }
}

// -- Sending -----------------------------------------------------------------------------------

// A Unix socket whose queue is full says EAGAIN, and nothing says when it has room again. One of
// TCP that is not connected yet says EALREADY, and when it is, EISCONN.
static int connect_within(int fd, const struct sockaddr *addr, socklen_t size, long long deadline) {
  while (connect(fd, addr, size) < 0 && errno != EISCONN) {
    struct pollfd p = { .fd = fd, .events = POLLOUT };
    int left = left_until(deadline);
    if (left == 0 || (errno != EAGAIN && errno != EINPROGRESS && errno != EALREADY))
      return -1;
    if (errno == EAGAIN)
      nanosleep(&(struct timespec){ .tv_nsec = RETRY_NS }, NULL);
    else
      poll(&p, 1, left);
  }
  return 0;
}

static int send_all(int fd, const struct line *l, long long deadline) {
  struct pollfd p = { .fd = fd, .events = POLLOUT };
  for (size_t sent = 0; sent < l->len;) {
    ssize_t n = send(fd, l->data + sent, l->len - sent, MSG_NOSIGNAL);
    if (n < 0 && (errno != EAGAIN || poll(&p, 1, left_until(deadline)) <= 0))
      return -1;
    sent += n > 0 ? (size_t)n : 0;
  }
  return 0;
}

static bool deliver(const struct sockaddr *addr, socklen_t size, const struct line *l,
                    const char *where) {
  long long deadline = deadline_in(SEND_MS);
  int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  bool done = fd >= 0 && connect_within(fd, addr, size, deadline) == 0;
  if (!done && errno == ENOENT)
    say("socket not found at %s", where);
  else if (!done)
    say("connect to %s: %s", where, strerror(errno));
  else if (!(done = send_all(fd, l, deadline) == 0))
    say("send to %s: %s", where, strerror(errno));
  if (fd >= 0)
    close(fd);
  return done;
}

static void send_unix(const struct line *l) {
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  const char *path = getenv("WRAPIX_NOTIFY_SOCKET");
  if (!path || !*path)
    path = SOCKET;
  if ((size_t)snprintf(addr.sun_path, sizeof addr.sun_path, "%s", path) >= sizeof addr.sun_path)
    say("socket %s: its name is too long", path);
  else if (deliver((struct sockaddr *)&addr, sizeof addr, l, path))
    say("sent to %s", path);
}

// Of several default routes the one that is taken: the smallest metric.
static bool find_gateway(struct in_addr *out) {
  FILE *routes = fopen("/proc/net/route", "re");
  char line[256];
  unsigned best = 0;
  bool found = false;
  while (routes && fgets(line, sizeof line, routes)) {
    unsigned dest, gateway, flags, metric, mask;
    if (sscanf(line, "%*s %x %x %x %*d %*d %u %x", &dest, &gateway, &flags, &metric, &mask) == 5 &&
        dest == 0 && mask == 0 && (flags & 2) && (!found || metric < best)) {
      out->s_addr = gateway; // in the order of the network already
      best = metric;
      found = true;
    }
  }
  if (routes)
    fclose(routes);
  return found;
}

// A name server might keep us waiting for seconds; engines write the host's names here.
static bool look_up(const char *host, struct in_addr *out) {
  FILE *hosts = fopen("/etc/hosts", "re");
  char line[1024];
  bool found = false;
  while (hosts && !found && fgets(line, sizeof line, hosts)) {
    char *rest = NULL;
    line[strcspn(line, "#")] = '\0';
    const char *address = strtok_r(line, " \t\n", &rest);
    for (char *name; address && !found && (name = strtok_r(NULL, " \t\n", &rest));)
      found = strcasecmp(name, host) == 0 && inet_pton(AF_INET, address, out) == 1;
  }
  if (hosts)
    fclose(hosts);
  return found;
}

// "HOST:PORT" or "HOST", of IPv4; "1" stands for the gateway.
static bool find_peer(const char *where, struct sockaddr_in *a, char host[256]) {
  size_t len = strcspn(where, ":");
  char *end = NULL;
  long port = where[len] ? strtol(where + len + 1, &end, 10) : TCP_PORT;
  snprintf(host, 256, "%.*s", len < 255 ? (int)len : 255, where);
  *a = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((in_port_t)port) };
  if ((end && *end) || port <= 0 || port > 65535) {
    say("WRAPIX_NOTIFY_TCP=%s: not HOST:PORT", where);
    return false;
  }
  if (strcmp(host, "1") == 0 && find_gateway(&a->sin_addr)) {
    inet_ntop(AF_INET, &a->sin_addr, host, 256);
  } else if (strcmp(host, "1") == 0) {
    say("no gateway found");
    return false;
  } else if (inet_pton(AF_INET, host, &a->sin_addr) != 1 && !look_up(host, &a->sin_addr)) {
    say("host %s: not an IPv4 address, and not in /etc/hosts", host);
    return false;
  }
  say("using TCP to %s:%ld", host, port);
  return true;
}

static void send_tcp(const struct line *l, const char *where) {
  struct sockaddr_in a;
  char host[256];
  if (find_peer(where, &a, host) && deliver((struct sockaddr *)&a, sizeof a, l, host))
    say("sent via TCP");
}

static struct text read_token(void) {
  static char token[WORD_BYTES];
  int fd = open(TOKEN, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  ssize_t ignored = fd < 0 ? 0 : read(fd, token, sizeof token - 1);
  (void)ignored;
  if (fd >= 0)
    close(fd);
  return (struct text){ token, strcspn(token, "\r\n") };
}

// -- The command line --------------------------------------------------------------------------

struct request {
  bool hook;
  char *json; // a hook's text that was given as an argument
  struct message message;
};

// Where the value of an option goes; NULL: the word is none that has one.
static struct text *place_of(struct message *m, const char *word) {
  return strcmp(word, "--title") == 0     ? &m->title
         : strcmp(word, "--tag") == 0     ? &m->tag
         : strcmp(word, "--urgency") == 0 ? &m->urgency
                                          : NULL;
}

// Options come first. What only looks like one is the title: nothing is lost.
static void parse(struct request *r, char **argv) {
  struct message *m = &r->message;
  struct text *places[] = { &m->title, &m->message, &m->sound };
  for (; *argv; argv++) {
    if (strcmp(*argv, "--hook") == 0)
      r->hook = true;
    else if (argv[1] && place_of(m, *argv))
      *place_of(m, argv[0]) = text_of(argv[1]), argv++;
    else if (strcmp(*argv, "--version") == 0)
      exit(puts("wrapix-notify " WX_VERSION) < 0);
    else if (strcmp(*argv, "--help") == 0)
      exit(puts("usage: wrapix-notify [OPTION]... [TITLE] [MESSAGE] [SOUND]\n"
                "       wrapix-notify [OPTION]... --hook [JSON]\n"
                "options: --title TITLE, --tag NAME, --urgency low|normal|critical") < 0);
    else
      break;
  }
  if (*argv && strcmp(*argv, "--") == 0)
    argv++;
  if (r->hook)
    r->json = *argv;
  for (size_t i = 0; i < 3 && *argv && !r->hook; i++)
    *places[i] = text_of(*argv++);
}

int main(int argc, char **argv) {
  static char data[HOOK_BYTES];
  static struct words words;
  static struct line line;
  struct request r = { 0 };
  signal(SIGPIPE, SIG_IGN); // who reads no word of ours still gets the message sent
  parse(&r, argc > 0 ? argv + 1 : argv);
  if (r.hook) {
    size_t len = r.json ? strlen(r.json) : read_stdin(data, sizeof data);
    if (!read_hook(r.json ? r.json : data, len, &words, &r.message))
      return 0;
  }
  if (r.message.title.len == 0)
    r.message.title = text_of("Claude Code");
  const char *tcp = getenv("WRAPIX_NOTIFY_TCP");
  bool over_tcp = tcp && *tcp && strcmp(tcp, "0") != 0;
  render(&line, &r.message, over_tcp ? read_token() : (struct text){ NULL, 0 });
  if (over_tcp)
    send_tcp(&line, tcp);
  else
    send_unix(&line);
  return 0;
}
