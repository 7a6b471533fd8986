// SPDX-License-Identifier: MIT
// Who is at the other end of a Unix socket, as the kernel says.
#ifndef WX_CORE_PEER_H
#define WX_CORE_PEER_H

#include <sys/types.h>

#include "err.h"

struct wx_peer {
  uid_t uid;
  gid_t gid;
  pid_t pid; // 0 where the system does not tell
};

// -1 with ENOTSUP or ENOTCONN for anything but a connected Unix socket.
int wx_peer_get(int fd, struct wx_peer *peer, wx_err *err);

#endif
