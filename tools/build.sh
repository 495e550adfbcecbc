#!/bin/sh
# build.sh DIR TARGET [MESON OPTION …]: sets a Meson directory up, or again when the options asked for are others than last time, and
# builds a target of it ("all": everything). Without options a directory stays as it is.
set -eu

directory=$1 target=$2
shift 2
options="$*"
if [ ! -e "$directory/build.ninja" ]; then
	meson setup "$directory" "$@" >&2
elif [ -n "$options" ] && [ "$(cat "$directory/sluice-options" 2>/dev/null)" != "$options" ]; then
	meson setup --reconfigure "$directory" "$@" >&2
fi
[ -z "$options" ] || printf '%s\n' "$options" >"$directory/sluice-options"
ninja -C "$directory" "$target" >&2
