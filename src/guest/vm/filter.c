// SPDX-License-Identifier: MIT
// The filter of system calls: a list of what is refused, for the kernel's packet filter. It stands
// behind the missing capabilities, not in their place.
#include "vm.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
enum { THIS_MACHINE = (int)0xC000003E };
#elif defined(__aarch64__)
enum { THIS_MACHINE = (int)0xC00000B7 };
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
  SYS_kexec_file_load, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct, SYS_quotactl,
  443 /* quotactl_fd */, SYS_bpf,
  SYS_perf_event_open, SYS_userfaultfd, SYS_syslog, SYS_settimeofday, SYS_clock_settime,
  SYS_clock_adjtime, SYS_vhangup, SYS_lookup_dcookie, SYS_fanotify_init,
  425, 426, 427, // io_uring
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

void filter_calls(void) {
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
