#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Tests of wrapix-init, as an ordinary process and as PID 1. Needs no container engine.
# usage: init_test.sh PATH-OF-WRAPIX-INIT      prints TAP and a last line of totals
# The program under test calls kill(-1, ...) and is kept from doing so outside a sandbox by one
# condition. A test must not rely on what it tests: everything here runs in a PID namespace of its
# own, which such a signal cannot leave, and nothing runs where that cannot be had.
# shellcheck disable=SC2016 # the commands under test expand their own variables
set -u
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
if [ $# -ne 1 ] || [ ! -x "$1" ]; then
  echo "usage: $0 PATH-OF-WRAPIX-INIT" >&2
  exit 2
fi
if [ "${WRAPIX_TEST_CONTAINED-}" != 1 ]; then
  contain=(unshare --pid --fork --kill-child --mount-proc)
  [ "$(id -u)" -eq 0 ] || contain+=(--user --map-root-user)
  if ! "${contain[@]}" true 2>/dev/null; then
    echo "1..0 # SKIP needs a PID namespace, as root or as a user who may make user namespaces"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
  fi
  WRAPIX_TEST_CONTAINED=1 exec "${contain[@]}" bash "$0" "$1"
fi
# Only the first process of a PID namespace is number 1, so the variable alone is not believed.
if [ $$ -ne 1 ]; then
  echo "$0: not in a PID namespace of its own" >&2
  exit 2
fi
unset WRAPIX_TEST_CONTAINED

dir=$(mktemp -d) && chmod 755 "$dir" || exit 2
trap 'rm -rf "$dir"' EXIT
# Number 1 gets no signal it has no handler for.
trap 'exit 130' INT TERM
# shellcheck source=tests/unit/guest/emulate.sh
. "$here/emulate.sh"
# A copy, because an unprivileged user must be able to execute it.
install -m 755 "$(emulate "$1" "$dir")" "$dir/wrapix-init" || exit 2
"${CC:-cc}" -std=c11 -Wall -Wextra -O1 -o "$dir/probe" "$here/init_probe.c" || exit 2
chmod 755 "$dir/probe"
init=$dir/wrapix-init
probe=$dir/probe
helpers=/run/wrapix/bin
unset ENV BASH_ENV PROMPT_COMMAND
export PS1='prompt> ' SHELL=/bin/sh HOME=/

count=0 passed=0 failed=0 skipped=0

ok() { # STATUS NAME [DETAIL]
  count=$((count + 1))
  if [ "$1" -eq 0 ]; then
    passed=$((passed + 1))
    echo "ok $count - $2"
  else
    failed=$((failed + 1))
    echo "not ok $count - $2"
    [ -z "${3-}" ] || printf '#   %s\n' "${3//$'\n'/$'\n#   '}"
  fi
}

is() { # GOT WANTED NAME
  [ "$1" = "$2" ]
  ok $? "$3" "got:    $1"$'\n'"wanted: $2"
}

has() { # TEXT PART NAME
  [[ $1 == *"$2"* ]]
  ok $? "$3" "text:   $1"$'\n'"lacks:  $2"
}

lacks() { # TEXT PART NAME
  [[ $1 != *"$2"* ]]
  ok $? "$3" "text:   $1"$'\n'"has:    $2"
}

skip() { # NAME REASON
  count=$((count + 1)) skipped=$((skipped + 1))
  echo "ok $count - $1 # SKIP $2"
}

# Runs and keeps status, standard output and standard error.
run() {
  "$@" >"$dir/out" 2>"$dir/err" </dev/null
  status=$?
  out=$(cat "$dir/out")
  err=$(cat "$dir/err")
}

# Waits for a file to appear, at most ten seconds.
await() {
  for _ in $(seq 1000); do
    [ -e "$1" ] && return 0
    sleep 0.01
  done
  return 1
}

# Whole paths, because some tests run these with a PATH that leads nowhere.
namespace=("$(type -P unshare)" --pid --fork --kill-child --mount-proc)
nobody=("$(type -P setpriv)" --reuid 65534 --regid 65534 --clear-groups)
can_be_nobody=false
if "${nobody[@]}" true 2>/dev/null; then
  can_be_nobody=true
fi

# The command `as MODE` puts in front of the program under test.
as() {
  case $1 in
  plain) front=("$init") ;;
  pid1) front=("${namespace[@]}" "$init") ;;
  nobody) front=("${namespace[@]}" "${nobody[@]}" "$init") ;;
  esac
}

