# Thin on purpose: Meson builds, tools/ installs, tests/run tests.

.PHONY: build deps deps-check deps-cluster check check-builds demo demo-cluster bench fuzz torture soak soak-one soak-cluster cluster-up cluster-down install deb clean

build:
	@tools/build.sh build sluice

# What building and the demo need. What a target needs beside these it installs itself.
deps:
	@tools/deps.sh demo
	@tools/venv.sh >/dev/null

deps-check deps-cluster: deps-%:
	@tools/deps.sh $*
	@tools/venv.sh >/dev/null

# TESTS: arguments of tests/run. FUZZ_SECONDS: of each fuzz entry, 10 by default. Warnings are errors for us, but not under sanitizers: their code misleads the warnings about uninitialised values.
check: deps-check
	@tools/build.sh build all -Dtests=enabled -Dstrict=true
	@tools/build.sh build-faults sluice -Dfaults=enabled -Dtests=disabled -Dstrict=true
	@FUZZ_SECONDS="$(FUZZ_SECONDS)" SLUICE_PYTHON="$$(tools/venv.sh)" tests/run --first "make --no-print-directory check-builds" $(TESTS)

# What make check builds while the first scripts of the cluster run. -O1 is what sanitizers and libFuzzer advise, and compiles faster than -O2.
check-builds:
	@tools/build.sh build-asan meson-test-prereq -Dtests=enabled -Doptimization=1 -Db_sanitize=address,undefined -Db_lundef=false
	@tools/build.sh build-tsan meson-test-prereq -Dtests=enabled -Doptimization=1 -Db_sanitize=thread -Db_lundef=false
	@tools/fuzz.sh build

demo: deps build
	@tools/build.sh build tests/bench/dns_capture
	@SLUICE_PYTHON="$$(tools/venv.sh)" tests/demo/demo.sh

demo-cluster: deps-cluster build
	@tools/build.sh build tests/bench/dns_capture
	@"$$(tools/venv.sh)" tests/demo/demo_cluster.py build/sluice build/demo-cluster

# TORTURE: arguments of tests/fault/torture.py, --kills 10000 by default. CLUSTER_TORTURE: of tests/cluster/torture.py, --kills 500 --servers by default; no: not there.
torture: deps-check build
	@tools/build.sh build-faults sluice -Dfaults=enabled -Dtests=disabled -Dstrict=true
	@SLUICE=build/sluice SLUICE_FAULTS=build-faults/sluice SLUICE_SOURCE=. "$$(tools/venv.sh)" tests/fault/torture.py $(or $(TORTURE),--kills 10000)
	@[ "$(CLUSTER_TORTURE)" = no ] || SLUICE=build/sluice SLUICE_SOURCE=. "$$(tools/venv.sh)" tests/cluster/torture.py $(or $(CLUSTER_TORTURE),--kills 500 --servers)

# An hour on this machine alone and an hour on a cluster, side by side. SOAK: arguments of both (--seconds, --every, --files, --seed); samples and logs are left in build/soak.
soak: deps-check build
	@$(MAKE) --no-print-directory -j2 --output-sync=target soak-one soak-cluster

soak-one soak-cluster: soak-%: build
	@SLUICE=build/sluice SLUICE_SOURCE=. "$$(tools/venv.sh)" tests/$(if $(filter one,$*),fault,cluster)/soak.py --seconds 3600 --every 20 --files $(if $(filter one,$*),3,1) --keep build/soak/$* $(SOAK)

# BENCH: arguments of tests/bench/bench.py
bench: deps-check
	@tools/build.sh build all
	@"$$(tools/venv.sh)" tests/bench/bench.py $(BENCH)

# FUZZ: names of entries, all by default. FUZZ_SECONDS: of each, 60 by default
fuzz: deps-check
	@tools/fuzz.sh $(or $(FUZZ_SECONDS),60) $(FUZZ)

# PARTS: of the cluster, those of tools/cluster.py. What it prints goes into sluice's configuration.
cluster-up: deps-cluster build
	@tools/cluster.py up $(PARTS)

cluster-down:
	@tools/cluster.py down

# PREFIX=/usr, DESTDIR=/elsewhere
install:
	@tools/build.sh build installed $(if $(PREFIX),-Dprefix=$(PREFIX))
	@meson install -C build --no-rebuild

# A Debian package in build/deb. DEB: arguments of tools/deb.sh; --check runs the unit tests in it, which make check does anyway.
deb:
	@tools/deps.sh $(if $(filter --check,$(DEB)),check,deb)
	@tools/deb.sh $(DEB)

clean:
	rm -rf build build-asan build-faults build-tsan build-fuzz
