# SPDX-License-Identifier: MIT
# As much of nixpkgs as flake.nix uses, for evaluating it where nixpkgs cannot be
# had. A derivation is the record of its arguments; an argument mkDerivation does
# not know, or a package that is not listed here, ends the evaluation.
let
  known = [
    "LUA_CPATH" "LUA_PATH" "MUSL_CC"
    "buildInputs" "checkTarget" "doCheck" "enableParallelBuilding" "inputsFrom" "makeFlags" "meta"
    "nativeBuildInputs" "packages" "pname" "postInstall" "postPatch" "src" "strictDeps" "version"
  ];
  contains = list: word: builtins.elem word list;
  checked =
    args:
    let
      strange = builtins.filter (name: !(contains known name)) (builtins.attrNames args);
    in
    if strange == [ ] then args else throw "mkDerivation: unknown ${builtins.concatStringsSep " " strange}";

  record =
    system: args:
    checked args
    // {
      type = "derivation";
      inherit system;
      name = "${args.pname or "shell"}-${args.version or "0"}";
      outPath = "/nix/store/stub-${args.pname or "shell"}";
      given = args;
      overrideAttrs = change: record system (args // change args);
    };

  package = system: name: {
    type = "derivation";
    inherit name system;
    outPath = "/nix/store/stub-${name}";
  };

  luaModules = [ "argparse" "busted" "luafilesystem" ];
  plain = [
    "cjson" "clang-tools" "cppcheck" "crun" "git" "libuv" "makeWrapper" "mmdebstrap" "passt"
    "pkg-config" "podman" "procps" "shellcheck" "slirp4netns" "valgrind"
  ];

  named =
    make: names:
    builtins.listToAttrs (map (name: { inherit name; value = make name; }) names);

  pkgsFor =
    system:
    named (package system) plain
    // {
      stdenv.mkDerivation = record system;
      mkShell = record system;
      pkgsStatic.stdenv.cc = package system "static-cc" // { targetPrefix = "musl-"; };
      luaPackages.luacheck = package system "luacheck";
      lua5_4 = package system "lua" // {
        withPackages =
          choose:
          let
            chosen = choose (named (package system) luaModules);
          in
          package system "lua-with-${builtins.concatStringsSep "-" (map (p: p.name) chosen)}";
      };
    };
in
{
  lib = {
    genAttrs = names: make: named make names;
    fileContents = file: builtins.replaceStrings [ "\n" ] [ "" ] (builtins.readFile file);
    makeBinPath = list: builtins.concatStringsSep ":" (map (p: "${p.outPath}/bin") list);
    licenses.mit = "MIT";
  };
  legacyPackages = named pkgsFor [ "x86_64-linux" "aarch64-linux" ];
}
