#!/bin/sh
# SPDX-License-Identifier: MIT
# The first program of the builder's container: fills /nix from /nix-image, then keeps
# nix-daemon and sshd running until it is told to stop. For dash and busybox alike; must
# not need anything of /nix before that is whole. What it prints after "wrapix-builder: "
# is read by `wrapix builder start`; `failed: WORD: text` is the last line of a failure.
#
# Theory of operation. A path gets its name in /nix/store by a rename, after it was
# copied beside it; the database learns of it after all are there and on the disk; the
# mark is written last. So a mark says that everything before it happened, and without
# one the same steps are done again: what is there and valid is left alone, whatever
# else has the name of a path of the image is replaced. Paths the image does not have
# are never touched. Links in gcroots keep the image's paths from being collected, and
# those of an image before it are taken away last.
# shellcheck disable=SC2317 # most functions are called by try
set -eu
umask 022

conf=/etc/wrapix-builder
source=/nix-image
mark=/nix/.wrapix-image
part=/nix/.wrapix-part
roots=/nix/var/nix/gcroots/wrapix-image
work=/run/wrapix-builder
errors=$work/errors

say() { printf 'wrapix-builder: %s\n' "$*"; }

fail() {
  word=$1
  shift
  ! grep -qi 'no space left\|disk quota' "$errors" 2>/dev/null || word=full
  ! grep -qi 'database or disk is full' "$errors" 2>/dev/null || word=full
  [ ! -s "$errors" ] || tail -n 3 "$errors" >&2
  say "failed: $word: $*"
  exit 70
}

# Runs one step, whose complaints are kept for what they mean.
try() {
  what=$1
  shift
  "$@" 2>"$errors" || fail step "$what"
}

flush() { sync -f /nix 2>/dev/null || sync; }

# --- /nix -------------------------------------------------------------------------------

# Prints the store paths of the image; a name that Nix would not give is none.
image_paths() {
  for path in "$source"/store/*; do
    name=${path##*/}
    case $name in
    *[!0-9a-zA-Z+._?=-]*) ;;
    ????????????????????????????????-?*) printf '/nix/store/%s\n' "$name" ;;
    esac
  done
}

# Those of them that the database does not vouch for, or that are not there.
missing_paths() {
  xargs nix-store --check-validity --print-invalid <"$work/paths" >"$work/invalid" ||
    return 1
  while read -r path; do
    if grep -qxF "$path" "$work/invalid" || { [ ! -e "$path" ] && [ ! -L "$path" ]; }; then
      printf '%s\n' "$path"
    fi
  done <"$work/paths"
}

remove_path() {
  [ -e "$1" ] || [ -L "$1" ] || return 0
  [ -L "$1" ] || chmod -R u+w "$1"
  rm -rf "$1"
}

copy_path() {
  name=${1##*/}
  remove_path "$part/$name" || return 1
  cp -a "$source/store/$name" "$part/$name" || return 1
  remove_path "$1" || return 1
  mv "$part/$name" "$1"
}

copy_missing() {
  total=$(wc -l <"$work/missing")
  count=0 told=0
  while read -r path; do
    try "copy $path" copy_path "$path"
    count=$((count + 1))
    if [ $((count * 10 / total)) -gt "$told" ]; then
      told=$((count * 10 / total))
      say "fill: $count of $total paths"
    fi
  done <"$work/missing"
}

# One link for each path. Those of an earlier image have no path of this one.
link_roots() {
  mkdir -p "$roots" || return 1
  while read -r path; do
    ln -sfn "$path" "$roots/${path##*/}" || return 1
  done <"$work/paths"
  for root in "$roots"/*; do
    [ -L "$root" ] || continue
    grep -qxF "/nix/store/${root##*/}" "$work/paths" || rm -f "$root" || return 1
  done
}

write_mark() {
  cp "$conf/image" "$mark.new" && flush && mv "$mark.new" "$mark" && flush
}

