-- SPDX-License-Identifier: MIT
-- The stage of an image that rustup or uv fills: its commands, and the question,
-- asked before anything is built, whether what they download can be had. Pure but
-- for `reach`. Knows no host: the tools ask where they always ask, or where their
-- own variables say. For Debian only; what it runs comes through apt.

local lazy = require("wrapix.lazy")

local M = {}

-- How long one question may take, in seconds.
local PATIENCE = 60

local KINDS = {
  rustup = lazy("wrapix.image.toolchain.rustup"),
  uv = lazy("wrapix.image.toolchain.uv"),
}

local function kind_of(toolchain)
  local name, spec = next(toolchain)
  local kind = KINDS[name]
  if not kind or type(spec) ~= "table" then error("toolchain: rustup or uv expected", 3) end
  return kind, spec, name
end

-- As everywhere; without Error-Mode an unreachable mirror counts as an empty one.
local UPDATE = "apt-get %s update -o APT::Update::Error-Mode=any -o Acquire::Retries=3"
  .. " -o Acquire::Languages=none"
local INSTALL = "apt-get %s install -y --no-install-recommends -o Acquire::Retries=3"
  .. " -o APT::Cmd::Pattern-Only=true -- %s"

-- quiet: "-qq", or nothing.
local function apt_commands(packages, quiet)
  return {
    "export DEBIAN_FRONTEND=noninteractive",
    (UPDATE:format(quiet):gsub("  ", " ")),
    (INSTALL:format(quiet, table.concat(packages, " ")):gsub("  ", " ")),
  }
end

-- What asks, where the image has it not yet.
local function asker_commands(kind)
  local commands = apt_commands(kind.asks_with, "-qq")
  return {
    ("if ! { [ -e /etc/ssl/certs/ca-certificates.crt ] && %s; } >/dev/null 2>&1; then")
      :format(kind.asks),
    commands[1], commands[2], commands[3] .. " >/dev/null", "fi",
  }
end

local function joined(...)
  local all = {}
  for _, list in ipairs({ ... }) do table.move(list, 1, #list, #all + 1, all) end
  return all
end

--- The commands that install a toolchain on an image of Debian, for a shell with -eu.
--- Raises for a word that must not stand there.
---@param toolchain table the field of a profile: { rustup = … } or { uv = … }
---@return string[]
function M.source(toolchain)
  local kind, spec = kind_of(toolchain)
  return joined(apt_commands(kind.packages, ""), kind.source(spec), {
    "apt-get clean",
    "rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/*.log /var/cache/debconf/*-old"
      .. " /var/cache/ldconfig/aux-cache",
  })
end

--- A toolchain in words: "rust 1.85 with clippy, rustfmt"; "uv, ruff, ty".
---@param toolchain table
---@return string
function M.words(toolchain)
  local kind, spec = kind_of(toolchain)
  return kind.words(spec)
end

--- Whether a profile is of use without it, so that an image is built all the same.
---@param toolchain table
---@return boolean
function M.is_optional(toolchain) return kind_of(toolchain).is_optional end

--- The variables of the launcher's environment that say where the tools ask. They
--- choose a way to the same content, and are no part of an image's name.
---@param toolchain table
---@return string[]
function M.variables(toolchain) return kind_of(toolchain).variables end

--- The packages of a profile without those a toolchain replaces.
---@param toolchain table?
---@param entries (string|table)[] of a profile, or names of Debian packages
---@return (string|table)[]
function M.packages(toolchain, entries)
  if not toolchain then return entries end
  local replaced, kept = kind_of(toolchain).replaced, {}
  for _, entry in ipairs(entries) do
    local name = type(entry) == "table" and (entry.apt or entry[1]) or entry
    if not replaced[tostring(name):match("^[^=:]*")] then kept[#kept + 1] = entry end
  end
  return kept
end

--- What the output of the question, or of a failed build of the stage, means.
---@param lines string[]
---@param toolchain table
---@return string? reason nil when it says nothing that is known
---@return string? code "ENETUNREACH", "ENOPKG", or what image/failure.lua gives
---@return string? hint
function M.explain(lines, toolchain)
  local kind = kind_of(toolchain)
  for _, line in ipairs(lines) do
    local reason, code, hint = kind.meaning(line)
    if reason then return reason, code, hint end
    if line == "wrapix: no answer" then
      return ("no answer in %d seconds"):format(PATIENCE), "ENETUNREACH", kind.silence_hint
    end
  end
  return require("wrapix.image.failure").explain(lines)
end

-- By name: the engine takes the value from its own environment.
local function set_variables(toolchain, ctx)
  local names = {}
  for _, name in ipairs(M.variables(toolchain)) do
    if (ctx.facts.env[name] or "") ~= "" then names[#names + 1] = name end
  end
  return names
end

--- Asks, with the tool itself in a container that is removed at once, whether what
--- a toolchain needs can be had: the channel with all its parts, each tool in its
--- version. Downloads the tool, not the toolchain.
---@param toolchain table
---@param ctx wrapix.ImageContext
---@param from string an image of Debian in storage, such as the recipe's base
---@param ca string? file of this host with what it trusts for TLS
---@return true|nil
---@return string? message says what is asked for and why it cannot be had
---@return string? code "ENETUNREACH", "ENOPKG", or what image/failure.lua gives
---@return string? hint
function M.reach(toolchain, ctx, from, ca)
  local kind, spec, name = kind_of(toolchain)
  local flags, message, code, hint = ctx.deps.flags(ctx.facts)
  if not flags then return nil, message, code, hint end
  local words = kind.words(spec)
  ctx.step("asking for " .. words)
  local containerfile = require("wrapix.image.containerfile")
  local script = joined({ "set -eu", containerfile.TRUST },
    asker_commands(kind), kind.question(spec, PATIENCE))
  local argv = ctx.images.run_argv(ctx.engine, {
    ref = from, command = { "sh", "-c", table.concat(script, "\n") }, flags = flags,
    env = set_variables(toolchain, ctx), ca = ca and { file = ca, at = containerfile.HOST_CA },
  })
  return ctx.run(argv, {
    what = "toolchain", object = words, name = "reach-" .. name,
    explain = function(lines) return M.explain(lines, toolchain) end,
  })
end

return M
