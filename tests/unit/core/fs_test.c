// SPDX-License-Identifier: MIT
// What the Lua specs of fs cannot do: FIFOs, sockets, a second thread that
// changes the tree while it is removed or copied, and a user who is not root.
#include <dlfcn.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "core/fs.h"
#include "core/util.h"
#include "tap.h"

static char base[64];
static wx_err err;
static const struct wx_fs_copy plain = {.max_bytes = -1};

static const char *at(const char *name) {
  static _Thread_local char paths[8][PATH_MAX];
  static _Thread_local unsigned turn;
  char *path = paths[turn++ % 8];
  snprintf(path, PATH_MAX, "%s/%s", base, name);
  return path;
}

static bool exists(const char *name) {
  struct stat st;
  return lstat(at(name), &st) == 0;
}

static void put(const char *name) {
  if (wx_fs_write_atomic(at(name), "x", 1, -1, false, &err) < 0)
    check(false, "%s", err.msg);
}

static void dir(const char *name) {
  if (wx_fs_ensure_dir(at(name), 0777, &err) < 0)
    check(false, "%s", err.msg);
}

static int count_fds(void) {
  wx_err ignored;
  struct wx_fs_entries *fds = wx_fs_list("/dev/fd/", "", &ignored);
  int count = fds ? (int)fds->count : -1;
  wx_fs_entries_free(fds);
  return count;
}

static void make_socket(const char *path) {
  struct sockaddr_un addr = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  snprintf(addr.sun_path, sizeof addr.sun_path, "%s", path);
  if (bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0)
    check(false, "bind %s", path);
  close(fd);
}

static void test_special(void) {
  char *data;
  size_t len;
  dir("sp/in");
  if (mkfifo(at("sp/in/fifo"), 0600) < 0)
    check(false, "mkfifo");
  check(wx_fs_read(at("sp/in/fifo"), 10, &data, &len, &err) < 0 && err.code == EINVAL,
        "a FIFO is refused without waiting: %s", err.msg);
  check(wx_fs_lock(at("sp/in/fifo"), 0600, &err) < 0, "no lock on a FIFO: %s", err.msg);
  check(wx_fs_append(at("sp/in/fifo"), "x", 1, 0600, &err) < 0, "no append to it: %s", err.msg);
  check(wx_fs_append_beneath(at("sp"), "in/fifo", "x", 1, &err) < 0 && err.code != 0,
        "nor beneath a root: %s", err.msg);
  check(wx_fs_copy_tree(at("sp"), at("sp2"), &plain, &err) < 0 && err.code == EINVAL,
        "nor is it copied: %s", err.msg);
  check(!exists("sp2"), "and nothing is left of the copy");
  unlink(at("sp/in/fifo"));
  make_socket(at("sp/in/sock"));
  check(wx_fs_copy_tree(at("sp"), at("sp2"), &plain, &err) < 0 && err.code == EINVAL,
        "a socket is not copied: %s", err.msg);
  check(wx_fs_remove_tree(at("sp"), &err) == 0 && !exists("sp"), "but both are removed");
}

// --- a tree that changes underneath -------------------------------------------------

// Ours comes before libc's: at the worst moment, after the name was looked at and
// before it is opened, the directory of that name becomes a link to outside.
static const char *armed;

int openat(int dir_fd, const char *name, int flags, ...) {
  static int (*real)(int, const char *, int, ...);
  if (!real)
    *(void **)&real = dlsym(RTLD_NEXT, "openat");
  va_list ap;
  va_start(ap, flags);
  mode_t mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
  va_end(ap);
  if (armed && strcmp(name, armed) == 0) {
    armed = NULL;
    if (renameat(dir_fd, name, AT_FDCWD, at("parked")) < 0 ||
        symlinkat(at("outside"), dir_fd, name) < 0)
      check(false, "swap %s", name);
  }
  return real(dir_fd, name, flags, mode);
}

static void test_swap_once(void) {
  dir("outside/deep");
  put("outside/deep/secret");
  dir("once/d/deep");
  armed = "d";
  check(wx_fs_remove_tree(at("once"), &err) == 0 && !armed, "a link swapped in is removed: %s",
        err.msg);
  check(exists("outside/deep/secret") && !exists("once"), "and not what it points to");
  check(exists("parked/deep"), "nor what was moved away");
  (void)wx_fs_remove_tree(at("parked"), &err);
  dir("once/d/deep");
  armed = "d";
  check(wx_fs_copy_tree(at("once"), at("copy"), &plain, &err) < 0 && !armed,
        "a copy fails on it: %s", err.msg);
  check(!exists("copy"), "and leaves nothing");
  (void)wx_fs_remove_tree(at("parked"), &err);
  (void)wx_fs_remove_tree(at("once"), &err);
  dir("once");
  armed = "once";
  check(wx_fs_remove_tree(at("once"), &err) < 0 && !armed, "the top swapped: %s", err.msg);
  check(exists("outside/deep/secret"), "does not lead outside either");
  (void)wx_fs_remove_tree(at("parked"), &err);
  (void)wx_fs_remove_tree(at("once"), &err);
}

static atomic_bool stop;

// Makes race/t/d a directory and a link to outside in turn.
static void *swap_for_ever(void *arg) {
  (void)arg;
  while (!stop) {
    if (rename(at("race/t/d"), at("race/park")) == 0) {
      (void)!symlink(at("outside"), at("race/t/d"));
      unlink(at("race/t/d"));
      wx_err ignored;
      if (rename(at("race/park"), at("race/t/d")) < 0) // the tree is gone by now
        (void)wx_fs_remove_tree(at("race/park"), &ignored);
    }
  }
  return NULL;
}

