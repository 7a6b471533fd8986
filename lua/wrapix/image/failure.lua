-- SPDX-License-Identifier: MIT
-- What the output of a failed build, pull or bootstrap means: which package,
-- which step, and the one thing that helps. Pure. What it does not know it
-- leaves to the last lines of the output itself.

local M = {}

local SPACE_HINT = "free some space; `podman system df` shows what images take"
local NETWORK_HINT = "check the network and the mirror, then start again"
local IDS_HINT = "give the user ids of its own: usermod --add-subuids 100000-165535"
  .. " --add-subgids 100000-165535 NAME, then podman system migrate"

-- In order: what explains the rest comes first. A full disk makes downloads
-- fail, and without a network every package is unknown. A function gets the
-- pattern's first capture.
local MEANINGS = {
  { "[Nn]o space left on device", "the disk is full", "ENOSPC", SPACE_HINT },
  { "You don't have enough free space in", "the disk is full", "ENOSPC", SPACE_HINT },
  { "[Dd]isk quota exceeded", "the disk quota is used up", "EDQUOT", SPACE_HINT },
  { "insufficient UIDs or GIDs available", "this user has too few subordinate ids",
    "EIMAGE", IDS_HINT },
  { "newuidmap: .*", "this user has no subordinate ids", "EIMAGE", IDS_HINT },
  { "could not find pasta", "pasta, which gives builds their network, is missing", "EENGINE",
    "apt install passt" },
  { "could not find slirp4netns", "slirp4netns, which gives builds their network, is missing",
    "EENGINE", "apt install slirp4netns" },
  { "slirp4netns: executable file not found", "slirp4netns, which gives builds their network,"
    .. " is missing", "EENGINE", "apt install slirp4netns" },
  { "Release file for .- is not valid yet", "the clock of this machine is behind", "EIMAGE",
    "set the clock, then start again" },
  { "Release file for %S+ is expired", "the mirror is out of date, or the clock of this machine"
    .. " is ahead", "EIMAGE", "check the clock, then start again" },
  { "Temporary failure resolving '([^']+)'", "no network: %s has no address", "ENETUNREACH",
    NETWORK_HINT },
  { "Could not resolve '([^']+)'", "no network: %s has no address", "ENETUNREACH", NETWORK_HINT },
  { "Could not connect to (%S+)", "no network: %s does not answer", "ENETUNREACH", NETWORK_HINT },
  { "Unable to connect to (%S-):?%s*$", "no network: %s does not answer", "ENETUNREACH",
    NETWORK_HINT },
  { "Connection timed out", "no network: the mirror does not answer", "ENETUNREACH", NETWORK_HINT },
  { "lookup (%S+).-: no such host", "no network: %s has no address", "ENETUNREACH", NETWORK_HINT },
  { "dial tcp %S*:? .-: network is unreachable", "no network", "ENETUNREACH", NETWORK_HINT },
  { "dial tcp (%S+): %a+: connection refused", "no network: %s does not answer", "ENETUNREACH",
    NETWORK_HINT },
  { "Unable to locate package (%S+)", "package %s does not exist", "ENOPKG" },
  { "Package '?([^' ]+)'? has no installation candidate", "package %s does not exist", "ENOPKG" },
  { "Couldn't find any package by %a+ '([^']+)'", "package %s does not exist", "ENOPKG" },
  { "Version '[^']*' for '([^']+)' was not found", "package %s does not exist in this version",
    "ENOPKG" },
  { "dpkg: error processing package (%S+)", "package %s could not be set up", "EIMAGE" },
  -- apt numbers the archives of a run.
  { "dpkg: error processing archive %S*/%d+%-([^/%s_]+)_%S*%.deb",
    "package %s could not be unpacked", "EIMAGE" },
  { "dpkg: error processing archive %S*/([^/%s_]+)_%S*%.deb", "package %s could not be unpacked",
    "EIMAGE" },
  { "Hash Sum mismatch", "a download was damaged or the mirror is being updated", "EIMAGE",
    "start again in a few minutes" },
  { "Failed to fetch (%S+)", "%s could not be fetched", "ENETUNREACH", NETWORK_HINT },
  { "manifest unknown", "the registry has no such image", "ENOENT" },
  { "repository does not exist", "the registry has no such image", "ENOENT" },
  { "unauthorized: ", "the registry wants a login", "EACCES", "podman login" },
  { "denied: ", "the registry refuses it", "EACCES", "podman login" },
  { "pinging container registry (%S+):", "the registry %s does not answer", "ENETUNREACH",
    NETWORK_HINT },
  { "cgroups in hybrid mode not supported", "crun does not work with hybrid cgroups", "EENGINE",
    "apt install runc" },
  { "rlimit", "a resource limit is above what this process may set", "EENGINE",
    "raise the hard limits with `ulimit -H`" },
  { "signature was created after the %-%-not%-after date", "the clock of this machine is wrong",
    "EIMAGE", "set the clock, then start again" },
  { "NO_PUBKEY (%x+)", "the key %s of the archive is not known here", "EIMAGE",
    "apt install debian-archive-keyring" },
}

local PACKAGE_HINT = "correct or remove it in the profile's packages"
  .. " (`apt-cache search WORD` finds names)"

local function match(lines, pattern)
  for _, line in ipairs(lines) do
    local found = line:match(pattern)
    if found then return found end
  end
end

--- Explains the output of a failed step.
---@param lines string[] its output, or the end of it
---@return string? reason nil when the output says nothing we know
---@return string? code "ENOPKG", "ENETUNREACH", "ENOSPC", …
---@return string? hint
function M.explain(lines)
  for _, meaning in ipairs(MEANINGS) do
    local found = match(lines, meaning[1])
    if found then
      local reason = meaning[2]:find("%s", 1, true) and meaning[2]:format(found) or meaning[2]
      return reason, meaning[3], meaning[4] or (meaning[3] == "ENOPKG" and PACKAGE_HINT or nil)
    end
  end
end

return M
