-- SPDX-License-Identifier: MIT
-- A real sshd for the specs of tests/e2e: an ordinary process of the test user
-- with settings, host key and users of its own, on an address of this machine
-- that sandboxes reach. It runs in a container with the host's network, for not
-- every test host has sshd itself.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local proc = require("wrapix.proc")

local M = {}
local Sshd = {}
Sshd.__index = Sshd

local NAME = "wrapix-test-sshd"
-- Where the machine is, seen from a sandbox: pasta gives the sandbox the
-- machine's own address, and podman names another one for the machine.
local PASTA_HOST = "169.254.1.2"

local CONFIG = [[
ListenAddress %s:%d
HostKey /srv/ssh/host_key
AuthorizedKeysFile /srv/ssh/authorized_keys
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
LogLevel DEBUG1
]]

---Words that start a container of an image as the test user, on this host.
---@return string[]
function M.run_words(...)
  local words = { "podman", "run", "--network=host", "--user", ("%d:%d"):format(e2e.uid, e2e.gid) }
  if e2e.rootful then
    table.move({ "--runtime=runc", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1000:1000" },
      1, 3, #words + 1, words)
  else
    words[#words + 1] = "--userns=keep-id"
  end
  return table.move({ ... }, 1, select("#", ...), #words + 1, words)
end

local function must(argv)
  local result = assert(proc.run(argv, { timeout = 60 }))
  if result.code ~= 0 then error(table.concat(argv, " ") .. ": " .. result.stderr, 2) end
  return result.stdout
end

---Makes a key without a passphrase with the ssh-keygen of an image.
---@param image string
---@param dir string of the test user
---@param name string
function M.keygen(image, dir, name)
  must(M.run_words("--rm", "--volume", dir .. ":/keys", image, "ssh-keygen", "-q", "-t", "ed25519",
    "-N", "", "-C", name, "-f", "/keys/" .. name))
end

---Starts sshd. `dir` holds what it serves under /srv; ssh/ in it is its own.
---@param image string
---@param dir string of the test user
---@return table sshd
function M.start(image, dir)
  local address = must({ "hostname", "-I" }):match("%S+")
  -- Below those that the kernel gives to whoever asks for any.
  local port = 20000 + tonumber(require("wrapix.sys").random_hex(2), 16) % 12000
  assert(fs.ensure_dir(dir .. "/ssh"))
  assert(fs.chown(dir .. "/ssh", e2e.uid, e2e.gid))
  M.keygen(image, dir .. "/ssh", "host_key")
  e2e.file(dir .. "/ssh/config", CONFIG:format(address, port), tonumber("644", 8))
  e2e.file(dir .. "/ssh/authorized_keys", "", tonumber("644", 8))
  local entry = ("git:*:%d:%d::/srv:/bin/sh"):format(e2e.uid, e2e.gid)
  must(M.run_words("--detach", "--name", NAME, "--passwd-entry", entry, "--volume", dir .. ":/srv",
    image, "/usr/sbin/sshd", "-D", "-e", "-f", "/srv/ssh/config"))
  local seen = e2e.host == "deb13" and PASTA_HOST or address
  local self = setmetatable({ dir = dir, port = port, host = seen }, Sshd)
  self.known = ("[%s]:%d"):format(seen, port)
  e2e.wait_for("sshd", function() return self:log():find("Server listening", 1, true) end)
  return self
end

---Everything sshd has said, on which keys were offered among it.
function Sshd.log()
  local result = assert(proc.run({ "podman", "logs", NAME }, { timeout = 30 }))
  return result.stdout .. result.stderr
end

---The line of known_hosts that names it.
function Sshd:known_line()
  local key = assert(fs.read(self.dir .. "/ssh/host_key.pub")):match("^(%S+ %S+)")
  return self.known .. " " .. key .. "\n"
end

---Lets in whoever has one of these keys.
---@param ... string paths of public keys
function Sshd:authorize(...)
  local lines = {}
  for i, file in ipairs({ ... }) do lines[i] = assert(fs.read(file)) end
  e2e.file(self.dir .. "/ssh/authorized_keys", table.concat(lines), tonumber("644", 8))
end

---The address of a repository below `dir`.
function Sshd:url(name)
  return ("ssh://git@%s:%d/srv/%s"):format(self.host, self.port, name)
end

function Sshd.close()
  proc.run({ "podman", "rm", "--force", "--time", "0", NAME }, { timeout = 30 })
end

return M
