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
import captures  # noqa: E402
import nfcapd  # noqa: E402
import proxy  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
import rows_lake  # noqa: E402
import tap  # noqa: E402
from cluster import events, rdkafka  # noqa: E402
from cluster.rows_worker import SLUICE, Worker  # noqa: E402
from cluster.session import session, why_not  # noqa: E402
from cluster.webhdfs import Hdfs  # noqa: E402
from sluice_rows.chain import Chain  # noqa: E402
from sluice_rows.lake import open_lake  # noqa: E402
from sluice_rows.schema import Schema, find  # noqa: E402

START = 1_768_381_200  # 2026-01-14 09:00:00 UTC
CAPTURE = os.path.join(os.environ.get('SLUICE_SOURCE', os.path.join(HERE, '..', '..')), 'build', 'tests', 'bench', 'dns_capture')
SCHEMAS = [os.path.join(HERE, '..', '..', 'schema')]
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
        self.partitions = PARTITIONS
        self.others = {}  # further pipelines: dissectors by dataset

    def config(self, rows, state='state'):
        path = os.path.join(self.folder, f'{rows}-{state}.yaml')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(f'instance: {self.name}\nlake: {self.c.hdfs.http.replace("http", "webhdfs", 1)}{self.root}\nwebhdfs.user: {self.c.hdfs.user}\n'
                    f'bus: kafka://{self.keys.get("bus", self.c.kafka.bootstrap)}\n{self.keys.get("kafka", "")}state: {os.path.join(self.folder, state)}\nworkers: {self.partitions}\n'
                    f'{self.keys.get("catalog", "")}commit: {{ max_age: 1s, max_events: 8 }}\ncollect: {{ settle: 0 }}\nlog.level: debug\n'
                    f'pipelines:\n  {self.pipeline}: {{ watch: {self.watch}, pattern: "[!.]*", dissector: {self.dissector}, rows_worker: {rows} }}\n' + ''.join(
                        f'  {n}: {{ watch: {os.path.join(self.folder, n)}, pattern: "[!.]*", dissector: {d}, rows_worker: {rows} }}\n' for n, d in self.others.items()))
        return path

    def add(self, dataset, dissector, inputs):
        """A further pipeline, whose inputs lie there before anything is started."""
        self.others[dataset] = dissector
        os.mkdir(os.path.join(self.folder, dataset))
        for name, content in inputs.items():
            with open(os.path.join(self.folder, dataset, name), 'wb') as f:
                f.write(content)

    def drop(self, inputs):
        for name, content in inputs.items():
            with open(os.path.join(self.watch, f'.{name}'), 'wb') as f:
                f.write(content)
            os.rename(os.path.join(self.watch, f'.{name}'), os.path.join(self.watch, name))
        self.inputs |= inputs

    def native(self, *words, timeout=300):
        return subprocess.run([SLUICE, *words], capture_output=True, text=True, timeout=timeout, check=False)

    def ends(self, pipeline=None):
        """Events that a rows topic holds."""
        topic = f'{self.name}.{pipeline or self.pipeline}.rows'
        with rdkafka.Client(rdkafka.PRODUCER, rdkafka.plain(self.c.kafka)) as k:
            return [k.ends(topic, p)[1] for p in range(self.partitions)]

    def committed(self):
        """Where the chains end."""
        ends = [0] * self.partitions
        for head, _, _ in self.manifests():
            if head['topic'] == self.topic:
                ends[head['partition']] = max(ends[head['partition']], head['end'])
        return ends

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
                    have = sum(sum(self.ends(name)) for name in [self.pipeline, *self.others])
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

    def tables(self, dataset=None):
        """{partition folder: rows, sorted}, and what each file says of itself."""
        rows, shapes = {}, set()
        for path in self.files(f'{dataset or self.dataset}/hive'):
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
            if head['topic'] != self.topic:
                continue
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


def flows():
    """Files of flows that touch two hours; durations that only a float holds."""
    return {f'nfcapd.20260114090{i}': nfcapd.file_v2([nfcapd.flow((START + 20 * j) * 1000 + 7 * j, last=(START + 20 * j) * 1000 + 333 * j, first=(START + 20 * j) * 1000,
                                                                  bytes=40 + j * 7919, src='2001:db8::7' if j % 10 == 0 else f'10.{i}.0.{j % 200}') for j in range(300)])
            for i in range(3)}


