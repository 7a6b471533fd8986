-- SPDX-License-Identifier: MIT
-- The builder's image: Debian with its own Nix and sshd, and one stage more for the
-- users that builds run as and for /nix-image, the store that /nix is filled from. Made
-- by the recipes of wrapix.image, named after its text as all images are. Pure.

local image = require("wrapix.image")

local M = {}

local PACKAGES = { "nix-bin", "openssh-server", "busybox-static", "git", "xz-utils" }

local BUILD_USERS = 32

-- Host keys that a package made would be the same for everybody with the image. The
-- times of what goes into the store are those Nix gives everything, so that the path is
-- registered as it is. A password of "*" matches none, and is no locked account, which
-- sshd would refuse without PAM.
local COMMANDS = {
  "rm -f /etc/ssh/ssh_host_*",
  "groupadd -g 30000 nixbld",
  ("for n in $(seq 1 %d); do useradd -M -N -g nixbld -G nixbld -u $((30000 + n))"
    .. " -d /var/empty -s /usr/sbin/nologin -c 'Nix build user' nixbld$n; done")
    :format(BUILD_USERS),
  "useradd -m -u 1000 -s /bin/bash -p '*' builder",
  "mkdir -p /nix /nix-image /etc/wrapix-builder /tmp/wrapix-sh/bin",
  "cp /bin/busybox /tmp/wrapix-sh/bin/sh",
  "nix-store --add /tmp/wrapix-sh",
  "nix-store --dump-db > /nix-image/registration",
  "mv /nix/store /nix-image/store",
  "rm -rf /nix/* /tmp/wrapix-sh /root/.cache",
}

--- What to build.
---@param env table<string, string>? the launcher's environment, for WRAPIX_BASE
---@return wrapix.Recipe|nil
---@return string? message
---@return string? code
---@return string? hint
function M.recipe(env)
  local recipe, message, code, hint = image.recipe({ name = "builder", packages = PACKAGES }, env)
  if not recipe then return nil, message, code, hint end
  recipe.stages[#recipe.stages + 1] = { kind = "builder", commands = COMMANDS }
  return recipe
end

return M
