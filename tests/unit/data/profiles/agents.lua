-- A profile with an agent, all that belongs to it, and caches.
return {
  name = "agents",
  base = "docker.io/library/debian:trixie-slim",
  agents = { "claude@2.1.300" },
  agent = "claude",
  login = "work",
  settings = { claude = { model = "opus" } },
  hooks = { agent = { Odd = "true" } },
  mcp = { web = { url = "https://mcp.example.org/" } },
  caches = {
    ["cargo-registry"] = "~/.cargo/registry",
    uv = "~/.cache/uv",
  },
  limits = { memory = "1g" },
  network = "none",
}
