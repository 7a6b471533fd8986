-- A profile that widens the confinement.
return {
  name = "open",
  image = "localhost/tools:1",
  read_only = false,
  userns = true,
  network = "none",
  command = { "/bin/zsh" },
}