test_status() {
  local n
  for n in 0 1 42 125 126 127; do
    run "${front[@]}" sh -c "exit $n"
    is "$status" "$n" "$1: exit status $n is passed on"
  done
  for n in 9 15 6; do
    run "${front[@]}" sh -c "kill -$n \$\$"
    is "$status" "$((128 + n))" "$1: death by signal $n becomes $((128 + n))"
  done
  run "${front[@]}" sh -c 'echo to stdout; echo to stderr >&2'
  is "$out/$err" "to stdout/to stderr" "$1: output passes and nothing is added"
  is "$(echo 'from stdin' | "${front[@]}" cat)" "from stdin" "$1: stdin passes"
}

test_exec_errors() {
  local file=$dir/file
  run "${front[@]}" no-such-command
  is "$status/$err" "127/wrapix: run: no-such-command: command not found" "$1: not found on PATH"
  run "${front[@]}" "$dir/none"
  is "$status/$err" "127/wrapix: run: $dir/none: No such file or directory" "$1: no such file"
  run "${front[@]}" ""
  is "$status" 127 "$1: an empty name is not found"
  run "${front[@]}" "$dir"
  is "$status/$err" "126/wrapix: run: $dir: Is a directory" "$1: a directory"
  echo 'echo ran' >"$file" && chmod 644 "$file"
  run "${front[@]}" "$file"
  is "$status/$err" "126/wrapix: run: $file: Permission denied" "$1: not executable"
  PATH=$dir:$PATH run "${front[@]}" file-of-none
  is "$status" 127 "$1: a directory on PATH without the command"
  mkdir -p "$dir/one" "$dir/two"
  cp "$file" "$dir/one/tool"
  PATH=$dir/one:$PATH run "${front[@]}" tool
  is "$status/$err" "126/wrapix: run: tool: Permission denied" "$1: not executable on PATH"
  printf '#!/bin/sh\necho second\n' >"$dir/two/tool" && chmod 755 "$dir/two/tool"
  PATH=$dir/one:$dir/two:$PATH run "${front[@]}" tool
  is "$status/$out" "0/second" "$1: the search goes on past a file that is not executable"
  mkdir -p "$dir/one/sub"
  PATH=$dir/one:$PATH run "${front[@]}" sub
  is "$status" 127 "$1: a directory on PATH is no command"
  chmod 755 "$file"
  run "${front[@]}" "$file"
  is "$status" 126 "$1: a script without #! is not run"
  has "$err" "exec format error (no #! line" "$1: and the message says why"
  printf '#!/no/such/interpreter\n' >"$file"
  run "${front[@]}" "$file"
  is "$status" 126 "$1: an interpreter that is not there"
  has "$err" "$file: the interpreter" "$1: and the message tells it from a missing file"
  run "${front[@]}" "$(printf 'n%.0s' {1..300})"
  is "$status" 127 "$1: a name longer than any file's is not found"
}

