-- SPDX-License-Identifier: MIT
-- For Go: the distribution's compiler, and gcc for packages with C in them.
-- Stands on base.

return {
  name = "go",
  packages = {
    "gcc",
    { "go", apt = "golang-go" },
    { "libc", apt = "libc6-dev", apk = "musl-dev", nix = "glibc" },
  },
  caches = {
    ["go-build"] = "~/.cache/go-build",
    ["go-mod"] = "~/go/pkg/mod",
  },
  env = {
    GOCACHE = "/home/wrapix/.cache/go-build",
    GOMODCACHE = "/home/wrapix/go/pkg/mod",
    -- Else modules are read-only directories, which nobody can simply remove.
    GOFLAGS = "-modcacherw",
  },
}
