"""The workers section: what a second worker thread brings. The same originals and the same events, on the embedded bus, dissected by one thread and by two, in turns.

Two processors of a virtual machine are seldom worth twice one: they share caches, memory and what its host leaves them. So two processes that share nothing, with all the work each, are measured in turn with these.

The collector has run before. Its bus, state and manifests are copied for each run, its originals linked. Partitions get equally many originals: an original's partition is
its digest's first four bytes modulo two (doc/pipe.md).
"""
import glob
import hashlib
import os
import resource
import shutil
import statistics
import struct
import subprocess
import sys
import time

import dns_bench
import proxy_bench
from measure import SLUICE, cpu_of, place_for, pq_rows, record, warm

EACH = 12  # originals of a partition


def balanced(made):
    """The first originals of an endless row of contents, equally many for each of two partitions."""
    chosen = {0: [], 1: []}
    for content in made:
        of = chosen[struct.unpack('>I', hashlib.sha256(content).digest()[:4])[0] % 2]
        if len(of) < EACH:
            of.append(content)
        if all(len(c) == EACH for c in chosen.values()):
            return [content for pair in zip(*chosen.values()) for content in pair]
    raise AssertionError('an endless row has ended')


def varied(path, offset):
    """The same input again and again, other in four bytes of its header that say nothing of its rows."""
    with open(path, 'rb') as f:
        data = f.read()
    for i in range(100):
        yield data[:offset] + struct.pack('<I', i) + data[offset + 4:]


def flows(path):
    return varied(path, 8)  # when the file was made


def captures():
    return varied(dns_bench.capture('dns-workers.pcap', '-n', '800000')[0], 12)  # accuracy of its time stamps, which nobody fills in


def logs(path, size=60_000_000):
    """Parts of the log of the proxy section, each with its directives and a remark of its own."""
    with open(path, 'rb') as f:
        head = b''.join(line + b'\n' for line in f.read(10_000).split(b'\n') if line.startswith(b'#'))
        for i in range(100):
            f.seek(len(head))
            while len(part := f.read(size)) == size:
                yield head + b'#Remark: %d\n' % i + part + f.readline()


def fill(dissector, contents):
    """A place whose originals are in the lake and whose events are on the bus, in two partitions."""
    s = place_for('workers', dissector=dissector, workers=2)
    for i, content in enumerate(contents):
        with open(os.path.join(s.watch, f'nfcapd.{202601140900 + i}' if dissector == 'nfcapd' else f'{i}.' + {'pcap-dns': 'pcap', 'elff': 'log'}[dissector]), 'wb') as f:
            f.write(content)
    cpu_of([SLUICE, 'collect', '-c', s.config, '--once'])
    shutil.rmtree(s.watch)
    return s


def again(full, dissector, workers):
    s = place_for('workers', dissector=dissector, workers=workers)
    for name in os.listdir(full.place):
        source, target = os.path.join(full.place, name), os.path.join(s.place, name)
        if name != 'spool' and os.path.isdir(source):
            shutil.copytree(source, target, copy_function=lambda a, b: os.link(a, b) if '/binary/' in a else shutil.copy2(a, b))
    for original in glob.glob(s.lake + '/*/binary/*/*/*'):
        warm(original)
    return s


def waited(pid, seen):
    """Nanoseconds that each thread has stood ready without a processor: what others on the machine, and the other thread, take from it."""
    for path in glob.glob(f'/proc/{pid}/task/*/schedstat'):
        try:
            with open(path, encoding='ascii') as f:
                seen[path] = int(f.read().split()[1])
        except (OSError, IndexError):
            pass


def work(places, rows):
    """Wall and CPU seconds of sluice work --once, begun in all these places together, and the longest that a thread stood in the processor's queue."""
    before, began, seen = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic(), {}
    running = [subprocess.Popen([SLUICE, 'work', '-c', s.config, '--once'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for s in places]
    while any([process.poll() is None for process in running]):
        for process in running:
            waited(process.pid, seen)
        time.sleep(0.01)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    for process, s in zip(running, places):
        have = sum(pq_rows(p) for p in glob.glob(s.lake + '/*/hive/**/*.parquet', recursive=True))
        if process.returncode != 0 or have == 0 or (rows and have != rows):
            sys.exit(f'bench: sluice work: exit {process.returncode}, {have} rows, not {rows}')
        shutil.rmtree(s.lake)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, max(seen.values(), default=0) / 1e9, have


def bench_one(dissector, contents, runs):
    full, rows, got = fill(dissector, balanced(contents)), 0, {1: [], 2: [], 'apart': []}
    for _ in range(runs):
        for case, places in ((1, [1]), (2, [2]), ('apart', [1, 1])):
            *figures, rows = work([again(full, dissector, workers) for workers in places], rows)
            got[case].append(figures)
    shutil.rmtree(full.lake)
    one, two, apart = ([statistics.median(column) for column in zip(*got[n])] for n in (1, 2, 'apart'))
    ratio, most = (statistics.median(times * a[0] / b[0] for a, b in zip(got[1], got[n])) for n, times in ((2, 1), ('apart', 2)))
    name = {'nfcapd': 'flow', 'pcap-dns': 'dns', 'elff': 'proxy'}[dissector]
    for n, f in ((1, one), (2, two)):
        record(f'{name}: {n} worker{"s" if n > 1 else ""}', f[0], 's', '', f'{rows / f[0]:,.0f} rows/s, {f[1]:.2f} s CPU, in the processor\'s queue {f[2]:.2f} s')
    record(f'{name}: 1 -> 2 workers, wall, pair by pair', ratio, 'x', 'floor 1.8', f'CPU {two[1] / one[1]:.2f} x')
    record(f'{name}: two processes that share nothing, likewise', most, 'x', '', f'what these two processors give; CPU {apart[1] / one[1] / 2:.2f} x')


def bench_workers(runs, flow_file):
    print(f'workers: {2 * EACH} large originals on an embedded bus, dissected by one thread and by two')
    bench_one('nfcapd', flows(flow_file), runs)
    bench_one('pcap-dns', captures(), runs)
    bench_one('elff', logs(proxy_bench.logs()[0]), runs)