test_path() {
  local default=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  run env -i PATH=/a:/usr/bin:/bin "${front[@]}" sh -c 'echo "$PATH"'
  is "$out" "$helpers:/a:/usr/bin:/bin" "$1: the helpers come first on PATH"
  run env -i PATH="$helpers:/bin" "${front[@]}" /bin/sh -c 'echo "$PATH"'
  is "$out" "$helpers:/bin" "$1: and are not there twice"
  run env -i PATH="/bin:$helpers:/usr/bin" "${front[@]}" sh -c 'echo "$PATH"'
  is "$out" "$helpers:/bin:/usr/bin" "$1: they move to the front"
  run env -i PATH="$helpers" "${front[@]}" /bin/sh -c 'echo "$PATH"'
  is "$out" "$helpers" "$1: a PATH of the helpers alone"
  run env -i PATH="/bin::${helpers}2:" "${front[@]}" sh -c 'echo "$PATH"'
  is "$out" "$helpers:/bin::${helpers}2:" "$1: other entries stay as they are"
  run env -i "$(command -v env)" -u PATH "${front[@]}" /usr/bin/env
  has "$out" "PATH=$helpers:$default" "$1: default without PATH"
  run env PATH= "${front[@]}" /usr/bin/env
  has "$out" "PATH=$helpers:$default" "$1: default for an empty PATH"
  run env -i A='a b' PATH=/usr/bin "${front[@]}" env
  is "$(sort <<<"$out")" "A=a b"$'\n'"PATH=$helpers:/usr/bin" "$1: the rest of the environment is untouched"
}

test_home() {
  run env HOME="$dir/deep/er/home" "${front[@]}" sh -c 'cd && pwd && stat -c %a .'
  is "$out/$err" "$dir/deep/er/home"$'\n'"700/" "$1: a missing home is made, for its owner alone"
  run env HOME="$dir/deep/er/home" "${front[@]}" true
  is "$status/$err" "0/" "$1: one that is there is left alone"
  run env HOME=/proc/home "${front[@]}" sh -c 'exit 3'
  is "$status" 3 "$1: without a home the command still runs"
  has "$err" "wrapix: run: home /proc/home: " "$1: with a warning"
  run env HOME=relative "${front[@]}" pwd
  has "$err" "home relative: not an absolute path" "$1: a relative home is not made"
  run env -u HOME "${front[@]}" true
  is "$status/$err" "0/" "$1: HOME may be unset"
  rm -rf "$dir/deep"
}

test_command_line() {
  run "$init" --version
  is "$status/${out%% *}" "0/wrapix-init" "--version"
  run "$init"
  is "$status" 2 "no command is wrong usage"
  has "$err" "usage: wrapix-init" "and shows the usage"
  run "$init" --
  is "$status" 2 "no command after --"
  run "$init" --bogus
  is "$status" 2 "an unknown option is wrong usage"
  run "$init" --shell extra
  is "$status" 2 "--shell takes no arguments"
  run "$init" -- sh -c 'echo "$0 $1"' a --version
  is "$out" "a --version" "arguments after -- are the command's"
  printf '#!/bin/sh\necho dash\n' >"$dir/one/--version" && chmod 755 "$dir/one/--version"
  PATH=$dir/one:$PATH run "$init" -- --version
  is "$out" "dash" "a command may begin with a dash after --"
}

test_shell() {
  is "$(echo 'echo $0 $-' | SHELL=/bin/sh "$init" --shell 2>&1)" "/bin/sh s" \
    "--shell runs \$SHELL, without prompts when nobody sits there"
  printf '#!/bin/sh\necho odd "$#"\n' >"$dir/oddsh" && chmod 755 "$dir/oddsh"
  is "$(SHELL=$dir/oddsh "$init" --shell </dev/null 2>&1)" "odd 0" "--shell takes any \$SHELL"
  local wrong
  cp "$(type -P false)" "$dir/nologin"
  for wrong in /no/such relative "$dir" "$dir/nologin" ""; do
    out=$(echo 'echo $0' | SHELL=$wrong "$init" --shell 2>&1)
    [[ $out == /bin/bash || $out == /bin/sh ]]
    ok $? "--shell passes over SHELL='${wrong##*/}'" "$out"
  done
}

test_inheritance() {
  run "$probe" dirty "${front[@]}" "$probe" signals
  is "$out" "group leader: yes" "$1: no signal reaches the command blocked or ignored"
  run "${front[@]}" sh -c 'ls /proc/self/fd | tr "\n" " "' 7</dev/null
  has "$out" " 7 " "$1: descriptors that were passed on purpose stay open"
  local list='for f in /proc/$$/fd/*; do readlink "$f"; done'
  run bash -c "$list"
  local wanted=$out
  run "${front[@]}" bash -c "$list"
  is "$out" "$wanted" "$1: and none is added"
  run bash -c '"$@" 0<&- 1>&- 2>&-' - "${front[@]}" sh -c 'exit 5'
  is "$status" 5 "$1: closed standard descriptors do no harm"
}

