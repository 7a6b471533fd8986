-- SPDX-License-Identifier: MIT
-- For C and C++: gcc, make, cmake, debuggers, and ccache in front of the compiler.
-- Stands on base.

return {
  name = "c",
  packages = {
    "ccache",
    "cmake",
    "gcc",
    "gdb",
    { "g++", nix = "gcc" },
    { "libc", apt = "libc6-dev", apk = "musl-dev", nix = "glibc" },
    { "make", nix = "gnumake" },
    { "pkg-config", apk = "pkgconf" },
    "valgrind",
  },
  caches = { ccache = "~/.cache/ccache" },
  env = {
    CCACHE_DIR = "/home/wrapix/.cache/ccache",
    -- make, configure and cmake all take these.
    CC = "ccache gcc",
    CXX = "ccache g++",
  },
  shell = [[
if command -v ccache >/dev/null 2>&1; then export CC="ccache gcc" CXX="ccache g++"; fi
]],
}
