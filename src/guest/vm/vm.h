// SPDX-License-Identifier: MIT
// What the parts of wrapix-vm have of each other. See vm.c for how they go together.
#ifndef WRAPIX_VM_H
#define WRAPIX_VM_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SHARE "/mnt/wrapix"
#define LEASE_NAME "WRAPIX_LEASE"
#define LEASE_TOKEN "WRAPIX_LEASE_TOKEN"

enum { EXIT_WRAPIX = 125 };

// -- message.c: nothing goes on after a step that failed ----------------------------------------

// What is being done, for the message of whatever fails meanwhile.
extern const char *doing, *object;

__attribute__((format(printf, 1, 2))) void warn(const char *fmt, ...);
_Noreturn void leave(void);
// With the reason in errno.
_Noreturn void die(const char *what);
#define refuse(...) (warn(__VA_ARGS__), leave())
long long now_ms(void);

// -- config.c -----------------------------------------------------------------------------------

// The first line of vm.conf.
#define HEADER "wrapix-vm 1"

enum { STEPS = 1024, WORDS = 5 };

enum op {
  HOSTNAME, USER, TMPFS, DIR_, BIND, COPY, SOCKET, RELAY, LEASE, SEAL, LIMIT, USERNS, ROOT, CWD
};

struct kind {
  const char *word;
  const char *args; // a letter for each; see is_right
  enum op op;
  bool once;
  bool of_exec; // --exec needs it too
};

struct step {
  const struct kind *kind;
  char *args[WORDS];
};

struct user {
  const char *name, *home;
  uid_t uid;
  gid_t gid;
};

extern struct step steps[STEPS];
extern size_t step_count;
extern struct user user;

// Takes the descriptor. For --exec it holds less.
void read_config(int fd, bool exec);
// The first of its kind, or NULL.
const struct step *find_step(enum op op);
// Of a word that was checked.
unsigned long long number(const char *s, unsigned base);
bool is_below(const char *path, const char *dir);
// Fails when there are SIZE bytes or more.
size_t read_all(int fd, char *out, size_t size);

// -- place.c ------------------------------------------------------------------------------------

enum { DIRECTORY = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

extern int share;

int open_root(void);
int open_shared(const char *path, int flags);
int walk(int dir, const char *path, bool make, const char **name);
int enter(int dir, const char *name, bool make);
int mount_point(const char *path, bool is_dir);
mode_t type_of(int fd);
void own_at(int dir, const char *name, uid_t uid, gid_t gid);
_Noreturn void die_at(int dir, const char *name);

// Not every C library has names for these; the numbers are the same on all machines.
enum { SYS_OPEN_TREE = 428, SYS_MOVE_MOUNT, SYS_FSOPEN, SYS_FSCONFIG, SYS_FSMOUNT, SYS_FSPICK };
enum { SYS_CLONE3 = 435, SYS_CLOSE_RANGE, SYS_MOUNT_SETATTR = 442 };
enum { ATTR_RDONLY = 1, ATTR_NOSUID = 2, ATTR_NODEV = 4, ATTR_NOEXEC = 8, PRIVATE = 1 << 18 };
enum { RECURSIVE = 0x8000 };

int set_attributes(int fd, uint64_t set, uint64_t propagation, unsigned flags);
int new_tmpfs(unsigned long long size, unsigned mode, uid_t uid, gid_t gid, unsigned attr);
int copy_mount(int fd, unsigned attr);
void attach(int mount, int place);

// -- step.c, relay.c, user.c, filter.c ----------------------------------------------------------

void do_step(const struct step *step);
void do_seal(char **args);
void do_relay(char **args);
void start_relay(void);
void become_user(void);
void filter_calls(void);

#endif