# Whoever writes or reads must see that the command closed its end, though the sandbox lives on.
# Not as PID 1: unshare holds the same descriptors.
test_stdio_is_left() {
  mkfifo "$dir/fifo"
  "$init" sh -c "exec >&-; while [ ! -e $dir/eof ]; do sleep 0.02; done" >"$dir/fifo" &
  job=$!
  timeout 20 cat "$dir/fifo"
  is $? 0 "plain: the end of the command's output is seen"
  : >"$dir/eof"
  wait "$job"
  rm "$dir/eof"
  "$init" sh -c "exec <&-; : >$dir/ready; while [ ! -e $dir/eof ]; do sleep 0.02; done" \
    <"$dir/fifo" &
  job=$!
  # The init lets go of its own end a moment after the command runs.
  (exec 3>"$dir/fifo"; await "$dir/ready"; trap '' PIPE
    for _ in {1..100}; do echo more 2>/dev/null >&3 || exit 1; sleep 0.02; done)
  is $? 1 "plain: the end of its input is seen"
  : >"$dir/eof"
  wait "$job"
  rm "$dir/eof" "$dir/ready" "$dir/fifo"
}

test_orphans() {
  # An emulator of programs takes this duty on itself, and does not do it.
  [ "$1" != plain ] || [ -z "${WRAPIX_TEST_EMULATOR-}" ] || return 0
  run "${front[@]}" "$probe" orphans 20
  is "$status" 0 "$1: orphans are adopted and reaped"
}

# Starts "$@" in the background and waits until the command under it created $dir/ready.
start() {
  rm -f "$dir/ready"
  "$@" >"$dir/out" 2>"$dir/err" </dev/null &
  job=$!
  await "$dir/ready" || ok 1 "the command became ready" "$(cat "$dir/err")"
}

# The process id of the program under test: of the job itself or of the one child of unshare.
find_init() {
  if [ "$1" = plain ]; then echo "$job"; else pgrep -P "$job"; fi
}

test_signals() {
  local name number
  while read -r name number; do
    start "${front[@]}" sh -c ": >$dir/ready; exec sleep 30"
    kill "-$name" "$(find_init "$1")"
    wait "$job"
    is "$?" "$((128 + number))" "$1: SIG$name reaches the command"
  done <<<"TERM 15
INT 2
HUP 1
QUIT 3
USR1 10
USR2 12"
  for name in WINCH CONT TERM; do
    start "${front[@]}" sh -c "trap 'exit 44' $name; : >$dir/ready; while :; do sleep 0.02; done"
    kill "-$name" "$(find_init "$1")"
    wait "$job"
    is "$?" 44 "$1: SIG$name runs the command's handler and its status counts"
  done
  start "${front[@]}" sh -c "sleep 31 & trap 'wait; exit 45' TERM; : >$dir/ready; wait"
  kill -TERM "$(find_init "$1")"
  wait "$job"
  is "$?" 45 "$1: the whole group of the command gets it"
  start "${front[@]}" sh -c ": >$dir/ready; kill -STOP \$\$; exit 46"
  kill -USR1 "$(find_init "$1")"
  sleep 0.1
  kill -CONT "$(find_init "$1")"
  wait "$job"
  is "$?" 138 "$1: without a terminal a stopped command waits for SIGCONT"
}

