#!/usr/bin/env python3
"""dns and proxy through the whole way, as rows events and as file events: the same rows as `sluice dissect` prints, each in the hour it happened in."""
import glob
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import duckdb  # noqa: E402
import proxy  # noqa: E402
import tap  # noqa: E402
from lake import faults, table  # noqa: E402
from spool import HOUR_MS, PIPELINES, Spool  # noqa: E402

SOURCE = os.environ.get('SLUICE_SOURCE', '.')
CAPTURE = os.path.join(SOURCE, 'build', 'tests', 'bench', 'dns_capture')


def captures(folder):
    """Two captures, one of them compressed."""
    made = {}
    for seed in (1, 2):
        path = os.path.join(folder, f'{seed}.pcap')
        subprocess.run([CAPTURE, '-n', '20000', '-s', str(seed), path], check=True, capture_output=True)
        with open(path, 'rb') as f:
            made[f'resolver-{seed}.pcap'] = f.read()
    made['resolver-2.pcap.gz'] = gzip.compress(made.pop('resolver-2.pcap'))
    return made


def logs(_):
    start = HOUR_MS // 1000 + 1800
    made = {f'proxy-{i}.log': proxy.log(3000, start + 3600 * i, 3600, seed=i).encode() for i in range(2)}
    made['broken.log'] = proxy.log(10, start, 600, seed=9).encode() + b'one two three\n' + proxy.line(random.Random(5), start).encode() + b'\n'
    return made


def printed(dissector, path):
    """Rows of one file as JSON objects, in order."""
    run = subprocess.run([os.environ.get('SLUICE', 'build/sluice'), 'dissect', '-t', dissector, '-f', 'json', path], capture_output=True, check=False)
    return [json.loads(line) for line in run.stdout.decode().splitlines()]


def stored(lake, dataset, columns):
    rows = duckdb.sql(f'select {", ".join(columns)} from {table(lake, dataset)}').fetchall()
    return sorted(map(repr, rows))


def whole_way(place, dissector, inputs, partition, **keys):
    s = Spool(place, dissector, collect='{ settle: 0 }', **keys)
    dataset = PIPELINES[dissector]
    s.inputs = inputs
    for name in inputs:
        s.drop(name)
    r = s.command('run', '--once')
    broken = 'broken.log' in inputs
    tap.check(f'{dissector} {keys}: exit {int(broken)}', r.returncode == int(broken) and ('broken.log: ' in r.stderr) == broken, r)
    rows = [row for name in sorted(inputs) for row in printed(dissector, os.path.join(s.watch, name))]
    columns = list(rows[0])
    want = sorted(repr(tuple(row[c] for c in columns)) for row in rows)
    got = stored(s.lake, dataset, columns)
    tap.check(f'{dissector} {keys}: {len(want)} rows, those that dissect prints', got == want and len(want) > 1000, f'{len(got)} of {len(want)}')
    wrong = faults(s.lake, s.inputs, dataset)
    tap.check(f'{dissector} {keys}: the lake is in order', not wrong, wrong)
    folders = {os.path.relpath(os.path.dirname(p), f'{s.lake}/{dataset}/hive') for p in glob.glob(f'{s.lake}/{dataset}/hive/**/*.parquet', recursive=True)}
    tap.check(f'{dissector} {keys}: hours as the table spells them', folders == partition, folders)
    if broken:
        rejects = ''.join(open(p, encoding='utf-8').read() for p in glob.glob(f'{s.lake}/{dataset}/rejects/**/*', recursive=True) if os.path.isfile(p))
        tap.check(f'{dissector} {keys}: the reject names its line', '"reason":"line 16: ' in rejects.replace('": "', '":"'), rejects)


def main():
    with tempfile.TemporaryDirectory() as folder:
        dns, proxies = captures(folder), logs(folder)
        hours = {'y=2026/m=1/d=14/h=9'}
        texts = {f'y=2026/m=01/d=14/h={h:02}' for h in (9, 10, 11)}
        for n, limit in enumerate(('16MiB', '0')):
            for dissector, inputs, partition in (('pcap-dns', dns, hours), ('elff', proxies, texts)):
                place = os.path.join(folder, f'{dissector}-{n}')
                os.mkdir(place)
                whole_way(place, dissector, inputs, partition, event=f'{{ inline_max: {limit} }}')
    tap.done()


main()
