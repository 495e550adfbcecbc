#!/bin/sh
# Prints the Python of a virtual environment; makes it when it is missing or its requirements changed.
#
#   tools/venv.sh          the one that tests, demo and bench use (tools/requirements.txt)
#   tools/venv.sh spark    the one of Spark (spark/requirements.txt): apart, since it is large
#   tools/venv.sh web      the one that drives a browser and reads metrics (tools/requirements-web.txt): apart, since only the tests of the ops endpoint want it
#
# They lie outside the tree, so that every checkout shares them.
set -eu

here=$(dirname "$0")
case ${1:-} in
'') name=venv requirements=$here/requirements.txt ;;
web) name=venv-web requirements=$here/requirements-web.txt ;;
spark) name=venv-spark requirements=$here/../spark/requirements.txt ;;
*) echo "venv: no environment is called $1" >&2; exit 2 ;;
esac
cache=${SLUICE_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/sluice}
venv=$cache/$name

mkdir -p "$cache"
exec 9>"$venv.lock"
flock 9
if ! cmp -s "$requirements" "$venv/requirements.txt"; then
	echo "venv: making $venv" >&2
	/usr/bin/python3 -m venv --clear "$venv" >&2
	# pyspark comes as source only; there is nothing to compile in it.
	"$venv/bin/pip" install -q --disable-pip-version-check --no-input --only-binary :all: --no-binary pyspark -r "$requirements" >&2
	# Last, so that one that was interrupted is made again.
	cp "$requirements" "$venv/requirements.txt"
fi
echo "$venv/bin/python3"
