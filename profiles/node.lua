-- SPDX-License-Identifier: MIT
-- For JavaScript: the distribution's Node.js and npm. Stands on base.

return {
  name = "node",
  packages = {
    { "node", apt = "nodejs", apk = "nodejs", nix = "nodejs" },
    { "npm", nix = "nodejs" },
  },
  caches = { npm = "~/.npm" },
  env = {
    NPM_CONFIG_CACHE = "/home/wrapix/.npm",
    NPM_CONFIG_UPDATE_NOTIFIER = "false",
  },
}
