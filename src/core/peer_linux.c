// SPDX-License-Identifier: MIT
// SO_PEERCRED: the credentials at the time of connect().
#include <errno.h>
#include <sys/socket.h>

#include "peer.h"

int wx_peer_get(int fd, struct wx_peer *peer, wx_err *err) {
  struct ucred cred;
  socklen_t len = sizeof cred;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
    return wx_err_set(err, errno, "peer credentials");
  // For TCP the kernel succeeds with an invalid uid.
  if (cred.pid == 0 || cred.uid == (uid_t)-1)
    return wx_err_set(err, ENOTSUP, "peer credentials: not a Unix socket");
  *peer = (struct wx_peer){cred.uid, cred.gid, cred.pid};
  return 0;
}
