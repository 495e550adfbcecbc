"""The kafka section: rows events through a real broker, from files that are dropped to rows that are committed, against a bare librdkafka producer and consumer that
move the very same events with the same settings, in turn with it. Flow and proxy each by themselves.

The last commit waits for its age, so that is short here; it is part of the time. What sluice does beside moving them: hash and archive the originals, dissect them, encode rows; decode rows, write Parquet, commit. The broker has the same two cores.
"""
import glob
import itertools
import json
import os
import statistics
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from cluster import rdkafka  # noqa: E402
from cluster.session import session, why_not  # noqa: E402
from measure import SLUICE, cpu_tree, place_for, record  # noqa: E402
from spool import children, stop, wait_for  # noqa: E402

import proxy_bench  # noqa: E402

FILE_BYTES = 1_000_000
WARM_MOST, COMPILES = 10, 0.08  # rounds before the first that counts; the compiler's share of the broker's time at which it is warm
LOOP = os.path.join(os.path.dirname(SLUICE), 'tests', 'bench', 'kafka_loop')
# sluice's defaults that are not the library's (src/bus/kafka/property.c)
SETTINGS = ['compression.codec=lz4', 'queue.buffering.max.kbytes=32768', 'queued.max.messages.kbytes=8192', 'fetch.message.max.bytes=4194304', 'fetch.wait.max.ms=50',
            'message.max.bytes=10485760']


def proxy_pieces(_):
    """Parts of the log of the proxy section, each with its directives. The log is cut again, with a remark of its own, when it ends."""
    log, _ = proxy_bench.logs()
    with open(log, 'rb') as f:
        data = f.read()
    head = b''.join(line + b'\n' for line in data[:10_000].split(b'\n') if line.startswith(b'#'))
    for again in itertools.count():
        at = len(head)
        while at + FILE_BYTES <= len(data):
            end = data.rindex(b'\n', at, at + FILE_BYTES) + 1
            yield head + b'#Remark: %d\n' % again + data[at:end]
            at = end


def flow_pieces(path):
    """Parts of the file of the flow section, LZ4 blocks as they lie there; the time of its making tells one from another when the file is cut again."""
    with open(path, 'rb') as f:
        data = f.read()
    for again in itertools.count():
        head, blocks, size, at = data[:8] + struct.pack('<q', again) + data[16:18], [], 0, 40
        for left in range(struct.unpack_from('<I', data, 36)[0] - 1, -1, -1):
            end = at + 12 + struct.unpack_from('<I', data, at + 4)[0]
            blocks.append(data[at:end])
            size, at = size + len(blocks[-1]), end
            if size + len(blocks[0]) > FILE_BYTES or not left:
                yield head + struct.pack('<HIqII', 0, 0, 0, 0, len(blocks)) + b''.join(blocks)
                blocks, size = [], 0


# dissector, name that its tools give a file, contents that are small enough to go as rows, how many of them make 2 GB of rows. Not dns: the rows of a capture are a twentieth of it, so it
# would measure how fast an original is hashed.
DATASETS = {'flow': ('nfcapd', 'nfcapd.{}', flow_pieces, 500), 'proxy': ('elff', '{}.log', proxy_pieces, 2000)}


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


def compiler(pid):
    """Seconds of processor that the compiler threads of a Java process took."""
    total = 0
    for path in glob.glob(f'/proc/{pid}/task/*/stat'):
        with open(path, encoding='ascii') as f:
            name, rest = f.read().split('(', 1)[1].rsplit(')', 1)
        if name.startswith(('C1 Compiler', 'C2 Compiler')):
            total += sum(int(part) for part in rest.split()[11:13])
    return total / os.sysconf('SC_CLK_TCK')


def ours(c, dataset, made, number):
    """Seconds from the first drop to the last commit, and seconds of processor: collector, worker, broker."""
    instance = f'bench{os.getpid()}-{number}'
    # by partition, as bare reads: a group deals out anew for up to six seconds after its start
    s = place_for('kafka', dissector=DATASETS[dataset][0], workers=2, partitions=[0, 1], bus=f'kafka://{c.kafka.bootstrap}', instance=instance, commit='{ max_age: 500ms }',
                  log='{ level: warn }')
    names = [DATASETS[dataset][1].format(f'{i:04}') for i in range(len(made))]
    for name, content in zip(names, made):
        with open(os.path.join(s.watch, f'.{name}.part'), 'wb') as f:
            f.write(content)
    os.sync()  # what is written here is nothing that sluice has to wait for
    run = s.start('run')
    wait_for(lambda: len(children(run.pid)) >= 2)
    time.sleep(3)
    pids = {'collector': children(run.pid)[0], 'worker': children(run.pid)[1], 'broker': c.server('kafka').pid()}
    before = {name: cpu_tree(pid) for name, pid in pids.items()}
    began = time.monotonic()
    for name in names:
        os.rename(os.path.join(s.watch, f'.{name}.part'), os.path.join(s.watch, name))
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


def bench_dataset(c, dataset, made, runs, number):
    rates, bares, shares = [], [], []

    def turn(files):
        instance, took, cpu = ours(c, dataset, made[:files], next(number))
        return took, cpu, bare(c, f'{instance}.{dataset}.rows', f'{instance}.bare')
    pid = c.server('kafka').pid()
    for _ in range(WARM_MOST):  # a fresh broker compiles its code first, beside those that are measured: it needs twice the processor time until several GB have passed
        before = cpu_tree(pid), compiler(pid)
        turn(len(made) // 2)
        share = (compiler(pid) - before[1]) / (cpu_tree(pid) - before[0])
        print(f'  {dataset}, not counted: of the broker\'s CPU its compiler took {share:.0%}', flush=True)
        if share < COMPILES:
            break
    for i in range(runs):
        took, cpu, (events, size, seconds, broker) = turn(len(made))
        rates.append(size / took)
        bares.append(size / seconds)
        shares.append(cpu)
        print(f'  {dataset} {i}: {events} events of {size / 1e6:.0f} MB; sluice {took:.2f} s ({", ".join(f"{n} {v:.2f} s" for n, v in cpu.items())} of CPU), bare {seconds:.2f} s (broker {broker:.2f} s)', flush=True)
    record(f'{dataset}: rows events, drop -> committed', statistics.median(rates) / 1e6, 'MB/s', '', f'{sum(map(len, made)) / 1e6:.0f} MB of files')
    record(f'{dataset}: bare producer + consumer', statistics.median(bares) / 1e6, 'MB/s')
    record(f'{dataset}: ratio sluice / bare, median of pairs', statistics.median(r / b for r, b in zip(rates, bares)), 'x', 'floor 0.4 aim 0.7')
    for name in shares[0]:
        record(f'{dataset}: CPU of the {name}', statistics.median(s[name] for s in shares), 's')


def bench_kafka(runs, flows):
    if why_not():
        print(f'kafka: not measured: {why_not()}')
        return
    print('kafka: files of 1 MB as rows events through a real broker, drop to committed, and their events moved by bare librdkafka')
    number = itertools.count()
    with session('kafka') as c:
        for dataset, (_, _, pieces, files) in DATASETS.items():
            bench_dataset(c, dataset, list(itertools.islice(pieces(flows), files)), runs, number)
