#!/bin/sh
# build.sh DIR TARGET [MESON OPTION …]: sets a Meson directory up, or again when its options changed, and builds a target of it ("all": everything).
set -eu

directory=$1 target=$2
shift 2
options="$*"
if [ ! -e "$directory/build.ninja" ]; then
	meson setup "$directory" "$@" >&2
elif [ "$(cat "$directory/sluice-options" 2>/dev/null)" != "$options" ]; then
	meson setup --reconfigure "$directory" "$@" >&2
fi
printf '%s\n' "$options" >"$directory/sluice-options"
ninja -C "$directory" "$target" >&2