test_survivors() {
  local before
  as pid1
  rm -f "$dir/told"
  run "${front[@]}" sh -c "(trap 'echo told >$dir/told; exit' TERM; : >$dir/armed
    while :; do sleep 0.02; done) & while [ ! -e $dir/armed ]; do sleep 0.01; done; exit 9"
  is "$status" 9 "pid1: the status is the command's, not that of what is left"
  is "$(cat "$dir/told" 2>&1)" told "pid1: what is left gets SIGTERM and time to act on it"
  rm -f "$dir/told" "$dir/armed"
  run "${front[@]}" sh -c "(trap 'echo told >$dir/told; exit' TERM; : >$dir/armed
    kill -STOP \$(exec sh -c 'echo \$PPID')) & while [ ! -e $dir/armed ]; do sleep 0.01; done
    sleep 0.2"
  is "$(cat "$dir/told" 2>&1)" told "pid1: so does what is stopped"
  rm -f "$dir/armed"
  before=$(date +%s%N)
  run "${front[@]}" sh -c "(trap '' TERM; : >$dir/armed; exec sleep 30) &
    while [ ! -e $dir/armed ]; do sleep 0.01; done; exit 3"
  before=$((($(date +%s%N) - before) / 1000000))
  is "$status" 3 "pid1: one that ignores SIGTERM does not change the status"
  [ "$before" -ge 900 ] && [ "$before" -lt 10000 ] # what it ends would last thirty seconds
  ok $? "pid1: and holds the end up for about a second" "$before ms"
}

# A session whose launcher cannot be reached would be one that nobody ends.
test_no_lease() {
  rm -f "$dir/ran"
  as pid1
  WRAPIX_SESSION_ID=1 run "${front[@]}" sh -c ": >$dir/ran"
  is "$status/$err" "125/wrapix: run: wrapix-init: reach the launcher: No such file or directory" \
    "pid1: without the socket of its session it runs nothing"
  [ ! -e "$dir/ran" ]
  ok $? "pid1: and really nothing"
  as plain
  WRAPIX_SESSION_ID=1 run "${front[@]}" true
  is "$status" 0 "plain: one more command needs no lease"
}

# Listens at `port` after SECONDS, for one connection; what comes lands in $dir/told.
launcher() { # SECONDS
  port=$((20000 + RANDOM % 20000))
  rm -f "$dir/told"
  (sleep "$1"; exec socat -u "TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr" "OPEN:$dir/told,creat") &
  launcher=$!
}

test_tcp_lease() {
  local address before
  if ! command -v socat >/dev/null; then
    skip "a lease over TCP" "no socat here"
    return
  fi
  launcher 0.5
  WRAPIX_SESSION_ID=1 WRAPIX_LEASE=tcp:127.0.0.1:$port WRAPIX_LEASE_TOKEN=00ff \
    run "${front[@]}" sh -c 'env | grep -c LEASE; exit 7'
  wait "$launcher"
  is "$status/$out/$err" "7/0/" "$1: waits for the launcher's address, and tells the command nothing"
  is "$(sed 's/^\(exit 7\) .*/\1/' "$dir/told")" $'token 00ff\nstart\nexit 7' "$1: says its token first"
  launcher 0
  WRAPIX_LEASE=tcp:127.0.0.1:$port WRAPIX_LEASE_TOKEN=00ff \
    start "${front[@]}" sh -c ": >$dir/ready; exec sleep 30"
  before=$(date +%s%N)
  kill "$launcher"
  wait "$job"
  is "$?" 143 "$1: the end of the connection is the command's"
  [ $((($(date +%s%N) - before) / 1000000)) -lt 4000 ]
  ok $? "$1: in time"
  for address in tcp: tcp:127.0.0.1 tcp:127.0.0.1:0 tcp:127.0.0.1:65536 tcp:127.0.0.1:1x \
    tcp:localhost:1 tcp::1 tcp:127.0.0.1.1:1 tcp:127.0.0.1:-1; do
    WRAPIX_LEASE=$address WRAPIX_LEASE_TOKEN=00ff run "${front[@]}" true
    is "$status/$err" "125/wrapix: run: wrapix-init: reach the launcher: Invalid argument" \
      "$1: $address is no address"
  done
  WRAPIX_LEASE=tcp:127.0.0.1:1 run "${front[@]}" true
  is "$status" 125 "$1: without a token nothing is said"
}

