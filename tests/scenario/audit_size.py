#!/usr/bin/env python3
"""The audit's memory does not grow with the lake: AUDIT_ORIGINALS (40,000; once a million: doc/audit.md) originals under a bound, and one damage among them named."""
import json
import os
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import tap  # noqa: E402
from big_lake import BigLake  # noqa: E402

ORIGINALS, BOUND_MIB = int(os.environ.get('AUDIT_ORIGINALS', '40000')), 72


def memory(pid):
    """RssAnon in MiB; 0 when it is over."""
    try:
        with open(f'/proc/{pid}/status', encoding='ascii') as f:
            return max(int(line.split()[1]) for line in f.read().splitlines() if line.startswith('RssAnon')) / 1024
    except (OSError, ValueError):
        return 0


def audit(lake, *words):
    """(exit status, findings, summary, peak RssAnon in MiB, seconds)"""
    began, peak, sluice = time.monotonic(), 0, os.environ.get('SLUICE', 'build/sluice')
    with subprocess.Popen([sluice, 'audit', '-c', lake.config, '--format', 'json', *words], stdout=subprocess.PIPE, text=True) as p:
        while p.poll() is None:
            peak = max(peak, memory(p.pid))
            time.sleep(0.02)
        lines = [json.loads(line) for line in p.stdout]
    return p.returncode, [(one['finding'], one['path']) for one in lines if 'finding' in one], lines[-1], peak, time.monotonic() - began


def main():
    with tempfile.TemporaryDirectory(prefix='sluice-size-') as place:
        lake = BigLake(place, ORIGINALS)
        status, found, summary, peak, seconds = audit(lake)
        tap.check(f'{ORIGINALS:,} originals are in order', status == 0 and not found and summary['originals'] == ORIGINALS and summary['table_rows'] == 3 * ORIGINALS, (found[:3], summary))
        tap.check(f'memory stays under {BOUND_MIB} MiB: {peak:.0f} MiB, {seconds:.1f} s', 0 < peak < BOUND_MIB, peak)
        gone, changed = lake.original(ORIGINALS // 2), lake.original(ORIGINALS // 3)
        os.unlink(os.path.join(lake.lake, gone))
        with open(os.path.join(lake.lake, changed), 'r+b') as f:
            f.write(b'O')
        status, found, _, _, _ = audit(lake)
        tap.check('one that is gone and one that was changed are named', status == 3 and sorted(found) == sorted([('original-missing', gone), ('original-damaged', changed)]), found[:5])
        left = [name for name in os.listdir(os.path.join(place, 'state')) if 'audit' in name]
        tap.check('no scratch file stays', not left, left)
    tap.done()


if __name__ == '__main__':
    main()
