-- SPDX-License-Identifier: MIT
-- For Rust: the distribution's compiler, cargo, rustfmt and clippy, what crates
-- with C in them need to build, and sccache. Another toolchain is chosen by
-- `wrapix.profiles.rust.with_toolchain`. Stands on base.

return {
  name = "rust",
  packages = {
    "cargo",
    { "clippy", apt = "rust-clippy", apk = "rust-clippy" },
    "gcc",
    { "libc", apt = "libc6-dev", apk = "musl-dev", nix = "glibc" },
    { "openssl", apt = "libssl-dev", apk = "openssl-dev" },
    { "pkg-config", apk = "pkgconf" },
    { "rustc", apk = "rust" },
    "rustfmt",
    "sccache",
  },
  caches = {
    -- Whole, because cargo's locks and its list of what was last used lie beside
    -- the registry: without them two sandboxes unpack over each other.
    cargo = "~/.cargo",
    sccache = "~/.cache/sccache",
  },
  env = {
    CARGO_HOME = "/home/wrapix/.cargo",
    RUSTC_WRAPPER = "sccache",
    SCCACHE_DIR = "/home/wrapix/.cache/sccache",
    -- A build goes on without the cache rather than fail for it.
    SCCACHE_IGNORE_SERVER_IO_ERROR = "1",
  },
  -- cargo builds nothing with a wrapper that is missing.
  shell = [[
if command -v sccache >/dev/null 2>&1; then export RUSTC_WRAPPER=sccache; fi
]],
}
