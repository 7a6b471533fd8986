-- A profile that uses every field the plan reads.
local wrapix = ...

return wrapix.derive({
  name = "tools",
  base = "docker.io/library/debian:trixie-slim",
  packages = { "git", "make" },
  env = { EDITOR = "vi", PAGER = "cat" },
  limits = { memory = "2g", pids = 1000 },
  mounts = {
    { source = "~/.gitconfig", dest = "~/.gitconfig", optional = true },
  },
}, {
  name = "shop",
  packages = { "sqlite3" },
  env = {
    PAGER = "less",
    NOTE = "two\nlines",
  },
  secrets = {
    "API_KEY",
    "UNSET_KEY",
  },
  mounts = {
    {
      source = "~/.cargo/registry",
      dest = "~/.cargo/registry",
      mode = "rw",
    },
    { source = "data", dest = "/data" },
    { source = "/opt/a,b: \"c\"", dest = "/opt/odd, place" },
  },
  writable = { "/var/cache/shop" },
  command = { "make", "test" },
  limits = { timeout = "1h30m" },
})
