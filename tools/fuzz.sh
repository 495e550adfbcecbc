#!/bin/sh
# fuzz.sh [SECONDS [NAME …]]: runs the fuzz entries one after the other. What they find lies in build-fuzz/NAME/ and the exit status is 1.
set -eu

cd "$(dirname "$0")/.."
seconds=${1:-60}
[ $# -eq 0 ] || shift
CC=clang tools/build.sh build-fuzz all -Dfuzz=true -Dtests=disabled -Db_sanitize=address,undefined -Db_lundef=false -Dbuildtype=debugoptimized

status=0 ran=0
for entry in build-fuzz/fuzz_*; do
	[ -f "$entry" ] && [ -x "$entry" ] || continue
	name=${entry##*/fuzz_}
	if [ $# -gt 0 ]; then
		case " $* " in *" $name "*) ;; *) continue ;; esac
	fi
	ran=$((ran + 1))
	mkdir -p "build-fuzz/$name/corpus"
	seeds=
	[ ! -d "tests/fuzz/seeds/$name" ] || seeds=tests/fuzz/seeds/$name
	echo "fuzz: $name for $seconds s" >&2
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 "$entry" -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=20 -print_final_stats=1 \
		-artifact_prefix="build-fuzz/$name/" "build-fuzz/$name/corpus" $seeds || status=1
done
echo "fuzz: $ran entries" >&2
exit $status
