-- SPDX-License-Identifier: MIT
-- The builder's container in Podman's words: box → argv, and what Podman answers. Pure:
-- starts nothing. apple.lua answers the same calls.

local answer_of = require("wrapix.builder.answer")
local csv_field = require("wrapix.runtime.podman").csv_field
local json = require("wrapix.json")
local texts = require("wrapix.builder.texts")
local units = require("wrapix.plan.units")

local M = { title = "Podman" }

---@class wrapix.BuilderBox
---@field name string of the container
---@field engine { path: string, oci_runtime: string?, version: integer[]? }
---@field image string
---@field port integer on 127.0.0.1
---@field cpus integer?
---@field memory integer? bytes
---@field nofile integer?
---@field nproc integer?
---@field network string?
---@field label_off boolean? SELinux: the host's directories keep their labels
---@field run string directory of the host, mounted read-only
---@field nix { dir: string? , volume: string? } what /nix is kept in
---@field digest string? of all of it; a label

--- The label a container is known by, with the digest.
M.label = "wrapix.builder"

-- What the two servers need, and nothing else:
--   SETUID, SETGID     sshd becomes the user; nix-daemon runs builds as others
--   SYS_CHROOT         sshd locks its unprivileged half into an empty directory
--   CHOWN, FOWNER      what a build made becomes root's, with the store's modes
--   DAC_OVERRIDE       root inside reads and removes what builds made for themselves
--   KILL               what a build leaves running is ended
--   NET_BIND_SERVICE   sshd listens on 22 in there
M.capabilities = { "CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID",
  "SETUID", "SYS_CHROOT" }

local PIDS = 8192

