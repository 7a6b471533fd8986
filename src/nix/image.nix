# SPDX-License-Identifier: MIT
# The image of a sandbox from packages of nixpkgs, with the places that images made
# of Debian's packages have too. A program that streams its archive to stdout, or,
# with `archive`, that archive.
{ pkgs, lib }:
{
  name,
  packages,
  archive ? false,
}:
let
  # One tree of links, so that what two packages bring does no harm. Headers and
  # libraries are outputs of their own, which are not installed unless asked for.
  root = pkgs.buildEnv {
    name = "wrapix-${name}-root";
    paths = packages ++ [ pkgs.dockerTools.binSh ];
    pathsToLink = [
      "/bin"
      "/include"
      "/lib"
      "/libexec"
      "/share"
    ];
    extraOutputsToInstall = [
      "out"
      "lib"
      "dev"
      "man"
    ];
    ignoreCollisions = true;
  };

  make =
    if archive then pkgs.dockerTools.buildLayeredImage else pkgs.dockerTools.streamLayeredImage;
in
make {
  # No tag: it becomes the hash of the result. lua/wrapix/image/nix.lua knows the name.
  name = "wrapix-nix/wrapix-${name}";
  contents = [
    root
    pkgs.dockerTools.usrBinEnv
    pkgs.dockerTools.caCertificates
  ];
  maxLayers = 100;
  extraCommands = ''
    mkdir -p etc home/wrapix root run tmp usr/local/bin var/tmp workspace
    chmod 1777 tmp var/tmp
    echo 'root:x:0:0:root:/root:/bin/sh' > etc/passwd
    echo 'nobody:x:65534:65534:nobody:/var/empty:/bin/sh' >> etc/passwd
    echo 'root:x:0:' > etc/group
    echo 'nogroup:x:65534:' >> etc/group
    echo 'hosts: files dns' > etc/nsswitch.conf
  '';
  config = {
    Cmd = [ "/bin/sh" ];
    WorkingDir = "/workspace";
    Env = [
      "LANG=C.UTF-8"
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
      "PKG_CONFIG_PATH=/lib/pkgconfig:/share/pkgconfig"
      "SSL_CERT_FILE=/etc/ssl/certs/ca-bundle.crt"
      "NIX_SSL_CERT_FILE=/etc/ssl/certs/ca-bundle.crt"
    ];
  };
}
