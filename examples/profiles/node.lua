-- SPDX-License-Identifier: MIT
-- A Node project. npm writes below the home directory, which is a tmpfs; what
-- shall outlive a run is named here.
--   wrapix examples/profiles/node.lua -- npm test

local wrapix = require("wrapix")

return wrapix.derive(wrapix.profiles.base, {
  name = "node",
  packages = { { "node", apt = "nodejs", nix = "nodejs" }, "npm" },
  env = { NPM_CONFIG_UPDATE_NOTIFIER = "false", CI = "true" },
  mounts = {
    { source = "~/.npm", dest = "~/.npm", mode = "rw", optional = true },
  },
  limits = { memory = "6g" },
})
