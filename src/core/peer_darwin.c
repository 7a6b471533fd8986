// SPDX-License-Identifier: MIT
// getpeereid and LOCAL_PEERPID.
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "peer.h"

int wx_peer_get(int fd, struct wx_peer *peer, wx_err *err) {
  *peer = (struct wx_peer){0};
  if (getpeereid(fd, &peer->uid, &peer->gid) != 0)
    return wx_err_set(err, errno, "peer credentials");
  socklen_t len = sizeof peer->pid;
  getsockopt(fd, SOL_LOCAL, LOCAL_PEERPID, &peer->pid, &len); // 0 stays when it is unknown
  return 0;
}
