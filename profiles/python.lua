-- SPDX-License-Identifier: MIT
-- For Python: the distribution's interpreter with venv and pip, and uv, ruff and
-- ty where their index can be reached. Stands on base.

return {
  name = "python",
  packages = {
    { "python", apt = "python3", apk = "python3", nix = "python3" },
    { "pip", apt = "python3-pip", apk = "py3-pip", nix = "python3Packages.pip" },
    { "venv", apt = "python3-venv", apk = "python3", nix = "python3" },
  },
  toolchain = { uv = { tools = { "ruff", "ty" } } },
  caches = {
    pip = "~/.cache/pip",
    uv = "~/.cache/uv",
  },
  env = {
    PIP_CACHE_DIR = "/home/wrapix/.cache/pip",
    PIP_DISABLE_PIP_VERSION_CHECK = "1",
    -- Programs that find no terminal buffer their output, and their last words are late.
    PYTHONUNBUFFERED = "1",
    UV_CACHE_DIR = "/home/wrapix/.cache/uv",
    -- Cache and workspace are different mounts, which no hard link can join.
    UV_LINK_MODE = "copy",
    -- An interpreter uv downloads lies in the home and would be gone with the sandbox.
    UV_PYTHON_PREFERENCE = "system",
  },
}
