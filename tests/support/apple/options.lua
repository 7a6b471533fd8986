-- SPDX-License-Identifier: MIT
-- Which options a command of Apple's CLI has, and since when: facts A3 and A6 with
-- corrections 7, 8 and 13. Data alone; grammar.lua reads it.
--
-- An option: its names, its kind (flag, text, int, many, one of a list), how the usage
-- names its value, and since/before.

local M = {}

local function option(names, kind, value, bounds)
  local out = { names = {}, kind = kind, value = value }
  for name in names:gmatch("%S+") do out.names[#out.names + 1] = name end
  out.key = out.names[#out.names]:gsub("^%-+", ""):gsub("%-", "_")
  for key, bound in pairs(bounds or {}) do out[key] = bound end
  return out
end

local function flag(names, bounds) return option(names, "flag", nil, bounds) end
local function text(names, value, bounds) return option(names, "text", value, bounds) end
local function int(names, value, bounds) return option(names, "int", value, bounds) end
local function many(names, value, bounds) return option(names, "many", value, bounds) end
local function one_of(names, value, choices, bounds)
  local out = option(names, "text", value, bounds)
  out.choices = choices
  return out
end

local function join(...)
  local out = {}
  for _, list in ipairs({ ... }) do table.move(list, 1, #list, #out + 1, out) end
  return out
end

local FORMATS = { { "json" }, { "table" }, { "yaml", since = "0.12.0" }, { "toml", since = "1.0.0" } }
local function format(bounds) return one_of("--format", "format", FORMATS, bounds) end

local process = {
  many("-e --env", "env"), many("--env-file", "env-file"), int("--gid", "gid"),
  flag("-i --interactive"), flag("-t --tty"), text("-u --user", "user"), int("--uid", "uid"),
  text("-w --workdir --cwd", "dir"), many("--ulimit", "limit"),
}

local resource = { int("-c --cpus", "cpus"), text("-m --memory", "memory") }

local dns = {
  many("--dns", "ip"), text("--dns-domain", "domain"), many("--dns-option", "option"),
  many("--dns-search", "domain"),
}

local management = join(dns, {
  text("-a --arch", "arch"), many("--cap-add", "cap", { since = "0.12.0" }),
  many("--cap-drop", "cap", { since = "0.12.0" }), text("--cidfile", "cidfile"),
  flag("-d --detach"), text("--entrypoint", "cmd"), flag("--init", { since = "0.10.0" }),
  text("--init-image", "image", { since = "0.10.0" }), text("-k --kernel", "path"),
  many("--kernel-arg", "arg", { since = "1.2.0" }), many("-l --label", "label"),
  many("--masked-path", "path", { since = "1.2.1" }), many("--mount", "mount"),
  text("--name", "name"), many("--network", "network"), flag("--no-dns"), text("--os", "os"),
  many("-p --publish", "spec"), text("--platform", "platform"),
  many("--publish-socket", "spec"), flag("--read-only"),
  many("--read-only-path", "path", { since = "1.2.1" }), flag("--rm --remove"),
  flag("--rosetta"), text("--runtime", "runtime", { since = "0.10.0" }), flag("--ssh"),
  text("--shm-size", "shm-size", { since = "1.0.0" }), many("--tmpfs", "tmpfs"),
  flag("--virtualization"), many("-v --volume", "volume"),
})

-- Known by threads alone: the scheme `auto` went in 1.3.0 (facts A1).
local registry = {
  one_of("--scheme", "scheme", { { "http" }, { "https" }, { "auto", before = "1.3.0" } }),
}
local fetch = { int("--max-concurrent-downloads", "max-concurrent-downloads") }
local progress = {
  one_of("--progress", "type", {
    { "auto", since = "0.12.0" }, { "none" }, { "ansi" }, { "plain", since = "0.12.0" },
    { "color", since = "0.12.0" },
  }),
}

local build = join(dns, {
  many("-a --arch", "arch"), many("--build-arg", "key=val"), many("--cache-in", "value"),
  many("--cache-out", "value"), int("-c --cpus", "cpus"), text("-f --file", "path"),
  many("-l --label", "key=val"), text("-m --memory", "memory"), flag("--no-cache"),
  many("-o --output", "value"), many("--os", "value"), many("--platform", "platform"),
  one_of("--progress", "type", { { "auto" }, { "plain" }, { "tty" } }),
  flag("--pull", { since = "0.10.0" }), flag("-q --quiet"),
  many("--secret", "id=key,...", { since = "0.11.0" }), text("--ssh", "ssh", { since = "1.2.1" }),
  many("-t --tag", "name"), text("--target", "stage"), int("--vsock-port", "port"),
})

local all, force, quiet = flag("-a --all"), flag("-f --force"), flag("-q --quiet")
local output = text("-o --output", "output")

---Options of each command that the double carries out; the word `help` comes in by itself.
M.COMMANDS = {
  run = join(process, resource, management, registry, progress, fetch),
  create = join(process, resource, management, registry, fetch),
  exec = join(process, { flag("-d --detach") }),
  start = { flag("-a --attach"), flag("-i --interactive") },
  stop = { all, text("-s --signal", "signal"), int("-t --time", "time") },
  kill = { all, text("-s --signal", "signal") },
  delete = { all, force },
  list = { all, format(), quiet },
  logs = { flag("--boot"), flag("-f --follow"), int("-n", "num-lines") },
  inspect = {}, prune = {}, copy = {},
  build = build,
  ["image list"] = { format(), quiet, flag("-v --verbose") },
  ["image inspect"] = {}, ["image tag"] = {},
  ["image load"] = { text("-i --input", "input"), force },
  ["image save"] = {
    text("-a --arch", "arch"), text("--os", "os"), output, text("--platform", "platform"),
  },
  ["image delete"] = { all, force },
  ["image prune"] = { all },
  ["image pull"] = join(registry, progress, fetch, {
    text("-a --arch", "arch"), text("--os", "os"), text("--platform", "platform"),
  }),
  ["volume create"] = {
    many("--label", "label"), many("--opt", "opt"), text("-s", "size"),
  },
  ["volume delete"] = { all }, ["volume list"] = { format(), quiet },
  ["volume inspect"] = {}, ["volume prune"] = {},
  ["network list"] = { format(), quiet }, ["network inspect"] = {},
  ["network create"] = {
    flag("--internal"), many("--label", "label"), many("--option", "option", { since = "1.0.0" }),
    text("--plugin", "plugin", { since = "0.10.0" }),
    text("--plugin-variant", "plugin-variant", { since = "0.10.0", before = "1.0.0" }),
    text("--subnet", "subnet"), text("--subnet-v6", "subnet-v6"),
  },
  ["network delete"] = { all },
  ["system start"] = {
    text("-a --app-root", "app-root"), text("--install-root", "install-root"),
    text("--log-root", "log-root", { since = "0.10.0" }), flag("--enable-kernel-install"),
    flag("--disable-kernel-install"), text("--timeout", "timeout", { since = "0.10.0" }),
  },
  ["system stop"] = { text("-p --prefix", "prefix") },
  ["system status"] = { text("-p --prefix", "prefix"), format({ since = "0.10.0" }) },
  ["system version"] = { format() },
}

return M
