#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Tests of wrapix-vm: what it reads, and the sandboxes it makes, in mount and PID namespaces that
# stand for the virtual machine. Prints TAP and a line of totals.
# usage: vm_test.sh PATH-OF-WRAPIX-VM      beside it lies wrapix-init
# Without root only the reading is tested, and so it is by an emulator, which knows no filters of
# system calls.
# shellcheck disable=SC2016 # the commands under test expand their own variables
set -u
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
if [ $# -ne 1 ] || [ ! -x "$1" ]; then
  echo "usage: $0 PATH-OF-WRAPIX-VM" >&2
  exit 2
fi
dir=$(mktemp -d) && chmod 755 "$dir" || exit 2
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
# shellcheck source=tests/unit/guest/emulate.sh
. "$here/emulate.sh"
vm=$(emulate "$1" "$dir") || exit 2
unset WRAPIX_SESSION_ID WRAPIX_LEASE WRAPIX_LEASE_TOKEN ENV BASH_ENV

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

run() {
  "$@" >"$dir/out" 2>"$dir/err" </dev/null
  status=$?
  out=$(cat "$dir/out")
  err=$(cat "$dir/err")
}

finish() {
  echo "1..$count"
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" -eq 0 ]
  exit
}

# -- Reading ------------------------------------------------------------------------------------

token=00112233445566778899aabbccddeeff
base="wrapix-vm 1
user alice 501 20 /home/alice
root ro
cwd /workspace
"

# read_config NAME TEXT: sets status, out and err.
read_config() {
  printf '%s' "$1" >"$dir/vm.conf"
  run "$vm" --check "$dir/vm.conf"
}

accepts() { # LINE...
  local text=$base line
  for line in "$@"; do text+=$line$'\n'; done
  read_config "$text"
  is "$status/$out/$err" "0/$((3 + $#)) steps/" "takes: $*"
}

refuses() { # LINE MESSAGE
  read_config "$base$1"$'\n'
  is "$status" 125 "refuses: ${1:0:70}"
  has "$err" "$2" "and says why: $2"
}

test_reading() {
  accepts
  accepts "hostname box-1.local" "tmpfs /run/wrapix 65536 755" "dir /run/wrapix/x 700"
  accepts "bind /mnt/wrapix/0 /workspace rw" "bind /mnt/wrapix/vm/files/3 /etc/gitconfig ro"
  accepts "copy /mnt/wrapix/vm/run /run/wrapix" "socket /mnt/wrapix/s0 /run/wrapix/lease.sock"
  accepts "relay /run/wrapix/n.sock 192.168.64.1 5959 $token" "lease 192.168.64.1 41000 $token"
  accepts "seal /run/wrapix" "limit nproc 512" "limit nofile 1024" "userns"
  accepts "bind /mnt/wrapix/0 /a%20b%25c%0a/d rw" "tmpfs /dev/shm 65536 1777"
  accepts "bind /mnt/wrapix/0 /ünïcode rw"
  refuses "bindx /mnt/wrapix/0 /workspace rw" "line 5: unknown word 'bindx'"
  refuses "" "line 5: unknown word ''"
  refuses " userns" "unknown word ''"
  refuses "userns " "more words"
  refuses "bind /mnt/wrapix/0 /workspace" "fewer words"
  refuses "bind /mnt/wrapix/0  /workspace rw" "word 2 ('')"
  refuses "bind /mnt/wrapix/0 /workspace rw extra" "more words"
  refuses "bind /mnt/wrapix/0 /workspace rwx" "word 3 ('rwx')"
  refuses "bind /mnt/wrapix/0 /work"$'\t'"space rw" "word 2"
  refuses "bind /mnt/wrapix/0 /work%2 rw" "word 2"
  refuses "bind /mnt/wrapix/0 /work%00space rw" "word 2"
  refuses "bind /mnt/wrapix/0 /work%zzspace rw" "word 2"
  refuses "bind /mnt/wrapix/../etc /workspace rw" "word 1"
  refuses "bind /mnt/wrapix /workspace rw" "word 1"
  refuses "bind /mnt/wrapixx/0 /workspace rw" "word 1"
  refuses "bind /etc /workspace rw" "word 1"
  local place
  for place in / relative /a/../b /a/./b /a//b /a/ /proc /proc/sys /sys/fs /dev /dev/null \
    /mnt/wrapix /mnt/wrapix/0 "/$(printf 'n%.0s' {1..300})"; do
    refuses "bind /mnt/wrapix/0 $place ro" "word 2"
  done
  refuses "tmpfs /run/x 0 755" "word 2 ('0')"
  refuses "tmpfs /run/x 64k 755" "word 2 ('64k')"
  refuses "tmpfs /run/x -1 755" "word 2 ('-1')"
  refuses "tmpfs /run/x 99999999999999999999 755" "word 2"
  refuses "tmpfs /run/x 65536 789" "word 3 ('789')"
  refuses "tmpfs /run/x 65536 77777" "word 3"
  refuses "user bob 502 20 /home/bob" "user: stands there twice"
  refuses "hostname -x" "word 1"
  refuses "hostname a_b" "word 1"
  refuses "hostname $(printf 'n%.0s' {1..65})" "word 1"
  refuses "limit memory 5" "word 1 ('memory')"
  refuses "limit nproc 0" "word 2"
  refuses "relay /run/n.sock localhost 5959 $token" "word 2 ('localhost')"
  refuses "relay /run/n.sock 127.0.0.1 0 $token" "word 3 ('0')"
  refuses "relay /run/n.sock 127.0.0.1 65536 $token" "word 3"
  refuses "relay /run/n.sock 127.0.0.1 5959 0123" "word 4 ('...')"
  refuses "lease 127.0.0.1 5959 ${token}xyz" "word 3 ('...')"
  lacks "$err" "$token" "a token is not shown"
  refuses "root rw" "root: stands there twice"
}

test_whole_files() {
  read_config "${base%$'\n'}"
  has "$status$err" "125wrapix: run: wrapix-vm: config $dir/vm.conf: is not whole" "a torn file is refused"
  read_config ""
  has "$err" "is not whole" "and an empty one"
  read_config "wrapix-vm 2"$'\n'"${base#*$'\n'}"
  has "$err" "begins with 'wrapix-vm 2'" "and one of another version"
  local line
  for line in user root cwd; do
    read_config "$(grep -v "^$line" <<<"$base" | sed '$!b;/^$/d')"$'\n'
    has "$status$err" "125wrapix" "and one without '$line'"
    has "$err" "says nothing of" "which is said: $line"
  done
  for line in "user a:b 501 20 /home" "user -x 501 20 /home" "user a -1 20 /home" \
    "user a 4294967295 20 /home" "user a 501 x /home" "user a 501 20 home" "user a 501 20 /h:x" \
    "user a%0ab 501 20 /home"; do
    read_config "wrapix-vm 1"$'\n'"$line"$'\n'"root ro"$'\n'"cwd /"$'\n'
    is "$status" 125 "refuses: $line"
  done
  printf '%s\0\n' "$base" >"$dir/vm.conf"
  run "$vm" --check "$dir/vm.conf"
  has "$err" "is not whole" "a zero byte is refused"
  { printf '%s' "$base" && yes "limit nproc 5" | head -n 3000; } >"$dir/vm.conf"
  run "$vm" --check "$dir/vm.conf"
  has "$err" "more than 1024 lines" "too many lines are refused"
  { printf '%s' "$base" && yes "limit nproc 5" | head -n 30000; } >"$dir/vm.conf"
  run "$vm" --check "$dir/vm.conf"
  has "$err" "more than 262144 bytes" "and too many bytes"
  run "$vm" --check "$dir"
  has "$err" "not a file" "a directory is no configuration"
  mkfifo "$dir/fifo"
  run timeout 5 "$vm" --check "$dir/fifo"
  has "$status$err" "125wrapix: run: wrapix-vm: config $dir/fifo: not a file" "nor a pipe, which is not waited for"
  run "$vm" --check "$dir/none"
  has "$err" "No such file" "nor nothing"
  run "$vm" --version
  has "$status$out" "0wrapix-vm " "--version"
}

# The same source with checks of every access, on configurations that were damaged at random.
test_damage() {
  local seed=20240131 round at text=$base$usual_lines status bad=''
  if ! "${CC:-cc}" -std=c11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined \
    -o "$dir/checked" "$here"/../../../src/guest/vm.c "$here"/../../../src/guest/vm/*.c; then
    ok 1 "a checked build"
    return
  fi
  RANDOM=$seed
  for round in {1..120}; do
    at=$((RANDOM % ${#text}))
    case $((round % 4)) in
      0) printf '%s' "${text:0:at}${text:at+1}" ;;
      1) printf '%s' "${text:0:at}" ;;
      2) printf '%s' "${text:0:at}%${text:at}" ;;
      3) printf '%s%b%s' "${text:0:at}" "\\x$(printf %02x $((RANDOM % 256)))" "${text:at}" ;;
    esac >"$dir/damaged"
    "$dir/checked" --check "$dir/damaged" >/dev/null 2>"$dir/damage" </dev/null
    status=$?
    { [ "$status" -eq 0 ] || [ "$status" -eq 125 ]; } && ! grep -q 'Sanitizer\|runtime error' "$dir/damage" ||
      bad+="round $round: $status: $(head -n 3 "$dir/damage")"$'\n'
  done
  is "$bad" "" "what is damaged is refused or read, with every access checked (seed $seed)"
}

# -- Sandboxes ----------------------------------------------------------------------------------

# What stands for the machine's own init: makes a root out of busybox, with shares where the
# engine would have them, lets the test change it, and enters it.
write_engine() {
  cat >"$dir/engine" <<'SH'
set -eu
root=$DIR/root tools=$DIR/tools
mount -t tmpfs image "$root"
cd "$root"
mkdir -p bin proc dev/shm etc old tmp sys mnt/wrapix/bin mnt/wrapix/vm mnt/wrapix/0 mnt/wrapix/1
chmod 755 .
cp /bin/busybox bin/
for name in sh ls cat id mount umount grep touch stat sleep hostname mkdir rm ln wc env ps mv; do
  ln -s busybox "bin/$name"
done
mount --bind "$tools" mnt/wrapix/bin
cp -R "$DIR/vm/." mnt/wrapix/vm/
mount -t tmpfs share0 mnt/wrapix/0
chmod 755 mnt/wrapix/0
chown 501:20 mnt/wrapix/0
mount -t tmpfs share1 mnt/wrapix/1
echo content >mnt/wrapix/1/file
mkdir mnt/wrapix/1/sub
cp "$DIR/vm.conf" mnt/wrapix/vm/vm.conf
mount -t proc proc proc
mount --bind /dev/null "$(touch dev/null && echo dev/null)"
echo 'root:x:0:0:root:/root:/bin/sh' >etc/passwd
eval "$PREPARE"
pivot_root . old
cd /
exec busybox chroot . /bin/sh -c 'busybox umount -l /old && exec /mnt/wrapix/bin/wrapix-vm "$@"' - "$@"
SH
}

# sandbox CONFIG ARG...: PREPARE is what to do to the root before.
sandbox() {
  printf '%s' "$1" >"$dir/vm.conf"
  shift
  run env DIR="$dir" PREPARE="${PREPARE-}" HOME=/home/alice PATH=/bin:/usr/bin:/sbin:/usr/sbin \
    unshare --mount --pid --uts --ipc --fork --kill-child sh "$dir/engine" "$@"
}

usual_lines="hostname box
tmpfs /home/alice 1048576 700
tmpfs /run/wrapix 1048576 755
dir /run/wrapix/state 711
bind /mnt/wrapix/bin /run/wrapix/bin ro
bind /mnt/wrapix/0 /workspace rw
bind /mnt/wrapix/1 /data ro
bind /mnt/wrapix/1/file /home/alice/deep/er/file ro
copy /mnt/wrapix/vm/run /run/wrapix
copy /mnt/wrapix/vm/run/context.json /home/alice/copied
seal /run/wrapix
limit nproc 200
limit nofile 300
"
usual=$base$usual_lines

inside() { sandbox "$usual${MORE-}" -- sh -c "$1"; }

test_sandbox() {
  inside 'id; hostname; pwd; exit 7'
  is "$status/$out/$err" "7/uid=501(alice) gid=20(alice)
box
/workspace/" "the user, without other groups, and the status of the command"
  inside 'grep -E "^(Groups:|Cap|NoNewPrivs:|Seccomp:)" /proc/self/status'
  is "${out//[$' \t']/}" "Groups:
CapInh:0000000000000000
CapPrm:0000000000000000
CapEff:0000000000000000
CapBnd:0000000000000000
CapAmb:0000000000000000
NoNewPrivs:1
Seccomp:2" "no capability in any set, no new privileges, a filter"
  inside 'cat /etc/passwd /etc/group; touch /etc/passwd /etc/group || echo refused'
  is "$out" "alice:x:501:20::/home/alice:/bin/sh
root:x:0:0:root:/root:/bin/sh
alice:x:20:
root:x:0:
refused" "the user is known by name"
  inside 'for p in /home/alice /home/alice/deep/er /run/wrapix /run/wrapix/state; do stat -c "%n %u %g %a" $p; done'
  is "$out" "/home/alice 501 20 700
/home/alice/deep/er 501 20 755
/run/wrapix 501 20 755
/run/wrapix/state 501 20 711" "directories are the user's"
  inside 'cat /data/file /home/alice/deep/er/file /run/wrapix/context.json /home/alice/copied
    stat -c "%u %g %a" /run/wrapix/skel/.rc /run/wrapix/context.json'
  is "$out" "content
content
{}
{}
501 20 640
501 20 644" "mounts and copies hold what they should"
  inside 'touch /x /run/wrapix/x /run/wrapix/bin/x /data/x /data/file /home/alice/deep/er/file /etc/x
    touch /workspace/x /home/alice/x && echo written'
  is "$out/$(grep -c 'Read-only file system' <<<"$err")" "written/7" "what is read-only is, and the rest is not"
  inside 'ls -A /mnt/wrapix; touch /mnt/wrapix/x; stat -c %a /mnt/wrapix'
  is "$out" "555" "the shares are out of sight"
  inside 'grep -E " /(workspace|data|home/alice|run/wrapix)[^ ]* " /proc/self/mounts | grep -vc nosuid,nodev'
  is "$out" 0 "every mount is nosuid and nodev"
  inside 'ulimit -n; ulimit -u'
  is "$out" $'300\n200' "limits"
  inside 'ls /proc/self/fd | wc -l'
  is "$out" 4 "no descriptor is left over" # three, and that of ls
  inside 'echo out; echo err >&2; cat /run/wrapix/vm.conf; stat -c "%u %a" /run/wrapix/vm.conf'
  is "$out" "out
wrapix-vm 1
user alice 501 20 /home/alice
cwd /workspace
limit nproc 200
limit nofile 300
0 644" "what --exec needs is left, and no more"
  is "$err" err "nothing is added to the output"
}

# What the user mounts over the shares' own path is none of them.
test_covered_share() {
  MORE=$'bind /mnt/wrapix/1 /mnt ro\n' inside 'cat /mnt/file; ls -A /mnt; cat /run/wrapix/vm.conf; id -un'
  is "$status/$out" "0/content
file
sub
wrapix-vm 1
user alice 501 20 /home/alice
cwd /workspace
limit nproc 200
limit nofile 300
alice" "a mount at /mnt hides the shares as well"
  PREPARE='mkdir mnt/wrapix/0/wrapix; chown 501:20 mnt/wrapix/0/wrapix' MORE=$'bind /mnt/wrapix/0 /mnt rw\n' inside 'ls -A /mnt /workspace/wrapix; touch /mnt/wrapix/x && echo written'
  is "$status/$out" "0//mnt:
wrapix

/workspace/wrapix:
written" "and nothing is left in a directory of the host that lies there"
}

test_writable_root() {
  sandbox "${usual/root ro/root rw}" -- sh -c 'touch /tmp/x /x; grep "^image / " /proc/self/mounts'
  has "$out" "image / tmpfs rw" "a writable root stays so"
  has "$err" "/x: Permission denied" "for those whom it belongs to"
}

test_confinement() {
  local line
  inside '/workspace/../run/wrapix/bin/attack'
  is "$(grep -c . <<<"$out")/$(grep -c ' ok$' <<<"$out")" "33/0" "all 33 attempts of the attack program fail"
  inside '/run/wrapix/bin/probe calls'
  while read -r line; do
    has "$out" "$line" "a call: $line"
  done <<'CALLS'
vsock Address family not supported by protocol
io_uring Operation not permitted
fsopen Operation not permitted
mount_setattr Operation not permitted
setns Operation not permitted
future Function not implemented
unix ok
tcp ok
thread ok
securebits 0xef
raise_limit Operation not permitted
CALLS
  if [ "$(uname -m)" = x86_64 ]; then
    has "$out" "x32 Function not implemented" "a call: x32"
    inside '/run/wrapix/bin/probe compat; echo $?'
    is "$out" $((128 + 31)) "a call of the 32-bit ABI is the end of its process"
  fi
  inside 'cp /bin/busybox /workspace/id 2>/dev/null || cat /bin/busybox >/workspace/id
    busybox chmod 6755 /workspace/id; /workspace/id -u; busybox su -c true; echo $?'
  is "$out" $'501\n1' "set-uid files and su give nothing"
  MORE=$'userns\n' inside '/run/wrapix/bin/attack'
  is "$(grep ' ok$' <<<"$out" | tr '\n' ' ')" "user_namespace ok user_and_more ok clone_user ok clone3_user ok " \
    "userns allows user namespaces, and nothing else"
  PREPARE='chown 0:0 mnt/wrapix/0' sandbox "${usual/alice 501 20/root 0 0}" -- sh -c 'id; touch /proc/sys/kernel/core_pattern; /run/wrapix/bin/attack'
  is "$(grep ' ok$' <<<"$out")" "" "where the user is root, it is one without rights"
  has "$out" "uid=0(root) gid=0(root)" "and root it is"
  has "$err" "core_pattern: Read-only file system" "the kernel's settings are out of its reach"
}

# Wherever something goes, the image or a share can have put a link there before.
test_links() {
  local place
  for place in /home /home/alice /run /run/wrapix /workspace /data /etc; do
    PREPARE="rm -rf .$place; mkdir -p .$(dirname "$place") bait; ln -s /bait .$place" inside 'echo ran'
    is "$status/$out" "125/" "a link at $place stops the start"
    has "$err" "is a symbolic link" "and is named: $place"
  done
  for place in mnt mnt/wrapix; do
    PREPARE="mv $place away; ln -s /away $place" inside 'echo ran'
    has "$status$err" "125wrapix: run: wrapix-vm: config /mnt/wrapix/vm/vm.conf: '${place##*/}' on the way there is a symbolic link" \
      "so does a link at /$place"
  done
  PREPARE='rm etc/passwd; echo kept >secret; ln -s /secret etc/passwd' inside 'cat /etc/passwd /secret'
  is "$out" "alice:x:501:20::/home/alice:/bin/sh
root:x:0:0:root:/root:/bin/sh
kept" "a link at /etc/passwd is replaced, and what it led to stays"
  PREPARE='rm etc/passwd; mkdir etc/passwd' inside 'echo ran'
  has "$status$err" "125wrapix: run: wrapix-vm: user /etc/passwd: not a file" "a directory there is refused"
  PREPARE='rm -rf etc' inside 'cat /etc/passwd'
  has "$out" "alice:x:501" "an image without /etc gets one"
  PREPARE='busybox head -c 2000000 /dev/zero >etc/passwd' inside 'echo ran'
  has "$err" "more than 1048575 bytes" "one of any size is refused"
  PREPARE='ln -s /etc mnt/wrapix/0/sub' sandbox "${usual}bind /mnt/wrapix/1/sub /workspace/sub ro"$'\n' -- true
  has "$status$err" "125wrapix: run: wrapix-vm: bind /workspace/sub: 'sub' on the way there is a symbolic link" \
    "a link in the workspace stops the start"
  PREPARE='ln -s /etc mnt/wrapix/1/link' sandbox "${usual}bind /mnt/wrapix/1/link/passwd /x ro"$'\n' -- true
  has "$err" "'link' on the way there is a symbolic link" "so does one in what is mounted"
  PREPARE='ln -s /etc/passwd mnt/wrapix/vm/run/link' inside true
  has "$err" "copy /run/wrapix: 'link' on the way there is a symbolic link" "and one in what is copied"
  PREPARE='mkdir -p run; rm -rf run/wrapix; echo x >run/wrapix' inside true
  is "$status" 125 "a file where a directory goes stops the start"
  PREPARE='busybox mkfifo mnt/wrapix/vm/run/pipe' inside true
  has "$err" "pipe: neither a file nor a directory" "a pipe is not copied"
  PREPARE='busybox mkfifo mnt/wrapix/1/pipe' sandbox "${usual}bind /mnt/wrapix/1/pipe /x ro"$'\n' -- true
  has "$err" "neither a directory nor a file" "nor mounted"
}