local function engine_argv(box, ...)
  local argv = { box.engine.path }
  if box.engine.oci_runtime then
    table.move({ "--runtime", box.engine.oci_runtime }, 1, 2, 2, argv)
  end
  local words = table.pack(...)
  return table.move(words, 1, words.n, #argv + 1, argv)
end

local function mount(source, dest, read_only)
  local fields = { "type=bind", csv_field("source=" .. source), "destination=" .. dest,
    read_only and "ro=true" or "ro=false", "nosuid", "nodev" }
  return table.concat(fields, ",")
end

local function security_flags(box)
  local flags = { "--cap-drop=all", "--cap-add=" .. table.concat(M.capabilities, ","),
    "--security-opt", "no-new-privileges" }
  if box.label_off then
    table.move({ "--security-opt", "label=disable" }, 1, 2, #flags + 1, flags)
  end
  return flags
end

local function limit_flags(box)
  local flags = { "--pids-limit", tostring(PIDS) }
  local function add(...) table.move({ ... }, 1, 2, #flags + 1, flags) end
  if box.cpus then add("--cpus", tostring(box.cpus)) end
  if box.memory then add("--memory", units.format_size(box.memory)) end
  for _, name in ipairs({ "nofile", "nproc" }) do
    if box[name] then add("--ulimit", ("%s=%d:%d"):format(name, box[name], box[name])) end
  end
  return flags
end

--- Makes the container and starts it.
---@param box wrapix.BuilderBox
---@return string[]
function M.create_argv(box)
  local argv = engine_argv(box, "run", "--detach", "--name", box.name, "--hostname", box.name,
    "--pull=never", "--http-proxy=false", "--sdnotify=ignore", "--systemd=false",
    "--image-volume=ignore", "--no-healthcheck", "--log-driver=k8s-file", "--log-opt=max-size=8m",
    "--label", M.label .. "=" .. (box.digest or ""))
  local function add(words) table.move(words, 1, #words, #argv + 1, argv) end
  add(security_flags(box))
  add(limit_flags(box))
  if box.network then add({ "--network=" .. box.network }) end
  add({ "--publish", ("127.0.0.1:%d:22"):format(box.port) })
  add({ "--mount", mount(box.run, texts.dest, true) })
  add({ "--mount", mount(box.nix.dir, "/nix", false) })
  add({ "--user", "0:0", "--workdir", "/", "--entrypoint", "/bin/sh", box.image,
    texts.dest .. "/guest.sh" })
  return argv
end

--- Starts a container that is there.
---@param box wrapix.BuilderBox
---@return string[]
function M.start_argv(box) return engine_argv(box, "start", "--", box.name) end

--- Stops it: TERM, then KILL after the grace.
---@param box wrapix.BuilderBox
---@param grace integer seconds
---@return string[]
function M.stop_argv(box, grace)
  return engine_argv(box, "stop", "--ignore", "--time", tostring(grace), "--", box.name)
end

--- Removes it, running or not; an absent one is no error.
---@param box wrapix.BuilderBox
---@return string[]
function M.remove_argv(box)
  return engine_argv(box, "rm", "--force", "--ignore", "--time", "0", "--", box.name)
end

---@param box wrapix.BuilderBox
---@return string[]
function M.inspect_argv(box)
  return engine_argv(box, "container", "inspect", "--", box.name)
end

--- Runs one more program in it, as root inside.
---@param box wrapix.BuilderBox
---@param command string[]
---@param opts { stdin: boolean?, tty: boolean? }?
---@return string[]
function M.exec_argv(box, command, opts)
  opts = opts or {}
  local argv = engine_argv(box, "exec", "--detach-keys=")
  argv[#argv + 1] = opts.stdin and "--interactive" or nil
  argv[#argv + 1] = opts.tty and "--tty" or nil
  table.move({ "--", box.name }, 1, 2, #argv + 1, argv)
  return table.move(command, 1, #command, #argv + 1, argv)
end

--- Prints what it has written.
---@param box wrapix.BuilderBox
---@param opts { follow: boolean?, last: integer? }?
---@return string[]
function M.logs_argv(box, opts)
  opts = opts or {}
  local argv = engine_argv(box, "logs")
  argv[#argv + 1] = opts.follow and "--follow" or nil
  if opts.last then table.move({ "--tail", tostring(opts.last) }, 1, 2, #argv + 1, argv) end
  return table.move({ "--", box.name }, 1, 2, #argv + 1, argv)
end

--- Makes what /nix is kept in; nil: a directory, which the caller makes.
---@return nil
function M.volume_argv() return nil end

--- Removes what /nix is kept in. What builds made belongs to ids that only the user's
--- own name space has power over, where there is one.
---@param box wrapix.BuilderBox
---@param is_rootless boolean
---@return string[]
function M.erase_argv(box, is_rootless)
  local remove = { "rm", "-rf", "--", box.nix.dir }
  if not is_rootless then return remove end
  return engine_argv(box, "unshare", table.unpack(remove))
end

---@class wrapix.BuilderState
---@field state "running"|"stopped"|"absent"
---@field digest string?
---@field image string? a reference
---@field status integer? with which its first program ended
---@field is_ours boolean? it has the label
---@field started string?

--- What inspect's answer says.
---@param result wrapix.ProcResult
---@return wrapix.BuilderState|nil
---@return string? message
function M.state(result)
  if result.code ~= 0 then
    local said = result.stderr or ""
    if said:lower():find("no such container", 1, true)
      or said:find("no such object", 1, true) then
      return { state = "absent" }
    end
    return nil, answer_of.last_line(said) or "inspect failed"
  end
  local answer, message = json.decode(result.stdout or "")
  local one = answer_of.at(answer, 1)
  if not one then return nil, message or "inspect answered with no container" end
  local status = answer_of.at(one, "State", "Status")
  local alive = status == "running" or status == "stopping"
  local digest = answer_of.text(one, "Config", "Labels", M.label)
  return {
    state = alive and "running" or "stopped", digest = digest, is_ours = digest ~= nil,
    image = answer_of.text(one, "ImageName"),
    status = math.tointeger(answer_of.at(one, "State", "ExitCode")),
    started = answer_of.text(one, "State", "StartedAt"),
  }
end

return M
