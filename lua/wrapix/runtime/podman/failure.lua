-- What Podman's own error output means. Only for a start that failed with
-- Podman's status 125 or 126: a program inside can print the same words.
--
-- SPDX-License-Identifier: MIT

local M = {}

--- Tells whether a failed `podman run` failed only because the image is absent.
---@param stderr string
---@return boolean
function M.missing_image(stderr)
  for line in stderr:gmatch("[^\r\n]+") do
    if line:find("^Error: ") and line:find(": image not known$") then
      return true
    end
  end
  return false
end

--- Tells whether `podman run` ended only because nobody reads its output any
--- more. When Podman comes to it first, it dies of SIGPIPE instead.
---@param stderr string
---@return boolean
function M.closed_output(stderr)
  return stderr:find("^Error: [^\n]*: write /dev/stdout: broken pipe\r?\n$") ~= nil
end

--- Tells whether a start failed because another container has the name.
---@param stderr string
---@return boolean
function M.name_taken(stderr) return stderr:find("is already in use", 1, true) ~= nil end

-- What Podman and the OCI runtimes say, and the one line that helps.
local FAILURES = {
  {
    "cgroups in hybrid mode not supported",
    "crun does not work with hybrid cgroups",
    "apt install runc",
  },
  {
    "error setting rlimit",
    "a resource limit is above what this process may set",
    "raise the hard limits with `ulimit -H`, or lower the profile's",
  },
  {
    "the requested cgroup controller `[%w_]+` is not available",
    "a cgroup controller is not delegated to this user",
    "Delegate=cpu cpuset memory pids for user@.service, then log in anew",
  },
  {
    "no subuid ranges found",
    "this user has no range of subordinate ids",
    "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER",
  },
  {
    "newuidmap",
    "the ids of the container could not be mapped",
    "apt install uidmap",
  },
  {
    "/dev/net/tun",
    "the network device cannot be opened",
    "sudo chmod 666 /dev/net/tun, or start with --network none",
  },
  {
    "could not find pasta",
    "pasta is missing",
    "apt install passt",
  },
  {
    "is already in use by",
    "a container of this name is there already",
    "choose another --name; `wrapix stop NAME` ends a sandbox, `podman rm NAME` removes any other",
  },
}

--- Names the cause of a failure of the engine itself, where it is a known one.
---@param stderr string
---@return string|nil reason
---@return string? hint
function M.failure(stderr)
  for line in stderr:gmatch("[^\r\n]+") do
    for _, known in ipairs(FAILURES) do
      if line:find("Error") and line:find(known[1]) then
        return known[2], known[3]
      end
    end
  end
  return nil
end

return M