def answers():
    return {f'{i}.pcap': captures.capture([{'at': START + j, 'client': f'10.1.{i}.{j % 6}', 'server': '192.0.2.53', 'name': f'n{j}.example.com', 'kind': 'A', 'rcode': 3 * (j % 7 == 0),
                                            'a': None if j % 7 == 0 else f'203.0.113.{j % 13}'} for j in range(120)]) for i in range(2)}


def same(c, folder):
    """The same input through either worker."""
    inputs = logs(0, 12)
    native = Place(c, folder, 'nat')
    database = f'rows_{os.getpid()}'
    spark = Place(c, folder, 'spk', catalog=f'catalog: {c.metastore.url}/{database}\ncatalog.location: {c.hdfs.rpc}/spark-{os.getpid()}/spk\ncatalog.timeout: 60s\n')
    for p in (native, spark):
        p.add('flow', 'nfcapd', flows())
        p.add('dns', 'pcap-dns', answers())
    more = 3 * 2 + 2  # files of flows that touch two hours each, captures
    native.drop(inputs)
    r = native.native('run', '--once', '-c', native.config('native'))
    tap.check('native: everything committed', r.returncode in (0, 1) and len(entries(native)) == len(inputs) + 5, r.stderr[-2000:])
    spark.drop(inputs)
    have = spark.collect(parts(inputs) + more)
    tap.check('the collector leaves the rows on the topics', have >= parts(inputs) + more and spark.manifests() == [], have)
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
    for dataset, count in (('flow', 900), ('dns', 240)):
        (a, shape), (b, shape_s) = native.tables(dataset), spark.tables(dataset)
        tap.check(f'{dataset}: equal partition folders, rows, schemas and footers', a == b and shape == shape_s and sum(map(len, b.values())) == count,
                  f'{({k: len(v) for k, v in a.items()})} {({k: len(v) for k, v in b.items()})}\n{shape}\n{shape_s}')
    tap.check('equal lines of originals', entries(native) == entries(spark), f'{entries(native)[:2]}\n{entries(spark)[:2]}')
    tap.check('equal rejects', native.rejects() == spark.rejects() and len(spark.rejects()) >= 4, f'{native.rejects()[:2]}\n{spark.rejects()[:2]}')
    r = spark.native('register', '-c', spark.config('spark'))
    tap.check('table and partitions were told to the metastore as the native worker tells them',
              r.returncode == 0 and f'proxy: 0 partitions registered, {len(rows_s)} were there' in r.stdout and r.stdout.count(': 0 partitions registered') == 3, r.stdout + r.stderr)
    tap.check('rows are those that dissect prints', spark.stored() == spark.expected())
    tap.check('the lake is in order', not spark.faults(), spark.faults())


def killed(c, folder):
    """kill -9 between staging and manifest, between manifest and publish; duplicates; takeovers both ways."""
    p = Place(c, folder, 'kil')
    first, second, third, fourth = logs(20, 10), logs(30, 6), logs(36, 6), logs(42, 24)
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
    with Worker(p.config('spark'), log) as w:
        tap.check('Spark takes over from a native worker that was killed', w.settled(p) and not p.faults(), f'{w.said()[-3000:]}\n{p.faults()}')
        # more partitions while it runs, and it dies in mid-load
        p.partitions = 4
        p.drop(fourth)
        p.collect(2 * parts(first) + parts(second) + parts(third) + parts(fourth))
        grown = w.until('partition=3 .*lag=')
        w.kill()
        tap.check('partitions that were added are read', grown, w.lines()[-10:])
    with Worker(p.config('spark'), log) as w:
        tap.check('killed in mid-load, it goes on', w.settled(p) and not p.faults(), f'{w.said()[-3000:]}\n{p.faults()}')
        w.terminate()
        status = w.wait(60)
        tap.check('SIGTERM ends it with 0, and nothing is left', status == 0 and not w.left(), (status, w.left(), w.lines()[-5:]))
    tap.check('all rows, each once', p.stored() == p.expected() and len(p.stored()) > 9000, f'{len(p.stored())} of {len(p.expected())}')
    left = p.files('_sluice/staging')
    tap.check('nothing is left in staging', not left, left)


