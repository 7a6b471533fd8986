-- SPDX-License-Identifier: MIT
-- Many mounts. A relative source starts at this file's directory, `~` of a source
-- is the host's home and `~` of a dest the sandbox's; read-only unless rw is said.
--   wrapix explain examples/profiles/mounts.lua

return {
  name = "mounts",
  image = "docker.io/library/debian:trixie-slim",
  mounts = {
    -- Beside this file: there in every checkout.
    { source = "../scripts", dest = "/srv/scripts" },
    { source = ".", dest = "/srv/profiles here" },
    -- Settings of the person: wanted, but not by everybody to be had.
    { source = "~/.gitconfig", dest = "~/.gitconfig", optional = true },
    { source = "~/.config/$USER", dest = "~/.config/mine", optional = true },
    -- A cache that several runs share.
    { source = "~/.cache/ccache", dest = "~/.cache/ccache", mode = "rw", optional = true },
  },
  -- Empty directories of the user in the read-only image, gone after the run.
  writable = { "/var/cache/apt", "/opt/build" },
  command = { "ls", "-la", "/srv" },
}
