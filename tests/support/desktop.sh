#!/bin/sh
# SPDX-License-Identifier: MIT
# desktop.sh DIR COMMAND [ARG...]: runs a command on a desktop of its own: an X server without
# a screen, a session bus, and dunst, which shows notifications. Then prints what dunst
# was told, as JSON, to DIR/dunst.json, and a picture to DIR/shot.png where import is there.
set -eu
dir=$1
shift
if [ "${WRAPIX_TEST_BUS-}" != 1 ]; then
  WRAPIX_TEST_BUS=1 exec dbus-run-session -- "$0" "$dir" "$@" 2>"$dir/bus.log"
fi

pids=''
trap 'kill $pids 2>/dev/null || true; wait' EXIT

wait_for() {
  tries=0
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 200 ] || { echo "desktop.sh: waited in vain for $*" >&2; exit 99; }
    sleep 0.05
  done
}

Xvfb -displayfd 3 -screen 0 900x500x24 -nolisten tcp 3>"$dir/display" >/dev/null 2>&1 &
pids=$!
wait_for test -s "$dir/display"
DISPLAY=:$(cat "$dir/display")
export DISPLAY
dunst >"$dir/dunst.log" 2>&1 &
pids="$pids $!"
wait_for dunstctl count

"$@"

! command -v import >/dev/null || import -window root "$dir/shot.png" || true
dunstctl close-all
dunstctl history >"$dir/dunst.json"
