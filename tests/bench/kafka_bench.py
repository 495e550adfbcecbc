"""The kafka section: rows events through a real broker, from files that are dropped to rows that are committed, against a bare librdkafka producer and consumer that
move the very same events with the same settings, in turn with it.

The last commit waits for its age, so that is short here; it is part of the time. What sluice does beside moving them: hash and archive the originals, dissect them, encode rows; decode rows, write Parquet, commit. The broker has the same two cores.
"""
import glob
import json
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from cluster import rdkafka  # noqa: E402
from cluster.session import session, why_not  # noqa: E402
from measure import SLUICE, cpu_tree, place_for, record  # noqa: E402
from spool import children, stop, wait_for  # noqa: E402

import proxy_bench  # noqa: E402

FILES, FILE_BYTES, WARM = 2000, 1_000_000, 3
LOOP = os.path.join(os.path.dirname(SLUICE), 'tests', 'bench', 'kafka_loop')
# sluice's defaults that are not the library's (src/bus/kafka/property.c)
SETTINGS = ['compression.codec=lz4', 'queue.buffering.max.kbytes=32768', 'queued.max.messages.kbytes=8192', 'fetch.message.max.bytes=4194304', 'fetch.wait.max.ms=50',
            'message.max.bytes=10485760']


def pieces():
    """Parts of the log of the proxy section, each with its directives: files small enough to go as rows. The log is cut again, with a remark of its own, when it ends."""
    log, _ = proxy_bench.logs()
    with open(log, 'rb') as f:
        data = f.read()
    head = b''.join(line + b'\n' for line in data[:10_000].split(b'\n') if line.startswith(b'#'))
    made, again, at = [], 0, len(head)
    while len(made) < FILES:
        if at + FILE_BYTES > len(data):
            again, at = again + 1, len(head)
        end = data.rindex(b'\n', at, at + FILE_BYTES) + 1
        made.append(head + b'#Remark: %d\n' % again + data[at:end])
        at = end
    return made


class Commits:
    """Counts the files whose rows are committed, from the manifests: `sluice status` asks the broker, which would be measured too."""

    def __init__(self, lake):
        self.pattern, self.seen, self.files = f'{lake}/_sluice/commits/*/*/[0-9]*', set(), 0

    def count(self):
        for path in set(glob.glob(self.pattern)) - self.seen:
            with open(path, encoding='utf-8') as f:
                self.files += sum('original' in json.loads(line) for line in f)
            self.seen.add(path)
        return self.files


def ours(c, made, number):
    """Seconds from the first drop to the last commit, and seconds of processor: collector, worker, broker."""
    instance = f'bench{os.getpid()}-{number}'
    s = place_for('kafka', dissector='elff', workers=2, bus=f'kafka://{c.kafka.bootstrap}', instance=instance, commit='{ max_age: 500ms }', log='{ level: warn }')
    for i, content in enumerate(made):
        with open(os.path.join(s.watch, f'.{i:04}.part'), 'wb') as f:
            f.write(content)
    run = s.start('run')
    wait_for(lambda: len(children(run.pid)) >= 2)
    time.sleep(3)
    pids = {'collector': children(run.pid)[0], 'worker': children(run.pid)[1], 'broker': c.server('kafka').pid()}
    before = {name: cpu_tree(pid) for name, pid in pids.items()}
    began = time.monotonic()
    for i in range(len(made)):
        os.rename(os.path.join(s.watch, f'.{i:04}.part'), os.path.join(s.watch, f'{i:04}.log'))
    commits = Commits(s.lake)
    if not wait_for(lambda: commits.count() >= len(made), 300, 0.05):
        sys.exit('bench: not everything was committed\n' + s.log()[-2000:])
    took = time.monotonic() - began
    cpu = {name: cpu_tree(pid) - before[name] for name, pid in pids.items()}
    stop(run)
    return instance, took, cpu


def bare(c, topic, target):
    with rdkafka.Client(rdkafka.PRODUCER, rdkafka.plain(c.kafka)) as client:
        client.create(target, 2)
    time.sleep(1)
    broker = c.server('kafka').pid()
    before = cpu_tree(broker)
    done = subprocess.run([LOOP, c.kafka.bootstrap, topic, target, *SETTINGS], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f'bench: {done.stderr}')
    events, size, seconds = done.stdout.split()
    return int(events), int(size), float(seconds), cpu_tree(broker) - before


def bench_kafka(runs):
    if why_not():
        print(f'kafka: not measured: {why_not()}')
        return
    made = pieces()
    total = sum(map(len, made))
    print(f'kafka: {len(made)} logs of 1 MB as rows events through a real broker, drop to committed, and their events moved by bare librdkafka')
    rates, bares, shares = [], [], []
    with session('kafka') as c:
        for i in range(WARM):  # a fresh broker compiles its code first: it needs twice the processor time until several GB have passed
            instance, *_ = ours(c, made[:FILES // 2], f'warm{i}')
            bare(c, f'{instance}.proxy.rows', f'{instance}.bare')
        for i in range(min(runs, 3)):
            instance, took, cpu = ours(c, made, i)
            events, size, seconds, broker = bare(c, f'{instance}.proxy.rows', f'{instance}.bare')
            rates.append(size / took)
            bares.append(size / seconds)
            shares.append(cpu)
            print(f'  run {i}: {events} events of {size / 1e6:.0f} MB; sluice {took:.2f} s ({", ".join(f"{n} {v:.2f} s" for n, v in cpu.items())} of CPU), bare {seconds:.2f} s (broker {broker:.2f} s)')
    record('rows events, drop -> committed', statistics.median(rates) / 1e6, 'MB/s', '', f'{total / 1e6:.0f} MB of logs')
    record('bare producer + consumer', statistics.median(bares) / 1e6, 'MB/s')
    record('ratio sluice / bare', statistics.median(rates) / statistics.median(bares), 'x', 'floor 0.4 aim 0.7')
    for name in shares[0]:
        record(f'CPU of the {name}', statistics.median(s[name] for s in shares), 's')
