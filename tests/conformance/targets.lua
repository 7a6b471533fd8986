-- SPDX-License-Identifier: MIT
-- What the suite is run against: the columns of docs/conformance.md. Pure.

local M = {}

---@class conformance.Column
---@field key string of the file of results
---@field runtime "podman"|"container"
---@field version string? of the CLI that tests/support/container stands in for
---@field host string of tests/host, or "here"
---@field title string[] two lines

---@type conformance.Column[]
M.columns = {
  { key = "podman-rootful", runtime = "podman", host = "rootful", title = { "Podman 4.3", "root" } },
  { key = "podman-deb12", runtime = "podman", host = "deb12", title = { "Podman 4.3", "rootless" } },
  { key = "podman-deb13", runtime = "podman", host = "deb13", title = { "Podman 5.4", "rootless" } },
}

--- The versions of Apple's `container` that a full run goes through.
M.versions = { "0.9.0", "0.12.3", "1.0.0", "1.2.2" }

for _, version in ipairs(M.versions) do
  M.columns[#M.columns + 1] = { key = "container-" .. version, runtime = "container",
    version = version, host = "rootful", title = { "`container`", version } }
end

--- A version as numbers: "1.2.2" → { 1, 2, 2 }.
---@param text string
---@return integer[]
function M.parse(text)
  local list = {}
  for number in text:gmatch("%d+") do list[#list + 1] = tonumber(number) end
  return list
end

--- Whether a version is older than another.
---@param version integer[]
---@param other string
function M.is_before(version, other)
  for i, number in ipairs(M.parse(other)) do
    local own = version[i] or 0
    if own ~= number then return own < number end
  end
  return false
end

---@class conformance.Lack
---@field runtime "podman"|"container"
---@field before string? versions older than this one only
---@field hosts string[]? these test hosts only
---@field reason string why it cannot be had there
---@field answers string Lua pattern of what is said instead
---@field warns boolean? said as a warning, and the sandbox starts

--- What a behaviour cannot be had on a target for, if anything.
---@param behaviour conformance.Behaviour
---@param target conformance.Target
---@return conformance.Lack?
function M.lack(behaviour, target)
  for _, lack in ipairs(behaviour.lacks or {}) do
    local applies = lack.runtime == target.runtime
      and (not lack.before or M.is_before(target.version, lack.before))
    if applies and lack.hosts then
      applies = false
      for _, host in ipairs(lack.hosts) do applies = applies or host == target.host end
    end
    if applies then return lack end
  end
end

return M
