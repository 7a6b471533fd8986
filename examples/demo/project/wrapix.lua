-- SPDX-License-Identifier: MIT
-- The sandbox of the demo: what C needs, git for the commits, and the agent.
return {
  name = "demo",
  packages = { "gcc", "git", "libc6-dev", "make" },
  mounts = { { source = "../agent", dest = "/opt/agent" } },
  agents = { "command" }, agent = "command",
  settings = { command = { argv = { "/opt/agent" } } },
  network = "none",
  limits = { memory = "1g", pids = 200, timeout = "2m" },
}
