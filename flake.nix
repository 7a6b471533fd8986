# SPDX-License-Identifier: MIT
# Packages wrapix with Nix, and gives a library for people who write their sandbox in
# Nix; see docs/nix.md. Says what there is; how it is made stands in src/nix and the
# Makefile. Linux only: what wrapix needs on macOS is not written yet.
{
  description = "Runs AI coding agents in containers that protect the host";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      forEachSystem = make: lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});

      made =
        pkgs:
        import ./src/nix/package.nix {
          inherit pkgs lib systems;
          src = self;
        };

      library = import ./src/nix/lib.nix {
        inherit lib;
        wrapixFor = pkgs: (made pkgs).wrapix;
      };

      # Without agents: the licence of one is accepted by who wants it.
      sandbox =
        pkgs: name:
        library.mkSandbox {
          inherit pkgs;
          profile = library.profiles.${name} // {
            agents = [ ];
            agent = null;
          };
        };
    in
    {
      lib = library;

      packages = forEachSystem (pkgs: {
        default = (made pkgs).wrapix;
        inherit (made pkgs) wrapix guest;
        image-base = (sandbox pkgs "base").image;
        image-python = (sandbox pkgs "python").image;
        image-rust = (sandbox pkgs "rust").image;
        sandbox-base = sandbox pkgs "base";
        sandbox-python = sandbox pkgs "python";
        sandbox-rust = sandbox pkgs "rust";
      });

      apps = forEachSystem (pkgs: {
        default = {
          type = "app";
          program = "${(made pkgs).wrapix}/bin/wrapix";
          inherit ((made pkgs).wrapix) meta;
        };
      });

      checks = forEachSystem (pkgs: (made pkgs).checks);

      devShells = forEachSystem (pkgs: {
        default = (made pkgs).devShell;
      });

      formatter = forEachSystem (pkgs: pkgs.nixfmt-tree);
    };
}
