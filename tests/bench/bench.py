#!/usr/bin/env python3
"""make bench: sluice against its peers in the same run. One table and build/bench.json; every figure is a median, ratios are of medians.

Inputs are made once by a real nfcapd and kept in the cache folder. Options: bench.py [--runs N] [SECTION …]; sections: dns proxy kafka hdfs small latency flow workers memory ledger size compact confine spark.
"""
import argparse
import glob
import json
import os
import random
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

from measure import CACHE, HERE, SLUICE, cpu_of, cpu_tree, drop, place_for, pq_rows, record, results, warm, work_peak

import cluster_latency_bench
import compact_bench
import confine_bench
import dns_bench
import hdfs_bench
import kafka_bench
import proxy_bench
import spark_bench
import workers_bench
import nfcapd
from exporter import Exporter
from lake import ids
from spool import children, stop, wait_for

FLOWS = 3_000_000


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def v5_file(compression):
    """3 M version 5 flows in one file by a real nfcapd, received within one hour. none or lz4."""
    os.makedirs(CACHE, exist_ok=True)
    target = os.path.join(CACHE, f'nfcapd.v5-3m-{compression}')
    if os.path.exists(target):
        return target
    library = glob.glob('/usr/lib/*/faketime/libfaketime.so.1')
    with tempfile.TemporaryDirectory(prefix='sluice-bench-') as place:
        port = free_port()
        env = dict(os.environ, TZ='UTC', **({'LD_PRELOAD': library[0], 'FAKETIME': '@2026-01-14 09:05:00'} if library else {}))
        collector = subprocess.Popen(['nfcapd', '-w', place, '-b', '127.0.0.1', '-p', str(port), '-t', '3600', '-B', '8000000'] + (['-y'] if compression == 'lz4' else []),
                                     env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        offset = 1_768_381_500 - time.time() if library else 0
        Exporter(port, 5, seed=5, packets=4000, clock_offset=offset).flows(FLOWS)
        time.sleep(1)
        collector.send_signal(signal.SIGTERM)
        collector.wait(30)
        made = max(glob.glob(place + '/nfcapd.2*'), key=os.path.getsize)
        summary = subprocess.run(['nfdump', '-r', made, '-o', 'null'], capture_output=True, text=True, check=True).stdout
        if f'flows: {FLOWS}' not in summary and 'otal flows: %d' % FLOWS not in summary:
            print(f'  note: {os.path.basename(target)} holds {summary.strip().splitlines()[0][:100]}')
        shutil.move(made, target)
    return target


def interleaved_file(hours, repeat):
    """The uncompressed 3 M flows with received times over `hours` interleaved hours, `repeat` times over in one file."""
    target = os.path.join(CACHE, f'nfcapd.v5-{hours}h-{repeat}x')
    if os.path.exists(target):
        return target
    with open(v5_file('none'), 'rb') as f:
        data = f.read()
    header, at, blocks = data[:40], 40, []
    count = struct.unpack_from('<I', header, 36)[0]
    base, number = 1_768_348_800_000, 0  # 2026-01-14 00:00 UTC
    for _ in range(count):
        records, size = struct.unpack_from('<II', data, at)
        body = bytearray(data[at + 12:at + 12 + size])
        p = 0
        for _ in range(records):
            kind, length = struct.unpack_from('<HH', body, p)
            if kind == 11:  # the generic element comes first in what nfcapd writes
                assert struct.unpack_from('<H', body, p + 12)[0] == 1
                struct.pack_into('<Q', body, p + 32, base + (number % hours) * 3_600_000 + number // 1000 % 3_600_000)
                number += 1
            p += length
        blocks.append(data[at:at + 12] + bytes(body))
        at += 12 + size
    with open(target + '.part', 'wb') as f:
        f.write(header[:18] + struct.pack('<HIqII', 0, 0, 0, 0, count * repeat))
        for _ in range(repeat):
            f.writelines(blocks)
    os.rename(target + '.part', target)
    return target


def bench_flow(runs):
    """v5 LZ4, 3 M flows, one CPU: event published -> manifest rolled forward, against nfdump's csv and null outputs."""
    print('flow: 3 M v5 flows, LZ4, one CPU, user + system seconds')
    path = v5_file('lz4')
    warm(path)
    csv, null, work, collect, wall = [], [], [], [], []
    for _ in range(runs):
        csv.append(cpu_of(['nfdump', '-r', path, '-o', 'csv'], one_cpu=True)[0])
        null.append(cpu_of(['nfdump', '-r', path, '-o', 'null'], one_cpu=True)[0])
        s = place_for('flow', workers=1)
        drop(path, s, 'nfcapd.202601140905')
        c, cw = cpu_of([SLUICE, 'collect', '-c', s.config, '--once'], one_cpu=True)
        for original in glob.glob(s.lake + '/flow/binary/*/*/*'):
            warm(original)
        w, ww = cpu_of([SLUICE, 'work', '-c', s.config, '--once'], one_cpu=True)
        rows = sum(pq_rows(p) for p in glob.glob(s.lake + '/flow/hive/**/*.parquet', recursive=True))
        if rows < FLOWS * 0.99:
            sys.exit(f'bench: {rows} rows in the lake')
        work.append(w)
        collect.append(c)
        wall.append(cw + ww)
    m = statistics.median
    record('nfdump -o csv', m(csv), 's CPU')
    record('nfdump -o null', m(null), 's CPU')
    record('sluice work: event -> committed', m(work), 's CPU', '', f'{m(work) / rows * 1e9:.0f} ns a flow')
    record('sluice collect: drop -> event (hash, archive)', m(collect), 's CPU')
    record('drop -> committed', m(work) + m(collect), 's CPU', '', f'{m(wall):.2f} s wall')
    record('ratio nfdump csv / sluice work', m(csv) / m(work), 'x', 'floor 15 aim 25')
    record('ratio sluice work / nfdump null', m(work) / m(null), 'x', 'at most 4')
    record('ratio nfdump csv / drop -> committed', m(csv) / (m(work) + m(collect)), 'x')


def bench_memory(_):
    """Peak RssAnon + RssShmem of the worker process, one thread."""
    print('memory: peak RssAnon + RssShmem of a worker with one thread')
    for hours in (1, 24):
        for repeat in (1, 8):
            path = interleaved_file(hours, repeat)
            s = place_for('memory', workers=1)
            drop(path, s, 'nfcapd.202601140000')
            cpu_of([SLUICE, 'collect', '-c', s.config, '--once'])
            peak, status, seconds = work_peak(s)
            size = os.path.getsize(path)
            record(f'{size / 1e9:.1f} GB, {hours} hour{"s" if hours > 1 else ""}', peak / 2**20, 'MiB', 'below 64', f'{seconds:.1f} s, exit {status}')

def small_contents(count):
    """count different files of 160 v5-like flows, 20 KB each."""
    rng, made = random.Random(7), []
    base = [nfcapd.record_v2(nfcapd.flow(1_768_381_200_000 + i, src=f'10.0.{i % 200}.{i % 250}', dst=f'192.0.2.{i % 250}', sport=rng.randrange(65536),
                                         bytes=rng.randrange(40, 10_000_000), packets=rng.randrange(1, 5000))) for i in range(4000)]
    for i in range(count):
        records = [rng.choice(base) for _ in range(159)]
        records.append(nfcapd.record_v2(nfcapd.flow(1_768_381_200_000 + i, bytes=1_000_000_000 + i)))
        body = nfcapd.block(records)
        made.append(struct.pack('<HHIqBBHIqII', 0xA50C, 2, 0x01070100, 0, 0, 0, 0, 1, 0, 0, 1) + body)
    return made


def bench_small(_):
    """10,000 files of 20 KB renamed in; first rename -> last manifest, with durability on."""
    count = 10_000
    print(f'small: {count:,} files of 20 KB (160 flows), first rename in -> last manifest')
    s = place_for('small', workers=2, commit='{ max_age: 1s }')
    contents = small_contents(count)
    beside = os.path.join(s.place, 'beside')
    os.mkdir(beside)
    for i, content in enumerate(contents):
        with open(f'{beside}/nfcapd.{202601140000 + i}', 'wb') as f:
            f.write(content)
    os.sync()
    run = s.start('run')
    wait_for(lambda: len(children(run.pid)) >= 2)
    time.sleep(1)
    began = time.monotonic()
    for name in os.listdir(beside):
        os.rename(f'{beside}/{name}', f'{s.watch}/{name}')
    renamed = time.monotonic() - began
    if not wait_for(lambda: committed(s) >= count, 120, 0.25):
        sys.exit(f'bench: only {committed(s)} files committed\n{s.log()[-2000:]}')
    took = time.monotonic() - began
    cpu = sum(cpu_tree(p) for p in children(run.pid))
    stop(run)
    rows = len(ids(s.lake))
    record('files a second, drop -> committed', count / took, 'files/s', 'floor 1000 aim 2000', f'{took:.2f} s (renames took {renamed:.2f} s), {rows:,} rows')
    record('CPU a file', cpu / count * 1e6, 'us')


def bench_confine(runs):
    confine_bench.bench_confine(runs, v5_file('lz4'), FLOWS, small_contents(10_000))


def committed(s):
    done = subprocess.run([SLUICE, 'status', '-c', s.config, '--json'], capture_output=True, text=True, check=False)
    try:
        return json.loads(done.stdout)['pipelines'][0]['committed']
    except (ValueError, KeyError, IndexError):
        return 0


def bench_latency(_):
    """One 100 KB file dropped into an idle run with commit.max_age 100 ms: until its table file is there."""
    drops = 200
    print(f'latency: {drops} drops of a 100 KB file into an idle run, commit.max_age 100 ms')
    s = place_for('latency', workers=1, commit='{ max_age: 100ms }')
    run = s.start('run')
    wait_for(lambda: len(children(run.pid)) >= 2)
    time.sleep(1)
    times = []
    for i in range(drops):
        name = f'nfcapd.{202601140000 + i}'
        s.make(name, 800)
        pattern = f'{s.lake}/flow/hive/**/*.parquet'
        before = len(glob.glob(pattern, recursive=True))
        began = time.monotonic()
        s.drop(name)
        if not wait_for(lambda: len(glob.glob(pattern, recursive=True)) > before, 20, 0.003):
            sys.exit('bench: a drop never became queryable')
        times.append(time.monotonic() - began)
    stop(run)
    times.sort()
    record('drop -> queryable, median', statistics.median(times) * 1e3, 'ms')
    record('drop -> queryable, p99', times[int(drops * 0.99) - 1] * 1e3, 'ms', 'below 1000')
    cluster_latency_bench.bench_cluster_latency()


def bench_workers(runs):
    workers_bench.bench_workers(runs, v5_file('lz4'))


def bench_ledger(_):
    program = os.path.join(os.path.dirname(SLUICE), 'tests', 'bench', 'ledger_bench')
    if not os.path.exists(program):
        return
    print('ledger: cost of a file, from a thousand to a million entries')
    for line in subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines():
        name, value, unit = line.split('\t')
        record(name, float(value), unit)


def bench_size(_):
    print('size: bytes a row against pyarrow and DuckDB, equal codec and level')
    script = os.path.join(HERE, 'parquet_size.py')
    done = subprocess.run([sys.executable, script, v5_file('lz4')], capture_output=True, text=True, check=False, env=dict(os.environ, SLUICE=SLUICE))
    print('  ' + done.stdout.replace('\n', '\n  '))
    if done.returncode != 0:
        print(done.stderr[-2000:])
    results.append({'name': 'size', 'text': done.stdout})


def bench_kafka(runs):
    kafka_bench.bench_kafka(runs, v5_file('lz4'))


SECTIONS = {'dns': dns_bench.bench_dns, 'proxy': proxy_bench.bench_proxy, 'kafka': bench_kafka, 'hdfs': hdfs_bench.bench_hdfs, 'small': bench_small, 'latency': bench_latency, 'flow': bench_flow, 'workers': bench_workers, 'memory': bench_memory, 'ledger': bench_ledger, 'size': bench_size, 'compact': compact_bench.bench_compact, 'confine': bench_confine, 'spark': spark_bench.bench_spark}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--runs', type=int, default=5)
    parser.add_argument('section', nargs='*', choices=[[], *SECTIONS])
    args = parser.parse_args()
    for name in args.section or SECTIONS:
        SECTIONS[name](args.runs)
    with open(os.path.join(os.path.dirname(SLUICE), 'bench.json'), 'w', encoding='utf-8') as f:
        json.dump(results, f, indent=1)


if __name__ == '__main__':
    main()
