#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Evaluates flake.nix with Debian's nix against tests/nix/stub.nix, since nixpkgs
# is far away, and checks what comes out. Prints TAP; status 1 after a failure.
# eval.sh [FLAKE] takes another file, for the test of this test.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
flake=$(realpath "${1:-$root/flake.nix}")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Nothing is built, so the store and its data base may be anywhere.
export NIX_STORE_DIR=$scratch/store NIX_STATE_DIR=$scratch/state NIX_LOG_DIR=$scratch/log
export NIX_CONF_DIR=$scratch HOME=$scratch NIX_REMOTE='' NIX_PATH='' NIX_CONFIG='build-users-group ='

count=0 failed=0

# evaluate EXPRESSION: its value as JSON, with `out` the flake's outputs.
evaluate() {
  nix-instantiate --eval --strict --json --expr "
    let
      flake = import $flake;
      out = flake.outputs { self = { outPath = \"$root\"; }; nixpkgs = import $here/stub.nix; };
    in $1" 2>&1
}

# is NAME EXPRESSION JSON
is() {
  local got
  count=$((count + 1))
  got=$(evaluate "$2") || true
  if [[ $got == "$3" ]]; then
    echo "ok $count - $1"
  else
    failed=$((failed + 1))
    printf 'not ok %d - %s\n# got: %s\n# expected: %s\n' "$count" "$1" "$got" "$3"
  fi
}

systems='["aarch64-linux","x86_64-linux"]'
version=$(<"$root/src/VERSION")

is 'outputs are those that nix knows' 'builtins.attrNames out' '["checks","devShells","packages"]'
is 'its input is nixpkgs alone' 'builtins.attrNames flake.inputs' '["nixpkgs"]'
for output in packages checks devShells; do
  is "$output are for every system" "builtins.attrNames out.$output" "$systems"
done
for system in x86_64-linux aarch64-linux; do
  default="out.packages.$system.default"
  is "$system: the package has the version of the tree" "$default.name" "\"wrapix-$version\""
  is "$system: it is built for this system" "$default.system" "\"$system\""
  is "$system: it is built by the Makefile" "$default.makeFlags" \
    '["CC=cc","LUA=lua","MUSL_CC=/nix/store/stub-static-cc/bin/musl-cc","PREFIX='"$(
      evaluate 'placeholder "out"' | tr -d '"'
    )"'"]'
  is "$system: its libraries are those of the Makefile" \
    "map (p: p.name) $default.buildInputs" '["cjson","libuv","lua"]'
  is "$system: the program finds an engine" \
    "builtins.match \".*--suffix PATH : [^ ]*/stub-podman/bin.*\" $default.postInstall != null" true
  is "$system: the check runs a target of the Makefile" \
    "{ inherit (out.checks.$system.unit) checkTarget doCheck; }" '{"checkTarget":"unit","doCheck":true}'
  is "$system: the check has busted" \
    "builtins.elem \"lua-with-argparse-busted-luafilesystem\" \
      (map (p: p.name) out.checks.$system.unit.nativeBuildInputs)" true
  is "$system: the shell has what the package needs" \
    "map (p: p.name) out.devShells.$system.default.inputsFrom" "[\"wrapix-$version\"]"
  is "$system: the shell is complete" \
    "builtins.length out.devShells.$system.default.packages > 5" true
done

# What the derivation calls is there. Only shown, never run.
for target in all unit install; do
  count=$((count + 1))
  if out=$(make -C "$root" --dry-run BUILD="$scratch/build" PREFIX=/nowhere "$target" 2>&1); then
    echo "ok $count - the Makefile has the target $target"
  else
    failed=$((failed + 1))
    printf 'not ok %d - the Makefile has the target %s\n# %s\n' "$count" "$target" "${out##*$'\n'}"
  fi
done

echo "1..$count"
[[ $failed -eq 0 ]]
