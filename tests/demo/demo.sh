#!/bin/sh
# make demo: real collectors on loopback, sluice run on their folder, SQL over the lake. All that it makes lies in build/demo.
set -eu
cd "$(dirname "$0")/../.."
exec "${SLUICE_PYTHON:-python3}" tests/demo/demo.py "${SLUICE:-build/sluice}" build/demo
