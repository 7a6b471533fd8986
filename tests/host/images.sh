# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The images every host gets, made from Debian packages alone because no image
# registry can be reached. Each is one tar in the cache, shared by all hosts.
# alpine, distroless and scratch are not the real ones: they have the layout, the
# loader and the lack of programs that those have.

# shellcheck disable=SC2034 # read by setup
readonly TEST_IMAGES=(busybox debian alpine distroless scratch)
readonly busybox_ref=localhost/wrapix-test-busybox:1
readonly debian_ref=localhost/wrapix-base-debian:trixie
readonly alpine_ref=localhost/wrapix-test-alpine:1
readonly distroless_ref=localhost/wrapix-test-distroless:1
readonly scratch_ref=localhost/wrapix-test-scratch:1
# What ends with 0 when run without words, where that is not /bin/true.
readonly distroless_true=/usr/bin/probe scratch_true=/probe
# The image's own settings. An entrypoint that runs is seen by its status.
readonly distroless_settings=(
  --change 'ENTRYPOINT ["/usr/bin/probe", "exit", "66"]' --change 'CMD ["exit", "67"]'
  --change 'USER 65532' --change 'WORKDIR /home/nonroot'
)
readonly PROBE=$HERE/probe.c

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

# build_probe COMPILER TARGET [OPTION...]
build_probe() {
  "$1" -std=c11 -O1 -Wall -Wextra -s "${@:3}" -o "$2" "$PROBE"
}

# What Alpine 3.20 has where, but for /home. Its busybox needs the loader of musl; this
# one is static, so the probe is what needs it.
make_alpine_tar() {
  local root applet
  root=$(mktemp -d "$CACHE/temp.XXXXXX")
  mkdir -p "$root"/{bin,dev,etc,lib,media,mnt,opt,proc,root,run,sbin,srv,sys,tmp} \
    "$root"/usr/{bin,lib,local/bin,sbin,share} "$root"/var/{cache,lib,log,tmp}
  chmod 0755 "$root"
  chmod 0700 "$root/root"
  chmod 1777 "$root/tmp" "$root/var/tmp"
  ln -s ../run "$root/var/run"
  cp -L /lib/ld-musl-*.so.1 "$root/lib/"
  cp "$(command -v busybox)" "$root/bin/busybox"
  "$root/bin/busybox" --list-full | while read -r applet; do
    [[ -e $root/$applet || ! -d $root/${applet%/*} ]] || ln -s /bin/busybox "$root/$applet"
  done
  build_probe musl-gcc "$root/usr/bin/probe"
  printf '3.20.3\n' >"$root/etc/alpine-release"
  printf '%s\n' /bin/sh /bin/ash >"$root/etc/shells"
  printf '%s\n' 'root:x:0:0:root:/root:/bin/ash' 'bin:x:1:1:bin:/bin:/sbin/nologin' \
    'daemon:x:2:2:daemon:/sbin:/sbin/nologin' 'sync:x:5:0:sync:/sbin:/bin/sync' \
    'guest:x:405:100:guest:/dev/null:/sbin/nologin' \
    'nobody:x:65534:65534:nobody:/:/sbin/nologin' >"$root/etc/passwd"
  printf '%s\n' 'root:x:0:root' 'bin:x:1:root,bin,daemon' 'daemon:x:2:root,bin,daemon' \
    'users:x:100:' 'nobody:x:65534:' >"$root/etc/group"
  tar -C "$root" --owner=0 --group=0 --numeric-owner --sort=name -cf "$1" .
  rm -rf "$root"
}

# A loader, a libc and one program; no shell, no tool.
make_distroless_tar() {
  local root library
  root=$(mktemp -d "$CACHE/temp.XXXXXX")
  mkdir -p "$root"/{etc,home/nonroot,root,tmp,usr/bin}
  chmod 0755 "$root"
  chmod 0700 "$root/home/nonroot"
  chmod 1777 "$root/tmp"
  build_probe cc "$root/usr/bin/probe"
  ldd "$root/usr/bin/probe" | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$root${library%/*}"
    cp -L "$library" "$root$library"
  done
  printf '%s\n' 'root:x:0:0:root:/root:/sbin/nologin' \
    'nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin' \
    'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin' >"$root/etc/passwd"
  printf '%s\n' 'root:x:0:' 'nobody:x:65534:' 'nonroot:x:65532:' >"$root/etc/group"
  chown -R 65532:65532 "$root/home/nonroot"
  tar -C "$root" --numeric-owner --sort=name -cf "$1" .
  rm -rf "$root"
}

# Not even a directory.
make_scratch_tar() {
  local root
  root=$(mktemp -d "$CACHE/temp.XXXXXX")
  build_probe musl-gcc "$root/probe" -static
  tar -C "$root" --owner=0 --group=0 --numeric-owner -cf "$1" probe
  rm -rf "$root"
}

image_ref() {
  local name=${1}_ref
  printf '%s\n' "${!name}"
}

# All that an image is made of: it is made anew when one of them changes.
image_recipe() {
  local settings="$1_settings[@]" text
  text=$(declare -f "make_$1_tar")
  [[ $text != *build_probe* ]] || text+=$(declare -f build_probe)$(<"$PROBE")
  printf '%s' "$text" "${!settings}"
}

# image_tar NAME: where the tar of today's recipe is.
image_tar() {
  printf '%s\n' "$CACHE/images/$1-$(recipe_key "$(image_recipe "$1")").tar"
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
  local settings="$2_settings[@]" program="$2_true"
  tar=$(image_tar "$name")
  ref=$(image_ref "$name")
  # The tar comes through standard input: the cache is not visible on the host.
  id=$("$HERE/run" "$host" -- podman import --quiet "${!settings}" - "$ref" <"$tar")
  # Warm it: the first keep-id container of an image makes podman copy and chown it.
  [[ $host == rootful ]] || "$HERE/run" "$host" -- podman run --rm --pull=never \
    --network=none --userns=keep-id --entrypoint="${!program:-/bin/true}" "$ref" || die "$host: $ref does not run"
  printf '%s %s\n' "$tar" "${id#sha256:}" >"$CACHE/$host/$name.imported"
}
