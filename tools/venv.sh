#!/bin/sh
# Prints the Python of the virtual environment that tests, demo and bench use; makes it when it is missing or its requirements changed.
# It lies outside the tree, so that every checkout shares it.
set -eu

requirements=$(dirname "$0")/requirements.txt
cache=${SLUICE_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/sluice}
venv=$cache/venv

mkdir -p "$cache"
exec 9>"$cache/venv.lock"
flock 9
if ! cmp -s "$requirements" "$venv/requirements.txt"; then
	echo "venv: making $venv" >&2
	/usr/bin/python3 -m venv --clear "$venv" >&2
	"$venv/bin/pip" install -q --disable-pip-version-check --no-input --only-binary :all: -r "$requirements" >&2
	# Last, so that one that was interrupted is made again.
	cp "$requirements" "$venv/requirements.txt"
fi
echo "$venv/bin/python3"
