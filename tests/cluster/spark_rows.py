#!/usr/bin/env python3
"""Rows taken by Spark: the same tables as the native worker's; killed between any two steps; either kind takes over from the other; nothing stepped over."""
import contextlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..'), os.path.join(HERE, '..', 'lib'), os.path.join(HERE, '..', '..', 'spark')]
import proxy  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
import rows_lake  # noqa: E402
import tap  # noqa: E402
from cluster import events, rdkafka  # noqa: E402
from cluster.rows_worker import SLUICE, Worker  # noqa: E402
from cluster.session import session, why_not  # noqa: E402
from cluster.webhdfs import Hdfs  # noqa: E402
from sluice_rows.lake import open_lake  # noqa: E402

START = 1_768_381_200  # 2026-01-14 09:00:00 UTC
CAPTURE = os.path.join(os.environ.get('SLUICE_SOURCE', os.path.join(HERE, '..', '..')), 'build', 'tests', 'bench', 'dns_capture')
PARTITIONS = 2


def logs(first, count):
    """Logs of 40 minutes each: some touch two hours and travel as two parts, some hold lines that are no requests."""
    made = {}
    for i in range(first, first + count):
        text = proxy.log(200, START + 1500 * i, 2400, seed=i).encode()
        made[f'proxy-{i}.log'] = text + b'one two three\n' * (i % 3 == 0) + proxy.line(random.Random(i), START + 1500 * i).encode() + b'\n'
    return made


class Place:
    """One instance: configurations that differ only in who takes the rows, a spool, a lake in HDFS."""

    def __init__(self, c, folder, name, pipeline='proxy', dissector='elff', **keys):
        self.c, self.name, self.pipeline, self.dataset = c, name, pipeline, {'elff': 'proxy', 'pcap-dns': 'dns'}[dissector]
        self.folder, self.root = os.path.join(folder, name), f'/spark-{os.getpid()}/{name}'
        self.watch = os.path.join(self.folder, 'spool')
        os.makedirs(self.watch)
        self.hdfs = Hdfs(c.hdfs.http, c.hdfs.user)
        self.topic = f'{name}.{pipeline}.rows'
        self.dissector, self.inputs, self.keys = dissector, {}, keys
        self.configs = {}

    def config(self, rows, state='state', more=''):
        path = os.path.join(self.folder, f'{rows}-{state}.yaml')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(f'instance: {self.name}\nlake: {self.c.hdfs.http.replace("http", "webhdfs", 1)}{self.root}\nwebhdfs.user: {self.c.hdfs.user}\n'
                    f'bus: kafka://{self.c.kafka.bootstrap}\nstate: {os.path.join(self.folder, state)}\nworkers: {PARTITIONS}\n'
                    f'commit: {{ max_age: 1s, max_events: 8 }}\ncollect: {{ settle: 0 }}\nlog.level: debug\n'
                    f'pipelines:\n  {self.pipeline}: {{ watch: {self.watch}, pattern: "[!.]*", dissector: {self.dissector}, rows_worker: {rows} }}\n{more}')
        return path

    def drop(self, inputs):
        for name, content in inputs.items():
            with open(os.path.join(self.watch, f'.{name}'), 'wb') as f:
                f.write(content)
            os.rename(os.path.join(self.watch, f'.{name}'), os.path.join(self.watch, name))
        self.inputs |= inputs

    def native(self, *words, timeout=120):
        return subprocess.run([SLUICE, *words], capture_output=True, text=True, timeout=timeout, check=False)

    def ends(self):
        """Events that the rows topic holds."""
        with rdkafka.Client(rdkafka.PRODUCER, rdkafka.plain(self.c.kafka)) as k:
            return [k.ends(self.topic, p)[1] for p in range(PARTITIONS)]

    def collect(self, events_wanted, state='state', seconds=60):
        """A collector until so many events lie on the topic; it is killed then, so no commit is awaited."""
        with open(os.path.join(self.folder, 'collect.log'), 'ab') as log:
            p = subprocess.Popen([SLUICE, 'collect', '-c', self.config('spark', state)], stdout=log, stderr=log)
        end = time.monotonic() + seconds
        have = 0
        try:
            while have < events_wanted and time.monotonic() < end and p.poll() is None:
                time.sleep(0.2)
                try:
                    have = sum(self.ends())
                except OSError:
                    continue
        finally:
            p.send_signal(signal.SIGTERM)
            p.wait(60)
        return have

    def read(self, path):
        return self.hdfs.read(f'{self.root}/{path}')

    def files(self, below=''):
        return sorted(p[len(self.root) + 1:] for p in self.hdfs.walk(f'{self.root}/{below}'.rstrip('/')))

    def manifests(self):
        """(head, files, originals) of all, in order of topic, partition and start."""
        found = []
        for path in self.files('_sluice/commits'):
            lines = [json.loads(line) for line in self.read(path).splitlines()]
            found.append((lines[0], [e for e in lines if 'file' in e], [e for e in lines if 'original' in e]))
        return found

    def tables(self):
        """{partition folder: rows, sorted}, and what each file says of itself."""
        rows, shapes = {}, set()
        for path in self.files(f'{self.dataset}/hive'):
            f = pq.ParquetFile(pa.BufferReader(self.read(path)))
            keys = f.metadata.metadata
            shapes.add((str(f.schema_arrow.remove_metadata()), str(f.schema).split('\n', 1)[1].split('\n', 1)[1], keys[b'parquet.avro.schema'], keys[b'sluice.dissector'],
                        tuple(sorted(keys))))
            rows.setdefault(os.path.dirname(path), []).extend(map(repr, f.read().to_pylist()))
        return {k: sorted(v) for k, v in rows.items()}, shapes

    def rejects(self):
        text = b''.join(self.read(p) for p in self.files(f'{self.dataset}/rejects'))
        return sorted(json.dumps({k: v for k, v in json.loads(line).items() if k != 'path'}, sort_keys=True) for line in text.splitlines())

    def faults(self):
        """What is wrong with the lake: chains, files, originals."""
        wrong, present, listed, originals = [], set(self.files(f'{self.dataset}/hive')), set(), []
        at = {}
        for head, files, of in self.manifests():
            where = head['topic'], head['partition']
            if at.get(where, head['start']) != head['start']:
                wrong.append(f'{where}: a gap before {head["start"]}')
            at[where] = head['end']
            listed |= {f['file'] for f in files if f['kind'] == 'table'}
            originals += [(o['original'], o['again']) for o in of]
        wrong += [f'doubled {o}' for o in set(originals) if originals.count(o) > 1]
        wrong += [f'only in the table: {p}' for p in present - listed] + [f'only in a manifest: {p}' for p in listed - present]
        if len(set(originals)) != len(self.inputs):
            wrong.append(f'{len(set(originals))} originals of {len(self.inputs)}')
        return wrong

    def expected(self):
        """Rows of all inputs as dissect prints them."""
        out = []
        for name in sorted(self.inputs):
            run = subprocess.run([SLUICE, 'dissect', '-t', self.dissector, '-f', 'json', os.path.join(self.watch, name)], capture_output=True, check=False)
            out += [repr(tuple(json.loads(line).values())) for line in run.stdout.splitlines()]
        return sorted(out)

    def stored(self):
        out = []
        for path in self.files(f'{self.dataset}/hive'):
            out += [repr(tuple(r.values())) for r in pq.ParquetFile(io.BytesIO(self.read(path))).read().to_pylist()]
        return sorted(out)


