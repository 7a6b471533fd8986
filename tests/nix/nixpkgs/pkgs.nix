# SPDX-License-Identifier: MIT
# The packages and builders of nixpkgs that wrapix uses. A builder takes the arguments
# the real one takes, and no others; it needs /bin/sh and the tools of this host.
{
  lib,
  system,
  config ? { },
}:
let
  build =
    name: script: env:
    derivation (
      env
      // {
        inherit name system;
        PATH = "/usr/bin:/bin";
        builder = "/bin/sh";
        args = [
          "-euc"
          script
        ];
      }
    );

  only =
    what: known: args:
    let
      strange = builtins.filter (name: !(builtins.elem name known)) (builtins.attrNames args);
    in
    if strange == [ ] then
      args
    else
      throw "${what}: unknown ${builtins.concatStringsSep " " strange}";

  package =
    name: build name ''mkdir -p $out/bin; echo "stands for $name" > "$out/bin/$name"'' { };

  # mkDerivation takes whatever becomes a variable of the build; these are ours.
  variables = [
    "LUA_CPATH"
    "LUA_PATH"
    "MUSL_CC"
    "buildFlags"
    "buildInputs"
    "checkTarget"
    "doCheck"
    "enableParallelBuilding"
    "inputsFrom"
    "installPhase"
    "makeFlags"
    "meta"
    "nativeBuildInputs"
    "packages"
    "pname"
    "postInstall"
    "postPatch"
    "src"
    "strictDeps"
    "version"
  ];
  inputs = args: args.nativeBuildInputs or [ ] ++ args.buildInputs or [ ] ++ args.packages or [ ];
  record =
    args:
    let
      made = build "${args.pname or "shell"}-${args.version or "0"}" "echo made > $out" {
        inputs = map toString (inputs (only "mkDerivation" variables args));
      };
    in
    args
    // made
    // {
      overrideAttrs = change: record (args // change args);
    };

  layeredImage = [
    "architecture"
    "config"
    "contents"
    "created"
    "enableFakechroot"
    "extraCommands"
    "fakeRootCommands"
    "fromImage"
    "gid"
    "gname"
    "includeNixDB"
    "includeStorePaths"
    "maxLayers"
    "meta"
    "mtime"
    "name"
    "passthru"
    "tag"
    "uid"
    "uname"
  ];
  archive =
    args:
    build "docker-image-${baseNameOf args.name}.tar" "sh ${./docker_archive.sh}" {
      imageName = args.name;
      inherit (args) contents extraCommands;
      config = builtins.toJSON args.config;
    };

  shown = args: drv: drv // { given = args; };

  named = lib.genAttrs [
    "bash"
    "cacert"
    "cargo"
    "ccache"
    "cjson"
    "clang"
    "clang-tools"
    "clippy"
    "cmake"
    "codex"
    "coreutils"
    "cppcheck"
    "crun"
    "curl"
    "diffutils"
    "fd"
    "file"
    "findutils"
    "gawk"
    "gcc"
    "gdb"
    "gemini-cli"
    "git"
    "glibc"
    "gnugrep"
    "gnumake"
    "gnupatch"
    "gnused"
    "gnutar"
    "go"
    "gzip"
    "iproute2"
    "iputils"
    "jq"
    "less"
    "libuv"
    "makeWrapper"
    "man-db"
    "mmdebstrap"
    "netcat-openbsd"
    "nix"
    "nixfmt-tree"
    "nodejs"
    "opencode"
    "openssh"
    "openssl"
    "passt"
    "pi-coding-agent"
    "pkg-config"
    "podman"
    "postgresql"
    "procps"
    "python3"
    "ripgrep"
    "rsync"
    "ruff"
    "rustc"
    "rustfmt"
    "sccache"
    "shellcheck"
    "slirp4netns"
    "tree"
    "ty"
    "unzip"
    "util-linux"
    "uv"
    "valgrind"
    "vim"
    "which"
    "xz"
    "yq"
    "zip"
  ] package;
in
named
// {
  claude-code =
    if (config.allowUnfreePredicate or (_: false)) { pname = "claude-code"; } then
      package "claude-code"
    else
      throw "Package ‘claude-code’ has an unfree license (‘unfree’), refusing to evaluate.";
  python3Packages.pip = package "pip";
  luaPackages.luacheck = package "luacheck";
  lua5_4 = package "lua" // {
    withPackages =
      choose:
      let
        chosen = choose (
          lib.genAttrs [
            "argparse"
            "busted"
            "luafilesystem"
          ] package
        );
      in
      package "lua-with-${builtins.concatStringsSep "-" (map (p: p.name) chosen)}";
  };

  stdenv = {
    mkDerivation = record;
    hostPlatform = { inherit system; };
  };
  mkShell = record;
  pkgsStatic.stdenv.cc = package "static-cc" // {
    targetPrefix = "musl-";
  };

  writeText = name: text: build name ''printf %s "$text" > $out'' { inherit text; };
  writeShellScriptBin =
    name: text:
    build name ''
      mkdir -p $out/bin
      printf '#!/bin/sh\n%s' "$text" > $out/bin/$name
      chmod +x $out/bin/$name
    '' { inherit text; };
  buildEnv =
    args:
    shown args (
      build args.name ''
        mkdir -p $out
        for path in $paths; do
          for part in $pathsToLink; do
            test ! -d "$path$part" || (mkdir -p "$out$part" && cp -rn "$path$part/." "$out$part")
          done
        done
      '' {
        inherit (
          only "buildEnv" [
            "extraOutputsToInstall"
            "extraPrefix"
            "ignoreCollisions"
            "name"
            "paths"
            "pathsToLink"
            "postBuild"
          ] args
        )
          paths
          pathsToLink
          ;
      }
    );

  dockerTools = {
    binSh = build "bin-sh" ''
      mkdir -p $out/bin
      cp /usr/bin/busybox $out/bin
      for name in $(busybox --list); do
        test "$name" = busybox || ln -s busybox "$out/bin/$name"
      done
    '' { };
    usrBinEnv = build "usr-bin-env" "mkdir -p $out/usr/bin; ln -s /bin/env $out/usr/bin/env" { };
    caCertificates =
      build "ca-certificates" "mkdir -p $out/etc/ssl/certs; echo > $out/etc/ssl/certs/ca-bundle.crt"
        { };
    # As chatty on stderr as the real one, which names the paths of each layer.
    streamLayeredImage =
      args:
      shown args (
        build "stream-${baseNameOf args.name}" ''
          echo '#!/bin/sh' > $out
          echo 'for i in $(seq 3000); do echo "Creating layer $i from paths: […]"; done >&2' >> $out
          echo 'exec cat ${archive (only "streamLayeredImage" layeredImage args)}' >> $out
          chmod +x $out
        '' { }
      );
    buildLayeredImage =
      args: shown args (archive (only "buildLayeredImage" (layeredImage ++ [ "compressor" ]) args));
  };
}