# Says what is about to be done, and why.
explain_fill() {
  if [ -e "$mark" ] && cmp -s "$mark" "$conf/image"; then
    say "fill: $1 paths are missing from /nix"
  elif [ -e "$mark" ]; then
    say "fill: the image changed: $1 new paths"
  elif [ -n "$begun" ]; then
    say "fill: the last one was interrupted: $1 paths"
  else
    say "fill: /nix is new: $1 paths"
  fi
}

fill() {
  [ -d "$source/store" ] || fail image "the image has no $source/store"
  image_paths >"$work/paths"
  begun=
  [ ! -d "$part" ] || begun=1
  try "make the directories of /nix" mkdir -p /nix/store /nix/var/nix "$part"
  if [ -s "$work/paths" ]; then
    missing_paths >"$work/missing" 2>"$errors" || fail database "ask the database of /nix"
  else
    : >"$work/missing"
  fi
  if [ -s "$work/missing" ] || ! cmp -s "$mark" "$conf/image"; then
    explain_fill "$(wc -l <"$work/missing")"
    rm -f "$mark"
    copy_missing
    try "write /nix to the disk" flush
    if [ -f "$source/registration" ]; then
      nix-store --load-db <"$source/registration" 2>"$errors" ||
        fail step "register the paths of the image"
    fi
    try "keep the paths of the image" link_roots
    try "write the mark" write_mark
  fi
  chmod -R u+w "$part" 2>/dev/null || true
  rm -rf "$part"
}

# --- the two programs -------------------------------------------------------------------

# Everything sshd insists on having to itself is copied: the directory it comes from
# belongs to whoever the engine says.
prepare_sshd() {
  mkdir -p /run/sshd "$work/ssh" &&
    cp "$conf/host_key" "$conf/authorized_keys" "$work/ssh/" &&
    chown -R 0:0 "$work/ssh" &&
    chmod 600 "$work/ssh/host_key" && chmod 644 "$work/ssh/authorized_keys"
}

# Nix's own sandbox needs name spaces in which /proc can be mounted; few engines let it.
has_namespaces() {
  unshare --user --map-root-user --mount --pid --fork --mount-proc true 2>/dev/null
}

prepare_nix() {
  mkdir -p /etc/nix && cp "$conf/nix.conf" /etc/nix/nix.conf || return 1
  if grep -q '^sandbox = ' /etc/nix/nix.conf; then return 0; fi
  if has_namespaces; then
    printf 'sandbox = true\n' >>/etc/nix/nix.conf
    set -- "$source"/store/*-wrapix-sh
    [ ! -e "$1" ] ||
      printf 'sandbox-paths = /bin/sh=/nix/store/%s/bin/sh\n' "${1##*/}" >>/etc/nix/nix.conf
  else
    printf 'sandbox = false\n' >>/etc/nix/nix.conf
  fi
}

stop() {
  trap '' TERM INT
  say "stopping"
  kill "$daemon" "$sshd" 2>/dev/null || true
  exit 0
}

# A look every few seconds costs nothing; a signal ends the pause at once, and the
# shell collects whatever process ended meanwhile.
watch() {
  while kill -0 "$daemon" 2>/dev/null && kill -0 "$sshd" 2>/dev/null; do
    sleep 2 &
    wait "$!" || true
  done
  kill -0 "$daemon" 2>/dev/null || fail daemon "nix-daemon ended"
  fail sshd "sshd ended"
}

serve() {
  # What a build that was killed left; nothing of this container runs yet.
  rm -rf /tmp/nix-build-* /nix/var/nix/builds/* 2>/dev/null || true
  daemon=0 sshd=0
  trap stop TERM INT
  nix-daemon &
  daemon=$!
  "$(command -v sshd)" -D -e -f "$conf/sshd_config" &
  sshd=$!
  say "serving"
  watch
}

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
mkdir -p "$work"
chmod 711 "$work"
: >"$errors"
for program in nix-daemon nix-store sshd; do
  command -v "$program" >/dev/null || fail image "the image has no $program"
done
id builder >/dev/null 2>&1 || fail image "the image has no user builder"
try "make Nix's settings" prepare_nix
try "lay out the keys" prepare_sshd
trap 'exit 0' TERM INT
fill
serve
