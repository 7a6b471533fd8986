# SPDX-License-Identifier: MIT
# A sandbox written in Nix: the rust profile with Claude Code, a database client and
# two variables. Copy it into a project, put the place of wrapix in, and:
#   nix run            a session of the agent
#   nix run . -- -- cargo test
{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";
  # Where you have it: a checkout as here, or github:OWNER/wrapix.
  inputs.wrapix.url = "path:../..";
  inputs.wrapix.inputs.nixpkgs.follows = "nixpkgs";

  outputs =
    { nixpkgs, wrapix, ... }:
    let
      system = "x86_64-linux";
      # The licence of Claude Code is not a free one: nixpkgs wants to be told.
      pkgs = import nixpkgs {
        inherit system;
        config.allowUnfreePredicate = package: nixpkgs.lib.getName package == "claude-code";
      };
      inherit (wrapix.lib) deriveProfile mkSandbox profiles;

      shop = deriveProfile profiles.rust {
        name = "shop";
        packages = [ pkgs.postgresql ];
        env.RUST_BACKTRACE = 1;
      };
    in
    {
      packages.${system}.default = mkSandbox {
        inherit pkgs;
        profile = shop;
        env.DATABASE_URL = "postgres://localhost/shop";
        mounts = [
          {
            source = "~/.config/shop";
            dest = "~/.config/shop";
            optional = true;
          }
        ];
        limits.memory = "8g";
      };
    };
}
