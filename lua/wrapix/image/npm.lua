-- SPDX-License-Identifier: MIT
-- The stage that brings agents from npm: what of an agent's table goes into it, and
-- its Containerfile. Pure, and part of every start with an agent; what may be built of
-- it is judged when it is (image/npm_check.lua). npm itself is in an image of
-- its own, from which only the agents are copied: on Debian it brings hundreds of
-- packages, none of which an agent needs.
--
-- No script of a package is run, neither of an agent nor of what it depends on:
-- what an installer would put in place an agent's table names. Of native programs
-- nothing else is kept. npm checks the digest of all it fetches; what an agent
-- written in JavaScript depends on has the versions npm chooses on that day.

local M = {}

local WORK, OUT = "/wrapix/npm", "/wrapix/out"
-- Where npm keeps the tree of an agent that is no single program.
local TREES = "/opt/wrapix/agents/"

---@class wrapix.ImageAgent what an image has to know of an agent
---@field name string
---@field version string
---@field pinned true? the version is that of the user's pin
---@field npm string? the package
---@field commands string[][]? instead of npm: what installs it (image/commands.lua)
---@field packages string[]? of the distribution, what it needs to run
---@field files { from: string, to: string, mode: integer? }[]? native programs; of those with the
--- same `to` the first there is counts. One whose path says "musl" runs on musl
---@field bin table<string, string>? command → path in the image, or below node_modules

---@class wrapix.StageAgent the same as a stage holds it
---@field name string
---@field version string
---@field npm string?
---@field commands string[][]?
---@field pinned true? the version is that of the user's pin
---@field files { from: string, to: string, mode: integer? }[]? those for the C library there is
---@field bin { name: string, target: string }[] by name

-- What was made for glibc needs it. What was made for musl comes after that elsewhere:
-- it may be linked statically, and then it is all there is.
local function fitting(files, libc)
  local glibc, musl = {}, {}
  for _, file in ipairs(files) do
    local list = file.from:find("musl", 1, true) and musl or glibc
    list[#list + 1] = { from = file.from, to = file.to, mode = file.mode }
  end
  return libc == "musl" and musl or table.move(musl, 1, #musl, #glibc + 1, glibc)
end

local function links(bin)
  local list = {}
  for name, target in pairs(bin or {}) do list[#list + 1] = { name = name, target = target } end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

--- What a stage holds of the agents of an image, by their names.
---@param agents wrapix.ImageAgent[]
---@param dialect wrapix.Dialect
---@return wrapix.StageAgent[]|nil
---@return string? message
---@return string? code "EIMAGE"
---@return string? hint
function M.select(agents, dialect)
  local out = {}
  for i, agent in ipairs(agents) do
    local files = agent.files and fitting(agent.files, dialect.libc)
    if files and #files == 0 then
      local message = "image: agent %s: has no program for %s, which is what %s has"
      return nil, message:format(agent.name, dialect.libc, dialect.system), "EIMAGE",
        'build on Debian: base = "debian:trixie-slim"'
    end
    out[i] = { name = agent.name, version = agent.version, npm = agent.npm, files = files,
      commands = agent.commands, bin = links(agent.bin), pinned = agent.pinned }
  end
  table.sort(out, function(a, b) return a.name < b.name end)
  return out
end

-- The text ------------------------------------------------------------------------

-- A registry that does not answer is given up after some seconds, not minutes.
M.SETTINGS = "export npm_config_ignore_scripts=true npm_config_audit=false"
  .. " npm_config_fund=false npm_config_update_notifier=false npm_config_logs_max=0"
  .. " npm_config_progress=false npm_config_fetch_retries=2"
  .. " npm_config_fetch_retry_mintimeout=1000 npm_config_fetch_retry_maxtimeout=5000"
  .. " npm_config_fetch_timeout=60000 npm_config_cache=" .. WORK .. "/cache"

-- place MODE TO FROM...: the first that is there. A program has to be one for this
-- machine: packages have a text in its place where an installer would put it.
local PLACE = [[place() { mode=$1; to=$2; shift 2; for from in "$@"; do [ -f "$from" ] || continue; \
      case $mode in *[1357]*) [ "$(head -c 4 "$from" | tr -d '\177')" = ELF ] || continue;; esac; \
      mkdir -p "]] .. OUT .. [[${to%/*}"; cp "$from" "]] .. OUT .. [[$to"; \
      chmod "$mode" "]] .. OUT .. [[$to"; return 0; done; \
      echo "wrapix: nothing for $to on $(uname -m)" >&2; return 1; }]]

local function file_commands(agent, add)
  local order, sources = {}, {}
  for _, file in ipairs(agent.files) do
    local list = sources[file.to]
    if not list then
      list = { mode = ("%o"):format(file.mode or 493) }
      sources[file.to], order[#order + 1] = list, file.to
    end
    list[#list + 1] = ("%s/%s/node_modules/%s"):format(WORK, agent.name, file.from)
  end
  for _, to in ipairs(order) do
    add(("place %s %s %s"):format(sources[to].mode, to, table.concat(sources[to], " ")))
  end
end

local function agent_commands(agent)
  local commands = {}
  local function add(command) commands[#commands + 1] = command end
  local tree = TREES .. agent.name
  local prefix = agent.files and ("%s/%s"):format(WORK, agent.name) or OUT .. tree
  add(("echo 'wrapix: agent %s %s'"):format(agent.name, agent.version))
  add("mkdir -p " .. prefix)
  add(("npm install --prefix %s -- %s@%s"):format(prefix, agent.npm, agent.version))
  if agent.files then file_commands(agent, add) end
  for _, link in ipairs(agent.bin) do
    local target = link.target
    if target:sub(1, 1) ~= "/" then target = ("%s/node_modules/%s"):format(tree, target) end
    add(("chmod 755 %s%s"):format(OUT, target))
    add(("ln -s %s %s/usr/local/bin/%s"):format(target, OUT, link.name))
  end
  return commands
end

--- The Containerfile of an agents' stage.
---@param stage { agents: table[], npm: { ref: string } }
---@param from string what it builds on
---@param containerfile table
---@return string[] lines
function M.source(stage, from, containerfile)
  local commands = { { containerfile.TRUST, M.SETTINGS, PLACE, "mkdir -p " .. OUT .. "/usr/local/bin" } }
  for _, agent in ipairs(stage.agents) do
    if agent.npm then commands[#commands + 1] = agent_commands(agent) end
  end
  return {
    "# Written by wrapix: the agents, from npm.",
    ("FROM %s AS npm"):format(stage.npm.ref),
    containerfile.run(table.unpack(commands)),
    "FROM " .. from,
    ("COPY --from=npm %s/ /"):format(OUT),
  }
end

return M
