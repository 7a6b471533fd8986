// SPDX-License-Identifier: MIT
// attack: tries from inside a sandbox what a sandbox must refuse, and prints for each attempt its
// name and `ok` or why not. Linked statically, so that any image runs it. It must leave alone what
// it does get hold of.
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static long user_namespace(void) { return unshare(CLONE_NEWUSER); }

static long user_and_more(void) { return unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET); }

static long mount_namespace(void) { return unshare(CLONE_NEWNS); }

// The child of a clone that worked has nothing to do.
static long ended(long pid) {
  if (pid == 0)
    _exit(0);
  if (pid > 0)
    waitpid((pid_t)pid, NULL, __WALL);
  return pid;
}

static long clone_user(void) {
  return ended(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
}

static long clone3_user(void) {
  struct clone_args args = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
  return ended(syscall(SYS_clone3, &args, sizeof args));
}

static long mount_tmpfs(void) { return mount("none", "/tmp", "tmpfs", 0, NULL); }

static long remount_root(void) { return mount(NULL, "/", NULL, MS_REMOUNT, NULL); }

static long unmount_own(void) { return umount2("/run/wrapix/bin", MNT_DETACH); }

static long open_tree_root(void) { return syscall(SYS_open_tree, AT_FDCWD, "/", 1); }

static long trace_init(void) { return ptrace(PTRACE_ATTACH, 1, NULL, NULL); }

static long seize_init(void) { return ptrace(PTRACE_SEIZE, 1, NULL, NULL); }

static long read_init(void) {
  char byte;
  struct iovec here = { &byte, 1 }, there = { (void *)0x400000, 1 };
  return process_vm_readv(1, &here, 1, &there, 1, 0);
}

static long take_fd_of_init(void) {
  int pidfd = (int)syscall(SYS_pidfd_open, 1, 0);
  return pidfd < 0 ? -1 : syscall(SYS_pidfd_getfd, pidfd, 0, 0);
}

static long open_in_init(const char *name, int flags) {
  char path[64];
  snprintf(path, sizeof path, "/proc/1/%s", name);
  return open(path, flags);
}

static long mem_of_init(void) { return open_in_init("mem", O_RDWR); }
static long maps_of_init(void) { return open_in_init("maps", O_RDONLY); }
static long environ_of_init(void) { return open_in_init("environ", O_RDONLY); }
static long root_of_init(void) { return open_in_init("root", O_RDONLY); }
static long cwd_of_init(void) { return open_in_init("cwd", O_RDONLY); }
static long fd_of_init(void) { return open_in_init("fd/0", O_RDONLY); }
static long namespace_of_init(void) { return open_in_init("ns/mnt", O_RDONLY); }

static long become_root(void) { return getuid() == 0 ? (errno = EPERM, -1) : setuid(0); }

static long raise_capability(void) {
  struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
  struct __user_cap_data_struct data[2] = { { 1u << CAP_SYS_ADMIN, 1u << CAP_SYS_ADMIN, 0 } };
  return syscall(SYS_capset, &head, data);
}

static long allow_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0); }

static long change_root(void) { return chroot("/tmp"); }

static long make_device(void) { return mknod("/tmp/device", S_IFBLK | 0600, makedev(8, 0)); }

static long raw_socket(void) { return socket(AF_PACKET, SOCK_RAW, 0); }

static long set_hostname(void) { return sethostname("x", 1); }

static long write_kernel(void) { return open("/proc/sys/kernel/core_pattern", O_WRONLY); }

static long write_sysrq(void) { return open("/proc/sysrq-trigger", O_WRONLY); }

static long read_kernel_memory(void) { return open("/proc/kcore", O_RDONLY) < 0 ? -1 : 0; }

static long load_bpf(void) { return syscall(SYS_bpf, 0, NULL, 0); }

static long open_by_handle(void) {
  return syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, O_RDONLY);
}

static long load_module(void) { return syscall(SYS_init_module, NULL, 0, ""); }

static const struct {
  const char *name;
  long (*attempt)(void);
} attempts[] = {
#define TRY(name) { #name, name }
  TRY(user_namespace), TRY(user_and_more), TRY(mount_namespace), TRY(clone_user), TRY(clone3_user),
  TRY(mount_tmpfs), TRY(remount_root), TRY(unmount_own), TRY(open_tree_root), TRY(trace_init),
  TRY(seize_init), TRY(read_init), TRY(take_fd_of_init), TRY(mem_of_init), TRY(maps_of_init),
  TRY(environ_of_init), TRY(root_of_init), TRY(cwd_of_init), TRY(fd_of_init),
  TRY(namespace_of_init), TRY(become_root), TRY(raise_capability), TRY(allow_privileges),
  TRY(change_root), TRY(make_device), TRY(raw_socket), TRY(set_hostname), TRY(write_kernel),
  TRY(write_sysrq), TRY(load_bpf), TRY(open_by_handle), TRY(load_module),
  TRY(read_kernel_memory),
};

// Each in a process of its own: one that works must not help the next.
static void run(size_t i) {
  pid_t pid = fork();
  if (pid == 0) {
    errno = 0;
    long result = attempts[i].attempt();
    printf("%s %s\n", attempts[i].name, result >= 0 ? "ok" : strerror(errno));
    fflush(stdout);
    _exit(0);
  }
  waitpid(pid, NULL, 0);
}

int main(void) {
  for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++)
    run(i);
  return 0;
}
