# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Pieces of a host's mount namespace. Only ever called inside a private one.
# $root is '' when the host's root is this machine's, else the folder that becomes
# it. All sources are relative to the run's directory, which is the working
# directory, and mount gets -c (do not make paths absolute): they stay reachable
# even after something is mounted over a parent of the cache.

# Where version 1 is mounted too, crun refuses to work at all.
use_pure_cgroup2() {
  [[ $(stat -f -c %T /sys/fs/cgroup) == cgroup2fs ]] && return
  umount -R /sys/fs/cgroup
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
}

# On this kind of machine both nodes are for root only; on a desktop they are for
# all. Own nodes are bound over them, so that the machine's stay as they are.
open_device_nodes() {
  local root=$1
  mkdir nodes
  mount -t tmpfs -o mode=0755 tmpfs nodes
  mknod -m 0666 nodes/tun c 10 200
  mknod -m 0666 nodes/fuse c 10 229
  mount -c --bind nodes/tun "$root/dev/net/tun"
  mount -c --bind nodes/fuse "$root/dev/fuse"
}

# A fresh /run and /dev/shm is what a reboot gives: podman starts anew instead of
# looking for processes and locks of an earlier run.
mount_volatile() {
  local root=$1 uid=$2 gid=$3 resolv=''
  # Where resolv.conf is a link into /run it would go with it.
  [[ -n $root ]] || resolv=$(readlink -f /etc/resolv.conf)
  [[ $resolv == /run/* ]] && cp "$resolv" resolv.conf
  mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
  mount -t tmpfs -o mode=0755,nosuid,nodev tmpfs "$root/run"
  mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/dev/shm"
  mkdir -p "$root/run/lock" "$root/run/user"
  chmod 1777 "$root/run/lock"
  install -d -m 0700 -o "$uid" -g "$gid" "$root/run/user/$uid"
  if [[ $resolv == /run/* ]]; then
    mkdir -p "${resolv%/*}"
    cp resolv.conf "$resolv"
  fi
}

# mount_storage HOST FOLDER: podman's storage, the one thing that outlives a run.
mount_storage() {
  mkdir -p "$2"
  mount -c --rbind "../../$1/containers" "$2"
}

# write_storage_conf FILE HOME: names the driver, which podman 4.3 guesses badly
# (vfs, a full copy for each container), and the place, so that tests may set HOME
# and XDG_* freely and still find the images. The kernel's own overlay: podman 4.3
# takes no mount_program from here, and one storage must not see both kinds.
write_storage_conf() {
  printf '%s\n' '[storage]' 'driver = "overlay"' \
    "rootless_storage_path = \"$2/.local/share/containers/storage\"" >"$1"
}

# Lets /etc/containers be changed for this run alone.
overlay_etc_containers() {
  mkdir etc etc.work
  mount -t overlay -o "lowerdir=/etc/containers,upperdir=$PWD/etc,workdir=$PWD/etc.work" \
    overlay /etc/containers
}

mount_home() {
  local root=$1 home=$2
  mount -c --rbind home "$root$home"
}

# Private and on the disk: builds put whole images there.
mount_temp() {
  local root=$1
  mount -c --bind tmp "$root/tmp"
  mount -c --bind vartmp "$root/var/tmp"
}

# A file system of few bytes, for what must be seen with a full disk: only root can
# mount one that a rootless engine uses as well.
mount_small() {
  local folder=$1 uid=$2 gid=$3
  mkdir "$folder"
  mount -t tmpfs -o "size=4m,mode=0700,uid=$uid,gid=$gid,nosuid,nodev" tmpfs "$folder"
}

# Holds a folder while its place may be hidden by other mounts.
hold() {
  mkdir "$1"
  mount -c --rbind "$2" "$1"
}

# expose HELD PATH: shows a held folder at PATH. A parent that others may not
# enter (/root) is hidden under an empty one in this namespace.
expose() {
  local held=$1 path=$2 root=$3 parent='' part
  local -a parts
  IFS=/ read -r -a parts <<<"${path#/}"
  for part in "${parts[@]}"; do
    parent+=/$part
    [[ -d $root$parent && $parent != "$path" ]] || continue
    if (((8#$(stat -c %a "$root$parent") & 1) == 0)); then
      mount -t tmpfs -o mode=0755 tmpfs "$root$parent"
      break
    fi
  done
  mkdir -p "$root$path"
  mount -c --rbind "$held" "$root$path"
}

# enter_root FOLDER: makes it the root. Not chroot: the kernel refuses user
# namespaces to a process whose root is not its mount namespace's.
enter_root() {
  mkdir -p "$1/oldroot"
  cd "$1" || return
  pivot_root . oldroot
  cd /
  umount -l /oldroot
  rmdir /oldroot
}
