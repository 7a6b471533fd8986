-- A profile with a name and packages, and nothing else.
return {
  name = "small",
  base = "docker.io/library/debian:trixie-slim",
  packages = { "git" },
}
