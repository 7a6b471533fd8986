-- SPDX-License-Identifier: MIT
-- Features and images of development containers, by name: which profile or which
-- packages stand for them, and which are refused and why. Data, and reading of
-- the names; the registry they come from is never asked. Pure.
--
-- The names are those of containers.dev/features.

local M = {}

---@class wrapix.KnownFeature
---@field profile string? the built-in profile that brings it
---@field packages any[]? entries of a profile's `packages`
---@field there string? why nothing is needed
---@field never string? why it is refused
---@field extra table<string, any>? option that is true → a package more

local ENGINE = "a container engine inside is a way to the host, or needs rights no sandbox has"
local SESSION = "the terminal is the way in: `wrapix exec`, `wrapix attach`"

---@type table<string, wrapix.KnownFeature>
M.known = {
  node = { profile = "node" },
  python = { profile = "python" },
  go = { profile = "go" },
  rust = { profile = "rust" },
  git = { there = "every profile has git" },
  nix = { there = "every profile has nix" },
  ["jq-likes"] = { there = "every profile has jq and yq" },
  ["common-utils"] = {
    there = "every profile has the usual tools", extra = { installZsh = "zsh" },
  },
  ["git-lfs"] = { packages = { "git-lfs" } },
  ["github-cli"] = { packages = { { "gh", apk = "github-cli" } } },
  java = {
    packages = { { "java", apt = "default-jdk-headless", apk = "openjdk17-jdk", nix = "jdk" } },
    extra = { installMaven = "maven", installGradle = "gradle" },
  },
  ruby = { packages = { { "ruby", apt = "ruby-full" } } },
  php = { packages = { { "php", apt = "php-cli" } } },
  perl = { packages = { "perl" } },
  hugo = { packages = { "hugo" } },
  shellcheck = { packages = { "shellcheck" } },
  tmux = { packages = { "tmux" } },
  ffmpeg = { packages = { "ffmpeg" } },
  ["docker-in-docker"] = { never = ENGINE },
  ["docker-outside-of-docker"] = { never = ENGINE },
  ["docker-from-docker"] = { never = ENGINE },
  ["kubectl-helm-minikube"] = { never = ENGINE },
  sshd = { never = SESSION },
  ["desktop-lite"] = { never = SESSION },
}

-- Whose features the names above are; the host before it may be a mirror's.
local OWNERS = {
  ["devcontainers/features"] = true,
  ["devcontainers-contrib/features"] = true,
  ["devcontainers-extra/features"] = true,
}
local APT_OWNERS = { ["rocker-org/devcontainer-features"] = true }

--- The known feature an identifier means.
---@param id string such as "HOST/devcontainers/features/node:1", or the old "node"
---@return wrapix.KnownFeature?
---@return string name the last part, without its version
function M.find(id)
  local plain = id:gsub("@.*$", "")
  plain = plain:gsub(":[^/]*$", "")
  local owner, name = plain:match("([^/]+/[^/]+)/([^/]+)$")
  name = name or plain
  if name == "apt-packages" and (APT_OWNERS[owner] or OWNERS[owner]) then
    return { apt_option = "packages" }, name
  end
  if owner and not OWNERS[owner] then return nil, name end
  if not owner and plain:find("/", 1, true) then return nil, name end
  return M.known[name], name
end

-- Images --------------------------------------------------------------------------

-- Official images that are built on Debian or Ubuntu, if their tag says no other.
local DEBIAN = {}
for name in ([[buildpack-deps debian elixir erlang gcc golang haskell julia mono node openjdk perl
  php pypy python ruby rust swift ubuntu]]):gmatch("[%w-]+") do DEBIAN[name] = true end

local LIBRARY = "docker.io/library/"

--- An image as an engine without a default registry takes it: short names mean
--- what they mean to the tool they were written for.
---@param ref string
---@return string
function M.full_image(ref)
  local first, rest = ref:match("^([^/]+)/(.+)$")
  if not first then return LIBRARY .. ref end
  if first:find("[.:]") or first == "localhost" then return ref end
  return ("docker.io/%s/%s"):format(first, rest)
end

--- Whether an image is known to be built on Debian or Ubuntu, so that packages
--- can be added to it.
---@param ref string as M.full_image gives it
---@return boolean
function M.is_debian(ref)
  if ref:find("alpine", 1, true) then return false end
  local name = ref:gsub("@.*$", ""):gsub(":[^/]*$", "")
  if DEBIAN[name:match("^docker%.io/library/([^/]+)$") or ""] then return true end
  return name:find("/devcontainers/[^/]+$") ~= nil
end

return M
