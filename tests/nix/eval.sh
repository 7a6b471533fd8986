#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Evaluates the flake and its example with Debian's nix against tests/nix/nixpkgs,
# since nixpkgs is far away, and checks what comes out. Prints TAP; status 1 after a
# failure. eval.sh [TREE [PART...]] takes another checkout, and some of the parts
# outputs, library, targets and example, for the test of this test.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(realpath "${1:-$here/../..}")
scratch=$(mktemp -d)
trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT

# A store of its own, anywhere; nothing of the person's configuration.
export NIX_STORE_DIR=$scratch/store NIX_STATE_DIR=$scratch/state NIX_LOG_DIR=$scratch/log
export NIX_CONF_DIR=$scratch HOME=$scratch NIX_REMOTE='' NIX_PATH=''
export NIX_CONFIG='build-users-group =
sandbox = false
substituters =
fsync-metadata = false
experimental-features = nix-command flakes'

# What the flake reads, without build/ and history, which would go to the store too.
mkdir -p "$scratch/tree/src" "$scratch/tree/examples"
cp "$root/flake.nix" "$scratch/tree"
cp -r "$root/src/nix" "$root/src/guest" "$root/src/VERSION" "$scratch/tree/src"
cp -r "$here/../../examples/nix" "$scratch/tree/examples"
chmod -R u+w "$scratch/tree"
stub=(--override-input nixpkgs "path:$here/nixpkgs" --no-write-lock-file)
example=("${stub[@]}" --override-input wrapix "path:$scratch/tree")

count=0 failed=0

report() {
  count=$((count + 1))
  if [[ $1 == 0 ]]; then
    echo "ok $count - $2"
  else
    failed=$((failed + 1))
    printf 'not ok %d - %s\n# %s\n' "$count" "$2" "${3//$'\n'/$'\n'# }"
  fi
}

# succeeds NAME COMMAND...
succeeds() {
  local name=$1 out status=0
  shift
  out=$("$@" 2>&1) || status=1
  report "$status" "$name" "$out"
}