def parts(inputs):
    """Rows events that logs make: one for each hour they touch."""
    count = 0
    for name in inputs:
        first = START + 1500 * int(name.split('-')[1].split('.')[0])
        count += (first + 2400 * 199 // 200) // 3600 - first // 3600 + 1
    return count


def entries(place):
    """Lines of originals as they would be under either worker."""
    return sorted(json.dumps({k: v for k, v in o.items() if k != 'path'}, sort_keys=True) for _, _, of in place.manifests() for o in of)


def same(c, folder):
    """The same input through either worker."""
    inputs = logs(0, 12)
    native, spark = Place(c, folder, 'nat'), Place(c, folder, 'spk')
    native.drop(inputs)
    r = native.native('run', '--once', '-c', native.config('native'))
    tap.check('native: everything committed', r.returncode in (0, 1) and len(entries(native)) == len(inputs), r.stderr[-2000:])
    spark.drop(inputs)
    have = spark.collect(parts(inputs))
    tap.check('the collector leaves the rows on the topic', have >= parts(inputs) and spark.manifests() == [], have)
    with Worker(spark.config('spark'), os.path.join(folder, 'spk.log'), '--once') as w:
        status = w.wait()
        tap.check('spark: --once ends with 0', status == 0, w.said()[-3000:])
        tap.check('spark: one line a commit', [x for x in w.lines() if ' committed ' in x and ' lag=' in x], w.lines())
        left = w.left()
        tap.check('spark: no process is left', not left, left)
    (rows, shapes), (rows_s, shapes_s) = native.tables(), spark.tables()
    tap.check('equal partition folders', set(rows) == set(rows_s) and len(rows) > 3, (set(rows), set(rows_s)))
    tap.check('equal rows', rows == rows_s and sum(map(len, rows.values())) > 2000, {k: (len(rows[k]), len(rows_s.get(k, []))) for k in rows})
    tap.check('equal schemas and footers', shapes == shapes_s, f'{shapes}\n{shapes_s}')
    tap.check('equal lines of originals', entries(native) == entries(spark), f'{entries(native)[:2]}\n{entries(spark)[:2]}')
    tap.check('equal rejects', native.rejects() == spark.rejects() and len(spark.rejects()) >= 4, f'{native.rejects()[:2]}\n{spark.rejects()[:2]}')
    tap.check('rows are those that dissect prints', spark.stored() == spark.expected())
    tap.check('the lake is in order', not spark.faults(), spark.faults())


def killed(c, folder):
    """kill -9 between staging and manifest, between manifest and publish; duplicates; takeovers both ways."""
    p = Place(c, folder, 'kil')
    first, second, third = logs(20, 10), logs(30, 6), logs(36, 6)
    p.drop(first)
    have = p.collect(parts(first))
    # a second collector that knows nothing publishes everything again
    have = p.collect(2 * parts(first), state='other')
    tap.check('every event is on the topic twice', have >= 2 * parts(first), have)
    log = os.path.join(folder, 'kil.log')
    # a file where a folder has to be: a commit gets so far and no further
    with blocked(p, '_sluice/tmp'), Worker(p.config('spark'), log) as w:
        waits = w.until(' waits: ')
        w.kill()
        said = w.lines()
    staged = p.files('_sluice/staging')
    tap.check('killed with staged files and no manifest',
              waits and [s for s in staged if s.endswith('.parquet')] and not p.manifests() and not p.files(f'{p.dataset}/hive'), (said, staged))
    with blocked(p, f'{p.dataset}/hive'), Worker(p.config('spark'), log) as w:
        waits = w.until(' waits: ')
        w.kill()
        said = w.lines()
    heads = p.manifests()
    tap.check('killed with a manifest and nothing published', waits and heads and not p.files(f'{p.dataset}/hive'), (said, heads))
    # the native worker takes over, with further files; it is stopped in the same way
    p.drop(second)
    have = p.collect(2 * parts(first) + parts(second))
    r = p.native('work', '--once', '-c', p.config('native'), timeout=60)
    tap.check('native takes over from Spark', r.returncode in (0, 1) and not p.faults(), f'{r.stderr[-2000:]}\n{p.faults()}')
    tap.check('and both have committed', {m[0]['writer'].split()[1] for m in p.manifests()} >= {'rows_worker'} and len({m[0]['writer'] for m in p.manifests()}) == 2)
    p.drop(third)
    have = p.collect(2 * parts(first) + parts(second) + parts(third))
    before = len(p.manifests())
    with blocked(p, f'{p.dataset}/rejects'), open(log, 'ab') as out, subprocess.Popen([SLUICE, 'work', '-c', p.config('native')], stdout=out, stderr=out) as n:
        end = time.monotonic() + 30
        while time.monotonic() < end and len(p.manifests()) <= before:
            time.sleep(0.2)
        time.sleep(1)
        n.kill()
    tap.check('a native worker is killed with a manifest whose rejects are not published', len(p.manifests()) > before and waiting(p), len(p.manifests()))
    with Worker(p.config('spark'), log, '--once') as w:
        status = w.wait()
        tap.check('Spark takes over from a native worker that was killed', status == 0 and not p.faults(), f'{w.said()[-3000:]}\n{p.faults()}')
    tap.check('all rows, each once', p.stored() == p.expected() and len(p.stored()) > 4000, f'{len(p.stored())} of {len(p.expected())}')
    left = p.files('_sluice/staging')
    tap.check('nothing is left in staging', not left, left)


def waiting(p):
    """Files of manifests that lie in staging still."""
    there = set(p.files())
    return [f['file'] for _, files, _ in p.manifests() for f in files if f['file'] not in there and f['staged'] in there]


@contextlib.contextmanager
def blocked(p, folder):
    """A file lies where this folder of the lake has to be; what was there is back afterwards."""
    at, aside = f'{p.root}/{folder}', f'{p.root}-aside'
    kept = bool(p.hdfs.walk(at)) and p.hdfs.call('PUT', at, 'RENAME', destination=aside)
    p.hdfs.delete(at)
    p.hdfs.write(at, b'')
    try:
        yield
    finally:
        p.hdfs.delete(at)
        if kept:
            p.hdfs.call('PUT', aside, 'RENAME', destination=at)


def main():
    if why_not():
        tap.skip('spark_rows', why_not())
        tap.done()
    with session('kafka', 'hdfs') as c, tempfile.TemporaryDirectory() as folder:
        for name, lake in (('webhdfs', {'scheme': 'webhdfs', 'hosts': c.hdfs.http.split('//')[1], 'options': {'user': c.hdfs.user}}),
                           ('webhdfs+ssl', {'scheme': 'webhdfs+ssl', 'hosts': c.hdfs.https.split('//')[1], 'options': {'user': c.hdfs.user, 'ca_file': c.hdfs.ca}})):
            rows_lake.conform(name, lambda lake=lake, name=name: open_lake(lake | {'root': f'/spark-{os.getpid()}/{name}'}))
        same(c, folder)
        killed(c, folder)
        Hdfs(c.hdfs.http, c.hdfs.user).delete(f'/spark-{os.getpid()}')
    tap.done()


if __name__ == '__main__':
    main()
