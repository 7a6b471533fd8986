-- SPDX-License-Identifier: MIT
-- A Python project: interpreter and virtual environments in the image, pip's
-- downloads kept on the host, the environment itself in the workspace.
--   wrapix examples/profiles/python.lua -- python3 -m venv .venv

local wrapix = require("wrapix")

return wrapix.derive(wrapix.profiles.base, {
  name = "python",
  packages = { { "python", apt = "python3", nix = "python3" }, "python3-venv", "python3-pip" },
  env = {
    -- Programs that find no terminal buffer their output, and their last words are late.
    PYTHONUNBUFFERED = 1,
    PIP_DISABLE_PIP_VERSION_CHECK = 1,
  },
  mounts = {
    { source = "~/.cache/pip", dest = "~/.cache/pip", mode = "rw", optional = true },
  },
})
