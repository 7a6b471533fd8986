# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# How run hands signals to the command through enter.
#
# A signal that run got is carried to enter by a real-time signal of its own, so
# that enter can tell it from one the kernel gave to the whole process group (keys
# of the terminal, timeout(1)): of those the command has got its copy already.

readonly SIGNALS=(HUP INT QUIT TERM USR1 USR2)

carrier() {
  local i
  for i in "${!SIGNALS[@]}"; do
    [[ ${SIGNALS[i]} != "$1" ]] || printf 'RTMIN+%d\n' "$((i + 1))"
  done
}

# catches_carriers PID: true once the process has a handler for the last of them.
catches_carriers() {
  local key value number
  number=$(kill -l "$(carrier "${SIGNALS[-1]}")")
  while read -r key value; do
    [[ $key != SigCgt: ]] || break
  done 2>/dev/null <"/proc/$1/status" || return
  (((16#$value >> (number - 1)) & 1))
}

# wait_for PID: sets status to the exit status of a child, however many signals are
# handled meanwhile. Handlers set interrupted=1, for `wait` returns for them too.
# shellcheck disable=SC2034
wait_for() {
  interrupted=1
  while [[ $interrupted -eq 1 ]]; do
    interrupted=0
    status=0
    wait "$1" 2>/dev/null || status=$?
  done
}