# The parent of PID 1 is the engine's monitor. Whoever holds the only other end of its pipe sees
# when all of the namespace has ended.
test_monitor() { # DESCRIPTION SCRIPT STATUS-FILE-WANTED
  local parent=("$(type -P unshare)" --pid --fork) before
  mkfifo "$dir/fifo"
  rm -f "$dir/ready" "$dir/told"
  "${parent[@]}" "$init" sh -c "$2" >"$dir/fifo" 2>/dev/null </dev/null &
  job=$!
  exec 3<"$dir/fifo"
  await "$dir/ready"
  before=$(date +%s%N)
  kill -KILL "$job"
  wait "$job" 2>/dev/null
  timeout 20 cat <&3
  is $? 0 "pid1: ends with its monitor: $1"
  before=$((($(date +%s%N) - before) / 1000000))
  [ "$before" -lt 4000 ] # it gives the command one second; the rest is a busy machine's
  ok $? "pid1: in time: $1" "$before ms"
  exec 3<&-
  rm -f "$dir/fifo"
  [ -z "${3-}" ] || is "$(cat "$dir/told" 2>&1)" "$3" "pid1: the command may end by itself: $1"
}

test_orphaned() {
  test_monitor "a command that obeys" ": >$dir/ready; exec sleep 30"
  test_monitor "a deaf one" "trap '' TERM HUP; : >$dir/ready; while :; do sleep 0.02; done"
  test_monitor "one that cleans up" \
    "trap 'echo told >$dir/told; exit' TERM; : >$dir/ready; while :; do sleep 0.02; done" told
  as pid1
  run "${front[@]}" sh -c 'kill -PWR 1; sleep 0.1; kill -HUP 1; sleep 5; exit 12'
  is "$status" 129 "pid1: a signal from inside is not taken for the monitor's end"
}

# Without PID 1's standing nothing but the command may be signalled.
test_harmless() {
  sleep 30 &
  local bystander=$!
  run "$init" sh -c 'sleep 29 & echo $!'
  kill -0 "$bystander"
  ok $? "plain: a process of the same user outside lives on"
  kill -0 "$out"
  ok $? "plain: so does what the command left behind"
  kill "$bystander" "$out"
  wait "$bystander" 2>/dev/null
}

test_attack() {
  local line
  run "${front[@]}" "$probe" attack 0
  is "$(grep -c taken <<<"$out")/$(grep -c refused <<<"$out")" "8/0" \
    "the command and its children can be traced and read by themselves"
  run "${front[@]}" "$probe" attack 1
  is "$(grep -c : <<<"$out")" 8 "every way into PID 1 was tried"
  while read -r line; do
    is "${line##*: }" refused "PID 1 refuses the same user: ${line%: *}"
  done <<<"$out"
  run "${front[@]}" sh -c 'grep NoNewPrivs /proc/self/status'
  is "${out//[$'\t ']/}" "NoNewPrivs:1" "the command has no_new_privs"
  if command -v strace >/dev/null; then
    run "${front[@]}" strace -o /dev/null -f true
    is "$status" 0 "strace works inside"
    run "${front[@]}" timeout 5 strace -o /dev/null -p 1
    has "$err" "not permitted" "strace of PID 1 does not"
  else
    skip "strace works inside" "no strace here"
    skip "strace of PID 1 does not" "no strace here"
  fi
  run "${front[@]}" sh -c 'kill -KILL 1; kill -STOP 1; echo still here'
  is "$status/$out" "0/still here" "PID 1 cannot be killed or stopped from inside"
}

# As an engine does it: PID 1 leads the session that owns the terminal.
terminal() { # STEP... -- COMMAND
  local steps=()
  while [ "$1" != -- ]; do
    steps+=("$1")
    shift
  done
  shift
  run "$probe" pty "${steps[@]}" -- "${wrap[@]}" "$init" "$@"
}

