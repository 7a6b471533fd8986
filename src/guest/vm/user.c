// SPDX-License-Identifier: MIT
// From root to the user, for good: limits, capabilities out of every set, no new privileges.
#include "vm.h"

#include <errno.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// A limit is the most there may be. One that is lower already, and not ours to raise, is kept.
static void set_limit(int what, rlim_t value) {
  struct rlimit limit = { value, value }, old;
  if (setrlimit(what, &limit) == 0)
    return;
  if (errno != EPERM || getrlimit(what, &old) < 0)
    die("set it");
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
  bool clean = getresuid(&uid[0], &uid[1], &uid[2]) == 0 &&
               getresgid(&gid[0], &gid[1], &gid[2]) == 0 && getgroups(0, NULL) == 0 &&
               change_capabilities(SYS_capget, sets) == 0 &&
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

void become_user(void) {
  set_limits();
  hand_over_stdio();
  drop_privileges();
  check_privileges();
  filter_calls();
}
