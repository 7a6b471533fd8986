# SPDX-License-Identifier: MIT
# For people who write their sandbox in Nix: profiles, deriveProfile, mkSandbox. A
# sandbox is a profile in Lua, which stands on a built-in one, and an image; all that
# happens at a start is the launcher's. See docs/nix.md.
{ lib, wrapixFor }:
let
  toLua = import ./to_lua.nix;

  # Written from the Lua tables by profiles.lua beside it.
  known = builtins.fromJSON (builtins.readFile ./profiles.json);

  # How derive joins a field; the last two are known to Nix only.
  kinds = known.fields // {
    extends = "scalar";
    optionalPackages = "list";
  };
  nixOnly = [
    "extends"
    "packages"
    "optionalPackages"
  ];

  join = {
    scalar = _: b: b;
    list = a: b: a ++ b;
    map = a: b: a // b;
    maps = a: b: a // builtins.mapAttrs (name: value: (a.${name} or { }) // value) b;
  };

  refuse =
    field:
    throw (
      "wrapix: profile: unknown field '${field}'; there are: "
      + builtins.concatStringsSep ", " (builtins.attrNames kinds)
    );

  joinField =
    base: field: value:
    if !(kinds ? ${field}) then
      refuse field
    else if base.${field} or null == null then
      value
    else
      join.${kinds.${field}} base.${field} value;

  # Where no agent is to run, none that the base has is in the image.
  deriveProfile =
    base: ext:
    let
      kept = if ext.agent or null == false then removeAttrs base [ "agents" ] else base;
    in
    kept // builtins.mapAttrs (joinField kept) ext;

  builtinProfile =
    name: own:
    let
      base = if name == "base" then { } else profiles.base;
    in
    deriveProfile base (
      {
        inherit name;
        extends = name;
        inherit (own) packages;
        optionalPackages = own.optional_packages;
      }
      // lib.optionalAttrs (own ? agents) { inherit (own) agents; }
      // lib.optionalAttrs (own ? agent) { inherit (own) agent; }
    );

  profiles = builtins.mapAttrs builtinProfile known.profiles;

  # Their names in nixpkgs. `command` is any program, and needs none.
  agentNames = {
    claude = "claude-code";
    codex = "codex";
    gemini = "gemini-cli";
    opencode = "opencode";
    pi = "pi-coding-agent";
  };

  find =
    pkgs: what: name:
    lib.attrByPath (lib.splitString "." name) (throw "wrapix: ${what}: nixpkgs has no package '${name}'")
      pkgs;

  agentPackage =
    pkgs: given: agent:
    if given ? ${agent} then
      [ given.${agent} ]
    else if agent == "command" then
      [ ]
    else if agentNames ? ${agent} then
      [ (find pkgs "agent ${agent}" agentNames.${agent}) ]
    else
      throw "wrapix: agent '${agent}': no package is known; give agentPackages.${agent}, whose version counts";

  optionalPackage =
    pkgs: profile: name:
    if lib.hasAttrByPath (lib.splitString "." name) pkgs then
      [ (find pkgs "profile ${profile}" name) ]
    else
      lib.warn "wrapix: profile ${profile}: left out, for nixpkgs has no package '${name}'" [ ];

  packagesOf =
    pkgs: agentPackages: name: profile:
    map (entry: if builtins.isString entry then find pkgs "profile ${name}" entry else entry) (
      profile.packages or [ ]
    )
    ++ builtins.concatMap (optionalPackage pkgs name) (profile.optionalPackages or [ ])
    ++ builtins.concatMap (agentPackage pkgs agentPackages) (profile.agents or [ ]);

  # An image drops the agents of what the profile stands on, so they are said again.
  luaText =
    profile: image:
    let
      fields = toLua (removeAttrs profile nixOnly // { image.nix = image; });
      extends = profile.extends or null;
    in
    ''
      -- Written by wrapix's library for Nix.
    ''
    + (
      if extends == null then
        "return ${fields}\n"
      else
        ''
          local wrapix = require("wrapix")
          return wrapix.derive(wrapix.profiles[${toLua extends}], ${fields})
        ''
    );

  mkSandbox =
    {
      pkgs,
      profile ? profiles.base,
      wrapix ? wrapixFor pkgs,
      agentPackages ? { },
      archive ? false,
      ...
    }@args:
    let
      own = removeAttrs args [
        "pkgs"
        "profile"
        "wrapix"
        "agentPackages"
        "archive"
      ];
      name = whole.name or "sandbox";
      whole = deriveProfile profile own;
      image = import ./image.nix { inherit pkgs lib; } {
        inherit name archive;
        packages = packagesOf pkgs agentPackages name whole;
      };
      file = pkgs.writeText "wrapix-${name}.lua" (luaText whole image);
    in
    pkgs.writeShellScriptBin "wrapix-${name}" ''
      exec ${wrapix}/bin/wrapix ${file} "$@"
    ''
    // {
      inherit image;
      profile = file;
    };
in
{
  inherit profiles deriveProfile mkSandbox;
}
