// SPDX-License-Identifier: MIT
// vm.conf: one line for each step, read and checked as a whole before anything is done. The form is
// in docs/architecture.md, "Two runtimes". An unknown word, a word too many or a path that does not
// say plainly where it leads is a failure.
#include "vm.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONFIG_BYTES = 256 * 1024 };

static const struct kind kinds[] = {
  { "hostname", "h", HOSTNAME, true, false },
  { "user", "niiH", USER, true, true },
  { "tmpfs", "psm", TMPFS, false, false },
  { "dir", "pm", DIR_, false, false },
  { "bind", "fpa", BIND, false, false },
  { "copy", "fp", COPY, false, false },
  { "socket", "fp", SOCKET, false, false },
  { "relay", "pA#t", RELAY, false, false },
  { "lease", "A#t", LEASE, true, false },
  { "seal", "p", SEAL, false, false },
  { "limit", "lc", LIMIT, false, true },
  { "userns", "", USERNS, true, true },
  { "root", "a", ROOT, true, false },
  { "cwd", "P", CWD, true, true },
};

static char config[CONFIG_BYTES + 1];
struct step steps[STEPS];
size_t step_count;
struct user user;

static bool is_number(const char *s, unsigned base, unsigned long long most,
                      unsigned long long *out) {
  unsigned long long value = 0;
  if (!*s || strlen(s) > 20)
    return false;
  for (; *s; s++) {
    unsigned digit = (unsigned)(unsigned char)*s - '0';
    if (digit >= base || value > (most - digit) / base)
      return false;
    value = value * base + digit;
  }
  if (out)
    *out = value;
  return true;
}

// Only what was checked already.
unsigned long long number(const char *s, unsigned base) {
  unsigned long long value = 0;
  if (!is_number(s, base, ULLONG_MAX, &value))
    refuse("'%s' is not a number", s);
  return value;
}

