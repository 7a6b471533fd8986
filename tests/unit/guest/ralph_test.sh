#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Tests of the guest's ralph: what it sends, what it makes of answers. Prints TAP.
# usage: ralph_test.sh PATH-OF-WRAPIX-RALPH      beside it, in .., lies wrapix, which answers
# The second program is the same source with checks of every access, for hostile input; it waits
# two seconds where the real one waits thirty.
set -u
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
if [ $# -ne 1 ] || [ ! -x "$1" ]; then
  echo "usage: $0 PATH-OF-WRAPIX-RALPH" >&2
  exit 2
fi
wrapix=$(dirname "$1")/../wrapix
dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
# shellcheck source=tests/unit/guest/emulate.sh
. "$here/emulate.sh"
program=$(emulate "$1" "$dir") || exit 2
sed 's/LIMIT_MS = 30000/LIMIT_MS = 2000/' "$here/../../../src/guest/ralph.c" >"$dir/ralph.c" &&
  "${CC:-cc}" -std=c11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined \
    -o "$dir/checked" "$dir/ralph.c" || exit 2
"$wrapix" --run "$here/ralph_probe.lua" "$program" "$dir/checked" "$dir"
