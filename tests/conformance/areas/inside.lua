-- SPDX-License-Identifier: MIT
-- What a sandbox looks like from inside: the table of the contract, row by row.

local check = require("conformance.check")
local fs = require("wrapix.fs")
local json = require("wrapix.json")

local has, equal, matches = check.has, check.equal, check.matches
local ZERO = "0000000000000000"

local M = { title = "Inside a sandbox" }

local function add(id, says, inside, verdict, given)
  M[#M + 1] = { id = "inside." .. id, says = says, group = "inside", inside = inside,
    check = verdict, given = given }
end

local function options_of(mounts, dest)
  for line in mounts:gmatch("[^\n]+") do
    local at, kind, options = line:match("^%S+ (%S+) (%S+) (%S+)")
    if at == dest then return "," .. options .. ",", kind end
  end
  check.fail("nothing is mounted at %s", dest)
end

add("workspace", "the workspace is at /workspace, can be written, and commands start there",
  "pwd; cat from-outside; echo inside >from-inside",
  function(_, answer, dir)
    equal("/workspace\noutside", answer.out, "directory and content")
    equal("inside\n", fs.read(dir .. "/from-inside"), "the file outside")
  end,
  function(t, given)
    t:file(given.dir .. "/from-outside", "outside\n")
    return given.dir
  end)

add("workspace-nosuid", "no set-user-id program and no device works in the workspace",
  "cat /proc/self/mounts",
  function(_, answer)
    local options = options_of(answer.out, "/workspace")
    for _, one in ipairs({ ",rw,", ",nosuid,", ",nodev," }) do has(options, one, "options") end
  end)

add("user", "the user is `wrapix`, with the uid and gid of yours", "id -u; id -g; id -un; whoami",
  function(t, answer)
    equal(("%d\n%d\nwrapix\nwrapix"):format(t.uid, t.gid), answer.out, "uid, gid, name")
  end)

add("groups", "the user is in no other group", "id -G",
  function(t, answer) equal(tostring(t.gid), answer.out, "groups") end)

add("home", "the home is /home/wrapix: empty, the user's own, in memory",
  'echo "$HOME"; ls -A ~; stat -c "%a %u %g" ~; touch ~/x && mkdir -p ~/a/b; grep " /home/wrapix " /proc/self/mounts',
  function(t, answer)
    matches(answer.out, ("^/home/wrapix\n700 %d %d\n[^\n]*tmpfs"):format(t.uid, t.gid), "home")
    has(answer.out, "nosuid", "home")
  end)

add("capabilities", "no process has a capability, nor can it get one; PID 1 neither",
  "grep ^Cap /proc/self/status; grep ^Cap /proc/1/status",
  function(_, answer)
    local count = 0
    for name, bits in answer.out:gmatch("Cap(%a+):%s*(%x+)") do
      equal(ZERO, bits, "Cap" .. name)
      count = count + 1
    end
    equal(10, count, "sets of capabilities")
  end)

add("no-new-privileges", "nothing can gain privileges; a system call filter is in place",
  "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status",
  function(_, answer)
    matches(answer.out, "NoNewPrivs:%s*1", "no new privileges")
    matches(answer.out, "Seccomp:%s*2", "filter")
  end)

add("user-namespaces", "no new user namespace can be made", "unshare -U true",
  function(_, answer) check.holds(answer.code ~= 0, "unshare -U worked") end)

add("no-mounting", "nothing can be mounted or unmounted",
  "mount -t tmpfs none /tmp && echo mounted; umount /tmp && echo unmounted",
  function(_, answer) check.lacks(answer.out, "mounted", "mount") end)

add("root-read-only", "the root file system is read-only",
  "for d in / /etc /usr /bin; do touch $d/x && echo \"wrote $d\"; done; cat /proc/self/mounts",
  function(_, answer)
    check.lacks(answer.out, "wrote", "root")
    has(options_of(answer.out, "/"), ",ro,", "options of /")
  end)

add("temporary", "/tmp, /var/tmp and /run can be written, are in memory and bounded",
  "for d in /tmp /var/tmp /run; do touch $d/x && stat -c '%n %a' $d; done; "
    .. "grep -cE ' (/tmp|/var/tmp|/run) tmpfs ' /proc/self/mounts; "
    .. "df -k /tmp | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2",
  function(_, answer)
    matches(answer.out, "^/tmp 1777\n/var/tmp 1777\n/run 755\n3\n%d+$", "directories")
    check.holds(tonumber(answer.out:match("%d+$")) <= 2 << 20, "/tmp is larger than 2 GiB")
  end)

