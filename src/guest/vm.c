// SPDX-License-Identifier: MIT
// wrapix-vm: root in a virtual machine of Apple's container for as long as it takes to put a sandbox
// together and to become its user; then it is wrapix-init. With --exec it becomes the user only.
// It must not go on after a step that failed, must not follow a link on its way to a place, and must
// not depend on /proc or on anything of the image, which may be made to harm it.
//
// Theory of operation. What is to be done stands in vm.conf, which is read and checked as a whole
// before the first step. Each path is walked from the root one name at a time, without following
// links, and what is mounted goes to the descriptor that was found: by the mount calls that take
// descriptors (Linux 5.12; Apple's kernels are 6.1 and later). So a link in the image, or one that
// somebody makes in a shared directory meanwhile, stops the start and leads no mount astray.
// Privileges go last and for good, so that nothing after them could need or find one: the filter of
// system calls stands behind the capabilities, not in their place.
// Sockets carried over TCP are served by one child, the relay, which is the user as well, so that
// the SIGTERM which wrapix-init sends to everybody at the end is its end at once.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifndef WX_VERSION
#define WX_VERSION "unversioned"
#endif

#define SHARE "/mnt/wrapix"
#define INIT "/run/wrapix/bin/wrapix-init"
// What --exec needs to know, left by the start; see leave_config.
#define EXEC_CONFIG "/run/wrapix/vm.conf"
#define HEADER "wrapix-vm 1"
#define LEASE_NAME "WRAPIX_LEASE"
#define LEASE_TOKEN "WRAPIX_LEASE_TOKEN"

enum { EXIT_WRAPIX = 125 };
enum { CONFIG_BYTES = 256 * 1024, STEPS = 1024, WORDS = 5, ACCOUNTS_BYTES = 1 << 20 };
// What the launcher staged is a few settings files.
enum { COPY_DEPTH = 16, COPY_FILES = 4096 };
enum { RELAYS = 16, CONNECTIONS = 32, RELAY_BYTES = 8192, CONNECT_MS = 10000, RETRY_MS = 100 };

// -- Messages ----------------------------------------------------------------------------------

// What is being done, for the message of whatever fails meanwhile.
static const char *doing = "start", *object;

__attribute__((format(printf, 1, 2))) static void warn(const char *fmt, ...) {
  char text[PATH_MAX + 256];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  // One write for one line.
  char line[2 * PATH_MAX + 512];
  int n = snprintf(line, sizeof line, "wrapix: run: wrapix-vm: %s%s%s: %s\n", doing,
                   object ? " " : "", object ? object : "", text);
  ssize_t ignored = write(STDERR_FILENO, line, n < (int)sizeof line ? (size_t)n : sizeof line - 1);
  (void)ignored;
}

// What a container says in its first milliseconds may be lost if they are its last too.
static _Noreturn void leave(void) {
  if (getpid() == 1)
    nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
  exit(EXIT_WRAPIX);
}

static _Noreturn void die(const char *what) {
  warn("%s: %s", what, strerror(errno));
  leave();
}

#define refuse(...) (warn(__VA_ARGS__), leave())

static long long now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

// -- The configuration -------------------------------------------------------------------------

enum op { HOSTNAME, USER, TMPFS, DIR_, BIND, COPY, SOCKET, RELAY, LEASE, SEAL, LIMIT, USERNS, ROOT, CWD };

struct kind {
  const char *word;
  const char *args; // a letter for each; see is_right
  enum op op;
  bool once;
  bool of_exec; // --exec needs it too
};

