// SPDX-License-Identifier: MIT
// What macOS has of this header, as far as wrapix, Lua, libuv and cJSON use it. Only to check
// sources by: nothing is linked with it.
#ifndef STUB_SYS_TYPES_H
#define STUB_SYS_TYPES_H
#include <stddef.h>
#include <stdint.h>
typedef long ssize_t;
typedef int32_t pid_t, dev_t, blksize_t;
typedef uint32_t uid_t, gid_t, id_t, socklen_t;
typedef int64_t off_t, blkcnt_t;
typedef uint64_t ino_t;
typedef uint16_t mode_t, nlink_t;
typedef long time_t;
typedef unsigned long clock_t;
typedef int32_t suseconds_t;
typedef char *caddr_t;
typedef uint8_t sa_family_t;
typedef uint16_t in_port_t;
typedef uint32_t in_addr_t;
struct timespec {
  time_t tv_sec;
  long tv_nsec;
};
struct timeval {
  time_t tv_sec;
  suseconds_t tv_usec;
};
typedef struct stub_pthread *pthread_t;
typedef struct {
  long opaque[8];
} pthread_mutex_t, pthread_cond_t, pthread_rwlock_t, pthread_attr_t, pthread_once_t;
typedef unsigned long pthread_key_t;
#endif
