// SPDX-License-Identifier: MIT
#ifndef STUB_NETDB_H
#define STUB_NETDB_H
#include <sys/socket.h>
struct addrinfo {
  int ai_flags, ai_family, ai_socktype, ai_protocol;
  socklen_t ai_addrlen;
  char *ai_canonname;
  struct sockaddr *ai_addr;
  struct addrinfo *ai_next;
};
#define NI_MAXHOST 1025
#define NI_MAXSERV 32
#endif
