# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# For the tests of guest programs that were built for another machine: sourced by each.
# WRAPIX_TEST_EMULATOR is the program that runs such programs, such as qemu-aarch64-static.

# emulate PROGRAM DIR: prints what to start in its place. A program and no script, because a
# shell would change the environment, and a copy, because any user must be able to run it.
emulate() {
  local name
  if [ -z "${WRAPIX_TEST_EMULATOR-}" ]; then
    printf '%s' "$1"
    return
  fi
  name=$2/emulated-$(basename "$1")
  install -m 755 "$1" "$name.guest" &&
    "${CC:-cc}" -O1 -static -DEMULATOR="\"$(type -P "$WRAPIX_TEST_EMULATOR")\"" -DGUEST="\"$name.guest\"" \
      -o "$name" -x c - <<'C' && printf '%s' "$name"
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv) {
  char **args = calloc((size_t)argc + 4, sizeof *args);
  args[0] = EMULATOR;
  args[1] = "-0"; // what the program sees as its name
  args[2] = argv[0];
  args[3] = GUEST;
  for (int i = 1; i < argc; i++)
    args[i + 3] = argv[i];
  execv(EMULATOR, args);
  return 125;
}
C
}