test_steps() {
  sandbox "${usual}bind /mnt/wrapix/9 /nine ro"$'\n' -- true
  is "$status/$err" "125/wrapix: run: wrapix-vm: bind /nine: 9: No such file or directory" "a share that is not there"
  sandbox "${usual}seal /none"$'\n' -- true
  has "$status$err" "125wrapix: run: wrapix-vm: seal /none: none: No such" "a place to seal that is not there"
  sandbox "${usual}seal /bin"$'\n' -- true
  has "$status$err" "125wrapix: run: wrapix-vm: seal /bin: make it read-only: Invalid" "or is no mount"
  sandbox "${usual}socket /mnt/wrapix/1/file /x"$'\n' -- true
  has "$status$err" "125wrapix: run: wrapix-vm: socket /x: /mnt/wrapix/1/file: not a socket" "a file is no socket"
  sandbox "${usual/cwd \/workspace/cwd \/none}" -- true
  has "$status$err" "125wrapix: run: wrapix-vm: cwd /none: change to it" "a working directory that is not there"
  sandbox "${usual/bind \/mnt\/wrapix\/bin*bin ro$'\n'/}" -- true
  is "$status" 125 "without wrapix-init nothing runs"
  PREPARE='chown 0:0 mnt/wrapix/0' inside 'echo ran'
  is "$status/$out/$err" "125//wrapix: run: wrapix-vm: workspace /workspace: uid 501 cannot write there: Permission denied; \
seen from here it belongs to uid 0, gid 0, mode 755" "a workspace that cannot be written, though it should"
  PREPARE='chown 0:0 mnt/wrapix/0' sandbox "${usual/workspace rw/workspace ro}" -- sh -c 'echo ran'
  is "$status/$out" "0/ran" "one that is read-only need not be"
  PREPARE='mount -o remount,ro .' inside 'echo ran'
  has "$status$err" "125wrapix: run: wrapix-vm: tmpfs /home/alice: home: Read-only" "a root that cannot be written says so"
  run "$vm" -- true
  has "$status$err" "125wrapix: run: wrapix-vm: config /mnt/wrapix/vm/vm.conf" "outside of such a machine it does nothing"
  run setpriv --reuid 65534 --regid 65534 --clear-groups "$dir/tools/wrapix-vm" -- true
  is "$status/$err" "125/wrapix: run: wrapix-vm: start: must be started as root" "nor for another than root"
}

