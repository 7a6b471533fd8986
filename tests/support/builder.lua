-- SPDX-License-Identifier: MIT
-- What the specs of the Linux builder share: a builder with directories and a port of
-- its own, this host's Nix as its client, and images that hold more than wrapix's.

local e2e = require("support.e2e")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local proc = require("wrapix.proc")
local sys = require("wrapix.sys")

local M = {}
local Builder = {}
Builder.__index = Builder

M.name = "wrapix-builder"

-- Derivations that need nothing but /bin/sh. The names are new in each run.
local EXPRESSION = [[
{ name, script }: derivation {
  inherit name; system = "%s-linux"; builder = "/bin/sh"; PATH = "/bin:/usr/bin";
  args = [ "-c" script ];
}
]]

local CLIENT = [[
experimental-features = nix-command
substituters =
build-users-group =
sandbox = false
]]

-- Below those that the kernel gives to whoever asks for any.
function M.free_port() return 20000 + tonumber(sys.random_hex(2), 16) % 12000 end

---A builder of its own; nothing is started.
---@param more string? fields of builder.lua
---@param data string? directory for what it keeps
function M.new(more, data)
  local dir = e2e.dir("builder")
  local self = setmetatable({ dir = dir, port = M.free_port(), data = data or dir .. "/data" }, Builder)
  self.env = {
    XDG_DATA_HOME = self.data, XDG_CONFIG_HOME = dir .. "/config", WRAPIX_BASE = "mmdebstrap",
    NIX_CONFIG = CLIENT,
  }
  assert(fs.ensure_dir(dir .. "/config/wrapix"))
  e2e.file(dir .. "/build.nix", EXPRESSION:format(sys.arch()))
  self:configure(more)
  return self
end

---Writes builder.lua.
function Builder:configure(more)
  e2e.file(self.dir .. "/config/wrapix/builder.lua",
    ('return { port = %d, nix = { substituters = "" }, %s }'):format(self.port, more or ""))
end

---Runs `wrapix builder`.
---@return table result
function Builder:run(command, ...)
  local words = { "builder", command }
  if self.runtime then table.move({ "--runtime", self.runtime }, 1, 2, 3, words) end
  table.move({ ... }, 1, select("#", ...), #words + 1, words)
  return e2e.cli(words, { env = self.env, timeout = 600 })
end

---Makes it one of Apple's `container`, of which tests/support/container is a double.
---@param version string of the CLI
function Builder:use_container(version)
  local bin = self.dir .. "/bin"
  assert(fs.ensure_dir(bin))
  assert(fs.symlink(WRAPIX_ROOT .. "/tests/support/container", bin .. "/container"))
  self.runtime = "container"
  for name, value in pairs({
    PATH = bin .. ":" .. os.getenv("PATH"), CONTAINER_DOUBLE_VERSION = version,
    CONTAINER_DOUBLE_STATE = self.dir .. "/container", CONTAINER_DOUBLE_WRAPIX = e2e.wrapix,
    CONTAINER_DOUBLE_REGISTRY = "podman",
  }) do self.env[name] = value end
end

---Runs the double itself.
function Builder:container(...)
  local result = assert(proc.run({ self.dir .. "/bin/container", ... }, { env = self.env, timeout = 120 }))
  return result.stdout .. result.stderr
end

---Runs it; it has to succeed.
---@return string stdout
function Builder:must(...)
  local result = self:run(...)
  if result.code ~= 0 then
    error(("builder %s: status %s: %s%s"):format((...), result.code or result.signal, result.stdout,
      result.stderr), 2)
  end
  return result.stdout, result.stderr
end

function Builder:status() return assert(json.decode(self:run("status", "--json").stdout)) end

---What the builder is asked by ssh, as the user.
function Builder:inside(line) return self:must("ssh", line) end

---Root inside, by the engine.
function M.as_root(script) return e2e.podman("exec", M.name, "sh", "-c", script) end

---Starts a build over --store; `script` is a line of shell.
---@return string[] words
function Builder:build_words(name, script)
  return { "nix", "build", "--no-link", "--store",
    ("ssh-ng://builder@127.0.0.1:%d"):format(self.port), "-f", self.dir .. "/build.nix",
    "--argstr", "name", name, "--argstr", "script", script }
end

---Builds over --store.
---@return table result
function Builder:build(name, script)
  return assert(proc.run(self:build_words(name, script), { env = self.env, timeout = 120 }))
end

---The path of a store that ends with a name.
function Builder:path_of(name)
  local found = {}
  for path in self:inside("ls -d /nix/store/*-" .. name):gmatch("[^\n]+") do
    found[#found + 1] = path
  end
  assert(#found == 1, "paths of " .. name .. ": " .. table.concat(found, " "))
  return found[1]
end

---Whether the database vouches for a path.
function Builder:is_valid(path)
  return self:run("ssh", "nix-store --check-validity " .. path).code == 0
end

---Checks every path of the store against its hash.
function Builder:verify()
  return self:run("ssh", "nix-store --verify --check-contents 2>&1")
end

---The ssh of this machine, with any words, as somebody else would call it.
function Builder:ssh(words)
  local argv = { "ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
    "-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes", "-p", tostring(self.port) }
  table.move(words, 1, #words, #argv + 1, argv)
  return assert(proc.run(argv, { timeout = 30 }))
end

function Builder:key() return self.data .. "/wrapix/builder/keys/client" end

---Takes all of it away.
function Builder:close()
  self:run("setup", "--remove")
  self:run("reset", "--yes", "--keys")
end

---The reference of wrapix's own builder image, which is there after a start.
function M.own_image()
  return e2e.podman("images", "--format", "{{.Repository}}:{{.Tag}}", "localhost/wrapix-builder")
    :match("%S+")
end

local GROW = [[
FROM %s
RUN set -eu; cp -a /nix-image/store /nix/store; nix-store --load-db < /nix-image/registration; \
    for n in $(seq 1 %d); do mkdir -p /tmp/x/%s$n; head -c %d /dev/urandom > /tmp/x/%s$n/data; done; \
    nix-store --add /tmp/x/* > /tmp/paths; nix-store --dump-db > /nix-image/registration; \
    rm -rf /nix-image/store; mv /nix/store /nix-image/store; rm -rf /nix/* /tmp/x
]]

---An image whose store has more paths.
---@param tag string
---@param count integer
---@param bytes integer of each
---@return string ref
function M.grown_image(tag, count, bytes)
  local dir = e2e.dir()
  local ref = "localhost/wrapix-test-builder:" .. tag
  e2e.file(dir .. "/Containerfile", GROW:format(M.own_image(), count, tag, bytes, tag))
  e2e.podman("build", "--isolation=chroot", "--pull=never", "--layers=false", "-t", ref, dir)
  return ref
end

function M.remove_image(ref) proc.run({ "podman", "rmi", ref }, { timeout = 60 }) end

return M
