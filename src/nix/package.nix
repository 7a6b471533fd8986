# SPDX-License-Identifier: MIT
# wrapix, its guest programs and its checks, all by the Makefile, which knows how to
# build, test and install. Chooses packages of nixpkgs and nothing else.
{
  pkgs,
  lib,
  src,
  systems,
}:
let
  # argparse goes into the program; busted and its like run the tests.
  lua = pkgs.lua5_4.withPackages (p: [ p.argparse ]);
  testLua = pkgs.lua5_4.withPackages (p: [
    p.argparse
    p.busted
    p.luafilesystem
  ]);

  # The engine and its helpers, after those the host has.
  engine = [
    pkgs.podman
    pkgs.crun
    pkgs.passt
    pkgs.slirp4netns
    pkgs.mmdebstrap
  ];

  # The helpers inside a sandbox are linked statically, against musl.
  staticCC = "${pkgs.pkgsStatic.stdenv.cc}/bin/${pkgs.pkgsStatic.stdenv.cc.targetPrefix}cc";

  meta = {
    description = "Runs AI coding agents in containers that protect the host";
    license = lib.licenses.mit;
    platforms = systems;
  };

  wrapix = pkgs.stdenv.mkDerivation {
    pname = "wrapix";
    version = lib.fileContents ../VERSION;
    inherit src;

    strictDeps = true;
    nativeBuildInputs = [
      pkgs.makeWrapper
      pkgs.pkg-config
      lua
    ];
    buildInputs = [
      pkgs.cjson
      pkgs.libuv
      pkgs.lua5_4
    ];

    makeFlags = [
      "CC=cc"
      "LUA=lua"
      "MUSL_CC=${staticCC}"
      "PREFIX=${placeholder "out"}"
    ];
    enableParallelBuilding = true;

    postInstall = ''
      wrapProgram $out/bin/wrapix --inherit-argv0 \
        --suffix PATH : ${lib.makeBinPath engine}
    '';

    meta = meta // {
      mainProgram = "wrapix";
    };
  };

  programs = map (file: "build/guest/wrapix-${lib.removeSuffix ".c" file}") (
    builtins.filter (lib.hasSuffix ".c") (builtins.attrNames (builtins.readDir ../guest))
  );

  linters = [
    pkgs.clang
    pkgs.clang-tools
    pkgs.cppcheck
    pkgs.luaPackages.luacheck
    pkgs.shellcheck
  ];

  # A target of the Makefile that needs no container engine.
  check =
    target: tools:
    wrapix.overrideAttrs (old: {
      pname = "wrapix-${target}";
      nativeBuildInputs = [
        pkgs.git
        pkgs.makeWrapper
        pkgs.pkg-config
        pkgs.procps
        testLua
      ]
      ++ tools;
      # The tests run in the program itself, which is no wrapped `lua`.
      LUA_PATH = "${testLua}/share/lua/5.4/?.lua;${testLua}/share/lua/5.4/?/init.lua";
      LUA_CPATH = "${testLua}/lib/lua/5.4/?.so";
      # For what calls the Makefile, or Lua, by itself.
      MUSL_CC = staticCC;
      postPatch = ''
        patchShebangs tests .ci
        mkdir -p build/bin
        ln -s ${testLua}/bin/lua build/bin/lua5.4
        export PATH=$PWD/build/bin:$PATH
      '';
      doCheck = true;
      checkTarget = target;
    });
in
{
  inherit wrapix;

  guest = wrapix.overrideAttrs (old: {
    pname = "wrapix-guest";
    buildFlags = programs;
    installPhase = ''
      install -D -t $out/bin ${builtins.concatStringsSep " " programs}
    '';
    postInstall = "";
    inherit meta;
  });

  checks = {
    package = wrapix;
    unit = check "unit" [ ];
    lint = check "lint" linters;
  };

  devShell = pkgs.mkShell {
    inputsFrom = [ wrapix ];
    packages = [
      testLua
      pkgs.valgrind
    ]
    ++ linters
    ++ engine;
    MUSL_CC = staticCC;
  };
}
