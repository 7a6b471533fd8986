# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Host "deb13": Debian 13 with podman 5.4, crun and pasta, for an ordinary user, in
# a folder of this machine that becomes the root. The folder is never written to
# after it is made: each run sees it through an overlay of its own.

# shellcheck disable=SC2034 # read by setup and run
host_user=$TEST_USER
# shellcheck disable=SC2034
host_packages=(mmdebstrap)

deb13_packages=(
  podman crun passt uidmap netavark aardvark-dns nftables catatonit fuse-overlayfs
  ca-certificates iproute2 procps strace
  liblua5.4-0 libuv1t64 libcjson1 lua5.4 lua-busted git tmux
  make gcc libc6-dev pkg-config liblua5.4-dev libuv1-dev libcjson-dev
  mmdebstrap nix-bin openssh-client busybox-static
)

# shellcheck disable=SC2016 # $1 is for the hook's shell
make_deb13_root() {
  local IFS=,
  contained mmdebstrap --quiet --mode=root --format=directory --variant=minbase \
    --include="${deb13_packages[*]}" \
    --customize-hook='chroot "$1" useradd -m -s /bin/bash -u '"$TEST_UID $TEST_USER" \
    --customize-hook='rm -f "$1"/etc/resolv.conf "$1"/etc/hostname' \
    trixie "$1"
}

deb13_root() {
  local key
  key=$(recipe_key "$TEST_UID" "${deb13_packages[@]}" "$(declare -f make_deb13_root)")
  printf '%s\n' "$CACHE/deb13/root-$key"
}

# Never waits: an old one that a run still uses goes at some later setup.
remove_old_roots() {
  local old
  for old in "$CACHE"/deb13/root-*; do
    [[ $old == "$1" ]] ||
      flock -n "$CACHE/run-deb13.lock" rm -rf --one-file-system "$old" || true
  done
}

deb13_account() {
  grep "^$TEST_USER:" "$(deb13_root)/etc/passwd"
}

prepare_host() {
  local root uid gid
  root=$(deb13_root)
  mkdir -p "$CACHE/deb13"
  [[ -d $root ]] ||
    step "deb13: making the Debian 13 root (a minute or two)" build_once "$root" make_deb13_root
  remove_old_roots "$root"
  IFS=: read -r _ _ uid gid _ < <(deb13_account)
  install -d -m 0700 -o "$uid" -g "$gid" "$(storage_dir deb13)"
}

host_is_ready() {
  [[ -d $(deb13_root) && -d $(storage_dir deb13) ]]
}

mount_host() {
  local uid gid home lower root=$PWD/root
  IFS=: read -r _ _ uid gid _ home _ < <(deb13_account)
  lower=$(deb13_root)
  hold_project
  use_pure_cgroup2
  mkdir root upper work
  mount -t overlay -o "lowerdir=$lower,upperdir=$PWD/upper,workdir=$PWD/work" overlay root
  mount --rbind /sys root/sys
  mount --rbind /dev root/dev
  open_device_nodes "$root"
  mount_volatile "$root" "$uid" "$gid"
  cp /etc/resolv.conf /etc/hosts root/etc/
  # Whoever this machine trusts for TLS is trusted there too: a proxy may look into it.
  cp /etc/ssl/certs/ca-certificates.crt root/etc/ssl/certs/
  chown "$uid:$gid" home
  mount_storage deb13 home/.local/share/containers
  chown "$uid:$gid" home/.local home/.local/share
  write_storage_conf root/etc/containers/storage.conf "$home"
  mount_home "$root" "$home"
  mount_temp "$root"
  expose_project "$root"
  enter_root "$root"
  mount --make-rshared /
}
