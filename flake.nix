# SPDX-License-Identifier: MIT
# Packages wrapix with Nix by calling the Makefile, which knows how to build, test
# and install. Linux only: what wrapix needs on macOS is not written yet.
{
  description = "Runs AI coding agents in containers that protect the host";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.05";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      forEachSystem = make: lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});

      # argparse goes into the program; busted and its like run the tests.
      luaOf = pkgs: pkgs.lua5_4.withPackages (p: [ p.argparse ]);
      testLuaOf =
        pkgs:
        pkgs.lua5_4.withPackages (p: [
          p.argparse
          p.busted
          p.luafilesystem
        ]);

      # The engine and its helpers, after those the host has.
      engineOf = pkgs: [
        pkgs.podman
        pkgs.crun
        pkgs.passt
        pkgs.slirp4netns
        pkgs.mmdebstrap
      ];

      # The helpers inside a sandbox are linked statically, against musl.
      staticCC = pkgs: "${pkgs.pkgsStatic.stdenv.cc}/bin/${pkgs.pkgsStatic.stdenv.cc.targetPrefix}cc";

      package =
        pkgs:
        pkgs.stdenv.mkDerivation {
          pname = "wrapix";
          version = lib.fileContents ./src/VERSION;
          src = self;

          strictDeps = true;
          nativeBuildInputs = [
            pkgs.makeWrapper
            pkgs.pkg-config
            (luaOf pkgs)
          ];
          buildInputs = [
            pkgs.cjson
            pkgs.libuv
            pkgs.lua5_4
          ];

          makeFlags = [
            "CC=cc"
            "LUA=lua"
            "MUSL_CC=${staticCC pkgs}"
            "PREFIX=${placeholder "out"}"
          ];
          enableParallelBuilding = true;

          postInstall = ''
            wrapProgram $out/bin/wrapix --inherit-argv0 \
              --suffix PATH : ${lib.makeBinPath (engineOf pkgs)}
          '';

          meta = {
            description = "Runs AI coding agents in containers that protect the host";
            license = lib.licenses.mit;
            mainProgram = "wrapix";
            platforms = systems;
          };
        };

      # A target of the Makefile that needs no container engine.
      check =
        pkgs: target:
        (package pkgs).overrideAttrs (old: {
          pname = "wrapix-${target}";
          nativeBuildInputs = [
            pkgs.git
            pkgs.makeWrapper
            pkgs.pkg-config
            pkgs.procps
            (testLuaOf pkgs)
          ];
          # The tests run in the program itself, which is no wrapped `lua`.
          LUA_PATH = "${testLuaOf pkgs}/share/lua/5.4/?.lua;${testLuaOf pkgs}/share/lua/5.4/?/init.lua";
          LUA_CPATH = "${testLuaOf pkgs}/lib/lua/5.4/?.so";
          postPatch = "patchShebangs tests .ci";
          doCheck = true;
          checkTarget = target;
        });
    in
    {
      packages = forEachSystem (pkgs: {
        default = package pkgs;
        wrapix = package pkgs;
      });

      checks = forEachSystem (pkgs: {
        package = package pkgs;
        unit = check pkgs "unit";
      });

      devShells = forEachSystem (pkgs: {
        default = pkgs.mkShell {
          inputsFrom = [ (package pkgs) ];
          packages = [
            (testLuaOf pkgs)
            pkgs.clang-tools
            pkgs.cppcheck
            pkgs.luaPackages.luacheck
            pkgs.shellcheck
            pkgs.valgrind
          ]
          ++ engineOf pkgs;
          MUSL_CC = staticCC pkgs;
        };
      });
    };
}
