# SPDX-License-Identifier: MIT
# A value of Nix as the text of a Lua expression. Paths and derivations become the
# texts of their places in the store; what Lua could not read back is refused.
let
  quote =
    text: "\"" + builtins.replaceStrings [ "\\" "\"" "\n" "\r" ] [ "\\\\" "\\\"" "\\n" "\\r" ] text + "\"";

  entry = name: value: "[${quote name}] = ${toLua value}";

  # nil ends a table's entry, as null does here.
  entries =
    set:
    map (name: entry name set.${name}) (
      builtins.filter (name: set.${name} != null) (builtins.attrNames set)
    );

  makers = {
    string = quote;
    path = value: quote "${value}";
    int = toString;
    float = builtins.toJSON;
    bool = value: if value then "true" else "false";
    list = list: "{ ${builtins.concatStringsSep ", " (map toLua list)} }";
    set =
      set:
      if set.type or null == "derivation" then
        quote "${set}"
      else
        "{ ${builtins.concatStringsSep ", " (entries set)} }";
  };

  toLua =
    value:
    let
      kind = builtins.typeOf value;
    in
    if makers ? ${kind} then
      makers.${kind} value
    else
      throw "wrapix: profile: a ${kind} cannot stand in a profile";
in
toLua
