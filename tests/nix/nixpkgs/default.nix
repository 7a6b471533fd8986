# SPDX-License-Identifier: MIT
# `import nixpkgs { … }`, with a configuration.
{
  system,
  config ? { },
}:
import ./pkgs.nix {
  inherit system config;
  lib = import ./lib.nix;
}