# evaluate EXPRESSION: its value as JSON, with `out` the outputs, `flake` the flake,
# `wx` the library, `pkgs` the packages of one system.
evaluate() {
  nix-instantiate --store dummy:// --eval --strict --json --expr "
    let
      flake = import $scratch/tree/flake.nix;
      nixpkgs = (import $here/nixpkgs/flake.nix).outputs { self = { }; };
      out = flake.outputs { self = { outPath = \"$scratch/tree\"; }; inherit nixpkgs; };
      pkgs = nixpkgs.legacyPackages.x86_64-linux;
      wx = out.lib;
    in $1" 2>&1
}

# is NAME EXPRESSION JSON
is() {
  local got status=1
  got=$(evaluate "$2") || true
  [[ $got != "$3" ]] || status=0
  report "$status" "$1" "got: $got"$'\n'"expected: $3"
}

# both NAME EXPRESSION JSON: the same for each system. `here` are its outputs.
both() {
  is "$1" "
    let
      of = system: let
        here = builtins.mapAttrs (_: o: o.\${system} or null) out;
        wrapix = here.packages.wrapix;
      in $2;
      one = of \"x86_64-linux\";
      two = of \"aarch64-linux\";
    in if builtins.toJSON one == builtins.toJSON two then one else [ one two ]" "$3"
}

# refuses NAME EXPRESSION TEXT: evaluation fails, and says why.
refuses() {
  local got status=1
  if ! got=$(evaluate "$2") && [[ $got == *"$3"* ]]; then status=0; fi
  report "$status" "$1" "got: $got"$'\n'"expected: $3"
}

check_outputs() {
  local version output
  version=$(<"$root/src/VERSION")
  succeeds 'nix flake check evaluates every output' \
    nix flake check --no-build "${stub[@]}" "path:$scratch/tree"
  is 'outputs are those that nix knows' 'builtins.attrNames out' \
    '["apps","checks","devShells","formatter","lib","packages"]'
  is 'its input is nixpkgs alone' 'builtins.attrNames flake.inputs' '["nixpkgs"]'
  for output in apps packages checks devShells formatter; do
    is "$output are for every system" "builtins.attrNames out.$output" \
      '["aarch64-linux","x86_64-linux"]'
  done
  both 'there are the program, the guest programs, images and sandboxes' \
    'builtins.attrNames here.packages' \
    '["default","guest","image-base","image-python","image-rust","sandbox-base","sandbox-python","sandbox-rust","wrapix"]'
  both 'everything is built for its system' \
    'builtins.all (p: p.system == system) (builtins.attrValues here.packages)' true
  both 'the package has the version of the tree' 'wrapix.name' "\"wrapix-$version\""
  both 'it is built by the Makefile' \
    'builtins.filter (f: builtins.match "PREFIX=.*|MUSL_CC=.*/bin/musl-cc" f == null) wrapix.makeFlags' \
    '["CC=cc","LUA=lua"]'
  both 'its libraries are those of the Makefile' 'map (p: p.name) wrapix.buildInputs' \
    '["cjson","libuv","lua"]'
  both 'the program finds an engine' \
    'builtins.match ".*--suffix PATH : [^ ]*-podman/bin.*" wrapix.postInstall != null' true
  both 'the guest programs are all of them' 'here.packages.guest.buildFlags' "[$(guest_programs)]"
  both 'checks run targets of the Makefile, with busted' \
    'map (n: here.checks.${n}.checkTarget) [ "lint" "unit" ] ++ builtins.filter (n: builtins.match ".*busted.*" n != null)
      (map (p: p.name) here.checks.unit.nativeBuildInputs)' \
    '["lint","unit","lua-with-argparse-busted-luafilesystem"]'
  both 'the shell has what the package needs' 'map (p: p.name) here.devShells.default.inputsFrom' \
    "[\"wrapix-$version\"]"
  both 'the app is the program' 'here.apps.default.program == "${wrapix}/bin/wrapix"' true
}

guest_programs() {
  local file list=()
  for file in "$root"/src/guest/*.c; do list+=("\"build/guest/wrapix-$(basename "$file" .c)\""); done
  (IFS=,; echo "${list[*]}")
}

# What the derivations call is there. Only shown, never run.
check_targets() {
  local target
  for target in all unit lint install "$scratch/build/guest/wrapix-init"; do
    succeeds "the Makefile has the target ${target#"$scratch"/}" \
      make -C "$root" --dry-run BUILD="$scratch/build" PREFIX=/nowhere "$target"
  done
}

check_library() {
  local base='wx.profiles.base' image='out.packages.x86_64-linux.image-rust.given'
  is 'every package of every profile is in nixpkgs' \
    'builtins.all (p: (wx.mkSandbox { inherit pkgs; profile = p // { agents = [ ]; }; }).drvPath != "")
       (builtins.attrValues wx.profiles)' true
  is 'deriveProfile appends lists, joins maps, replaces the rest' \
    'let p = wx.deriveProfile { name = "a"; packages = [ "git" ]; env = { A = "1"; B = "1"; };
        settings.claude = { x = 1; }; network = "open"; }
       { name = "b"; packages = [ "gcc" ]; env.B = "2"; settings.claude.y = 2; network = "none"; };
     in p' '{"env":{"A":"1","B":"2"},"name":"b","network":"none","packages":["git","gcc"],"settings":{"claude":{"x":1,"y":2}}}'
  is 'rust stands on base' \
    "builtins.all (p: builtins.elem p wx.profiles.rust.packages) ($base.packages ++ [ \"cargo\" ])" true
  is 'deriveProfile drops inherited agents where none is to run' \
    'let p = wx.deriveProfile wx.profiles.base { agent = false; };
         q = wx.deriveProfile wx.profiles.base { agent = false; agents = [ "pi" ]; };
     in [ (p ? agents) p.agent q.agents (wx.deriveProfile p { agents = [ "codex" ]; }).agents ]' \
    '[false,false,["pi"],["codex"]]'
  is 'mkSandbox adds to lists and maps as deriveProfile does' \
    "map (p: p.name) (builtins.elemAt (wx.mkSandbox { inherit pkgs; packages = [ \"gdb\" ];
       profile = { name = \"x\"; packages = [ pkgs.git ]; }; }).image.given.contents 0).given.paths" \
    '["git","gdb","bin-sh"]'
  is 'an agent is a package of the image' \
    "map (p: p.name) (builtins.elemAt (wx.mkSandbox { inherit pkgs; profile = {
       packages = [ \"git\" ]; agents = [ \"codex\" \"command\" ]; }; }).image.given.contents 0).given.paths" \
    '["git","codex","bin-sh"]'
  is 'an archive is made where it is asked for' \
    '(wx.mkSandbox { inherit pkgs; archive = true; profile.packages = [ "git" ]; }).image.name' \
    '"docker-image-wrapix-sandbox.tar"'
  refuses 'the licence of an agent is asked for' "(wx.mkSandbox { inherit pkgs; }).drvPath" 'unfree'
  refuses 'an unknown field is named' \
    'wx.deriveProfile wx.profiles.base { pakages = [ ]; }' "unknown field 'pakages'; there are: agent,"
  refuses 'what only Lua can say is refused' 'wx.deriveProfile { } { hooks = { }; }' \
    "unknown field 'hooks'"
  refuses 'an unknown package is named' \
    '(wx.mkSandbox { inherit pkgs; profile.packages = [ "gitt" ]; }).drvPath' \
    "nixpkgs has no package 'gitt'"
  refuses 'an unknown agent is named' \
    '(wx.mkSandbox { inherit pkgs; profile.agents = [ "mine" ]; }).drvPath' \
    "agentPackages.mine"
  refuses 'a function is no value of a profile' \
    '(wx.mkSandbox { inherit pkgs; profile.env.A = x: x; }).drvPath' 'a lambda cannot stand'
  is 'an image has the places of the others' \
    "builtins.all (p: builtins.match \".*[ /]\${p}[ \n].*\" $image.extraCommands != null)
       [ \"workspace\" \"home/wrapix\" \"tmp\" \"var/tmp\" ]" true
  is 'an image has no tag but its hash' "$image ? tag" false
}

# The example's sandbox is built, as far as the stand-ins for packages go, and its
# profile printed for the spec to load.
check_example() {
  succeeds 'the example is built' \
    nix build -o "$scratch/result" "${example[@]}" "path:$scratch/tree/examples/nix"
  local file
  file=$(grep -o "$scratch/store/[^ ]*\.lua" "$scratch/result/bin/wrapix-shop") || true
  succeeds 'its program starts its profile' test -f "$file"
  [[ ! -f $file ]] || sed 's/^/# profile: /' "$file"
}

shift || true
[[ $# -gt 0 ]] || set -- outputs library targets example
for part in "$@"; do "check_$part"; done
echo "1..$count"
[[ $failed -eq 0 ]]
