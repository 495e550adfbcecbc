#!/bin/sh
# fuzz.sh [SECONDS [NAME …]]: builds the fuzz entries and runs them one after the other, each on what it found before and its seeds. What breaks
# them lies in build-fuzz/NAME/ and the exit status is 1. doc/fuzzing.md
# fuzz.sh build: builds them only, and nothing where there is no clang. fuzz.sh minimise [NAME …]: keeps of what was found the least that reaches as far.
set -eu

cd "$(dirname "$0")/.."
seconds=${1:-60}
[ $# -eq 0 ] || shift
if [ "$seconds" = build ] && ! command -v clang >/dev/null; then
	echo "fuzz: no clang, nothing is built" >&2
	exit 0
fi
CC=clang tools/build.sh build-fuzz fuzz-entries -Dfuzz=true -Dtests=disabled -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1

# Where nothing was found yet, the search goes on from what earlier ones found.
for archive in tests/fuzz/corpus/*.tar.gz; do
	name=${archive##*/}
	corpus=build-fuzz/${name%.tar.gz}/corpus
	[ ! -f "$archive" ] || [ -d "$corpus" ] || { mkdir -p "$corpus.part" && tar -xzf "$archive" -C "$corpus.part" && mv "$corpus.part" "$corpus"; }
done
[ "$seconds" != build ] || exit 0

# The sanitizers of these compilers cannot live with more than 28 bits of address randomness.
calm=
if [ "$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 0)" -gt 28 ] && setarch -R true 2>/dev/null; then
	calm='setarch -R'
fi

limits='-rss_limit_mb=1024 -timeout=5 -max_len=65536' # of one input

# The archive of an entry: the same bytes for the same inputs.
keep_least() {
	least=build-fuzz/$1/least
	rm -rf "$least"
	mkdir "$least"
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 $calm "build-fuzz/fuzz_$1" -set_cover_merge=1 $limits \
		"$least" "tests/fuzz/seeds/$1" "build-fuzz/$1/corpus" || return 1
	mkdir -p tests/fuzz/corpus
	tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -cf - -C "$least" . | gzip -9n >"tests/fuzz/corpus/$1.tar.gz"
	rm -rf "$least"
}

status=0 ran=0
for entry in build-fuzz/fuzz_*; do
	[ -f "$entry" ] && [ -x "$entry" ] || continue
	name=${entry##*/fuzz_}
	if [ $# -gt 0 ]; then
		case " $* " in *" $name "*) ;; *) continue ;; esac
	fi
	ran=$((ran + 1))
	mkdir -p "build-fuzz/$name/corpus"
	if [ "$seconds" = minimise ]; then
		keep_least "$name" || status=1
		continue
	fi
	set_of=
	for folder in "tests/fuzz/seeds/$name" "tests/fuzz/crashes/$name"; do
		[ ! -d "$folder" ] || set_of="$set_of $folder"
	done
	[ ! -f "tests/fuzz/$name.dict" ] || set_of="$set_of -dict=tests/fuzz/$name.dict"
	echo "fuzz: $name for $seconds s" >&2
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 $calm "$entry" -max_total_time="$seconds" $limits \
		-print_final_stats=1 -artifact_prefix="build-fuzz/$name/" "build-fuzz/$name/corpus" $set_of || status=1
done
echo "fuzz: $ran entries" >&2
[ "$ran" -gt 0 ] || status=1
exit $status
