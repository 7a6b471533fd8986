# SPDX-License-Identifier: MIT
# The functions of nixpkgs' library that wrapix uses, as its manual describes them.
let
  lib = {
    genAttrs =
      names: make:
      builtins.listToAttrs (
        map (name: {
          inherit name;
          value = make name;
        }) names
      );
    optionalAttrs = wanted: set: if wanted then set else { };
    fileContents = file: lib.removeSuffix "\n" (builtins.readFile file);
    hasSuffix =
      suffix: text:
      let
        size = builtins.stringLength suffix;
        all = builtins.stringLength text;
      in
      all >= size && builtins.substring (all - size) size text == suffix;
    removeSuffix =
      suffix: text:
      if lib.hasSuffix suffix text then
        builtins.substring 0 (builtins.stringLength text - builtins.stringLength suffix) text
      else
        text;
    splitString = mark: text: builtins.filter builtins.isString (builtins.split "[${mark}]" text);
    attrByPath =
      path: default: set:
      if path == [ ] then
        set
      else if set ? ${builtins.head path} then
        lib.attrByPath (builtins.tail path) default set.${builtins.head path}
      else
        default;
    hasAttrByPath = path: set: lib.attrByPath path null set != null;
    warn = text: builtins.trace "warning: ${text}";
    getName = package: package.pname;
    makeBinPath = list: builtins.concatStringsSep ":" (map (p: "${p}/bin") list);
    licenses.mit = "MIT";
  };
in
lib
