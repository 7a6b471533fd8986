-- SPDX-License-Identifier: MIT
-- Rust through rustup, as a stage of an image of Debian: the commands, the question
-- whether a channel has all that is wanted, and what rustup's answers mean. Pure.
-- Tried with rustup 1.27.

local check = require("wrapix.image.toolchain.word").check

-- Not in the home, which is a tmpfs in a sandbox.
local HOME = "/opt/rustup"

-- What Debian's compiler brings; a channel chosen by hand should not bring less.
local USUAL_COMPONENTS = { "clippy", "rustfmt" }

-- No component has this name. rustup says so when it has read the channel's list,
-- and before it downloads anything else.
local NO_COMPONENT = "wrapix-asks"

local MIRROR = "RUSTUP_DIST_SERVER names a mirror; without with_toolchain the distribution's"
  .. " toolchain is used"

local M = {
  packages = { "ca-certificates", "rustup" },
  asks = "command -v rustup",
  asks_with = { "ca-certificates", "rustup" },
  variables = { "RUSTUP_DIST_SERVER", "RUSTUP_UPDATE_ROOT" },
  is_optional = false,
  silence_hint = MIRROR,
  -- rustup conflicts with each of them, so apt would take them out of a stage below.
  replaced = {
    cargo = true, rustc = true, rustfmt = true, ["rust-analyzer"] = true, ["rust-clippy"] = true,
    ["rust-gdb"] = true, ["rust-lldb"] = true,
  },
}

local function channel_of(spec) return check("channel", spec.channel or "stable") end

-- With a profile of rustup's own its components are the profile's.
local function components_of(spec)
  local list, seen = {}, {}
  local function add(name)
    if not seen[check("component", name)] then list[#list + 1] = name end
    seen[name] = true
  end
  if not spec.profile then
    for _, name in ipairs(USUAL_COMPONENTS) do add(name) end
  end
  for _, name in ipairs(spec.components or {}) do add(name) end
  return list
end

local function install_command(spec, components)
  local words = { "rustup toolchain install", channel_of(spec), "--no-self-update --profile",
    check("component", spec.profile or "minimal") }
  for _, name in ipairs(components) do words[#words + 1] = "--component " .. name end
  for _, name in ipairs(spec.targets or {}) do
    words[#words + 1] = "--target " .. check("target", name)
  end
  return table.concat(words, " ")
end

--- The toolchain in words, such as "rust 1.85 with clippy, rustfmt".
---@param spec table
---@return string
function M.words(spec)
  local parts = components_of(spec)
  for _, name in ipairs(spec.targets or {}) do parts[#parts + 1] = check("target", name) end
  local more = #parts > 0 and (" with %s"):format(table.concat(parts, ", ")) or ""
  return ("rust %s%s"):format(channel_of(spec), more)
end

--- The commands that install it. The programs themselves are linked, not rustup's
--- stand-ins: the root of a sandbox is read-only, so another toolchain could not be
--- installed there anyhow.
---@param spec table
---@return string[]
function M.source(spec)
  return {
    ("export RUSTUP_HOME=%s CARGO_HOME=/tmp/cargo RUST_BACKTRACE=0"):format(HOME),
    install_command(spec, components_of(spec)),
    ("ln -sf %s/toolchains/*/bin/* /usr/local/bin/"):format(HOME),
    "apt-get purge -y rustup",
    ("rm -rf /tmp/cargo %s/downloads %s/tmp"):format(HOME, HOME),
  }
end

--- The commands that ask whether all of it can be had; the status is the answer.
---@param spec table
---@param seconds integer that one question may take
---@return string[]
function M.question(spec, seconds)
  local components = components_of(spec)
  components[#components + 1] = NO_COMPONENT
  return {
    "export RUSTUP_HOME=/tmp/rustup CARGO_HOME=/tmp/cargo RUST_BACKTRACE=0",
    ("status=0; answer=$(timeout %d %s 2>&1) || status=$?")
      :format(seconds, install_command(spec, components)),
    "printf '%s\\n' \"$answer\"",
    ("case $answer in *\"component '%s' for target\"*) exit 0;; esac"):format(NO_COMPONENT),
    "[ $status != 124 ] || echo 'wrapix: no answer'",
    "exit 1",
  }
end

-- "'clippy' for target 'x86_64-…', 'rust-std' for target 'wasm32-wasip1'". The
-- standard library is what makes a target.
local function missing_parts(line)
  local list = line:match("unavailable for download for channel '[^']+': (.+)")
    or line:match("component ('[^']+' for target '[^']+') is unavailable for download")
  local names = {}
  for name, target in (list or ""):gmatch("'([^']+)' for target '([^']+)'") do
    if name == "rust-std" then name = "target " .. target end
    if name ~= NO_COMPONENT then names[#names + 1] = name end
  end
  return #names > 0 and table.concat(names, ", ") or nil
end

local MEANINGS = {
  { "could not download nonexistent rust version `([^`]+)`", "there is no %s", "ENOPKG" },
  { "error: invalid value '([^']+)'", "%s is nothing rustup knows", "ENOPKG" },
  { "could not download file from '(%a+://[^/']+)", "%s does not answer", "ENETUNREACH", MIRROR },
}

--- What a line of rustup's output means.
---@param line string
---@return string? reason nil when it is none that is known
---@return string? code
---@return string? hint
function M.meaning(line)
  local missing = missing_parts(line)
  if missing then return "the channel has no " .. missing, "ENOPKG" end
  for _, meaning in ipairs(MEANINGS) do
    local found = line:match(meaning[1])
    if found then return meaning[2]:format(found), meaning[3], meaning[4] end
  end
end

return M
