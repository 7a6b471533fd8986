#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# smoke.sh WRAPIX [HOST]: whether a wrapix binary, such as an installed copy, does
# its main job with real Podman on a test host (deb13). Prints TAP. The binary is
# all that goes there: it must need nothing beside it.
# shellcheck disable=SC2016 # quoted texts are for other shells
set -euo pipefail

readonly IMAGE=localhost/wrapix-test-busybox:1
checks=0 bad=0

# On this machine: hands the binary to the host through standard input, for a host
# sees neither /tmp nor any place something is installed in.
enter_host() {
  local here
  here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
  [[ -x $1 ]] || { printf 'smoke: %s: is no program\n' "$1" >&2; exit 2; }
  exec "$here/../host/run" "${2:-deb13}" -- "$here/smoke.sh" --on-host <"$1"
}

# is NAME WANTED COMMAND...: the command's output and status must be WANTED.
is() {
  local name=$1 wanted=$2 got status=0
  shift 2
  got=$("$@" 2>"$WRAPIX_TEST_TMP/stderr" </dev/null) || status=$?
  [[ $status -eq 0 ]] || got+="[$status]"
  checks=$((checks + 1))
  if [[ $got == "$wanted" ]]; then
    printf 'ok %d - %s\n' "$checks" "$name"
    return
  fi
  bad=$((bad + 1))
  printf 'not ok %d - %s\n# wanted: %s\n# got: %s\n' "$checks" "$name" "$wanted" "$got"
  sed 's/^/# /' "$WRAPIX_TEST_TMP/stderr"
}

in_box() {
  "$wrapix" --image "$IMAGE" "$@"
}

through_pipe() {
  printf piped | "$wrapix" --image "$IMAGE" -- cat
}

first_word() {
  local text
  text=$("$@")
  printf '%s' "${text%% *}"
}

on_host() {
  local wrapix=$WRAPIX_TEST_TMP/bin/wrapix uid gid
  mkdir "$WRAPIX_TEST_TMP/bin" "$WRAPIX_TEST_TMP/project"
  cat >"$wrapix"
  chmod 0755 "$wrapix"
  cd "$WRAPIX_TEST_TMP/project"
  uid=$(id -u) gid=$(id -g)
  printf 'return { name = "my", image = "%s", command = { "sh", "-c", "%s" } }\n' \
    "$IMAGE" 'echo $WRAPIX_PROFILE' >my.lua
  printf 'local box = assert(require("wrapix").sandbox("./my.lua"))\n%s\n' \
    'io.write(assert(box:run({ "echo", "from Lua" }, { capture = true })).stdout)' >loop.lua

  is 'tells its version' wrapix first_word "$wrapix" --version
  is 'has help' Usage: first_word "$wrapix" --help
  is 'has a profile' '"base"' bash -c \
    '"$0" profile show base --json | grep -o "\"base\"" | head -n 1' "$wrapix"
  is 'runs a command as the user' "$uid $gid" in_box -- sh -c 'echo $(id -u) $(id -g)'
  is 'shows the workspace' my.lua in_box -- ls my.lua
  is 'makes files of the user' '' in_box -- touch made
  is 'really' "$uid" stat -c %u made
  is 'has no capability' 0000000000000000 in_box -- \
    sh -c 'grep CapBnd /proc/self/status | cut -f 2'
  is 'cannot write /etc' '[1]' in_box -- touch /etc/x
  is 'passes the status on' '[42]' in_box -- sh -c 'exit 42'
  is 'knows an unknown command' '[127]' in_box -- no-such-command
  is 'passes input on' piped through_pipe
  is "runs a user's profile" my "$wrapix" ./my.lua
  is "runs a user's script" 'from Lua' "$wrapix" loop.lua
  is 'explains' workspace bash -c '"$0" explain ./my.lua | grep -o workspace | head -n 1' "$wrapix"
  is 'leaves no container' '' podman ps --all --quiet
  printf '1..%d\n' "$checks"
  [[ $bad -eq 0 ]]
}

case ${1-} in
  --on-host) on_host ;;
  '') printf 'usage: smoke.sh WRAPIX [HOST]\n' >&2; exit 2 ;;
  *) enter_host "$@" ;;
esac