# Something else than the engine's first program, which it starts, and one more beside it, as root
# of the same namespaces; that is what the engine's own exec does.
write_exec_engine() { # COMMAND
  cat >"$dir/task" <<SH
/mnt/wrapix/bin/wrapix-vm -- sh -c 'while [ ! -e /workspace/done ]; do sleep 0.02; done' &
while ! busybox grep -q " / tmpfs ro" /proc/mounts; do busybox sleep 0.02; done
{ $1; } >/workspace/out 2>&1
echo "status \$?" >>/workspace/out
cat /workspace/out
touch /workspace/done
wait
SH
  sed 's|exec /mnt/wrapix/bin/wrapix-vm.*|exec sh /bin/task'"'"'|' "$dir/engine" >"$dir/engine.exec"
}

exec_inside() { # COMMAND
  local was=$dir/engine.start
  write_exec_engine "$1"
  mv "$dir/engine" "$was" && mv "$dir/engine.exec" "$dir/engine"
  PREPARE="cp '$dir/task' bin/task; cp mnt/wrapix/bin/wrapix-vm bin/vm" inside true
  mv "$was" "$dir/engine"
}

test_exec() {
  exec_inside '/bin/vm --exec -- sh -c "id; pwd; ulimit -n; grep -E CapEff.\|CapBnd.\|NoNew\|Seccomp: /proc/self/status"'
  is "${out//$'\t'/ }" "uid=501(alice) gid=20(alice)
/workspace
300
CapEff: 0000000000000000
CapBnd: 0000000000000000
NoNewPrivs: 1
Seccomp: 2
status 0" "one more command is the user as well"
  exec_inside '/bin/vm --exec --cwd /home/alice -- sh -c "pwd; exit 9"'
  is "$out" $'/home/alice\nstatus 9' "in a directory of its own, with a status of its own"
  exec_inside '/bin/vm --exec -- /run/wrapix/bin/attack'
  is "$(grep -c ' ok$' <<<"$out")/$(grep -c . <<<"$out")" "0/34" "and as confined"
  exec_inside 'umount /run/wrapix/vm.conf; touch /run/wrapix/vm.conf; /bin/vm --exec -- id'
  has "$out" "config /run/wrapix/vm.conf:" "without what the start left it does not run"
  has "$out" "status 125" "and says so by its status"
  exec_inside 'busybox mount -o remount,rw,bind /run/wrapix/vm.conf; /bin/vm --exec -- id'
  has "$out" "config /run/wrapix/vm.conf: not as the start left it" "one that could be written is refused"
  exec_inside '/bin/vm --exec id'
  has "$out" "usage: wrapix-vm --exec" "words without -- are refused"
}

