# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What setup, run, enter and clean share: names, places, messages, locks.
# Sourced only; must not do anything by itself.

# shellcheck disable=SC2034 # read by the files that source this one
readonly ALL_HOSTS=(rootful deb12 deb13)
# shellcheck disable=SC2034
readonly TEST_USER=wxtest
# Far from the ids that people and Debian's tools use: the same number is the user
# of deb12 and deb13, so neither is anybody else on this machine.
# shellcheck disable=SC2034
readonly TEST_UID=7700
# Others must be able to read what is made here, whatever the caller's umask.
umask 022

readonly CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/wrapix-tests

die() {
  printf 'tests/host: %s\n' "$1" >&2
  exit "${2:-125}"
}

say() {
  printf 'tests/host: %s\n' "$1" >&2
}

# Says what is about to take long, and afterwards how long it took.
step() {
  local what=$1 start=$SECONDS
  shift
  say "$what ..."
  "$@"
  say "$what: done in $((SECONDS - start)) s"
}

require_root() {
  [[ $EUID -eq 0 ]] || die "only root can make the namespaces, users and device nodes"
}

require_host() {
  local host
  for host in "${ALL_HOSTS[@]}"; do
    [[ $1 == "$host" ]] && return
  done
  die "no such host: $1 (there are: ${ALL_HOSTS[*]})" 2
}

# lock NAME WHAT: takes the lock on fd 9, so that whoever inherits fd 9 holds it
# on. A long wait is announced: a silent one looks like a hang. It ends with the caller.
lock() {
  mkdir -p "$CACHE"
  exec 9>>"$CACHE/$1.lock"
  flock -w 1 9 && return
  say "waiting: $2"
  setpriv --pdeathsig KILL flock 9
}

unlock() {
  exec 9>&-
}

# recipe_key WORD...: a short name for the words' content. Callers pass
# `declare -f` of the function that builds, so that editing it is enough.
recipe_key() {
  printf '%s\n' "$@" "$(dpkg --print-architecture)" | sha256sum | cut -c1-12
}

# build_once TARGET FUNCTION: FUNCTION makes $1 (a path that does not exist);
# only a finished one gets the name TARGET, so a kill leaves nothing that counts.
build_once() {
  local target=$1 maker=$2 temp
  temp=$(mktemp -d "$CACHE/temp.XXXXXX")
  "$maker" "$temp/new"
  mv -T "$temp/new" "$target"
  rm -rf --one-file-system "$temp"
}

# contained COMMAND...: in namespaces of its own, dying with this script, so that a
# kill leaves neither processes nor mounts.
contained() {
  setpriv --pdeathsig KILL \
    unshare --mount --pid --fork --kill-child=KILL --mount-proc "$@"
}

# The one place that knows what podman's storage of a host is called.
storage_dir() {
  printf '%s\n' "$CACHE/$1/containers"
}