def long(n):
    n = n << 1 ^ n >> 63
    out = b''
    while n > 0x7f:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def avro(rows):
    """The value of a rows event: doc/formats/rows-event.md."""
    out = long(len(rows)) if rows else b''
    for row in rows:
        for value in row:
            if value is None:
                out += b'\0'
            else:
                out += b'\2' + (long(value) if isinstance(value, int) else long(len(value.encode())) + value.encode())
    return out + b'\0'


class Odd:
    """Events by hand on a topic with a partition for each case."""

    def __init__(self, place, client, partitions):
        self.place, self.client = place, client
        self.schema = find('dns', SCHEMAS)
        self.number = 0
        client.create(place.topic, partitions)

    def row(self, i):
        return [f'Jan 14 2026 09:00:{i:02d}.000000000 UTC', START + i, 80 + i, '10.0.0.1', '10.0.0.2', f'n{i}.example', '0x0001', 1, 0, None]

    def send(self, partition, rows=3, part=0, parts=1, total=None, letter=None, value=None, **headers):
        """An event that is right but for what is given. The original's sha256 comes back."""
        self.number += 1
        original = letter or f'{self.number:064x}'
        report = {'rows': total or rows, 'rejects': 0, 'lost': 0, 'outside': 0, 'silent': 0, 'clean': True, 'reason': '', 'counters': {}, 'entries': ''}
        of = {'kind': 'rows', 'original': original, 'name': 'n', 'path': 'p', 'size': 9, 'part': part, 'parts': parts, 'again': 0, 'dissector': 'pcap-dns/1', 'slot': 0,
              'archived': 0, 'schema': f'{self.schema.fingerprint:016x}', 'hour': START // 3600 + part, 'rows': rows} | ({'report': json.dumps(report)} if part == 0 else {}) | headers
        value = avro([self.row(i) for i in range(rows or 0)]) if value is None else value
        events.produce(self.client, self.place.topic, partition, [(k, str(v).encode()) for k, v in of.items() if v is not None], value, original.encode())
        return original


def odd(c, folder):
    """One partition a case; what can't be honoured stops it, and only it, after what came before."""
    secret = os.path.join(folder, 'password')
    with open(secret, 'w', encoding='utf-8') as f:
        f.write(c.kafka.password + '\n')
    p = Place(c, folder, 'odd', 'dns', 'pcap-dns', bus=c.kafka.sasl_ssl,
              kafka=f'kafka: {{ security.protocol: sasl_ssl, sasl.mechanism: PLAIN, sasl.username: {c.kafka.user}, sasl.password: {{ file: {secret} }}, ssl.ca.location: {c.kafka.ca} }}\n')
    lake = open_lake({'scheme': 'webhdfs', 'hosts': c.hdfs.http.split('//')[1], 'root': p.root, 'options': {'user': c.hdfs.user}})
    with rdkafka.Client(rdkafka.PRODUCER, rdkafka.plain(c.kafka)) as k:
        o = Odd(p, k, 12)
        old = json.loads(open(os.path.join(SCHEMAS[0], 'dns.avsc'), encoding='utf-8').read())
        # an older table: without ip_src, with a column that went, and a number that is a BIGINT now
        old['fields'] = [f for f in old['fields'] if f['name'] != 'ip_src'] + [{'name': 'went', 'type': ['null', 'string'], 'from': 'name'}]
        old['fields'][1]['type'] = ['null', 'int']
        other = json.loads(json.dumps(old))
        other['fields'][2]['type'] = ['null', 'string']
        prints = {}
        for name, schema in (('old', old), ('other', other)):
            text = json.dumps(schema)
            prints[name] = Schema(name, text).fingerprint
            lake.put_if_absent(f'_sluice/schemas/{prints[name]:016x}.avsc', text.encode())
        rows_old = [o.row(i)[:4] + o.row(i)[5:] + ['x'] for i in range(3)]
        stops = {  # partition: (the bad event, what is said)
            0: (lambda: o.send(0, value=avro([o.row(0)])[:-4]), 'can\'t be decoded'),
            1: (lambda: o.send(1, rows=4, value=avro([o.row(0)])), 'an event of 4 rows holds 1'),
            2: (lambda: o.send(2, schema='0123456789abcdef'), '0123456789abcdef.avsc of an event is not in the lake'),
            3: (lambda: o.send(3, schema=f'{prints["other"]:016x}'), 'column "frame_len": written as string'),
            4: (lambda: o.send(4, report=None), 'part 0 has no report'),
            5: (lambda: o.send(5, report='{"rows": 1}'), 'report: '),
            6: (lambda: o.send(6, total=7), 'parts hold 3 rows, their report says 7'),
            7: (lambda: o.send(7, kind='file', schema=None, hour=None, rows=None), 'a file event'),
        }
        for partition, (bad, _) in stops.items():
            o.send(partition)
            bad()
            o.send(partition)
        o.send(8, kind='nonsense')
        o.send(8, original='12')
        twice = o.send(8)
        o.send(8, schema=f'{prints["old"]:016x}', value=avro(rows_old))
        o.send(8, letter=twice)
        # parts: a set whose rest never came, after one that came in two goes, around another original
        a, b, d = 'a' * 64, 'b' * 64, 'd' * 64
        for letter, part in ((a, 0), (b, 0), (a, 0), (a, 1), (b, 1), (d, 0)):
            o.send(9, rows=2, part=part, parts=2, total=4, letter=letter)
        for _ in range(6):
            o.send(10)
        events.flush(k)
        Chain(lake, p.topic, 10, 1 << 40, 'test').commit(0, 2, [], [])
        Chain(lake, p.topic, 11, 1 << 40, 'test').commit(0, 2, [], [])
        events.delete_before(k, p.topic, 10, 4)
    with Worker(p.config('spark'), os.path.join(folder, 'odd.log'), '--once') as w:
        w.until(' reads from ')
        shown = w.command_lines()
        status = w.wait()
        said = '\n'.join(w.lines())
    tap.check('odd: the password is in no process list and no log', shown and c.kafka.password not in shown + w.said(), 'it is')
    tap.check('odd: it ends with 1', status == 1, said[-3000:])
    found = {}
    for head, _, originals in p.manifests():
        found.setdefault(head['partition'], []).append((head['start'], head['end'], len(originals)))
    for partition, (_, text) in stops.items():
        line = [x for x in w.lines() if f'{p.topic} partition={partition}' in x and 'stands still: event 1: ' in x and text in x]
        tap.check(f'odd: stops with "{text}", after what came before', line and found.get(partition) == [(0, 1, 1)], f'{found.get(partition)}\n{said[-2000:]}')
    tap.check('odd: events that name no original are left out; a second delivery is dropped; an old schema is read', found.get(8) == [(0, 5, 2)], found.get(8))
    tap.check('odd: events that were left out are named', said.count('not ours is left out') == 2)
    tap.check('odd: a commit never ends between parts', found.get(9) == [(0, 5, 2)] and 'parts are not all there' in said, (found.get(9), said[-1000:]))
    tap.check('odd: events that are gone stop the partition', 'events 2 to 3 are gone from the bus and were never committed' in said and found.get(10) == [(0, 2, 0)], found.get(10))
    tap.check('odd: a bus that ends before the commits is another one', 'commits go to 2, the bus ends at 0' in said and found.get(11) == [(0, 2, 0)], found.get(11))
    rows = [r for path in p.files('dns/hive') if '.rows-8-' in path for r in pq.ParquetFile(io.BytesIO(p.read(path))).read().to_pylist()]
    tap.check('odd: an old row in the table of today', sorted(str((r['unix_tstamp'], r['ip_src'])) for r in rows) ==
              sorted(str((START + i, source)) for i in range(3) for source in ('10.0.0.2', None)), rows)


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
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # interrupted or not, what was started is stopped
    with session('kafka', 'hdfs', 'metastore') as c, tempfile.TemporaryDirectory() as folder:
        for name, lake in (('webhdfs', {'scheme': 'webhdfs', 'hosts': c.hdfs.http.split('//')[1], 'options': {'user': c.hdfs.user}}),
                           ('webhdfs+ssl', {'scheme': 'webhdfs+ssl', 'hosts': c.hdfs.https.split('//')[1], 'options': {'user': c.hdfs.user, 'ca_file': c.hdfs.ca}})):
            rows_lake.conform(name, lambda lake=lake, name=name: open_lake(lake | {'root': f'/spark-{os.getpid()}/{name}'}))
        same(c, folder)
        killed(c, folder)
        odd(c, folder)
        Hdfs(c.hdfs.http, c.hdfs.user).delete(f'/spark-{os.getpid()}')
    tap.done()


if __name__ == '__main__':
    main()