# -- Sockets ------------------------------------------------------------------------------------

pick_port() { port=$((20000 + RANDOM % 20000)); }

test_relay() {
  local echo_server before
  pick_port
  local conf="${usual}relay /run/wrapix/n.sock 127.0.0.1 $port $token
"
  (sleep 0.5; exec socat "TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr,fork" EXEC:cat) &
  echo_server=$!
  sandbox "$conf" -- sh -c '/run/wrapix/bin/probe talk /run/wrapix/n.sock 5; echo; stat -c "%u %g %a %F" /run/wrapix/n.sock'
  is "$status/$out" "0/token $token
xxxxx
501 20 600 socket" "a socket is carried over TCP, and waits for the host"
  sandbox "$conf" -- sh -c '/run/wrapix/bin/probe talk /run/wrapix/n.sock 3000000 | wc -c'
  is "$out" $((3000000 + 7 + ${#token})) "megabytes in both directions arrive whole"
  sandbox "$conf" -- sh -c '/run/wrapix/bin/probe crowd /run/wrapix/n.sock 60; /run/wrapix/bin/probe talk /run/wrapix/n.sock 1 | wc -c'
  is "$out" $'32\n'$((8 + ${#token})) "connections are bounded, and places become free again"
  before=$(date +%s%N)
  sandbox "$conf" -- sh -c 'sleep 0.1; cat /proc/[0-9]*/comm | grep -c wrapix-relay; for p in /proc/[0-9]*; do
    grep -q wrapix-relay $p/comm && cat $p/environ $p/maps && ls $p/fd; done; true'
  is "$out" 1 "the relay shows nobody what it knows"
  [ $((($(date +%s%N) - before) / 1000000)) -lt 900 ]
  ok $? "and holds up no end"
  kill "$echo_server"
  wait "$echo_server" 2>/dev/null
  sandbox "$conf" -- sh -c '/run/wrapix/bin/probe talk /run/wrapix/n.sock 5 & sleep 0.3; exit 4'
  is "$status" 4 "without a host the command runs and ends as ever"
  : >"$dir/heard"
  socat "TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr,fork" "OPEN:$dir/heard,creat,append" &
  echo_server=$!
  sleep 0.2
  for _ in 1 2 3 4 5 6; do
    sandbox "$conf" -- sh -c 'WRAPIX_NOTIFY_SOCKET=/run/wrapix/n.sock exec /run/wrapix/bin/wrapix-notify last'
  done
  is "$(grep -c '"last"' "$dir/heard")" 6 "what a command says as its last word arrives"
  kill "$echo_server"
  wait "$echo_server" 2>/dev/null
  PREPARE='mkdir -p run/wrapix' sandbox "${conf/tmpfs \/run\/wrapix 1048576 755$'\n'/dir \/run\/wrapix 755$'\n'}" -- true
  is "$status" 125 "what could not be sealed does not start"
}

test_sockets() {
  local server
  mkdir -p "$dir/sockets"
  socat "UNIX-LISTEN:$dir/sockets/s0,fork" EXEC:cat &
  server=$!
  for _ in $(seq 200); do [ -S "$dir/sockets/s0" ] && break; sleep 0.02; done
  chmod 0 "$dir/sockets/s0"
  PREPARE="touch mnt/wrapix/s0; mount --bind $dir/sockets/s0 mnt/wrapix/s0" \
    sandbox "${usual}socket /mnt/wrapix/s0 /run/wrapix/n.sock"$'\n' -- \
    sh -c '/run/wrapix/bin/probe talk /run/wrapix/n.sock 3; echo; stat -c "%u %g %a" /run/wrapix/n.sock'
  is "$status/$out" $'0/xxx\n501 20 600' "a socket of the engine's becomes the user's"
  kill "$server"
  wait "$server" 2>/dev/null
}

test_lease() {
  local launcher
  pick_port
  local conf="${usual}lease 127.0.0.1 $port $token
"
  rm -f "$dir/told"
  (sleep 0.5; exec socat -u "TCP-LISTEN:$port,bind=127.0.0.1,reuseaddr" "OPEN:$dir/told,creat") &
  launcher=$!
  sandbox "$conf" -- sh -c 'env | grep -c LEASE; cat /proc/1/environ; exit 3'
  wait "$launcher"
  is "$status/$out" "3/0" "the command learns nothing of a lease over TCP"
  is "$(sed 's/^\(exit 3\) .*/\1/' "$dir/told")" "token $token"$'\nstart\nexit 3' "which tells start and end"
}

# -- All ----------------------------------------------------------------------------------------

test_reading
test_whole_files
if [ -n "${WRAPIX_TEST_EMULATOR-}" ]; then
  finish
fi
test_damage
if [ "$(id -u)" -ne 0 ] || ! unshare --mount --pid --fork true 2>/dev/null; then
  skip "sandboxes" "needs root and mount namespaces"
  finish
fi
if [ ! -x /bin/busybox ] || ! command -v socat >/dev/null; then
  skip "sandboxes" "needs busybox-static and socat"
  finish
fi
mkdir -p "$dir/root" "$dir/tools" "$dir/vm/run/skel"
cp "$1" "$(dirname "$1")"/wrapix-{init,notify} "$dir/tools/"
"${CC:-cc}" -D_GNU_SOURCE -O1 -static -o "$dir/tools/attack" "$here/../../support/attack.c" || exit 2
"${CC:-cc}" -std=c11 -Wall -Wextra -O1 -static -o "$dir/tools/probe" "$here/vm_probe.c" || exit 2
echo '{}' >"$dir/vm/run/context.json"
echo rc >"$dir/vm/run/skel/.rc" && chmod 640 "$dir/vm/run/skel/.rc"
write_engine
test_sandbox
test_covered_share
test_writable_root
test_confinement
test_links
test_steps
test_exec
test_relay
test_sockets
test_lease
finish
