-- SPDX-License-Identifier: MIT
-- What npm's failures mean, and the agents of a stage in words; for builds only. Pure.

local M = {}

--- The agents of a stage in words.
---@param stage { agents: { name: string, version: string }[] }
---@return string such as "claude 2.1.330, pi 0.73.1"
function M.words(stage)
  local words = {}
  for i, agent in ipairs(stage.agents) do words[i] = agent.name .. " " .. agent.version end
  return table.concat(words, ", ")
end

local NETWORK = "check the network; NPM_CONFIG_REGISTRY names a mirror"
local UNREACHABLE = { "npm's registry does not answer", "ENETUNREACH", NETWORK }
local UNTRUSTED = { "npm's registry has a certificate that is not trusted here", "ENETUNREACH",
  "NODE_EXTRA_CA_CERTS=FILE gives the build further certificates" }
local MEANINGS = {
  E404 = { "npm has no such package", "ENOPKG" },
  ETARGET = { "npm has no such version", "ENOPKG", "`wrapix image update-agents` takes the newest" },
  EINTEGRITY = { "a download was damaged", "EIMAGE", "start again" },
  ENOSPC = { "the disk is full", "ENOSPC",
    "free some space; `podman system df` shows what images take" },
  SELF_SIGNED_CERT_IN_CHAIN = UNTRUSTED, UNABLE_TO_GET_ISSUER_CERT_LOCALLY = UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE = UNTRUSTED, DEPTH_ZERO_SELF_SIGNED_CERT = UNTRUSTED,
  CERT_HAS_EXPIRED = UNTRUSTED,
}
for _, code in ipairs({ "EAI_AGAIN", "ENOTFOUND", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT",
  "ERR_SOCKET_TIMEOUT", "ENETUNREACH", "EHOSTUNREACH", "EIDLETIMEOUT" }) do
  MEANINGS[code] = UNREACHABLE
end

--- What npm's error code means.
---@param lines string[]
---@return string? reason nil when npm said none
---@return string? code
---@return string? hint
function M.meaning(lines)
  for _, line in ipairs(lines) do
    local word = line:match("^npm ERR! code (%S+)") or line:match("^npm error code (%S+)")
    if word then
      local meaning = MEANINGS[word] or { "npm failed with " .. word:sub(1, 60), "EIMAGE" }
      return table.unpack(meaning, 1, 3)
    end
  end
end

--- Explains the output of a failed agents' stage, and names the agent.
---@param lines string[]
---@return string? reason
---@return string? code
---@return string? hint
function M.explain(lines)
  local agent
  for _, line in ipairs(lines) do
    agent = line:match("^wrapix: agent (%S+ %S+)$") or agent
    local place, machine = line:match("^wrapix: nothing for (%S+) on (%S+)$")
    if place then
      return ("agent %s: has no program for %s (%s)"):format(agent or "?", machine, place), "EIMAGE"
    end
  end
  local reason, code, hint = M.meaning(lines)
  if not reason then return nil end
  return agent and ("agent %s: %s"):format(agent, reason) or reason, code, hint
end

return M
