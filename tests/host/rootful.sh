# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Host "rootful": this machine's podman as root, on its hybrid cgroups. Only the
# storage, /run, home and temporary folders are its own.

# shellcheck disable=SC2034 # read by setup and run
host_user=root
# shellcheck disable=SC2034
host_packages=(podman runc netavark aardvark-dns catatonit iptables slirp4netns)

prepare_host() {
  mkdir -p "$(storage_dir rootful)"
}

host_is_ready() {
  [[ -d $(storage_dir rootful) ]]
}

mount_host() {
  hold_project
  mount_volatile '' 0 0
  mount_storage rootful /var/lib/containers
  mount_home '' /root
  mount_temp ''
  expose_project ''
  mount --make-rshared /
}
