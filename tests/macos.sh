#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# macos.sh [ID...]: runs the conformance suite on this Mac, with Apple's `container` and the
# wrapix that was built here, and writes a report that can be sent back. Asks nothing, takes
# at most half an hour, changes nothing but that it pulls a small image, starts the service of
# `container` when it is down (and stops it again), and builds one image that it removes.
# Ends with 0 when everything passed, 1 when something failed, 2 when something is missing.
#
# The report holds versions, the table and what failed: no variable of your environment, and
# your home, user, host and git names replaced by words. It has to run in bash 3.2.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
BUILD=${BUILD:-build}
IMAGE=${WRAPIX_MACOS_IMAGE:-docker.io/library/busybox:1.37}
readonly LEAST_MACOS=26 LEAST_CONTAINER=0.9.0 LEAST_FREE_GB=6
readonly START_SECONDS=180 PULL_SECONDS=300 SUITE_SECONDS=${WRAPIX_MACOS_SECONDS:-1500}
missing=0 notes=0 started=0

scratch=$(mktemp -d /tmp/wxm.XXXXXX) || exit 2
report=$scratch/report

# shellcheck disable=SC2317 # called by the trap
finish() {
  if [[ $started -eq 1 ]]; then bounded 60 container system stop >/dev/null 2>&1; fi
  rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

say() { printf '%s\n' "$*" | tee -a "$report"; }
ok() { say "ok       $*"; }

note() {
  notes=$((notes + 1))
  say "note     $1"
  [[ $# -lt 2 ]] || say "         hint: $2"
}

lack() {
  missing=$((missing + 1))
  say "MISSING  $1"
  [[ $# -lt 2 ]] || say "         hint: $2"
}

# bounded SECONDS COMMAND...: ends it when it takes longer (status 124). macOS has no timeout.
bounded() {
  local seconds=$1 child waited=0
  shift
  "$@" </dev/null &
  child=$!
  while kill -0 "$child" 2>/dev/null; do
    if [[ $waited -ge $((seconds * 5)) ]]; then
      kill -TERM "$child" 2>/dev/null
      sleep 5
      kill -KILL "$child" 2>/dev/null
      wait "$child" 2>/dev/null
      return 124
    fi
    sleep 0.2
    waited=$((waited + 1))
  done
  wait "$child"
}

# is_before A B: whether version A is older than B.
is_before() {
  local a b i
  IFS=. read -r -a a <<<"$1"
  IFS=. read -r -a b <<<"$2"
  for i in 0 1 2; do
    [[ ${a[i]:-0} -eq ${b[i]:-0} ]] || { [[ ${a[i]:-0} -lt ${b[i]:-0} ]]; return; }
  done
  return 1
}

check_machine() {
  local system version
  system=$(uname -s)
  [[ $system == Darwin ]] || { lack "this is $system; macOS is needed"; return; }
  [[ $(id -u) -ne 0 ]] || lack "this is root; \`container\` belongs to a user" "run it without sudo"
  version=$(sw_vers -productVersion)
  if [[ ${version%%.*} -ge $LEAST_MACOS ]]; then ok "macOS $version ($(sw_vers -buildVersion))"
  else lack "macOS $version; $LEAST_MACOS is needed"; fi
  if [[ $(uname -m) == arm64 ]]; then
    ok "$(sysctl -n hw.model 2>/dev/null), $(sysctl -n hw.ncpu) processors, $(($(sysctl -n hw.memsize) >> 30)) GiB"
  elif [[ $(sysctl -n sysctl.proc_translated 2>/dev/null) == 1 ]]; then
    lack "this shell is translated by Rosetta" "start the terminal without Rosetta"
  else
    lack "$(uname -m): Apple silicon is needed"
  fi
}

# Images are built with it unless the settings of \`container\` say otherwise.
check_rosetta() {
  if [[ -e ${WRAPIX_MACOS_ROSETTA:-/Library/Apple/usr/libexec/oah/libRosettaRuntime} ]]; then ok "Rosetta"
  else note "no Rosetta: images may not be built" "softwareupdate --install-rosetta --agree-to-license"; fi
}

check_space() {
  local free
  free=$(($(df -Pk "$HOME" | awk 'NR == 2 { print $4 }') >> 20))
  if [[ $free -ge $LEAST_FREE_GB ]]; then ok "$free GiB free"
  else lack "$free GiB free; $LEAST_FREE_GB are needed"; fi
}

check_wrapix() {
  if [[ ! -x $BUILD/wrapix ]]; then
    lack "$BUILD/wrapix is not built" "make"
    return
  fi
  ok "$("$BUILD/wrapix" --version), commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)$(
    [[ -z $(git status --porcelain 2>/dev/null) ]] || echo ', changed')"
  mkdir -p "$BUILD/tests/support"
  cc -std=c11 -D_GNU_SOURCE -o "$BUILD/tests/support/pty" tests/support/pty.c -lutil >"$scratch/cc" 2>&1 ||
    lack "the terminal helper cannot be compiled: $(tail -n 1 "$scratch/cc")" "xcode-select --install"
}

check_container() {
  local text version
  if ! command -v container >/dev/null; then
    lack "no \`container\` on PATH" "install it from its releases page, or with a package manager"
    return
  fi
  text=$(container --version 2>&1)
  version=$(printf '%s\n' "$text" | sed -n 's/^[^0-9]*\([0-9][0-9.]*\).*/\1/p' | head -n 1)
  if [[ -z $version ]]; then lack "\`container --version\` says: $text"
  elif is_before "$version" "$LEAST_CONTAINER"; then
    lack "container $version; $LEAST_CONTAINER is needed"
  else ok "$text"; fi
}

# The service, and the image that nearly all behaviours use.
prepare() {
  if bounded 30 container system status >/dev/null 2>&1; then
    ok "the service runs"
  elif bounded "$START_SECONDS" container system start --enable-kernel-install >"$scratch/start" 2>&1; then
    started=1
    ok "the service was started"
  else
    lack "the service cannot be started: $(tail -n 1 "$scratch/start")" "container system logs"
    return
  fi
  if bounded "$PULL_SECONDS" container image pull "$IMAGE" >"$scratch/pull" 2>&1; then
    ok "image $IMAGE"
  else
    lack "image $IMAGE cannot be pulled: $(tail -n 1 "$scratch/pull")" "check the network"
  fi
}

# Without the environment of the person: it cannot be in what is sent back.
run_suite() {
  local status=0
  say ""
  bounded "$SUITE_SECONDS" env -i HOME="$HOME" PATH="$PATH" USER="${USER:-user}" LANG=en_US.UTF-8 \
    TERM=xterm-256color BUILD="$BUILD" \
    tests/conformance/run --runtime container --host here --image "$IMAGE" ${1+"$@"} 2>&1 |
    tee -a "$report"
  status=${PIPESTATUS[0]}
  [[ $status -ne 124 ]] || say "ended after $SUITE_SECONDS s: it took too long"
  return "$status"
}

# hide TEXT WORD: what stands for what, one a line; the longest first where one holds another.
hide() { [[ ${#1} -lt 3 ]] || printf '%s\t%s\n' "$1" "$2" >>"$scratch/words"; }

# Replaces what tells who and where. Literal texts, so that no name has to be escaped.
write_report() {
  local out=$1
  : >"$scratch/words"
  hide "$PWD" CHECKOUT
  hide "$HOME" '~'
  hide "${TMPDIR:-}" TMPDIR/
  hide "$(git config --get user.email 2>/dev/null)" EMAIL
  hide "$(git config --get user.name 2>/dev/null)" NAME
  hide "$(hostname 2>/dev/null)" HOST
  hide "$(scutil --get ComputerName 2>/dev/null)" HOST
  hide "$(id -un)" USER
  awk -F '\t' '
    NR == FNR { from[++n] = $1; to[n] = $2; next }
    {
      line = $0
      for (i = 1; i <= n; i++) {
        done = ""
        while ((at = index(line, from[i])) > 0) {
          done = done substr(line, 1, at - 1) to[i]
          line = substr(line, at + length(from[i]))
        }
        line = done line
      }
      print line
    }' "$scratch/words" "$report" >"$out"
}

main() {
  local status=2 out=$PWD/$BUILD/macos-report.txt
  [[ ${BUILD:0:1} != / ]] || out=$BUILD/macos-report.txt
  : >"$report"
  check_machine
  check_rosetta
  check_space
  check_wrapix
  check_container
  [[ $missing -gt 0 ]] || prepare
  if [[ $missing -gt 0 ]]; then
    say "$missing missing; the suite was not run"
  else
    run_suite ${1+"$@"}
    status=$?
    [[ $status -eq 0 ]] || status=1
  fi
  if [[ -d $BUILD ]]; then
    write_report "$out"
    printf '\nSend back, once you have looked at it: %s\n' "$out"
    [[ ! -s $BUILD/conformance/container-here.json ]] || [[ $missing -gt 0 ]] ||
      printf 'It is text of %s lines; no variable of your environment is in it.\n' "$(awk 'END { print NR }' "$out")"
  fi
  return "$status"
}

main ${1+"$@"}
