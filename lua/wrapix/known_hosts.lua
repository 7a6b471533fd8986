-- SPDX-License-Identifier: MIT
-- The host keys a sandbox trusts: those github.com and gitlab.com publish, and
-- for any other server the lines of the person's own known_hosts. Pure.

local sha1 = require("wrapix.sha1")

local M = {}

-- As published by both at docs.github.com (GitHub's SSH key fingerprints) and
-- docs.gitlab.com (GitLab.com settings); the spec compares their fingerprints.
local PINNED = {
  {
    hosts = "github.com,[ssh.github.com]:443",
    keys = {
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
      "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEez"
        .. "OmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=",
      "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQCj7ndNxQowgcQnjshcLrqPEiiphnt+VTTvDP6mHBL9j1aN"
        .. "UkY4Ue1gvwnGLVlOhGeYrnZaMgRK6+PKCUXaDbC7qtbW8gIkhL7aGCsOr/C56SJMy/BCZfxd1nWzAOxSDPgV"
        .. "smerOBYfNqltV9/hWCqBywINIR+5dIg6JTJ72pcEpEjcYgXkE2YEFXV1JHnsKgbLWNlhScqb2UmyRkQyytRL"
        .. "tL+38TGxkxCflmO+5Z8CSSNY7GidjMIZ7Q4zMjA2n1nGrlTDkzwDCsw+wqFPGQA179cnfGWOWRVruj16z6Xy"
        .. "vxvjJwbz0wQZ75XK5tKSb7FNyeIEs4TT4jk+S4dhPeAUC5y+bDYirYgM4GC7uEnztnZyaVWQ7B381AK4Qdrw"
        .. "t51ZqExKbQpTUNn+EjqoTwvqNj4kqx5QUCI0ThS/YkOxJCXmPUWZbhjpCg56i+2aB6CmK2JGhn57K5mj0MNd"
        .. "BXA4/WnwH6XoPWJzK5Nyu2zB3nAZp+S5hpQs+p1vN1/wsjk=",
    },
  },
  {
    hosts = "gitlab.com,[altssh.gitlab.com]:443",
    keys = {
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAfuCHKVTjquxvt6CM6tdG4SLp1Btn/nOeHHE5UOzRdf",
      "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBFSMqzJeV9rU"
        .. "zU4kWitGjeR4PWSa29SPqJ1fVkhtj3Hw9xjLVXVYrU9QlYWrOLXBpQ6KWjbjTDTdDkoohFzgbEY=",
      "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCsj2bNKTBSpIYDEGk9KxsGh3mySTRgMtXL583qmBpzeQ+j"
        .. "qCMRgBqB98u3z++J1sKlXHWfM9dyhSevkMwSbhoR8XIq/U0tCNyokEi/ueaBMCvbcTHhO7FcwzY92WK4Yt0a"
        .. "GROY5qX2UKSeOvuP4D6TPqKF1onrSzH9bx9XUf2lEdWT/ia1NEKjunUqu1xOB/StKDHMoX4/OKyIzuS0q/T1"
        .. "zOATthvasJFoPrAjkohTyaDUz2LN5JoH839hViyEG82yB+MjcFV5MU3N1l1QL3cVUCh93xSaua1N85qivl+s"
        .. "iMkPGbO5xR/En4iEY6K2XPASUEMaieWVNTRCtJ4S8H+9",
    },
  },
}

--- The name a server has in known_hosts.
---@param host string
---@param port integer?
---@return string
function M.name(host, port)
  host = host:lower()
  return (port and port ~= 22) and ("[%s]:%d"):format(host, port) or host
end

-- Matching -----------------------------------------------------------------------

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

--- The bytes of a text in base64; nil for what is none.
---@param text string
---@return string?
function M.decode(text)
  local body = text:match("^([%w+/]*)=?=?$")
  if not body or #text % 4 ~= 0 then return nil end
  local out, bits, count = {}, 0, 0
  for char in body:gmatch(".") do
    bits, count = (bits << 6 | ALPHABET:find(char, 1, true) - 1) & 0xffff, count + 6
    if count >= 8 then
      count = count - 8
      out[#out + 1] = string.char(bits >> count & 0xff)
    end
  end
  return table.concat(out)
end

-- Patterns of known_hosts know "*" and "?" only.
local function is_match(pattern, name)
  local salt, hash = pattern:match("^|1|([^|]+)|([^|]+)$")
  if salt then
    local key, wanted = M.decode(salt), M.decode(hash)
    return key ~= nil and wanted ~= nil and sha1.hmac(key, name) == wanted
  end
  local lua = pattern:lower():gsub("[%^%$%(%)%%%.%[%]%+%-]", "%%%0")
  lua = lua:gsub("%*+", ".*"):gsub("%?", ".")
  return name:find("^" .. lua .. "$") ~= nil
end

local function names_host(patterns, name)
  local found = false
  for pattern in patterns:gmatch("[^,]+") do
    local negated = pattern:match("^!(.*)$")
    if is_match(negated or pattern, name) then
      if negated then return false end
      found = true
    end
  end
  return found
end

--- The lines of a known_hosts text that speak of a server.
---@param text string
---@param name string see M.name
---@return string[]
function M.lines_for(text, name)
  local list = {}
  for line in text:gmatch("[^\r\n]+") do
    local patterns = line:match("^@%S+%s+(%S+)%s") or line:match("^([^#@%s]%S*)%s")
    if patterns and not line:find("%z") and #patterns < 1024 and names_host(patterns, name) then
      list[#list + 1] = line
    end
  end
  return list
end

--- Tells whether a server's keys are pinned.
---@param name string
---@return boolean
function M.is_pinned(name)
  for _, entry in ipairs(PINNED) do
    if names_host(entry.hosts, name) then return true end
  end
  return false
end

--- The content of a known_hosts file with the pinned keys, then other lines.
---@param lines string[]
---@return string
function M.text(lines)
  local list = {}
  for _, entry in ipairs(PINNED) do
    for _, key in ipairs(entry.keys) do list[#list + 1] = entry.hosts .. " " .. key end
  end
  table.move(lines, 1, #lines, #list + 1, list)
  return table.concat(list, "\n") .. "\n"
end

return M
