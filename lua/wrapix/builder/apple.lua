-- SPDX-License-Identifier: MIT
-- The builder's container in the words of Apple's `container`, 0.9 to 1.4: box → argv,
-- and what it answers. Pure. /nix is a named volume, for virtiofs has neither owners nor
-- locks; the one directory that is shared is mounted flat, at a place of the image.

local answer_of = require("wrapix.builder.answer")
local json = require("wrapix.json")
local podman = require("wrapix.builder.podman")
local texts = require("wrapix.builder.texts")

local M = { title = "container", label = podman.label }

local MIB = 1 << 20
-- The CLI refuses less from 0.10 on.
local LEAST_MEMORY = 200 * MIB

local function at_least(box, major, minor)
  local version = box.engine.version or { 1, 0, 0 }
  return version[1] > major or version[1] == major and (version[2] or 0) >= minor
end

local function engine_argv(box, ...)
  return { box.engine.path, ... }
end

--- The words that share a directory. `-v` splits at colons, `--mount` at commas and
--- equals signs, and neither has an escape.
---@param source string
---@param dest string
---@return string[]|nil
---@return string? message
---@return string? code
---@return string? hint
function M.share(source, dest)
  if not source:find(":", 1, true) then return { "--volume", ("%s:%s:ro"):format(source, dest) } end
  if source:find("[,=]") then
    return nil, ("builder: %s: `container` cannot share a directory with this name"):format(source),
      "EINVAL", "set XDG_DATA_HOME to a path without ':', ',' and '='"
  end
  return { "--mount", ("type=virtiofs,source=%s,destination=%s,readonly"):format(source, dest) }
end

local function capability_flags(box)
  -- Before 0.12 the VM's root has all of them, and there is no flag.
  if not at_least(box, 0, 12) then return {} end
  local flags = { "--cap-drop", "ALL" }
  for _, name in ipairs(podman.capabilities) do
    table.move({ "--cap-add", name }, 1, 2, #flags + 1, flags)
  end
  return flags
end

--- Makes the container and starts it.
---@param box wrapix.BuilderBox
---@return string[]|nil
---@return string? message
---@return string? code
---@return string? hint
function M.create_argv(box)
  local share, message, code, hint = M.share(box.run, texts.dest)
  if not share then return nil, message, code, hint end
  local argv = engine_argv(box, "run", "--detach", "--name", box.name,
    "--label", ("%s=%s"):format(M.label, box.digest or ""))
  local function add(words) table.move(words, 1, #words, #argv + 1, argv) end
  if box.cpus then add({ "--cpus", tostring(box.cpus) }) end
  if box.memory then
    add({ "--memory", ("%dM"):format(math.max(box.memory, LEAST_MEMORY) // MIB) })
  end
  add(capability_flags(box))
  if box.nofile then add({ "--ulimit", ("nofile=%d:%d"):format(box.nofile, box.nofile) }) end
  add({ "--publish", ("127.0.0.1:%d:22"):format(box.port) })
  add(share)
  add({ "--volume", box.nix.volume .. ":/nix" })
  add({ "--user", "0:0", "--entrypoint", "/bin/sh", box.image, texts.dest .. "/guest.sh" })
  return argv
end

--- Starts a container that is there.
---@param box wrapix.BuilderBox
---@return string[]
function M.start_argv(box) return engine_argv(box, "start", box.name) end

--- Stops it: TERM, then KILL after the grace.
---@param box wrapix.BuilderBox
---@param grace integer seconds
---@return string[]
function M.stop_argv(box, grace)
  return engine_argv(box, "stop", "--time", tostring(grace), box.name)
end

--- Removes it, running or not. An absent one is an error of the CLI; see `gone`.
---@param box wrapix.BuilderBox
---@return string[]
function M.remove_argv(box) return engine_argv(box, "delete", "--force", box.name) end

---@param box wrapix.BuilderBox
---@return string[]
function M.inspect_argv(box) return engine_argv(box, "inspect", box.name) end

--- Runs one more program in it, as root inside.
---@param box wrapix.BuilderBox
---@param command string[]
---@param opts { stdin: boolean?, tty: boolean? }?
---@return string[]
function M.exec_argv(box, command, opts)
  opts = opts or {}
  local argv = engine_argv(box, "exec")
  argv[#argv + 1] = opts.stdin and "--interactive" or nil
  argv[#argv + 1] = opts.tty and "--tty" or nil
  argv[#argv + 1] = box.name
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
  if opts.last then table.move({ "-n", tostring(opts.last) }, 1, 2, #argv + 1, argv) end
  argv[#argv + 1] = box.name
  return argv
end

--- Makes the volume of /nix. One that is there is an error of the CLI; see `is_there`.
---@param box wrapix.BuilderBox
---@return string[]
function M.volume_argv(box) return engine_argv(box, "volume", "create", box.nix.volume) end

--- Removes it, with all that was built.
---@param box wrapix.BuilderBox
---@return string[]
function M.erase_argv(box) return engine_argv(box, "volume", "delete", box.nix.volume) end

--- Whether a failure says that the thing is there already.
---@param stderr string
---@return boolean
function M.is_there(stderr) return stderr:lower():find("already exists", 1, true) ~= nil end

--- Whether a failure says that there is no such thing.
---@param stderr string
---@return boolean
function M.is_gone(stderr)
  local said = stderr:lower()
  return said:find("not found", 1, true) ~= nil or said:find("notfound", 1, true) ~= nil
    or said:find("no such", 1, true) ~= nil
end

--- What inspect's answer says. Up to 0.12 the state is a text and a missing container an
--- empty list; from 1.0 on the state is in an object, and a missing one an error.
---@param result wrapix.ProcResult
---@return wrapix.BuilderState|nil
---@return string? message
function M.state(result)
  if result.code ~= 0 then
    if M.is_gone(result.stderr or "") then return { state = "absent" } end
    return nil, answer_of.last_line(result.stderr) or "inspect failed"
  end
  local answer, message = json.decode(result.stdout or "")
  if type(answer) ~= "table" then return nil, message or "inspect answered with no list" end
  local one = answer[1]
  if one == nil then return { state = "absent" } end
  local status = answer_of.at(one, "status")
  if type(status) == "table" then status = answer_of.at(status, "state") end
  local alive = status == "running" or status == "stopping"
  local digest = answer_of.text(one, "configuration", "labels", M.label)
  return {
    state = alive and "running" or "stopped", digest = digest, is_ours = digest ~= nil,
    image = answer_of.text(one, "configuration", "image", "reference"),
    started = answer_of.text(one, "status", "startedDate"),
  }
end

return M