test_terminal() {
  local shell
  terminal expect=ready $'send=\x03' -- sh -c 'echo ready; exec sleep 30'
  is "$status" 130 "$1: Ctrl-C ends the command"
  terminal expect=ready $'send=\x1c' -- sh -c 'echo ready; ulimit -c 0; exec sleep 30'
  is "$status" 131 "$1: Ctrl-\\ ends the command"
  terminal expect=started $'send=\x1a' expect=continued $'send=\x03' -- "$probe" job
  is "$status" 130 "$1: Ctrl-Z does not leave a dead terminal"
  terminal expect=again -- sh -c 'trap "echo again" CONT; kill -STOP $$; exit 8'
  is "$status" 8 "$1: nor does a program that stops itself"
  terminal expect=ready size=33x101 expect="33 101" -- \
    bash -c 'trap "stty size; exit 5" WINCH; echo ready; while :; do sleep 0.02; done'
  is "$status" 5 "$1: a new window size reaches the command"
  terminal $'send=line\n' expect=got -- sh -c 'read -r x; echo "got-$x"'
  has "$out" "got-line" "$1: the command can read the terminal"
  for shell in /bin/bash /bin/sh; do
    test_job_control "$1" "$shell"
  done
  terminal 'expect=prompt> ' $'send=exit 6\n' -- --shell
  is "$status" 6 "$1: --shell is interactive at a terminal"
  terminal -- no-such-command
  is "$status" 127 "$1: a command that is not found gives the terminal back"
  has "$out" "command not found" "$1: and says so there"
}

test_job_control() { # MODE SHELL
  local options=(-i)
  [ "$2" = /bin/bash ] && options=(--norc --noprofile -i)
  terminal 'expect=prompt> ' "send=$probe job"$'\n' expect=started $'send=\x1a' 'expect=prompt> ' \
    $'send=jobs\n' expect=topped 'expect=prompt> ' $'send=fg\n' expect=continued $'send=\x03' \
    'expect=prompt> ' $'send=echo st$?\n' expect=st130 'expect=prompt> ' $'send=exit 4\n' \
    -- "$2" "${options[@]}"
  is "$status" 4 "$1: $2: Ctrl-Z, jobs, fg and Ctrl-C work"
  lacks "$out" "no job control" "$1: $2: no warning about job control"
  lacks "$out" "job control turned off" "$1: $2: it is not turned off"
}

# Started in the background by a shell, it must not take the terminal from the one who types.
test_background() {
  run "$probe" pty 'expect=prompt> ' \
    $'send='"$init"$' sh -c \'sleep 0.2; : >'"$dir"$'/ready\' &\n' 'expect=prompt> ' \
    $'send=while [ ! -e '"$dir"$'/ready ]; do sleep 0.05; done; read -r x; echo got-$x\n' \
    $'send=typed\n' expect=got-typed 'expect=prompt> ' $'send=exit 3\n' -- \
    bash --norc --noprofile -i
  is "$status" 3 "plain: in the background it leaves the terminal alone"
  rm -f "$dir/ready"
  run "$probe" pty expect=ready $'send=typed\n' expect=got-typed -- \
    sh -c '"$0" true; echo ready; read -r x; echo "got-$x"; exit 3' "$init"
  is "$status" 3 "plain: at its end the terminal goes back to the caller"
}

for mode in plain pid1; do
  as $mode
  for group in status exec_errors path home inheritance orphans signals tcp_lease; do
    test_$group $mode
  done
done
test_survivors
test_no_lease
test_orphaned
test_command_line
test_shell
test_stdio_is_left
test_harmless
wrap=()
test_terminal "terminal"
test_background
wrap=("${namespace[@]}")
test_terminal "terminal, PID 1 in a foreign session"
if $can_be_nobody; then
  # Permission bits mean less to root, so these are tried as an ordinary user too.
  as nobody
  test_status nobody
  test_exec_errors nobody
  test_attack
  wrap=("${namespace[@]}" setsid --ctty "${nobody[@]}")
  test_terminal "terminal, PID 1 leads the session"
  wrap=("${namespace[@]}" setsid "${nobody[@]}")
  terminal loose expect=started $'send=\x03' -- "$probe" job
  is "$status" 130 "a terminal that controls no session yet becomes that of PID 1"
else
  skip "attacks on PID 1 by its own user" "needs root, to become an ordinary user"
fi

echo "1..$count"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