static const struct kind kinds[] = {
  { "hostname", "h", HOSTNAME, true, false },
  { "user", "niiP", USER, true, true },
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

struct step {
  const struct kind *kind;
  char *args[WORDS];
};

static char config[CONFIG_BYTES + 1];
static struct step steps[STEPS];
static size_t step_count;

static struct {
  const char *name, *home;
  uid_t uid;
  gid_t gid;
} user;

static bool is_number(const char *s, unsigned base, unsigned long long most, unsigned long long *out) {
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
static unsigned long long number(const char *s, unsigned base) {
  unsigned long long value = 0;
  if (!is_number(s, base, ULLONG_MAX, &value))
    refuse("'%s' is not a number", s);
  return value;
}

static bool is_below(const char *path, const char *dir) {
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

// Where something may be put: not where the system's own mounts are, nor the shares.
static bool is_place(const char *s) {
  if (!is_path(s) || !s[1] || is_below(s, SHARE))
    return false;
  return !is_below(s, "/proc") && !is_below(s, "/sys") &&
         (!is_below(s, "/dev") || is_below(s, "/dev/shm"));
}

static bool is_share(const char *s) { return is_path(s) && is_below(s, SHARE) && s[sizeof SHARE - 1]; }

// Stands in a line of /etc/passwd.
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
  case 'P':
    return is_home(s);
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

static const struct step *find_step(enum op op) {
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
  if (!step)
    refuse("says nothing of the user");
  user.name = step->args[0];
  user.uid = (uid_t)number(step->args[1], 10);
  user.gid = (gid_t)number(step->args[2], 10);
  user.home = step->args[3];
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

static size_t read_all(int fd, char *out, size_t size) {
  size_t length = 0;
  for (ssize_t n; (n = read(fd, out + length, size - length)) != 0; length += (size_t)n)
    if (n < 0)
      die("read");
    else if (length + (size_t)n >= size)
      refuse("more than %zu bytes", size - 1);
  return length;
}

// Takes the descriptor.
static void read_config(int fd, bool exec) {
  struct stat st;
  if (fd < 0 || fstat(fd, &st) < 0)
    die("open");
  if (!S_ISREG(st.st_mode))
    refuse("not a file");
  size_t length = read_all(fd, config, sizeof config);
  close(fd);
  parse_config(length, exec);
}

// -- Places ------------------------------------------------------------------------------------

enum { DIRECTORY = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

static _Noreturn void die_at(int dir, const char *name) {
  int err = errno;
  struct stat st;
  if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
    refuse("'%s' on the way there is a symbolic link", name);
  errno = err;
  die(name);
}

static void own_at(int dir, const char *name, uid_t uid, gid_t gid) {
  struct stat st;
  if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
    die(name);
  // Shared directories show everybody their own id, and let nobody change it.
  if ((st.st_uid != uid || st.st_gid != gid) &&
      fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
    die(name);
}

// As the directory around it: below the user's own directories nothing is root's.
static void own_as(int dir, const char *name) {
  struct stat st;
  if (fstat(dir, &st) < 0)
    die("look at a directory");
  own_at(dir, name, st.st_uid, st.st_gid);
}

// Takes `dir`.
static int enter(int dir, const char *name, bool make) {
  int fd = openat(dir, name, DIRECTORY);
  if (fd < 0 && errno == ENOENT && make) {
    if (mkdirat(dir, name, 0755) < 0)
      die_at(dir, name);
    own_as(dir, name);
    fd = openat(dir, name, DIRECTORY);
  }
  if (fd < 0)
    die_at(dir, name);
  close(dir);
  return fd;
}

// The directory a path lies in, from `dir` on, which is taken; `*name` is the last part, until the
// next walk.
static int walk(int dir, const char *path, bool make, const char **name) {
  static char text[PATH_MAX];
  strcpy(text, path);
  char *part = text;
  for (char *slash; (slash = strchr(part, '/')); part = slash + 1) {
    *slash = '\0';
    dir = enter(dir, part, make);
  }
  *name = part;
  return dir;
}

static int open_root(void) {
  int fd = open("/", DIRECTORY);
  if (fd < 0)
    die("/");
  return fd;
}

static int share = -1; // /mnt/wrapix, as the start found it  /* owned */

// Nothing is made there.
static int open_shared(const char *path, int flags) {
  const char *name;
  int dir = walk(dup(share), path + sizeof SHARE, false, &name);
  int fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    die_at(dir, name);
  close(dir);
  return fd;
}

static mode_t type_of(int fd) {
  struct stat st;
  if (fstat(fd, &st) < 0)
    die("look at it");
  return st.st_mode & S_IFMT;
}

static void make_file(int dir, const char *name) {
  int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0)
    die_at(dir, name);
  close(fd);
  own_as(dir, name);
}

// What is there, to be mounted on; made as a directory or an empty file where nothing is.
static int mount_point(const char *path, bool is_dir) {
  const char *name;
  int dir = walk(open_root(), path + 1, true, &name);
  if (is_dir)
    return enter(dir, name, true);
  int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) {
    make_file(dir, name);
    fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  }
  if (fd < 0 || type_of(fd) == S_IFLNK)
    die_at(dir, name);
  if (type_of(fd) == S_IFDIR)
    refuse("a directory is there, where a file goes");
  close(dir);
  return fd;
}

// -- Mounts ------------------------------------------------------------------------------------

// Not every C library has names for these; the numbers are the same on all machines.
enum { SYS_OPEN_TREE = 428, SYS_MOVE_MOUNT, SYS_FSOPEN, SYS_FSCONFIG, SYS_FSMOUNT, SYS_FSPICK };
enum { SYS_CLONE3 = 435, SYS_CLOSE_RANGE, SYS_MOUNT_SETATTR = 442 };
enum { ATTR_RDONLY = 1, ATTR_NOSUID = 2, ATTR_NODEV = 4, ATTR_NOEXEC = 8, PRIVATE = 1 << 18 };
enum { EMPTY_PATH = 0x1000, RECURSIVE = 0x8000, MOVE_FROM_TO_FD = 0x4 | 0x40 };
enum { CONFIG_FLAG = 0, CONFIG_STRING = 1, CONFIG_CREATE = 6 };

struct attributes {
  uint64_t set, clear, propagation, userns;
};

static int set_attributes(int fd, uint64_t set, uint64_t propagation, unsigned flags) {
  struct attributes attr = { .set = set, .propagation = propagation };
  return (int)syscall(SYS_MOUNT_SETATTR, fd, "", EMPTY_PATH | flags, &attr, sizeof attr);
}

// Takes both descriptors.
static void attach(int mount, int place) {
  if (syscall(SYS_MOVE_MOUNT, mount, "", place, "", MOVE_FROM_TO_FD) < 0)
    die("mount");
  close(mount);
  close(place);
}

__attribute__((format(printf, 3, 4))) static void configure(int fs, const char *key, const char *fmt,
                                                            ...) {
  char value[32];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(value, sizeof value, fmt, ap);
  va_end(ap);
  if (syscall(SYS_FSCONFIG, fs, CONFIG_STRING, key, value, 0) < 0)
    die(key);
}

static int new_tmpfs(unsigned long long size, unsigned mode, uid_t uid, gid_t gid, unsigned attr) {
  int fs = (int)syscall(SYS_FSOPEN, "tmpfs", 1);
  if (fs < 0)
    die("make a tmpfs");
  configure(fs, "size", "%llu", size);
  configure(fs, "mode", "%o", mode);
  configure(fs, "uid", "%lu", (unsigned long)uid);
  configure(fs, "gid", "%lu", (unsigned long)gid);
  if (syscall(SYS_FSCONFIG, fs, CONFIG_CREATE, NULL, NULL, 0) < 0)
    die("make a tmpfs");
  int mount = (int)syscall(SYS_FSMOUNT, fs, 1, ATTR_NOSUID | ATTR_NODEV | attr);
  if (mount < 0)
    die("make a tmpfs");
  close(fs);
  return mount;
}

// What lies mounted below `fd` does not come along. Takes it.
static int copy_mount(int fd, unsigned attr) {
  int mount = (int)syscall(SYS_OPEN_TREE, fd, "", EMPTY_PATH | 1 | O_CLOEXEC);
  if (mount < 0 || set_attributes(mount, attr, 0, 0) < 0)
    die("mount");
  close(fd);
  return mount;
}

static void do_tmpfs(char **args) {
  int mount = new_tmpfs(number(args[1], 10), (unsigned)number(args[2], 8), user.uid, user.gid, 0);
  attach(mount, mount_point(args[0], true));
}

// What is there already belongs to the image or a mount, and stays as it is.
static void do_dir(char **args) {
  const char *name;
  mode_t mode = (mode_t)number(args[1], 8);
  int dir = walk(open_root(), args[0] + 1, true, &name);
  if (mkdirat(dir, name, mode) == 0)
    own_at(dir, name, user.uid, user.gid);
  else if (errno != EEXIST)
    die_at(dir, name);
  close(enter(dir, name, false));
}

static void do_bind(char **args) {
  int from = open_shared(args[0], O_PATH);
  mode_t type = type_of(from);
  if (type != S_IFDIR && type != S_IFREG && type != S_IFSOCK)
    refuse("%s: neither a directory nor a file", args[0]);
  unsigned attr = ATTR_NOSUID | ATTR_NODEV | (strcmp(args[2], "ro") == 0 ? ATTR_RDONLY : 0);
  attach(copy_mount(from, attr), mount_point(args[1], type == S_IFDIR));
}

// The engine makes it as root's, with the mode it has on the host.
static void do_socket(char **args) {
  const char *name;
  int dir = walk(dup(share), args[0] + sizeof SHARE, false, &name);
  int from = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (from < 0)
    die_at(dir, name);
  struct stat st;
  if (fstat(from, &st) < 0 || !S_ISSOCK(st.st_mode))
    refuse("%s: not a socket", args[0]);
  own_at(dir, name, user.uid, user.gid);
  if ((st.st_mode & 0600) != 0600 && fchmodat(dir, name, 0600, 0) < 0)
    die(name);
  close(dir);
  attach(copy_mount(from, ATTR_NOSUID | ATTR_NODEV), mount_point(args[1], false));
}

static void do_seal(char **args) {
  const char *name;
  int dir = walk(open_root(), args[0] + 1, false, &name);
  int fd = enter(dir, name, false);
  if (set_attributes(fd, ATTR_RDONLY, 0, 0) < 0)
    die("make it read-only");
  close(fd);
}

// -- Copies ------------------------------------------------------------------------------------

static int copied;

// Takes `in`.
static void copy_file(int in, int dir, const char *name) {
  struct stat st;
  if (fstat(in, &st) < 0 || !S_ISREG(st.st_mode))
    refuse("%s: neither a file nor a directory", name);
  int out = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, st.st_mode & 0777);
  if (out < 0)
    die_at(dir, name);
  ssize_t n;
  while ((n = sendfile(out, in, NULL, 1 << 20)) > 0)
    continue;
  if (n < 0 || fchown(out, user.uid, user.gid) < 0)
    die(name);
  close(in);
  close(out);
}

static void copy_entry(int from, int to, const char *name, int depth);

// Takes both.
static void copy_dir(int from, int to, int depth) {
  DIR *dir = fdopendir(from);
  if (!dir || depth == 0)
    refuse("more than %d directories deep", COPY_DEPTH);
  for (struct dirent *entry; (errno = 0, entry = readdir(dir));)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      copy_entry(from, to, entry->d_name, depth);
  if (errno)
    die("read a directory");
  closedir(dir);
  close(to);
}

static void make_own_dir(int dir, const char *name, mode_t mode) {
  if (mkdirat(dir, name, mode) < 0 && errno != EEXIST)
    die_at(dir, name);
  own_at(dir, name, user.uid, user.gid);
}

// Not blocking: opening a pipe would wait for its other end.
static void copy_entry(int from, int to, const char *name, int depth) {
  int in = openat(from, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  if (in < 0)
    die_at(from, name);
  if (++copied > COPY_FILES)
    refuse("more than %d files", COPY_FILES);
  struct stat st;
  if (fstat(in, &st) < 0)
    die(name);
  if (!S_ISDIR(st.st_mode)) {
    copy_file(in, to, name);
    return;
  }
  make_own_dir(to, name, st.st_mode & 0777);
  copy_dir(in, enter(dup(to), name, false), depth - 1);
}

static void do_copy(char **args) {
  int from = open_shared(args[0], O_RDONLY | O_NONBLOCK);
  const char *name;
  int dir = walk(open_root(), args[1] + 1, true, &name);
  if (type_of(from) == S_IFDIR) {
    make_own_dir(dir, name, 0755);
    copy_dir(from, enter(dir, name, false), COPY_DEPTH);
  } else {
    copy_file(from, dir, name);
    close(dir);
  }
}

// -- Sockets over TCP --------------------------------------------------------------------------

struct relay {
  int listener; // non-blocking  /* owned */
  struct sockaddr_in host;
  const char *token;
};

static struct relay relays[RELAYS];
static size_t relay_count;

// Made by its name alone, from the directory it goes to: an address is a path that follows links.
static void do_relay(char **args) {
  if (relay_count == RELAYS)
    refuse("more than %d relays", RELAYS);
  const char *name;
  int dir = walk(open_root(), args[0] + 1, true, &name);
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  if (strlen(name) >= sizeof addr.sun_path)
    refuse("the name is too long for a socket");
  strcpy(addr.sun_path, name);
  struct relay *relay = &relays[relay_count++];
  relay->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  mode_t before = umask(0177);
  if (relay->listener < 0 || fchdir(dir) < 0 ||
      bind(relay->listener, (struct sockaddr *)&addr, sizeof addr) < 0 ||
      listen(relay->listener, 16) < 0)
    die("make the socket");
  umask(before);
  own_at(dir, name, user.uid, user.gid);
  if (chdir("/") < 0)
    die("/");
  close(dir);
  relay->host.sin_family = AF_INET;
  inet_pton(AF_INET, args[1], &relay->host.sin_addr);
  relay->host.sin_port = htons((uint16_t)number(args[2], 10));
  relay->token = args[3];
}

static void do_lease(char **args) {
  char where[64];
  snprintf(where, sizeof where, "tcp:%s:%s", args[0], args[1]);
  if (setenv(LEASE_NAME, where, 1) < 0 || setenv(LEASE_TOKEN, args[2], 1) < 0)
    die("set the environment");
}

// One direction. `told`: the other side knows that no more will come.
struct stream {
  char data[RELAY_BYTES];
  size_t at, length;
  bool ended, told;
};

enum { INSIDE, HOST };

struct connection {
  int fd[2];               // INSIDE, HOST; -1: none yet  /* owned */
  struct stream from[2];   // what came from there
  bool gone[2];            // takes nothing any more
  const struct relay *to;  // NULL: a free place
  bool connecting;         // the connection to the host is on its way
  long long give_up, next; // when to end trying, and when to try again
};

static struct connection connections[CONNECTIONS];

static void end_connection(struct connection *c) {
  for (int side = INSIDE; side <= HOST; side++)
    if (c->fd[side] >= 0)
      close(c->fd[side]);
  c->to = NULL;
}

// The host's address may be there only a moment after this machine is, and its listener after that.
static void try_again(struct connection *c) {
  if (c->fd[HOST] >= 0)
    close(c->fd[HOST]);
  c->fd[HOST] = -1;
  c->connecting = false;
  c->next = now_ms() + RETRY_MS;
  if (c->next > c->give_up)
    end_connection(c);
}

static void reach_host(struct connection *c) {
  c->fd[HOST] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  c->connecting = true;
  if (c->fd[HOST] < 0 ||
      (connect(c->fd[HOST], (const struct sockaddr *)&c->to->host, sizeof c->to->host) < 0 &&
       errno != EINPROGRESS))
    try_again(c);
}

static void check_host(struct connection *c) {
  int err = 0;
  if (getsockopt(c->fd[HOST], SOL_SOCKET, SO_ERROR, &err, &(socklen_t){ sizeof err }) < 0 || err)
    try_again(c);
  else
    c->connecting = false;
}

static void accept_connection(const struct relay *relay) {
  struct connection *c = connections;
  while (c < connections + CONNECTIONS && c->to)
    c++;
  int fd = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0)
    return;
  if (c == connections + CONNECTIONS) {
    close(fd);
    return;
  }
  memset(c, 0, sizeof *c);
  c->fd[INSIDE] = fd;
  c->fd[HOST] = -1;
  c->to = relay;
  c->give_up = now_ms() + CONNECT_MS;
  struct stream *s = &c->from[INSIDE];
  s->length = (size_t)snprintf(s->data, sizeof s->data, "token %s\n", relay->token);
  reach_host(c);
}

static bool is_waiting(ssize_t n) { return n < 0 && (errno == EAGAIN || errno == EINTR); }

static void read_side(struct connection *c, int side) {
  struct stream *s = &c->from[side];
  if (s->length || s->ended)
    return;
  ssize_t n = read(c->fd[side], s->data, sizeof s->data);
  s->at = 0;
  if (n > 0)
    s->length = (size_t)n;
  else if (!is_waiting(n))
    s->ended = true;
}

static void write_side(struct connection *c, int side) {
  struct stream *s = &c->from[!side];
  while (s->length && !c->gone[side]) {
    ssize_t n = send(c->fd[side], s->data + s->at, s->length, MSG_NOSIGNAL);
    if (is_waiting(n))
      return;
    if (n < 0) {
      c->gone[side] = true;
      return;
    }
    s->at += (size_t)n;
    s->length -= (size_t)n;
  }
  if (s->ended && !s->length && !s->told) {
    shutdown(c->fd[side], SHUT_WR);
    s->told = true;
  }
}

// Over when both have said all, or when one of them is gone and what it said has been passed on.
static bool is_over(const struct connection *c) {
  for (int side = INSIDE; side <= HOST; side++) {
    const struct stream *s = &c->from[side];
    if (c->gone[side] && (c->gone[!side] || (s->ended && s->told)))
      return true;
  }
  return c->from[INSIDE].told && c->from[HOST].told;
}

static void serve(struct connection *c, const struct pollfd *fds) {
  if (c->connecting && fds[HOST].revents)
    check_host(c);
  if (!c->to || c->connecting || c->fd[HOST] < 0)
    return;
  for (int side = INSIDE; side <= HOST; side++) {
    if (fds[side].revents & (POLLIN | POLLHUP | POLLERR))
      read_side(c, side);
    // It has closed, not only ended what it says: it will read nothing.
    if (fds[side].revents & (POLLHUP | POLLERR) && c->from[side].ended)
      c->gone[side] = true;
  }
  write_side(c, HOST);
  write_side(c, INSIDE);
  if (is_over(c))
    end_connection(c);
}

// One that is waiting for the host is not read, so that what it says waits as well.
static void watch(struct connection *c, struct pollfd *fds) {
  bool through = c->to && !c->connecting && c->fd[HOST] >= 0;
  for (int side = INSIDE; side <= HOST; side++) {
    const struct stream *s = &c->from[side];
    fds[side] = (struct pollfd){ .fd = through && !c->gone[side] ? c->fd[side] : -1 };
    fds[side].events = (short)((s->length || s->ended ? 0 : POLLIN) |
                               (c->from[!side].length ? POLLOUT : 0));
  }
  if (c->to && c->connecting)
    fds[HOST] = (struct pollfd){ .fd = c->fd[HOST], .events = POLLOUT };
}

static void retry_connections(int *timeout) {
  for (struct connection *c = connections; c < connections + CONNECTIONS; c++) {
    if (!c->to || (c->fd[HOST] >= 0 && !c->connecting))
      continue;
    if (now_ms() > c->give_up)
      end_connection(c);
    else if (c->fd[HOST] < 0 && now_ms() >= c->next)
      reach_host(c);
    if (c->to)
      *timeout = RETRY_MS;
  }
}

static _Noreturn void run_relay(void) {
  for (;;) {
    struct pollfd fds[RELAYS + 2 * CONNECTIONS];
    int timeout = -1;
    retry_connections(&timeout);
    for (size_t i = 0; i < relay_count; i++)
      fds[i] = (struct pollfd){ .fd = relays[i].listener, .events = POLLIN };
    for (size_t i = 0; i < CONNECTIONS; i++)
      watch(&connections[i], fds + relay_count + 2 * i);
    if (poll(fds, relay_count + 2 * CONNECTIONS, timeout) < 0)
      nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
    for (size_t i = 0; i < CONNECTIONS; i++)
      if (connections[i].to)
        serve(&connections[i], fds + relay_count + 2 * i);
    for (size_t i = 0; i < relay_count; i++)
      if (fds[i].revents)
        accept_connection(&relays[i]);
  }
}

// Holds neither the terminal nor the output of the sandbox, and cannot be read by the agent, whose
// user it is: it knows the tokens.
static void start_relay(void) {
  doing = "relay", object = NULL;
  if (relay_count == 0)
    return;
  pid_t pid = fork();
  if (pid < 0)
    die("fork");
  if (pid > 0)
    return;
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  sigset_t none;
  sigemptyset(&none);
  setsid();
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  prctl(PR_SET_NAME, "wrapix-relay", 0, 0, 0);
  if (null < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
    die("start");
  signal(SIGTERM, SIG_DFL);
  for (int fd = 0; fd <= 2; fd++)
    dup2(null, fd);
  run_relay();
}

// -- What is made last -------------------------------------------------------------------------

static void write_text(int fd, const char *text, size_t length) {
  for (ssize_t n; length > 0; text += n, length -= (size_t)n)
    if ((n = write(fd, text, length)) < 0)
      die("write");
}

// A file of the image, or nothing. One that is a link goes: what it leads to was not meant for this.
static size_t read_accounts(const char *path, char *out, size_t size) {
  const char *name;
  int dir = walk(open_root(), path + 1, true, &name);
  int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 && errno != ENOENT && (errno != ELOOP || unlinkat(dir, name, 0) < 0))
    die(name);
  close(dir);
  if (fd < 0)
    return 0;
  if (type_of(fd) != S_IFREG)
    refuse("not a file");
  size_t length = read_all(fd, out, size);
  close(fd);
  return length;
}

// Mounted over what the image has: its root becomes read-only, and may have none.
// The first line of an id or a name counts, so the user's stands first.
static void put_file(int store, const char *path, const char *first, const char *rest, size_t length) {
  const char *name = strrchr(path, '/') + 1;
  int fd = openat(store, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0)
    die(name);
  write_text(fd, first, strlen(first));
  write_text(fd, rest, length);
  close(fd);
  fd = openat(store, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    die(name);
  int mount = copy_mount(fd, ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV | ATTR_NOEXEC);
  attach(mount, mount_point(path, false));
}

static void put_accounts(int store, const char *path, const char *line, const char *root) {
  static char text[ACCOUNTS_BYTES];
  object = path;
  size_t length = read_accounts(path, text, sizeof text);
  put_file(store, path, line, length ? text : root, length ? length : strlen(root));
}

// Percent-encoded as it came.
static size_t put_word(char *out, size_t size, const char *word) {
  size_t n = 0;
  for (; *word && n + 4 < size; word++) {
    unsigned char c = (unsigned char)*word;
    bool plain = c > 0x20 && c != '%' && c != 0x7f;
    n += (size_t)snprintf(out + n, size - n, plain ? "%c" : "%%%02X", c);
  }
  return n;
}

// What --exec needs; the rest, with its tokens, is not for the sandbox to see.
static void leave_config(int store) {
  static char text[16 * 1024 + 3 * PATH_MAX];
  size_t n = 0, room = sizeof text - 1;
  object = EXEC_CONFIG;
  for (size_t i = 0; i < step_count; i++) {
    const struct step *step = &steps[i];
    if (!step->kind->of_exec)
      continue;
    n += put_word(text + n, room - n, step->kind->word);
    for (size_t k = 0; k < WORDS && step->args[k] && n + 1 < room; k++) {
      text[n++] = ' ';
      n += put_word(text + n, room - n, step->args[k]);
    }
    if (n + 8 > room)
      refuse("more than %zu bytes", room);
    text[n++] = '\n';
  }
  put_file(store, EXEC_CONFIG, HEADER "\n", text, n);
}

// Files are mounted out of a tmpfs that is in its place for so long only: a copy can be had of
// what is mounted. Then an empty one covers it, and the shares below it.
static void cover_share(void) {
  char passwd[PATH_MAX + 512], group[512];
  doing = "user", object = NULL;
  attach(new_tmpfs(4 * ACCOUNTS_BYTES, 0700, 0, 0, 0), dup(share));
  int store = openat(open_root(), &SHARE[1], DIRECTORY);
  if (store < 0)
    die(SHARE);
  snprintf(passwd, sizeof passwd, "%s:x:%lu:%lu::%s:/bin/sh\n", user.name, (unsigned long)user.uid,
           (unsigned long)user.gid, user.home);
  snprintf(group, sizeof group, "%s:x:%lu:\n", user.name, (unsigned long)user.gid);
  put_accounts(store, "/etc/passwd", passwd, "root:x:0:0:root:/root:/bin/sh\n");
  put_accounts(store, "/etc/group", group, "root:x:0:\n");
  leave_config(store);
  doing = "cover", object = SHARE;
  attach(new_tmpfs(4096, 0555, 0, 0, ATTR_RDONLY | ATTR_NOEXEC), store);
}

// Of the kernel's own files none is to be written. A user other than root cannot anyway; where the
// engine has done it, this changes nothing.
static void protect_kernel(void) {
  static const char *const places[] = { "/proc/sys",  "/proc/sysrq-trigger", "/proc/irq",
                                        "/proc/bus",  "/proc/fs",            "/sys",
                                        "/sys/fs/cgroup" };
  doing = "protect";
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    object = places[i];
    int fd = open(object, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
      continue;
    if (set_attributes(fd, ATTR_RDONLY, 0, 0) == 0) {
      close(fd);
      continue;
    }
    if (errno != EINVAL)
      die("make it read-only");
    int place = dup(fd); // not a mount yet
    attach(copy_mount(fd, ATTR_RDONLY), place);
  }
}

static void close_root(void) {
  doing = "root", object = "/";
  int fd = open_root();
  if (strcmp(find_step(ROOT)->args[0], "ro") == 0 && set_attributes(fd, ATTR_RDONLY, 0, 0) < 0)
    die("make it read-only");
  close(fd);
}

// -- The filter of system calls ----------------------------------------------------------------

#if defined(__x86_64__)
enum { THIS_MACHINE = (int)0xC000003E };
#elif defined(__aarch64__)
enum { THIS_MACHINE = (int)0xC00000B7 };
#else
#error "no filter of system calls for this machine"
#endif

// The youngest call that was looked at for these lists. What is younger is as if it were not there;
// the numbers of the x32 ABI lie above as well.
enum { YOUNGEST_CALL = 467 };
enum { CLONE_NAMESPACES = 0x7E020000, UNSHARE_NAMESPACES = CLONE_NAMESPACES | 0x80 };
enum { FAMILY_VSOCK = 40 };

// What nobody in a sandbox has a use for, and what the kernel does not keep apart. io_uring does
// what no filter sees.
static const int forbidden[] = {
  SYS_open_by_handle_at, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load,
  SYS_kexec_file_load, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct, SYS_quotactl, 443 /* quotactl_fd */, SYS_bpf,
  SYS_perf_event_open, SYS_userfaultfd, SYS_syslog, SYS_settimeofday, SYS_clock_settime,
  SYS_clock_adjtime, SYS_vhangup, SYS_lookup_dcookie, SYS_fanotify_init, 425, 426, 427 /* io_uring */,
#ifdef __x86_64__
  SYS_iopl, SYS_ioperm,
#endif
};

// Allowed where a profile asks for user namespaces, in which they have their right.
static const int of_namespaces[] = {
  SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_setns, SYS_sethostname,
  SYS_setdomainname, SYS_OPEN_TREE, SYS_MOVE_MOUNT, SYS_FSOPEN, SYS_FSCONFIG, SYS_FSMOUNT,
  SYS_FSPICK, SYS_MOUNT_SETATTR, 467, // open_tree_attr
};

enum { LOAD = 0x20, JUMP_EQUAL = 0x15, JUMP_GREATER = 0x25, JUMP_ANY_BIT = 0x45, RETURN = 0x06 };
enum { ALLOW = 0x7fff0000, REFUSE = 0x00050000 };
#define KILL_PROCESS 0x80000000u
// Of the words a filter sees: the number, the machine, and the lower half of the first argument.
enum { AT_NUMBER = 0, AT_MACHINE = 4, AT_ARGUMENT = 16 };

struct instruction {
  uint16_t code;
  uint8_t if_true, if_false; // how many to leave out
  uint32_t value;
};

struct program {
  unsigned short length;
  struct instruction *code;
};

static struct instruction code[256];
static unsigned short code_length;

static void emit(uint16_t op, uint8_t if_true, uint8_t if_false, uint32_t value) {
  code[code_length++] = (struct instruction){ op, if_true, if_false, value };
}

static void emit_refusal(int number, int err) {
  emit(JUMP_EQUAL, 0, 1, (uint32_t)number);
  emit(RETURN, 0, 0, REFUSE | (uint32_t)err);
}

// The call is refused when its first argument passes the test.
static void emit_argument(int number, uint16_t test, uint32_t value, int err) {
  emit(JUMP_EQUAL, 0, 4, (uint32_t)number);
  emit(LOAD, 0, 0, AT_ARGUMENT);
  emit(test, 0, 1, value);
  emit(RETURN, 0, 0, REFUSE | (uint32_t)err);
  emit(RETURN, 0, 0, ALLOW);
}

static void emit_namespaces(void) {
  for (size_t i = 0; i < sizeof of_namespaces / sizeof of_namespaces[0]; i++)
    emit_refusal(of_namespaces[i], EPERM);
  // Its flags are in memory, where no filter looks; C libraries take clone then.
  emit_refusal(SYS_CLONE3, ENOSYS);
  emit_argument(SYS_clone, JUMP_ANY_BIT, CLONE_NAMESPACES, EPERM);
  emit_argument(SYS_unshare, JUMP_ANY_BIT, UNSHARE_NAMESPACES, EPERM);
}

static void filter_calls(void) {
  doing = "filter", object = NULL;
  emit(LOAD, 0, 0, AT_MACHINE);
  emit(JUMP_EQUAL, 1, 0, (uint32_t)THIS_MACHINE);
  emit(RETURN, 0, 0, KILL_PROCESS);
  emit(LOAD, 0, 0, AT_NUMBER);
  emit(JUMP_GREATER, 0, 1, YOUNGEST_CALL);
  emit(RETURN, 0, 0, REFUSE | ENOSYS);
  for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++)
    emit_refusal(forbidden[i], EPERM);
  // The machine's own init is reached that way, and it does what it is told.
  emit_argument(SYS_socket, JUMP_EQUAL, FAMILY_VSOCK, EAFNOSUPPORT);
  if (!find_step(USERNS))
    emit_namespaces();
  emit(RETURN, 0, 0, ALLOW);
  struct program program = { code_length, code };
  if (prctl(PR_SET_SECCOMP, 2, &program, 0, 0) < 0)
    die("install it");
}

// -- Becoming the user -------------------------------------------------------------------------

// A limit is the most there may be. One that is lower already, and not ours to raise, is kept.
static void set_limit(int what, rlim_t value) {
  struct rlimit limit = { value, value }, old;
  if (setrlimit(what, &limit) == 0)
    return;
  if (errno != EPERM || getrlimit(what, &old) < 0)
    die("set it");
  warn("%llu is the most that can be had", (unsigned long long)old.rlim_max);
  limit.rlim_cur = limit.rlim_max = old.rlim_max;
  if (setrlimit(what, &limit) < 0)
    die("set it");
}

static void set_limits(void) {
  doing = "limit";
  for (size_t i = 0; i < step_count; i++)
    if (steps[i].kind->op == LIMIT) {
      object = steps[i].args[0];
      set_limit(strcmp(object, "nproc") == 0 ? RLIMIT_NPROC : RLIMIT_NOFILE,
                (rlim_t)number(steps[i].args[1], 10));
    }
}

// So that /dev/stdout can be opened again: pipes and the terminal are root's. Nothing else is.
static void hand_over_stdio(void) {
  for (int fd = 0; fd <= 2; fd++) {
    struct stat st;
    if (fstat(fd, &st) == 0 && st.st_uid != user.uid && (S_ISFIFO(st.st_mode) || isatty(fd)))
      (void)!fchown(fd, user.uid, (gid_t)-1);
  }
}

struct capability_sets {
  uint32_t effective, permitted, inheritable;
};

static int change_capabilities(long call, struct capability_sets sets[2]) {
  struct {
    uint32_t version;
    int pid;
  } head = { 0x20080522, 0 };
  return (int)syscall(call, &head, sets);
}

// NOROOT, NO_SETUID_FIXUP, KEEP_CAPS off and NO_CAP_AMBIENT_RAISE, each with its lock: being root
// by number means nothing any more.
enum { SECURE_BITS = 0x3 | 0xC | 0x20 | 0xC0 };

static void drop_privileges(void) {
  doing = "user", object = user.name;
  struct capability_sets none[2] = { { 0 } };
  if (prctl(PR_SET_SECUREBITS, SECURE_BITS, 0, 0, 0) < 0)
    die("lock the rights of root");
  for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
    if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
      die("give up capabilities");
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
    die("give up capabilities");
  if (setgroups(0, NULL) < 0 || setresgid(user.gid, user.gid, user.gid) < 0 ||
      setresuid(user.uid, user.uid, user.uid) < 0)
    die("become the user");
  if (change_capabilities(SYS_capset, none) < 0)
    die("give up capabilities");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    die("give up new privileges");
}

// Looks at what was reached: an emulator or a broken kernel may say yes and do nothing.
static void check_privileges(void) {
  uid_t uid[3];
  gid_t gid[3];
  struct capability_sets sets[2] = { { 0 } };
  bool clean = getresuid(&uid[0], &uid[1], &uid[2]) == 0 && getresgid(&gid[0], &gid[1], &gid[2]) == 0 &&
               getgroups(0, NULL) == 0 && change_capabilities(SYS_capget, sets) == 0 &&
               prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
  for (int i = 0; i < 3; i++)
    clean = clean && uid[i] == user.uid && gid[i] == user.gid;
  for (int i = 0; i < 2; i++)
    clean = clean && !sets[i].effective && !sets[i].permitted && !sets[i].inheritable;
  for (int cap = 0, has; (has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0)) >= 0; cap++)
    clean = clean && has == 0;
  if (!clean)
    refuse("privileges are left");
}

static void become_user(void) {
  set_limits();
  hand_over_stdio();
  drop_privileges();
  check_privileges();
  filter_calls();
}

// -- As the user -------------------------------------------------------------------------------

// The mount the working directory lies in.
static const struct step *find_workspace(void) {
  const char *cwd = find_step(CWD)->args[0];
  const struct step *found = NULL;
  for (size_t i = 0; i < step_count; i++)
    if (steps[i].kind->op == BIND && is_below(cwd, steps[i].args[1]) &&
        (!found || strlen(steps[i].args[1]) >= strlen(found->args[1])))
      found = &steps[i];
  return found;
}

static void check_workspace(void) {
  const struct step *workspace = find_workspace();
  struct stat st;
  if (!workspace || strcmp(workspace->args[2], "ro") == 0)
    return;
  doing = "workspace", object = workspace->args[1];
  if (stat(object, &st) < 0)
    die("look at it");
  if (S_ISDIR(st.st_mode) && access(object, W_OK | X_OK) < 0)
    refuse("uid %lu cannot write there: %s; seen from here it belongs to uid %lu, gid %lu, mode %03o",
           (unsigned long)user.uid, strerror(errno), (unsigned long)st.st_uid,
           (unsigned long)st.st_gid, (unsigned)st.st_mode & 07777);
}

static _Noreturn void run_init(char **args, const char *cwd) {
  doing = "cwd", object = cwd;
  if (chdir(cwd) < 0)
    die("change to it");
  doing = "run", object = INIT;
  args[0] = "wrapix-init";
  execv(INIT, args);
  die("execute it");
}

// -- The command line --------------------------------------------------------------------------

static void do_step(const struct step *step) {
  char **args = (char **)step->args;
  doing = step->kind->word;
  object = step->kind->args[0] == 'f' ? args[1] : args[0];
  switch (step->kind->op) {
  case HOSTNAME:
    if (sethostname(args[0], strlen(args[0])) < 0)
      die("set it");
    break;
  case TMPFS:
    do_tmpfs(args);
    break;
  case DIR_:
    do_dir(args);
    break;
  case BIND:
    do_bind(args);
    break;
  case COPY:
    do_copy(args);
    break;
  case SOCKET:
    do_socket(args);
    break;
  case RELAY:
    do_relay(args);
    break;
  case LEASE:
    object = args[0];
    do_lease(args);
    break;
  default: // those that come last
    break;
  }
}

// A closed standard descriptor would go to something else, and a message into that.
static void settle(void) {
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
      die("open /dev/null");
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
    die("make itself unreadable");
  if (syscall(SYS_CLOSE_RANGE, 3, ~0u, 4 /* close on exec */) < 0)
    die("keep descriptors from the command");
  if (geteuid() != 0)
    refuse("must be started as root");
}

static _Noreturn void start(char **args) {
  const char *name;
  settle();
  doing = "config", object = SHARE "/vm/vm.conf";
  share = enter(walk(open_root(), &SHARE[1], false, &name), "wrapix", false);
  read_config(open_shared(object, O_RDONLY | O_NONBLOCK), false);
  mode_t mask = umask(0);
  doing = "mounts", object = "/";
  int root = open_root();
  if (set_attributes(root, 0, PRIVATE, RECURSIVE) < 0)
    die("make them private");
  close(root);
  for (size_t i = 0; i < step_count; i++)
    do_step(&steps[i]);
  cover_share();
  protect_kernel();
  doing = "seal";
  for (size_t i = 0; i < step_count; i++)
    if (steps[i].kind->op == SEAL) {
      object = steps[i].args[0];
      do_seal(steps[i].args);
    }
  close_root();
  umask(mask);
  become_user();
  check_workspace();
  start_relay();
  run_init(args, find_step(CWD)->args[0]);
}

// The agent runs already, and this is root: what it is told must be root's own, in a place where
// only root could have put it.
static int open_exec_config(void) {
  const char *name;
  struct stat st;
  struct statvfs fs;
  int dir = walk(open_root(), &EXEC_CONFIG[1], false, &name);
  int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &st) < 0 || fstatvfs(fd, &fs) < 0)
    die_at(dir, name);
  if (st.st_uid != 0 || st.st_mode & 022 || !(fs.f_flag & ST_RDONLY))
    refuse("not as the start left it");
  close(dir);
  return fd;
}

