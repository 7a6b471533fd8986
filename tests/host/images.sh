# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The two images every host gets, made from Debian packages alone because no
# image registry can be reached. Each is one tar in the cache, shared by all hosts.

# shellcheck disable=SC2034 # read by setup
readonly TEST_IMAGES=(busybox debian)
readonly busybox_ref=localhost/wrapix-test-busybox:1
readonly debian_ref=localhost/wrapix-base-debian:trixie

# Everything in one static binary: 2 MB, so a container of it starts as fast as
# podman can.
make_busybox_tar() {
  local root
  root=$(mktemp -d "$CACHE/temp.XXXXXX")
  mkdir -p "$root"/{bin,dev,etc,home,proc,root,run,sys,tmp,usr,var/tmp,workspace}
  chmod 0755 "$root"
  chmod 1777 "$root/tmp" "$root/var/tmp"
  ln -s ../bin "$root/usr/bin"
  cp "$(command -v busybox)" "$root/bin/busybox"
  "$root/bin/busybox" --list | while read -r applet; do
    [[ $applet == busybox ]] || ln -s busybox "$root/bin/$applet"
  done
  printf '%s\n' 'root:x:0:0:root:/root:/bin/sh' \
    'nobody:x:65534:65534:nobody:/:/bin/false' >"$root/etc/passwd"
  printf '%s\n' 'root:x:0:' 'nogroup:x:65534:' >"$root/etc/group"
  tar -C "$root" --owner=0 --group=0 --numeric-owner --sort=name -cf "$1" .
  rm -rf "$root"
}

make_debian_tar() {
  contained mmdebstrap --quiet --format=tar --variant=minbase --include=ca-certificates trixie "$1"
}

image_ref() {
  local name=${1}_ref
  printf '%s\n' "${!name}"
}

# image_tar NAME: where the tar of today's recipe is.
image_tar() {
  printf '%s\n' "$CACHE/images/$1-$(recipe_key "$(declare -f "make_$1_tar")").tar"
}

prepare_image() {
  local tar
  tar=$(image_tar "$1")
  [[ -e $tar ]] && return
  mkdir -p "$CACHE/images"
  rm -f "$CACHE/images/$1"-*.tar
  step "making the $1 image" build_once "$tar" "make_$1_tar"
}

# True when the host's storage holds the image made of that tar. Asks the files,
# not podman: entering a host only to find nothing to do would cost most of the
# time of a second setup. The id is compared, so a removed image is noticed.
has_image() {
  local host=$1 name=$2 id key storage
  storage=$(storage_dir "$host")
  read -r key id 2>/dev/null <"$CACHE/$host/$name.imported" || return 1
  [[ $key == "$(image_tar "$name")" ]] &&
    grep -qs "$id" "$storage"/storage/*-images/images.json &&
    grep -qs "$(image_ref "$name")" "$storage"/storage/*-images/images.json
}

import_image() {
  local host=$1 name=$2 tar ref id
  tar=$(image_tar "$name")
  ref=$(image_ref "$name")
  # The tar comes through standard input: the cache is not visible on the host.
  id=$("$HERE/run" "$host" -- podman import --quiet - "$ref" <"$tar")
  # Warm it: the first keep-id container of an image makes podman copy and chown it.
  [[ $host == rootful ]] || "$HERE/run" "$host" -- podman run --rm --pull=never \
    --network=none --userns=keep-id "$ref" true || die "$host: $ref does not run"
  printf '%s %s\n' "$tar" "${id#sha256:}" >"$CACHE/$host/$name.imported"
}
