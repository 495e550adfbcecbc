# Thin on purpose: Meson builds, tools/ installs, tests/run tests.
FUZZ_SECONDS ?= 60
PREFIX ?= /usr/local

.PHONY: build deps check demo bench fuzz install clean

build:
	@tools/build.sh build sluice --prefix=$(PREFIX)

deps:
	@tools/deps.sh
	@tools/venv.sh >/dev/null

# Warnings are errors for us, but not under sanitizers: their code misleads the warnings about uninitialised values.
check: deps
	@tools/build.sh build all --prefix=$(PREFIX) -Dtests=enabled -Dstrict=true
	@tools/build.sh build-asan all -Dtests=enabled -Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false
	@tools/build.sh build-tsan all -Dtests=enabled -Dbuildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false
	@SLUICE_PYTHON="$$(tools/venv.sh)" tests/run

demo: deps build
	@SLUICE_PYTHON="$$(tools/venv.sh)" tests/demo/demo.sh

bench: deps build
	@SLUICE=$(CURDIR)/build/sluice "$$(tools/venv.sh)" tests/bench/bench.py $(BENCH)

fuzz: deps
	@tools/fuzz.sh $(FUZZ_SECONDS) $(FUZZ)

install: build
	@meson install -C build --no-rebuild

clean:
	rm -rf build build-asan build-tsan build-fuzz
