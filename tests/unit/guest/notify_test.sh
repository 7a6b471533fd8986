#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Tests of wrapix-notify: what it sends, what it takes, and that it fails nobody. Prints TAP.
# usage: notify_test.sh PATH-OF-WRAPIX-NOTIFY      beside it, in .., lies wrapix, which reads the lines
# The second program is the same source with checks of every access, for hostile input.
set -u
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
if [ $# -ne 1 ] || [ ! -x "$1" ]; then
  echo "usage: $0 PATH-OF-WRAPIX-NOTIFY" >&2
  exit 2
fi
wrapix=$(dirname "$1")/../wrapix
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
# shellcheck source=tests/unit/guest/emulate.sh
. "$here/emulate.sh"
program=$(emulate "$1" "$dir") || exit 2
"${CC:-cc}" -std=c11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined \
  -o "$dir/checked" "$here/../../../src/guest/notify.c" || exit 2
"$wrapix" --run "$here/notify_probe.lua" "$program" "$dir/checked" "$dir"
