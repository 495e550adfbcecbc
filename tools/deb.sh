#!/bin/sh
# deb.sh [DIR]: a Debian package of this tree, by dpkg-buildpackage, in DIR (build/deb); prints its path. It is built from a copy, so that nothing is
# left in the tree. What was compiled there last time is used again. DEB_BUILD_OPTIONS=nocheck leaves out the unit tests.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
place=${1:-$root/build/deb}
for tool in dpkg-buildpackage dh meson; do
	command -v "$tool" >/dev/null || { echo "deb: $tool is not installed (packages dpkg-dev, debhelper, meson)" >&2; exit 1; }
done

copy=$place/sluice
mkdir -p "$copy"
# Another way to configure needs another build folder.
stamp="$(cat "$root/debian/rules" "$root/meson_options.txt")${DEB_BUILD_OPTIONS:-}"
if [ "$(cat "$place/configured" 2>/dev/null)" != "$stamp" ]; then
	rm -rf "$copy"
	mkdir -p "$copy"
fi
printf '%s\n' "$stamp" >"$place/configured"
find "$copy" -mindepth 1 -maxdepth 1 ! -name 'obj-*' -exec rm -rf {} +
if [ -e "$root/.git" ]; then
	git -C "$root" ls-files -z -co --exclude-standard
else
	(cd "$root" && find . -mindepth 1 -maxdepth 1 ! -name 'build*' -print0)
fi | tar -C "$root" --null -T - --ignore-failed-read --warning=no-failed-read -cf - | tar -C "$copy" -xf -

rm -f "$place"/*.deb "$place"/*.changes "$place"/*.buildinfo
(cd "$copy" && dpkg-buildpackage -us -uc -b -nc) >"$place/log" 2>&1 || { tail -40 "$place/log" >&2; exit 1; }
ls "$place"/sluice_*.deb
