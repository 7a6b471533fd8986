-- SPDX-License-Identifier: MIT
-- From the words of `run` and `create` to the record of a container: everything the CLI
-- and the daemon check before anything runs, in their order (facts A3, A4).

local fail = require("support.apple.fail")
local fs = require("wrapix.fs")
local json = require("wrapix.json")
local mounts = require("support.apple.mounts")
local networks = require("support.apple.networks")
local store = require("support.apple.store")
local values = require("support.apple.values")
local volumes = require("support.apple.volumes")

local M = {}

local function invalid(message, ...) fail.with("invalidArgument", message:format(...)) end

---Refuses a name that is taken; the two commands say it in different words.
function M.check_free(cx, id, command)
  if not cx.state:get("containers", id) then return end
  if command == "run" then fail.with("exists", ("container with id %s already exists"):format(id)) end
  fail.with("exists", ("container already exists: %s"):format(id))
end

-- The program and its surroundings ------------------------------------------------------

-- The image's CMD counts only beside the image's own entrypoint.
local function command(config, opts, arguments)
  local words = {}
  local own = opts.entrypoint and opts.entrypoint ~= ""
  if own then
    words[1] = opts.entrypoint
  else
    table.move(config.Entrypoint or {}, 1, #(config.Entrypoint or {}), 1, words)
  end
  local rest = #arguments > 0 and arguments or not own and config.Cmd or {}
  table.move(rest, 1, #rest, #words + 1, words)
  if #words == 0 then invalid("command/entrypoint not specified for container process") end
  return words
end

local function process(cx, config, opts, arguments)
  local words = command(config, opts, arguments)
  local user, groups = values.user(opts, config.User or "")
  local workdir = opts.cwd or config.WorkingDir
  return {
    executable = words[1], arguments = json.array(table.move(words, 2, #words, 1, {})),
    environment = values.environment(cx, config.Env or {}, opts),
    workdir = workdir and workdir ~= "" and workdir or "/",
    terminal = opts.tty == true, user = user, groups = groups, limits = values.limits(opts.ulimit),
  }
end

-- Networks and names ---------------------------------------------------------------------

local function attachments(cx, id, list)
  local specs = {}
  for i, spec in ipairs(list or { "default" }) do specs[i] = values.network(cx.version, spec) end
  for _, one in ipairs(list or {}) do
    if one == "none" then
      if #specs > 1 then
        fail.with("unsupported", "no other networks may be created along with network none")
      end
      if cx.version:since("1.0.0") and cx.version:before("1.1.0") then
        fail.with("notFound", "network none not found") -- facts A3, --network: reported
      end
      return json.array({})
    end
  end
  local out = json.array({})
  for i, spec in ipairs(specs) do
    networks.get(cx, spec.name)
    -- A name with a dot is a full one and gets the final dot.
    local hostname = i == 1 and id:find(".", 1, true) and id .. "." or id
    out[i] = { name = spec.name, mac = spec.mac, mtu = spec.mtu, hostname = hostname }
  end
  return out
end

local function dns(cx, opts)
  if opts.no_dns then return nil end
  values.check_dns(cx.version, opts.dns)
  return {
    nameservers = store.words(opts.dns), domain = opts.dns_domain,
    searchDomains = store.words(opts.dns_search), options = store.words(opts.dns_option),
  }
end

---`--no-dns` beside the options it excludes; the only check that is one of the parser's.
function M.check_options(cx, parse, usage)
  local opts = parse.opts
  if cx.version:before("1.0.0") or not opts.no_dns then return end
  if opts.dns or opts.dns_domain or opts.dns_option or opts.dns_search then
    fail.usage(parse.command, "`--no-dns` cannot be used with DNS configuration flags "
      .. "(`--dns`, `--dns-domain`, `--dns-option`, `--dns-search`)", usage)
  end
end

-- Everything ------------------------------------------------------------------------------

local function architecture(opts)
  if opts.platform then
    local os, arch = opts.platform:match("^([^/]+)/([^/]+)")
    if not os then invalid("invalid platform: %s", opts.platform) end
    return arch
  end
  return opts.arch or "arm64"
end

local function paths(list, flag)
  if not list then return nil end
  for _, place in ipairs(list) do
    if place:upper() ~= "NONE" and place:sub(1, 1) ~= "/" then
      invalid("invalid path '%s' for --%s: path must be absolute, or the NONE sentinel", place, flag)
    end
  end
  return store.words(list)
end

local function not_acted(opts)
  if opts.virtualization then fail.unknown("A3, --virtualization", "there is no VM to nest in") end
  if opts.kernel and not fs.stat(values.absolute(opts.kernel)) then
    fail.with("notFound", ("kernel file not found at path %s"):format(opts.kernel))
  end
end

local function published(opts)
  local out = json.array({})
  for i, text in ipairs(opts.publish_socket or {}) do out[i] = mounts.publish_socket(text) end
  return out
end

---The record of a new container; raises what the CLI or the daemon would say.
---@param cx apple.Context
---@param parse apple.Parse of run or create
---@param id string
---@return table record
function M.of(cx, parse, id)
  local opts = parse.opts
  not_acted(opts)
  local image = store.fetch(cx, parse.args.image)
  local record = {
    id = id, created = cx.now(), image = { reference = image.reference, descriptor = image.descriptor },
    podman_image = image.podman, image_size = image.size, architecture = architecture(opts),
    process = process(cx, image.config, opts, parse.args.arguments),
    cpus = values.cpus(opts.cpus), auto_remove = opts.remove == true,
    detached = opts.detach == true, interactive = opts.interactive == true,
    rosetta = opts.rosetta == true, ssh = opts.ssh == true, read_only = opts.read_only == true,
    init = opts.init == true, virtualization = false, runtime = opts.runtime,
    stop_signal = image.config.StopSignal, cpus_given = opts.cpus,
  }
  record.mounts = mounts.all(cx, opts)
  volumes.ensure(cx, record.mounts)
  record.shm_size = opts.shm_size and values.size(opts.shm_size)
  record.networks = attachments(cx, id, opts.network)
  record.dns = dns(cx, opts)
  record.labels = values.labels(opts.label)
  record.ports, record.sockets = mounts.ports(opts.publish), published(opts)
  record.cap_add, record.cap_drop = values.capabilities(opts.cap_add), values.capabilities(opts.cap_drop)
  record.masked = paths(opts.masked_path, "masked-path")
  record.readonly_paths = paths(opts.read_only_path, "read-only-path")
  if record.runtime and record.runtime ~= "container-runtime-linux" then
    fail.with("notFound", ("unable to locate runtime plugin %s"):format(record.runtime))
  end
  record.memory = values.memory(cx.version, opts.memory)
  return record
end

return M
