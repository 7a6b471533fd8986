#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the archive of an image of one layer, as `podman load` takes it: $contents,
# then what $extraCommands do there; $config and $imageName; into $out.
set -eu
: "${contents?}" "${extraCommands?}" "${config?}" "${imageName?}" "${out?}"

mkdir layer image
for path in $contents; do
  cp -rn "$path/." layer
  chmod -R u+w layer
done
(cd layer && eval "$extraCommands")
tar --sort=name --mtime=@1 --owner=0 --group=0 --numeric-owner -C layer -cf image/layer.tar .

sum=$(sha256sum image/layer.tar)
case $(uname -m) in
  x86_64) architecture=amd64 ;;
  *) architecture=arm64 ;;
esac
# As the real one: without it the engine does not see what was built on this image.
history='{"created":"1970-01-01T00:00:01Z","comment":"one layer"}'
printf '{"architecture":"%s","os":"linux","created":"1970-01-01T00:00:01Z","config":%s,%s}' \
  "$architecture" "$config" \
  "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:${sum%% *}\"]},\"history\":[$history]" \
  > image/config.json

tag=${out##*/}
printf '[{"Config":"config.json","RepoTags":["%s:%s"],"Layers":["layer.tar"]}]' \
  "$imageName" "${tag%%-*}" > image/manifest.json
tar --sort=name --mtime=@1 --owner=0 --group=0 -C image -cf "$out" manifest.json config.json layer.tar