bool is_below(const char *path, const char *dir) {
  size_t n = strlen(dir);
  return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

// Absolute, and each name one that says where it leads.
static bool is_path(const char *s) {
  if (s[0] != '/' || strlen(s) >= PATH_MAX)
    return false;
  for (const char *name = s + 1; name;) {
    size_t n = strcspn(name, "/");
    if (n > NAME_MAX || (n == 0 && s[1]) || (n == 1 && name[0] == '.') ||
        (n == 2 && name[0] == '.' && name[1] == '.'))
      return false;
    name = name[n] ? name + n + 1 : NULL;
  }
  return true;
}

// Where something may be put: not where the system's own mounts are, nor the shares, nor around the
// accounts, which would be made in a directory of the host then.
static bool is_place(const char *s) {
  if (!is_path(s) || !s[1] || is_below(s, SHARE) || strcmp(s, "/etc") == 0)
    return false;
  return !is_below(s, "/proc") && !is_below(s, "/sys") &&
         (!is_below(s, "/dev") || is_below(s, "/dev/shm"));
}

static bool is_share(const char *s) {
  return is_path(s) && is_below(s, SHARE) && s[sizeof SHARE - 1];
}

// Stands in a line of /etc/passwd, as the home does.
static bool is_name(const char *s) {
  if (!*s || *s == '-' || *s == '+' || strlen(s) > 256)
    return false;
  for (; *s; s++)
    if (*s == ':' || *s == '/' || *s == ',' || (unsigned char)*s <= ' ' || *s == 0x7f)
      return false;
  return true;
}

static bool is_home(const char *s) {
  return is_path(s) && !strpbrk(s, ":\n\r");
}

static bool is_hostname(const char *s) {
  size_t n = strlen(s);
  return n > 0 && n <= 64 && s[0] != '-' && s[0] != '.' &&
         strspn(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-") == n;
}

static bool is_token(const char *s) {
  size_t n = strlen(s);
  return n >= 16 && n <= 128 && strspn(s, "0123456789abcdefABCDEF") == n;
}

static bool is_port(const char *s) {
  unsigned long long port;
  return is_number(s, 10, 65535, &port) && port > 0;
}

static bool is_address(const char *s) {
  struct in_addr addr;
  return inet_pton(AF_INET, s, &addr) == 1;
}

// 0 would be no limit at all, for a tmpfs.
static bool is_count(const char *s) {
  unsigned long long count;
  return is_number(s, 10, INT64_MAX, &count) && count > 0;
}

static bool is_right(char letter, const char *s) {
  switch (letter) {
  case 'n':
    return is_name(s);
  case 'h':
    return is_hostname(s);
  case 'i': // the last one means none
    return is_number(s, 10, UINT32_MAX - 1, NULL);
  case 'p':
    return is_place(s);
  case 'H':
    return is_home(s);
  case 'P':
    return is_path(s);
  case 'f':
    return is_share(s);
  case 's':
  case 'c':
    return is_count(s);
  case 'm':
    return is_number(s, 8, 07777, NULL);
  case 'a':
    return strcmp(s, "ro") == 0 || strcmp(s, "rw") == 0;
  case 'A':
    return is_address(s);
  case '#':
    return is_port(s);
  case 't':
    return is_token(s);
  default:
    return strcmp(s, "nproc") == 0 || strcmp(s, "nofile") == 0;
  }
}

static int hex(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  return isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

// In place: what is decoded is never longer. A zero byte would end the word, so there is none.
static bool decode(char *word) {
  char *to = word;
  for (const char *from = word; *from; from++) {
    unsigned char c = (unsigned char)*from;
    if (c < 0x21 || c == 0x7f)
      return false;
    if (c == '%') {
      int high = hex(from[1]), low = high < 0 ? -1 : hex(from[2]);
      if (low < 0 || (high == 0 && low == 0))
        return false;
      c = (unsigned char)(high * 16 + low);
      from += 2;
    }
    *to++ = (char)c;
  }
  *to = '\0';
  return true;
}

static const struct kind *find_kind(const char *word) {
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (strcmp(kinds[i].word, word) == 0)
      return &kinds[i];
  return NULL;
}

const struct step *find_step(enum op op) {
  for (size_t i = 0; i < step_count; i++)
    if (steps[i].kind->op == op)
      return &steps[i];
  return NULL;
}

// A token is never shown.
static void parse_args(struct step *step, int line, char *rest) {
  size_t count = 0;
  for (char *word; (word = rest); count++) {
    rest = strchr(word, ' ');
    if (rest)
      *rest++ = '\0';
    char letter = count < WORDS ? step->kind->args[count] : '\0';
    if (!letter)
      refuse("line %d: %s: more words than it takes", line, step->kind->word);
    if (!*word || !decode(word) || !is_right(letter, word))
      refuse("line %d: %s: word %zu ('%s') is not what stands there", line, step->kind->word,
             count + 1, letter == 't' ? "..." : word);
    step->args[count] = word;
  }
  if (step->kind->args[count])
    refuse("line %d: %s: fewer words than it takes", line, step->kind->word);
}

static void parse_line(char *text, int line, bool exec) {
  char *rest = strchr(text, ' ');
  if (rest)
    *rest++ = '\0';
  const struct kind *kind = find_kind(text);
  if (!kind)
    refuse("line %d: unknown word '%s'", line, text);
  if (exec && !kind->of_exec)
    refuse("line %d: %s: has no place here", line, text);
  if (kind->once && find_step(kind->op))
    refuse("line %d: %s: stands there twice", line, text);
  if (step_count == STEPS)
    refuse("line %d: more than %d lines", line, STEPS);
  struct step *step = &steps[step_count];
  step->kind = kind;
  parse_args(step, line, rest);
  step_count++;
}

static void take_user(void) {
  const struct step *step = find_step(USER);
  if (step)
    user = (struct user){ step->args[0], step->args[3], (uid_t)number(step->args[1], 10),
                          (gid_t)number(step->args[2], 10) };
  else
    refuse("says nothing of the user");
}

// `length` bytes of `config`. What ends in the middle of a line was not written to its end.
static void parse_config(size_t length, bool exec) {
  int line = 0;
  if (length == 0 || config[length - 1] != '\n' || memchr(config, '\0', length))
    refuse("is not whole");
  for (char *text = config, *end; text < config + length; text = end + 1) {
    end = strchr(text, '\n');
    *end = '\0';
    if (++line > 1)
      parse_line(text, line, exec);
    else if (strcmp(text, HEADER) != 0)
      refuse("begins with '%.40s', not with '" HEADER "'", text);
  }
  take_user();
  if (!find_step(CWD) || (!exec && !find_step(ROOT)))
    refuse("says nothing of %s", find_step(CWD) ? "the root" : "the working directory");
}

size_t read_all(int fd, char *out, size_t size) {
  size_t length = 0;
  for (ssize_t n; (n = read(fd, out + length, size - length)) != 0; length += (size_t)n)
    if (n < 0)
      die("read");
    else if (length + (size_t)n >= size)
      refuse("more than %zu bytes", size - 1);
  return length;
}

// Takes the descriptor.
void read_config(int fd, bool exec) {
  struct stat st;
  if (fd < 0 || fstat(fd, &st) < 0)
    die("open");
  if (!S_ISREG(st.st_mode))
    refuse("not a file");
  size_t length = read_all(fd, config, sizeof config);
  close(fd);
  parse_config(length, exec);
}
