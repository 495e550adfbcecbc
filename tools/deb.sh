#!/bin/sh
# deb.sh [--check] [DIR]: a Debian package of this tree, by dpkg-buildpackage, in DIR (build/deb); prints its path. It is built from a copy, so that
# nothing is left in the tree. What was compiled there last time is used again. The unit tests run in it with --check only: make check is the test, and
# runs more. DEB_BUILD_OPTIONS are dpkg's.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
tests=no
[ "${1:-}" != --check ] || { tests=yes; shift; }
place=${1:-$root/build/deb}
for tool in dpkg-buildpackage dh meson; do
	command -v "$tool" >/dev/null || { echo "deb: $tool is not installed: tools/deps.sh deb installs what is needed" >&2; exit 1; }
done
if [ "$tests" = no ]; then
	export DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:+$DEB_BUILD_OPTIONS }nocheck"
	export DEB_BUILD_PROFILES="${DEB_BUILD_PROFILES:+$DEB_BUILD_PROFILES }nocheck"
fi

copy=$place/sluice
mkdir -p "$copy"
# Another way to configure needs another build folder.
stamp="$(cat "$root/debian/rules" "$root/meson_options.txt")$tests${DEB_BUILD_OPTIONS:-}"
if [ "$(cat "$place/configured" 2>/dev/null)" != "$stamp" ]; then
	rm -rf "$copy"
	mkdir -p "$copy"
fi
printf '%s\n' "$stamp" >"$place/configured"
echo "deb: copying the tree to $copy" >&2
find "$copy" -mindepth 1 -maxdepth 1 ! -name 'obj-*' -exec rm -rf {} +
if [ -e "$root/.git" ] && command -v git >/dev/null; then
	git -C "$root" ls-files -z -co --exclude-standard >"$place/list"
else
	(cd "$root" && find . -mindepth 1 -maxdepth 1 ! -name 'build*' ! -name .git -print0) >"$place/list"
fi
tar -C "$root" --null -T "$place/list" --ignore-failed-read --warning=no-failed-read -cf - | tar -C "$copy" -xf -

rm -f "$place"/*.deb "$place"/*.changes "$place"/*.buildinfo
began=$(date +%s)
echo "deb: building the package, $([ "$tests" = yes ] && echo 'with its unit tests' || echo "without tests, which are make check's"); some minutes the first time. Its log: $place/log" >&2
if ! (cd "$copy" && dpkg-buildpackage -us -uc -b -nc) >"$place/log" 2>&1; then
	echo "deb: it failed; the log, $place/log, says:" >&2
	# Of the tests those that failed, which Meson lists; the log of all of them follows its list.
	failed=$(sed -n '/^Summary of Failures:/,/^Full log/p' "$place/log")
	if [ -n "$failed" ]; then echo "$failed" >&2; else tail -40 "$place/log" >&2; fi
	exit 1
fi
echo "deb: built in $(($(date +%s) - began)) s" >&2
ls "$place"/sluice_*.deb