static void *add_for_ever(void *arg) {
  (void)arg;
  for (unsigned i = 0; !stop; i++) {
    char name[64];
    snprintf(name, sizeof name, "race/t/new%u", i);
    int fd = open(at(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (fd >= 0)
      close(fd);
  }
  return NULL;
}

static void make_race_tree(void) {
  char name[64];
  dir("race/new/d/deep/er");
  for (int i = 0; i < 8; i++) {
    snprintf(name, sizeof name, "race/new/d/deep/f%d", i);
    put(name);
  }
  (void)!rename(at("race/new"), at("race/t"));
}

static void test_swap(void) {
  pthread_t thread;
  bool leaked = false;
  dir("race");
  stop = false;
  pthread_create(&thread, NULL, swap_for_ever, NULL);
  int done = 0;
  for (int round = 0; round < 100; round++) {
    make_race_tree();
    wx_err ignored;
    (void)wx_fs_copy_tree(at("race/t"), at("race/copy"), &plain, &ignored);
    struct stat st; // a copied link is right, what it points to is not
    bool is_dir = lstat(at("race/copy/d"), &st) == 0 && S_ISDIR(st.st_mode);
    leaked = leaked || (is_dir && exists("race/copy/d/deep/secret"));
    (void)wx_fs_remove_tree(at("race/copy"), &ignored);
    done += wx_fs_remove_tree(at("race/t"), &ignored) == 0;
  }
  stop = true;
  pthread_join(thread, NULL);
  check(exists("outside/deep/secret"), "removal never followed a swapped link (%d of 100 done)", done);
  check(!leaked, "nor did the copy");
  check(wx_fs_remove_tree(at("race"), &err) == 0 && !exists("race"), "the rest goes in peace");
}

static void test_adder(void) {
  pthread_t thread;
  dir("race/t");
  stop = false;
  pthread_create(&thread, NULL, add_for_ever, NULL);
  for (int round = 0; round < 3; round++) {
    dir("race/t");
    (void)wx_fs_remove_tree(at("race/t"), &err);
  }
  stop = true;
  pthread_join(thread, NULL);
  check(wx_fs_remove_tree(at("race"), &err) == 0, "removal ends though files are added all the time");
}

// --- not root -------------------------------------------------------------------------

static void become_nobody(void) {
  if (geteuid() != 0)
    return;
  if (setgroups(0, NULL) < 0 || setgid(65534) < 0 || setuid(65534) < 0)
    _exit(99);
}

static int remove_locked(void) {
  become_nobody();
  dir("user/t/a/b/c");
  put("user/t/a/b/f");
  dir("user/t/ro/x");
  chmod(at("user/t/a/b"), 0);
  chmod(at("user/t/a"), 0400);
  chmod(at("user/t/ro"), 0500);
  if (access(at("user/t/a/b/f"), F_OK) == 0)
    return 2; // permissions do not bind this user: the test would show nothing
  return wx_fs_remove_tree(at("user/t"), &err) == 0 && !exists("user/t") ? 0 : 1;
}

// Directories below the depth that is held open are moved before they are removed.
static int remove_deep_locked(void) {
  become_nobody();
  char name[1024] = "user/deep";
  for (int i = 0; i < 120; i++)
    strcat(name, "/d");
  dir(name);
  for (int i = 0; i < 119; i++) {
    chmod(at(name), 0500);
    name[strlen(name) - 2] = '\0';
  }
  return wx_fs_remove_tree(at("user/deep"), &err) == 0 && !exists("user/deep") ? 0 : 1;
}

static int write_into_foreign(void) {
  become_nobody();
  return wx_fs_remove_tree(at("foreign"), &err) < 0 && err.code == EACCES ? 0 : 1;
}

static int in_child(int (*body)(void)) {
  pid_t pid = fork();
  if (pid == 0)
    _exit(body());
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

// A file that may not grow fails a write halfway, as a full disk does.
static int write_without_room(void) {
  struct rlimit small = {.rlim_cur = 4096, .rlim_max = 4096};
  static char large[65536];
  signal(SIGXFSZ, SIG_IGN);
  if (setrlimit(RLIMIT_FSIZE, &small) < 0)
    return 1;
  if (wx_fs_replace_beneath(at("full"), "f", large, sizeof large, -1, false, &err) == 0)
    return 2;
  return err.code == EFBIG ? 0 : 3;
}

static void test_no_room(void) {
  dir("full");
  put("full/f");
  check(in_child(write_without_room) == 0, "a write that has no room is a failure");
  struct wx_fs_entries *list = wx_fs_list(at("full"), "", &err);
  check(list && list->count == 1, "and leaves no temporary file");
  wx_fs_entries_free(list);
  char *text = NULL;
  size_t len = 0;
  int rc = wx_fs_read_beneath(at("full"), "f", 10, &text, &len, &err);
  check(rc == 0 && len == 1 && text[0] == 'x', "nor changes what was there");
  free(text);
}

static void test_user(void) {
  dir("user");
  chmod(base, 0755);
  chmod(at("user"), 0777);
  check(in_child(remove_locked) == 0, "a user's own locked directories are opened");
  check(in_child(remove_deep_locked) == 0, "deep ones too");
  dir("foreign");
  put("foreign/x");
  if (geteuid() == 0)
    check(in_child(write_into_foreign) == 0 && exists("foreign/x"), "another's are a failure");
}

int main(void) {
  strcpy(base, "/tmp/wrapix-fs-test-XXXXXX");
  if (wx_fs_temp_dir(base, &err) < 0)
    return 1;
  int fds = count_fds();
  test_special();
  test_swap_once();
  test_swap();
  test_adder();
  test_user();
  test_no_room();
  check(wx_fs_remove_tree(base, &err) == 0, "the test's own directory is removed");
  check(count_fds() == fds, "no descriptor is left open");
  return finish();
}
