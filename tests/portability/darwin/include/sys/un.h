// SPDX-License-Identifier: MIT
#ifndef STUB_SYS_UN_H
#define STUB_SYS_UN_H
#include <sys/types.h>
struct sockaddr_un {
  uint8_t sun_len;
  sa_family_t sun_family;
  char sun_path[104];
};
#define SOL_LOCAL 0
#define LOCAL_PEERPID 0x002
#endif
