// SPDX-License-Identifier: MIT
// wrapix-vm: root in a virtual machine of Apple's container for as long as it takes to put a
// sandbox together and to become its user; then it is wrapix-init. With --exec it becomes the user
// only. It must not go on after a step that failed, must not follow a link on its way to a place,
// and must not depend on /proc or on anything of the image, which may be made to harm it.
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
// The parts in vm/ go together here: config, steps, what is made last, the user, wrapix-init.
#include "vm/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef WX_VERSION
#define WX_VERSION "unversioned"
#endif

#define INIT "/run/wrapix/bin/wrapix-init"
// What --exec needs to know, left by the start; see leave_config.
#define EXEC_CONFIG "/run/wrapix/vm.conf"

enum { ACCOUNTS_BYTES = 1 << 20 };

// -- What is made last -------------------------------------------------------------------------

static void write_text(int fd, const char *text, size_t length) {
  for (ssize_t n; length > 0; text += n, length -= (size_t)n)
    if ((n = write(fd, text, length)) < 0)
      die("write");
}

// A file of the image, or nothing. One that is a link goes: what it leads to was not meant for it.
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
static void put_file(int store, const char *path, const char *first, const char *rest,
                     size_t length) {
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
  // By its descriptor, never by its path: a directory of the host may be mounted over that.
  int mount = new_tmpfs(4 * ACCOUNTS_BYTES, 0700, 0, 0, 0), store = dup(mount);
  attach(mount, dup(share));
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
    refuse("uid %lu cannot write there: %s; seen from here it belongs to uid %lu, gid %lu, "
           "mode %03o",
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