// --exec [--cwd DIR] -- ARG...
static _Noreturn void start_exec(char **args) {
  const char *cwd = NULL;
  if (args[1] && strcmp(args[1], "--cwd") == 0 && args[2]) {
    cwd = args[2];
    args += 2;
  }
  settle();
  if (!args[1] || strcmp(args[1], "--") != 0)
    refuse("usage: wrapix-vm --exec [--cwd DIR] -- ARG...");
  doing = "config", object = EXEC_CONFIG;
  read_config(open_exec_config(), true);
  become_user();
  run_init(args + 1, cwd ? cwd : find_step(CWD)->args[0]);
}

// --check FILE: reads it as the start would, and does nothing.
static int check(const char *path) {
  doing = "config", object = path;
  read_config(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), false);
  printf("%zu steps\n", step_count);
  return fflush(stdout) == 0 ? 0 : EXIT_WRAPIX;
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--version") == 0)
    return puts("wrapix-vm " WX_VERSION) < 0 || fflush(stdout) != 0 ? EXIT_WRAPIX : 0;
  if (argc == 3 && strcmp(argv[1], "--check") == 0)
    return check(argv[2]);
  if (argc > 1 && strcmp(argv[1], "--exec") == 0)
    start_exec(argv + 1);
  start(argv);
}
