# SPDX-License-Identifier: MIT
# As much of nixpkgs as wrapix uses, for where nixpkgs cannot be had. Arguments and
# packages that are not listed here end the evaluation; what is built is empty, but
# for images, which hold busybox.
{
  outputs =
    { self }:
    let
      lib = import ./lib.nix;
    in
    {
      inherit lib;
      legacyPackages = lib.genAttrs [
        "x86_64-linux"
        "aarch64-linux"
      ] (system: import ./pkgs.nix { inherit lib system; });
    };
}
