# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Host "deb12": this machine's podman 4.3 as an ordinary user, with cgroup version
# 2 only and open device nodes, as a desktop has them.

# shellcheck disable=SC2034 # read by setup and run
host_user=$TEST_USER
# shellcheck disable=SC2034
host_packages=(podman crun uidmap slirp4netns fuse-overlayfs catatonit)

# useradd gives ranges only where /etc/subuid is already there.
prepare_host() {
  touch /etc/subuid /etc/subgid
  id "$TEST_USER" >/dev/null 2>&1 ||
    useradd --uid "$TEST_UID" --create-home --shell /bin/bash "$TEST_USER"
  grep -q "^$TEST_USER:" /etc/subuid || usermod --add-subuids 500000-565535 "$TEST_USER"
  grep -q "^$TEST_USER:" /etc/subgid || usermod --add-subgids 500000-565535 "$TEST_USER"
  mkdir -p "$CACHE/deb12"
  install -d -m 0700 -o "$TEST_USER" -g "$TEST_USER" "$(storage_dir deb12)"
}

host_is_ready() {
  id "$TEST_USER" >/dev/null 2>&1 && [[ -d $(storage_dir deb12) ]]
}

mount_host() {
  local uid gid home
  IFS=: read -r _ _ uid gid _ home _ < <(getent passwd "$TEST_USER")
  hold_project
  use_pure_cgroup2
  open_device_nodes ''
  mount_volatile '' "$uid" "$gid"
  chown "$uid:$gid" home
  mount_storage deb12 home/.local/share/containers
  chown "$uid:$gid" home/.local home/.local/share
  overlay_etc_containers
  write_storage_conf /etc/containers/storage.conf "$home"
  mount_home '' "$home"
  mount_temp ''
  expose_project ''
  mount --make-rshared /
}
