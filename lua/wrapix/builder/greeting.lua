-- SPDX-License-Identifier: MIT
-- Whether the builder answers as Nix's remote stores do: ssh with the client's key and
-- the pinned host key, `nix-daemon --stdio` behind it, and the first words of the
-- protocol of ssh-ng. Needs no Nix on this machine.

local forms = require("wrapix.builder.forms")
local proc = require("wrapix.proc")
local task = require("wrapix.task")

local M = {}

-- WORKER_MAGIC_1 and _2 of Nix's worker-protocol.hh, as 64 bits, little endian.
local HELLO, ANSWER = 0x6e697863, 0x6478696f
local ANSWER_BYTES = 16
local COMMAND = "nix-daemon --stdio"

--- What the client says first.
---@return string
function M.hello() return string.pack("<I8", HELLO) end

--- Reads the daemon's first words.
---@param bytes string
---@return { major: integer, minor: integer }|nil version of the protocol
function M.parse(bytes)
  if #bytes < ANSWER_BYTES then return nil end
  local magic, version = string.unpack("<I8I8", bytes)
  if magic ~= ANSWER or version < 0x100 or version > 0xffff then return nil end
  return { major = version >> 8, minor = version & 0xff }
end

-- What ssh's complaints mean.
local MEANINGS = {
  { "HOST IDENTIFICATION HAS CHANGED", "EHOSTKEY", "answers with another host key" },
  { "Host key verification failed", "EHOSTKEY", "answers with another host key" },
  { "host key is known", "EHOSTKEY", "answers with another host key" },
  { "Permission denied", "EACCES", "does not take the client's key" },
  { "Connection refused", "ECONNREFUSED", "does not listen" },
  { "timed out", "ETIMEDOUT", "does not answer" },
  { "bad permissions", "EKEY", "the client's key can be read by others" },
}

--- Why ssh failed.
---@param stderr string
---@return string reason
---@return string code
function M.explain(stderr)
  for _, meaning in ipairs(MEANINGS) do
    if stderr:find(meaning[1], 1, true) then return meaning[3], meaning[2] end
  end
  local last = stderr:match("([^\n]+)%s*$")
  return last and ("ssh: " .. last) or "ends the connection", "EPROTO"
end

-- The daemon takes the end of its input for an interruption, and may then answer
-- nothing: so it stays open until the answer is there.
local function converse(process)
  -- ssh may have ended by then: why is in what it complains of.
  local _, _, code = process.stdin:write(M.hello())
  if code == "ECANCELED" then return nil, "cancelled", code end
  local bytes = ""
  while #bytes < ANSWER_BYTES do
    local chunk, message, what = process.stdout:read()
    if what == "ECANCELED" then return nil, message, what end
    if not chunk then break end
    bytes = bytes .. chunk
  end
  return bytes
end

--- Says hello. Waits for the answer or the end of the connection.
---@param client wrapix.BuilderClient
---@param seconds number
---@return { major: integer, minor: integer }|nil version of the daemon's protocol
---@return string? message
---@return string? code "EHOSTKEY", "EACCES", "ECONNREFUSED", "ETIMEDOUT", "EPROTO", "ENOENT"
---@return string? hint
function M.try(client, seconds)
  local process <close>, message, code = proc.spawn(forms.ssh_argv(client, { "-T" }, COMMAND),
    { stdin = "pipe", stdout = "pipe", stderr = "pipe", session = true })
  if not process then
    if code ~= "ENOENT" then return nil, message, code end
    return nil, "ssh is not on PATH", code, "apt install openssh-client"
  end
  local bytes, why, what = task.timeout(seconds, converse, process)
  if not bytes then
    return nil, what == "ETIMEDOUT" and "does not answer" or why, what
  end
  local version = M.parse(bytes)
  if version then return version end
  local result = process:stop(1)
  return nil, M.explain(result and result.stderr or "")
end

return M
