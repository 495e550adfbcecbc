#!/bin/sh
# build.sh DIR TARGET [MESON OPTION …]: sets a Meson directory up, or again when the options asked for are others than last time, and
# builds a target of it ("all": everything). Without options a directory stays as it is.
set -eu

directory=$1 target=$2
shift 2
options="$*"
for tool in meson ninja; do
	command -v "$tool" >/dev/null || { echo "build: $tool is not installed: make deps installs what the build needs" >&2; exit 1; }
done
if [ ! -e "$directory/build.ninja" ]; then
	meson setup "$directory" "$@" >&2 || { echo "build: cannot be configured; if something above was not found: make deps installs what the build needs" >&2; exit 1; }
elif [ -n "$options" ] && [ "$(cat "$directory/sluice-options" 2>/dev/null)" != "$options" ]; then
	meson setup --reconfigure "$directory" "$@" >&2
fi
[ -z "$options" ] || printf '%s\n' "$options" >"$directory/sluice-options"
ninja -C "$directory" "$target" >&2