add("session-directory", "/run/wrapix is read-only", "cd /run/wrapix; before=$(ls -A . bin); "
    .. "(touch x bin/x; rm -f context.json notify.sock lease.sock; mv out o2; rm -rf bin; "
    .. "echo >context.json) 2>/dev/null; "
    .. "[ \"$before\" = \"$(ls -A . bin)\" ] && grep -c user context.json; ls notify.sock",
  function(_, answer) matches(answer.out, "^[1-9]%d*\nnotify%.sock$", "what is there afterwards") end)

add("helpers", "the helpers are first on PATH", 'echo "$PATH"; command -v wrapix-notify',
  function(_, answer)
    matches(answer.out, "^/run/wrapix/bin:", "PATH")
    matches(answer.out, "\n/run/wrapix/bin/wrapix%-notify$", "wrapix-notify")
  end)

add("context", "context.json tells what the sandbox is: user, mounts, network",
  "cat /run/wrapix/context.json",
  function(t, answer)
    local context = assert(json.decode(answer.out))
    equal("/workspace", context.workspace, "workspace")
    equal("open", context.network, "network")
    equal(t.uid, context.user.uid, "uid")
    local modes = {}
    for _, mount in ipairs(context.mounts) do modes[mount.dest] = mount.mode end
    equal("rw", modes["/workspace"], "/workspace")
    equal("ro", modes["/run/wrapix"], "/run/wrapix")
    equal("rw", modes["/run/wrapix/out"], "/run/wrapix/out")
  end)

M[#M + 1] = { id = "inside.exchange",
  says = "/run/wrapix/out can be written, and is seen in the session's directory outside",
  run = function(t)
    local running <close> = t:start(
      "echo here >/run/wrapix/out/note; echo up; echo $WRAPIX_SESSION_ID; cat", { stdin = "pipe" })
    local session = running.stdout:read_line()
    local note = t:session_dir(session) .. "/run/out/note"
    equal("here\n", fs.read(note), note)
    equal(t.uid, fs.stat(note).uid, "owner of the file outside")
    running.stdin:close()
    check.status(running:wait(), 0)
    check.holds(not fs.exists(t:session_dir(session)), "the session's directory is still there")
  end }

add("hostname", "the host name is `wrapix`, and is known as the own address",
  "hostname; grep -c wrapix /etc/hosts",
  function(_, answer) matches(answer.out, "^wrapix\n[1-9]", "host name") end)

add("processes", "only its own processes are seen, wrapix-init being the first",
  "tr '\\0' ' ' </proc/1/cmdline; ls /proc | grep -c '^[0-9]'",
  function(_, answer)
    matches(answer.out, "^%S*wrapix%-init ", "PID 1")
    check.holds(tonumber(answer.out:match("%d+$")) < 12, "processes: " .. answer.out:match("%d+$"))
  end)

add("devices", "there is no device but the harmless ones", "ls /dev",
  function(_, answer)
    local known = {}
    for name in ("console core fd full mqueue null ptmx pts random shm stderr stdin stdout tty "
      .. "urandom zero"):gmatch("%S+") do known[name] = true end
    for name in answer.out:gmatch("%S+") do check.holds(known[name], "/dev/" .. name .. " is there") end
  end)

add("host-files", "no other file of the host is seen",
  "find / -name 'canary-of-the-host*' 2>/dev/null; echo end",
  function(_, answer) equal("end", answer.out, "found") end,
  function(t) t:file(t.tmp .. "/canary-of-the-host", "x") end)

add("zombies", "what is orphaned inside is collected by PID 1",
  "for i in 1 2 3; do (sleep 0.05 &); done; i=0; sleep 0.3; "
    .. "while n=$(cat /proc/[0-9]*/status 2>/dev/null | grep -c '^State:.Z'); [ $n != 0 ]; do "
    .. "i=$((i+1)); [ $i -le 50 ] || break; sleep 0.1; done; echo $n",
  function(_, answer) equal("0", answer.out, "dead processes that nobody waits for") end)

M[#M + 1] = { id = "inside.writable-root", says = "a profile may ask for a root that can be written",
  run = function(t)
    local mounts = t:out("cat /proc/self/mounts", { profile = { read_only = false } })
    has(options_of(mounts, "/"), ",rw,", "options of /")
  end }

M[#M + 1] = { id = "inside.user-namespaces-asked", says = "a profile may ask for user namespaces",
  run = function(t)
    equal("0", t:out("unshare -Ur id -u", { profile = { userns = true } }), "uid in a namespace")
  end }

M[#M + 1] = { id = "inside.any-image", says = "the image's own entry point and command are not used",
  run = function(t)
    local result = t:run({ "echo", "mine" })
    check.status(result, 0)
    equal("mine\n", result.stdout, "output")
  end }

return M
