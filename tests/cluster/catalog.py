#!/usr/bin/env python3
"""Tables and partitions in real Hive Metastores of two generations: what is made, what happens when they are away, and what Spark SQL reads from it."""
import glob
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..'), os.path.join(HERE, '..', 'lib')]
import duckdb  # noqa: E402
import proxy  # noqa: E402
import tap  # noqa: E402
from cluster import spark  # noqa: E402
from cluster.session import session, why_not  # noqa: E402
from hms import Metastore  # noqa: E402
from lake import faults, ids, table  # noqa: E402
from spool import HOUR_MS, Spool, children, stop, wait_for  # noqa: E402

SOURCE = os.environ.get('SLUICE_SOURCE', os.path.join(HERE, '..', '..'))
BUILD = os.path.join(SOURCE, 'build', 'tests')
MARK = f'{os.getpid()}_{time.time_ns() // 1_000_000}'
PIPELINES = {'flow': ('nfcapd', 'nfcapd.*'), 'dns': ('pcap-dns', '*.pcap'), 'proxy': ('elff', '*.log')}
BIG = {'flow': {'sip': 'string', 'ipkt': 'bigint', 'tdur': 'float', 'sport': 'int', 'y': 'smallint', 'm': 'tinyint', 'd': 'tinyint', 'h': 'tinyint'},
       'dns': {'frame_time': 'string', 'unix_tstamp': 'bigint', 'dns_qry_type': 'int', 'y': 'smallint', 'h': 'tinyint'},
       'proxy': {'p_date': 'string', 'scbytes': 'int', 'y': 'string', 'm': 'string', 'd': 'string', 'h': 'string'}}


def folders(lake, dataset='flow'):
    """Partitions that hold a file."""
    return {os.path.relpath(os.path.dirname(p), f'{lake}/{dataset}/hive') for p in glob.glob(f'{lake}/{dataset}/hive/**/*.parquet', recursive=True)}


class Place(Spool):
    """A spool whose lake is in a database of its own."""

    def __init__(self, folder, name, url, **keys):
        place = os.path.join(folder, name)
        os.mkdir(place)
        self.database = f'{name}_{MARK}'
        super().__init__(place, catalog=f'{url}/{self.database}', collect='{ settle: 0, rescan: 200ms }', commit='{ max_age: 100ms }', **keys)

    def feed(self, number, flows=50, hours=3, first=0):
        """A file whose flows lie in hours from first on."""
        name = f'nfcapd.{number:012d}'
        made = self.make_at(name, flows, hours, first)
        self.drop(name, made)

    def make_at(self, name, flows, hours, first):
        import nfcapd
        made = [nfcapd.flow(HOUR_MS + (first + i % hours) * 3_600_000 + i, bytes=self.next_id + i) for i in range(flows)]
        self.next_id += flows
        self.inputs[name] = nfcapd.file_v2(made)
        return self.inputs[name]

    def status(self):
        return json.loads(self.command('status', '--json').stdout)

    def exact(self, what, hms):
        """Every row once, and the metastore has the partitions that the lake has."""
        got = ids(self.lake)
        tap.check(f'{what}: every row once', got == self.expected(), f'{len(got)} of {len(self.expected())}')
        have, want = hms.names(self.database, 'flow'), folders(self.lake)
        tap.check(f'{what}: partitions are exact', have == want and have, f'{sorted(want - have)} lacking, {sorted(have - want)} too many')

    def kill_all(self, process):
        """The whole tree, as a machine that stops."""
        for pid in [*children(process.pid), process.pid]:
            os.kill(pid, 9)
        process.wait()


def conform(name, url):
    run = subprocess.run([f'{BUILD}/test_catalog_conform'], env={**os.environ, 'SLUICE_CATALOG': url, 'CMOCKA_MESSAGE_OUTPUT': 'TAP'}, stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, errors='backslashreplace', timeout=300, check=False)
    tap.check(f'{name}: passes the conformance test', run.returncode == 0 and '\nok 11' in run.stdout, run.stdout[-3000:] + run.stderr[-1000:])


def datasets(folder, name, url, hms):
    """All three datasets in one lake. Returns the place for Spark."""
    s = Place(folder, f'{name}_all', url)
    with open(s.config, 'w', encoding='utf-8') as f:
        f.write(f'lake: {s.lake}\ncatalog: {url}/{s.database}\ncollect: {{ settle: 0 }}\npipelines:\n')
        for dataset, (dissector, pattern) in PIPELINES.items():
            os.mkdir(f'{s.place}/{dataset}')
            f.write(f'  {dataset}: {{ watch: {s.place}/{dataset}, dissector: {dissector}, pattern: "{pattern}" }}\n')
    for n in range(2):
        with open(f'{s.place}/flow/nfcapd.{n}', 'wb') as f:
            f.write(s.make_at(f'nfcapd.{n}', 3000, 4, n))
        with open(f'{s.place}/proxy/{n}.log', 'w', encoding='utf-8') as f:
            f.write(proxy.log(1500, HOUR_MS // 1000 + 3600 * n, 5400, seed=n))
        subprocess.run([f'{BUILD}/bench/dns_capture', '-n', '3000', '-s', str(n), f'{s.place}/dns/{n}.pcap'], check=True, capture_output=True)
    check = s.command('check')
    tap.check(f'{name}: check says what would be made', 'the database would be made' in check.stdout and '28 columns at file://' in check.stdout, check)
    tap.check(f'{name}: and makes nothing', hms.database(s.database) is None)
    r = s.command('run', '--once')
    tap.check(f'{name}: run --once', r.returncode == 0, r)
    for dataset in PIPELINES:
        want, have = folders(s.lake, dataset), hms.partitions(s.database, dataset)
        tap.check(f'{name} {dataset}: partitions are those of the lake', set(have) == want and want, f'{set(have)} {want}')
        places = {path: f'file:{s.lake}/{dataset}/hive/{path}' for path in want}
        tap.check(f'{name} {dataset}: each where it lies', {p: l.replace('file://', 'file:') for p, l in have.items()} == places, have)
        ddl = s.command_plain('schema', '--ddl', 'hive', dataset)
        columns, keys = hms.columns(s.database, dataset)
        wanted = [tuple(line.strip(' ,').lower().replace('`', '').split()) for line in ddl.splitlines() if line.startswith('  `')]
        tap.check(f'{name} {dataset}: columns as schema --ddl hive prints them', columns == wanted, f'{columns}\n{wanted}')
        t = hms.table(s.database, dataset)
        tap.check(f'{name} {dataset}: external, by type and parameter', t[12] == 'EXTERNAL_TABLE' and t[9]['EXTERNAL'] == 'TRUE', t[9])
        tap.check(f'{name} {dataset}: keys', [k for k, _ in keys] == ['y', 'm', 'd', 'h'], keys)
    again = s.command('register')
    tap.check(f'{name}: register has nothing to do', again.returncode == 0 and again.stdout.count(': 0 partitions registered') == 3, again)
    hms.drop_table(s.database, 'dns')
    tap.check(f'{name}: a dropped table leaves the files', ids_of(s, 'dns') > 0)
    again = s.command('register')
    tap.check(f'{name}: register brings it back', again.returncode == 0 and hms.names(s.database, 'dns') == folders(s.lake, 'dns'), again)
    return s


def in_hdfs(c, folder, name, url, hms):
    """A lake in HDFS: its tables lie at an hdfs:// URL, or else at the lake's own. Returns the databases and the rows in each."""
    made = {}
    for kind, keys in (('rpc', {'catalog.location': f'{c.hdfs.rpc}/catalog/{MARK}/{name}_rpc'}), ('web', {})):
        root = f'/catalog/{MARK}/{name}_{kind}'
        lake = f'{c.hdfs.http.replace("http", "webhdfs")}{root}'
        s = Place(folder, f'{name}_{kind}', url, state=os.path.join(folder, f'{name}_{kind}_state'), webhdfs=f'{{ user: {c.hdfs.user} }}', **keys)
        with open(s.config, encoding='utf-8') as f:
            text = f.read()
        with open(s.config, 'w', encoding='utf-8') as f:
            f.write(text.replace(f'file://{s.lake}', lake))
        s.feed(1, hours=4)
        r = s.command('run', '--once')
        have = hms.partitions(s.database, 'flow')
        base = keys.get('catalog.location', lake)
        tap.check(f'{name} hdfs: tables at {base.split(":")[0]}://', r.returncode == 0 and len(have) == 4
                  and all(place == f'{base}/flow/hive/{path}' for path, place in have.items()), f'{r} {have}')
        made[s.database] = s.expected()
    return made


def ids_of(s, dataset):
    return duckdb.sql(f'select count(*) from {table(s.lake, dataset)}').fetchall()[0][0]


def with_schema(s, edit):
    """A flow.avsc of its own for a place, edited."""
    os.makedirs(f'{s.place}/schemas', exist_ok=True)
    source = json.loads(s.command_plain('schema', '--source', 'flow'))
    edit(source)
    with open(f'{s.place}/schemas/flow.avsc', 'w', encoding='utf-8') as f:
        json.dump(source, f)
    with open(s.config, encoding='utf-8') as f:
        text = f.read()
    if 'schemas:' not in text:
        with open(s.config, 'w', encoding='utf-8') as f:
            f.write(f'schemas: {s.place}/schemas\n{text}')


def grown_and_refused(folder, name, url, hms):
    s = Place(folder, f'{name}_grown', url)
    s.feed(1)
    s.command('run', '--once')
    before = hms.names(s.database, 'flow')
    with_schema(s, lambda a: a['fields'].append({'name': 'seen_by', 'type': ['null', 'int'], 'default': None, 'from': 'exporter_id'}))
    check = s.command('check')
    tap.check(f'{name}: check names the column that would be appended', 'the table lacks seen_by int: would be appended' in check.stdout, check)
    s.feed(2, first=1)
    r = s.command('run', '--once')
    columns, _ = hms.columns(s.database, 'flow')
    tap.check(f'{name}: a column is appended', r.returncode == 0 and columns[-1] == ('seen_by', 'int') and len(columns) == 29, f'{r} {columns}')
    lengths = {path: len(hms.partition(s.database, 'flow', path)[6][1]) for path in hms.names(s.database, 'flow')}
    tap.check(f'{name}: to partitions that were there too', len(before) == 3 and len(lengths) == 4 and set(lengths.values()) == {29}, lengths)
    s.exact(f'{name} grown', hms)

    with_schema(s, lambda a: next(f for f in a['fields'] if f['name'] == 'sport').update(type=['null', 'string']))
    table_before = hms.table(s.database, 'flow')
    s.feed(3, first=9)
    r = s.command('run', '--once')
    said = 'column 12 is sport string in the schema, sport int in the table'
    tap.check(f'{name}: another type is refused with both sides', r.returncode == 1 and said in r.stderr, r)
    check = s.command('check', '-q')
    tap.check(f'{name}: check says the same', check.returncode == 1 and said in check.stdout, check)
    tap.check(f'{name}: status too', said in s.status()['catalog']['reason'], s.status()['catalog'])
    tap.check(f'{name}: the table is as it was', hms.table(s.database, 'flow') == table_before)
    rows = duckdb.sql(f"select count(*) from read_parquet('{s.lake}/flow/hive/**/*.parquet', union_by_name = false)").fetchall()[0][0]
    tap.check(f'{name}: rows are committed all the same', rows == 150, rows)
    return s


def away(c, folder, name, url, hms):
    """The metastore is killed in mid-load, and so is sluice while it is away."""
    s = Place(folder, f'{name}_away', url)
    p = s.start('run')
    for n in range(4):
        s.feed(n, first=n)
    # An answer that is under way when the metastore dies is one that sluice never had.
    known = wait_for(lambda: len(hms.names(s.database, 'flow')) >= 6 and s.status()['catalog']['waiting'] == 0 and s.status()['catalog']['registered'] >= 6, 60)
    tap.check(f'{name}: the first partitions', known, s.log())
    c.server(name).kill()
    for n in range(4, 10):
        s.feed(n, first=3 * n)
        time.sleep(0.1)
    tap.check(f'{name} killed: rows go on', wait_for(lambda: ids(s.lake) == s.expected(), 60), s.log())
    well = wait_for(lambda: s.status()['catalog']['waiting'] == 18 and s.status()['catalog']['since_ms'] > 0 and 'refused' in s.status()['catalog']['reason'])
    tap.check(f'{name} killed: status says how many wait, since when, and why', well, s.status()['catalog'])
    loaded = Place(folder, f'{name}_loaded', url)
    given = f'{loaded.place}/given'
    with open(given, 'wb') as f:
        f.write(loaded.make_at('nfcapd.1', 50, 3, 0))
    r = loaded.command('load', '-p', 'flow', given)
    tap.check(f'{name} killed: load commits, says what waits, and exits with 0', r.returncode == 0 and ids(loaded.lake) == loaded.expected() and
              'the rows are committed, but 3 partitions wait for the catalog' in r.stderr, r)
    s.kill_all(p)
    shown = s.command('status').stdout
    tap.check(f'{name} killed: and still does when sluice is dead', 'it takes nothing' in shown, shown)
    p = s.start('run')
    for n in range(10, 13):
        s.feed(n, first=3 * n)
    tap.check(f'{name} killed: rows go on after a restart of sluice', wait_for(lambda: ids(s.lake) == s.expected(), 60), s.log())
    start = time.monotonic()
    c.server(name).start().wait()
    ready = time.monotonic()
    done = wait_for(lambda: hms.names(s.database, 'flow') == folders(s.lake), 60)
    tap.check(f'{name} back: registration follows by itself', done, s.log())
    print(f'# {name}: up after {ready - start:.1f} s, all {len(folders(s.lake))} partitions {time.monotonic() - ready:.1f} s later')
    tap.check(f'{name} back: status is calm', wait_for(lambda: s.status()['catalog']['since_ms'] == 0 and s.status()['catalog']['waiting'] == 0), s.status()['catalog'])
    tap.check(f'{name} back: a stop in order', stop(p) == 0, s.log())
    s.exact(f'{name} back', hms)
    r = loaded.command('run', '--once')
    tap.check(f'{name} back: the next run tells what load could not', r.returncode == 0 and hms.names(loaded.database, 'flow') == folders(loaded.lake), r)
    wrong = faults(s.lake, s.inputs)
    tap.check(f'{name} back: the lake is in order', not wrong, wrong)


def heir(c, folder, name, url, hms):
    """Of two workers one dies while the metastore is away: the other, which has been up all the time, tells what the dead one could not."""
    s = Place(folder, f'{name}_heir', url)
    first, collector = s.start('work'), s.start('collect')
    s.feed(0)
    tap.check(f'{name} heir: the first partitions', wait_for(lambda: len(hms.names(s.database, 'flow')) == 3, 60), s.log())
    second = s.start('work')
    c.server(name).kill()
    for n in range(1, 5):
        s.feed(n, first=3 * n)
    tap.check(f'{name} heir: rows go on', wait_for(lambda: ids(s.lake) == s.expected(), 60), s.log())
    first.kill()
    first.wait()
    c.server(name).start().wait()
    done = wait_for(lambda: hms.names(s.database, 'flow') == folders(s.lake), 60)
    tap.check(f'{name} heir: all {len(folders(s.lake))} partitions are there', done and len(folders(s.lake)) == 15, s.log())
    tap.check(f'{name} heir: orderly ends', [stop(p) for p in (second, collector)] == [0, 0], s.log())
    s.exact(f'{name} heir', hms)


class Door:
    """A port that takes connections and says nothing, until it is opened onto a metastore."""

    def __init__(self, host, port):
        self.target, self.open, self.held = (host, port), False, []
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if not self.open:
                self.held.append(client)
                continue
            server = socket.create_connection(self.target)
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    @staticmethod
    def pump(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.close()
        for client in self.held:
            client.close()


def silent(folder, name, where, hms):
    """It accepts calls and never answers."""
    door = Door(where['host'], where['port'])
    s = Place(folder, f'{name}_silent', f'thrift://127.0.0.1:{door.port}', **{'catalog.timeout': '1s', 'stop_timeout': '6s'})
    p = s.start('run')
    s.feed(1)
    tap.check(f'{name} silent: time-outs end the calls', wait_for(lambda: 'no answer in time' in s.status()['catalog']['reason'], 30), s.status()['catalog'])
    start = time.monotonic()
    for n in range(2, 6):
        s.feed(n, first=3 * n)
    tap.check(f'{name} silent: rows go on', wait_for(lambda: ids(s.lake) == s.expected(), 30), s.log())
    print(f'# {name} silent: rows of 4 files queryable after {time.monotonic() - start:.2f} s')
    calls = len(door.held)
    time.sleep(3)
    tap.check(f'{name} silent: and it is not stormed', len(door.held) - calls <= 4, f'{len(door.held) - calls} connections in 3 s')
    door.open = True
    tap.check(f'{name} silent: told when it answers', wait_for(lambda: hms.names(s.database, 'flow') == folders(s.lake), 40), s.log())
    door.open = False
    s.feed(7, first=40)
    wait_for(lambda: ids(s.lake) == s.expected(), 30)
    start = time.monotonic()
    tap.check(f'{name} silent: a stop does not wait for it', stop(p, 20) is not None and time.monotonic() - start < 6, time.monotonic() - start)
    door.close()


def together(folder, name, url, hms):
    """Two instances fill the same hours of one lake at the same time."""
    one = Place(folder, f'{name}_one', url, instance='one')
    two = Spool(os.path.join(folder, f'{name}_two'), lake=one.lake, instance='two', state=os.path.join(folder, f'{name}_two', 'state'), catalog=f'{url}/{one.database}',
                collect='{ settle: 0 }')
    two.next_id = 1_000_000
    for n in range(3):
        one.feed(n, hours=8)
        name_two = f'nfcapd.2{n}'
        two.drop(name_two, two.make(name_two, 80, hours=8))
    both = [s.start('run', '--once') for s in (one, two)]
    status = [p.wait(60) for p in both]
    tap.check(f'{name}: two instances at once', status == [0, 0], f'{status} {one.log()} {two.log()}')
    have, want = hms.names(one.database, 'flow'), folders(one.lake)
    tap.check(f'{name}: partitions of both are exact', have == want and len(have) == 8, f'{have} {want}')
    got = ids(one.lake)
    tap.check(f'{name}: rows of both', got == one.expected() + list(range(1_000_000, two.next_id)), len(got))


def expired(folder, name, url, hms):
    """Old partitions go from the metastore after their folders, whatever is killed in between; and come back with late rows."""
    age = int(time.time() - HOUR_MS / 1000 - 2 * 3600)
    s = Place(folder, f'{name}_expired', url, expire=f'{{ tables: {age}s }}')
    s.feed(1, flows=40, hours=4)
    r = s.command('run', '--once')
    tap.check(f'{name}: four hours to expire two of', r.returncode == 0 and len(hms.names(s.database, 'flow')) == 4, r)
    young = [i for i in s.expected() if (i - 1) % 4 >= 2]

    def exact(what):
        have, want = hms.names(s.database, 'flow'), folders(s.lake)
        tap.check(f'{name}: {what}: rows and partitions of two hours', ids(s.lake) == young and have == want and len(want) == 2, f'{len(ids(s.lake))} rows, {sorted(have)}')

    def late():
        r = s.command('load', '-p', 'flow', '--again', os.path.join(s.watch, 'nfcapd.000000000001'))
        young[:] = sorted(young + [i for i in s.expected() if (i - 1) % 4 >= 2])
        tap.check(f'{name}: late rows of old hours bring their partitions back', r.returncode == 0 and len(folders(s.lake)) == 4 and hms.names(s.database, 'flow') == folders(s.lake), r)

    r = s.command('expire')
    tap.check(f'{name}: expire is counted first', r.returncode == 0 and len(hms.names(s.database, 'flow')) == 4, r)
    r = s.command('expire', '--yes')
    tap.check(f'{name}: expire drops what it has deleted', r.returncode == 0 and '2 partitions dropped in the catalog' in r.stdout, r)
    exact('after it')
    program = os.environ.get('SLUICE_FAULTS', '')
    if not os.path.exists(program):
        tap.skip(f'{name}: an expiry is killed before and while it tells the metastore', 'no build with fault points')
        return
    for point, left in (('expire.cleared:kill@2', 4), ('expire.dropped:kill', 3)):
        late()
        died = subprocess.run([program, 'expire', '--yes', '-c', s.config], capture_output=True, env={**os.environ, 'SLUICE_FAULT': point}, timeout=60, check=False)
        tap.check(f'{name}: {point}: the metastore has more than the lake', died.returncode == -9 and len(hms.names(s.database, 'flow')) == left and len(folders(s.lake)) == 2,
                  f'{died} {hms.names(s.database, "flow")} {folders(s.lake)}')
        audit = s.command('audit', '--grace', '0')
        tap.check(f'{name}: {point}: an audit names them', audit.returncode == 3 and len([line for line in audit.stdout.splitlines() if re.match('partition-extra flow/.*: its rows expired', line)]) == left - 2, audit)
        mended = s.command('audit', '--grace', '0', '--repair') if left == 4 else s.command('expire', '--yes')
        tap.check(f'{name}: {point}: and the next drops them', mended.returncode == 0, mended)
        exact(point)
    tap.check(f'{name}: the lake is in order', s.command('audit', '--grace', '0').returncode == 0)


def by_spark(session_of_spark, grown, s, in_hdfs_too):
    """Spark's own client is of the old generation."""
    db, queries = s.database, {}
    for dataset in PIPELINES:
        h = "'09'" if dataset == 'proxy' else '9'
        m = "'01'" if dataset == 'proxy' else '1'
        queries |= {f'{dataset} count': f'select count(*) from {db}.{dataset}', f'{dataset} one': f'select * from {db}.{dataset}',
                    f'{dataset} pruned': f'select * from {db}.{dataset} where y = {"2026" if dataset != "proxy" else chr(39) + "2026" + chr(39)} and m = {m} and h = {h}',
                    f'{dataset} partitions': f'show partitions {db}.{dataset}'}
    queries['grown'] = f'select seen_by is null, count(*) from {grown.database}.flow where h < 14 group by 1 order by 1'
    queries |= {database: f'select ibyt from {database}.flow where h >= 9 order by ibyt' for database in in_hdfs_too}
    answer = {name: session_of_spark.ask(query, files=name.endswith((' one', ' pruned'))) for name, query in queries.items()}
    for dataset in PIPELINES:
        count = ids_of(s, dataset)
        tap.check(f'spark {dataset}: count', answer[f'{dataset} count']['rows'] == [[count]], f'{answer[f"{dataset} count"]["rows"]} {count}')
        types = dict(answer[f'{dataset} one']['columns'])
        tap.check(f'spark {dataset}: types', BIG[dataset].items() <= types.items(), types)
        rows = sorted(map(repr, map(tuple, answer[f'{dataset} one']['rows'])))
        names = [n for n, _ in answer[f'{dataset} one']['columns']]
        hive_types = "{'y': VARCHAR, 'm': VARCHAR, 'd': VARCHAR, 'h': VARCHAR}" if dataset == 'proxy' else "{'y': INT, 'm': INT, 'd': INT, 'h': INT}"
        source = f"read_parquet('{s.lake}/{dataset}/hive/**/*.parquet', hive_partitioning = true, hive_types = {hive_types})"
        plain = sorted(map(repr, duckdb.sql(f'select {", ".join(names)} from {source}').fetchall()))
        tap.check(f'spark {dataset}: every row as DuckDB reads the files', rows == plain, f'{rows[:2]}\n{plain[:2]}')
        pruned, files = answer[f'{dataset} pruned'], answer[f'{dataset} one']['files']
        want = len(glob.glob(f'{s.lake}/{dataset}/hive/y=2026/m=*/d=*/h={"09" if dataset == "proxy" else "9"}/*.parquet'))
        alone = len(folders(s.lake, dataset)) == 1
        tap.check(f'spark {dataset}: reads only the partition asked for', pruned['files'] == want and (alone or 0 < want < files), f'{pruned["files"]} {want} {files}')
        tap.check(f'spark {dataset}: its partitions', {r[0] for r in answer[f'{dataset} partitions']['rows']} == folders(s.lake, dataset))
    for database, want in in_hdfs_too.items():
        got = [r[0] for r in answer[database]['rows']]
        tap.check(f'spark {database}: reads the lake in HDFS', got == want, f'{len(got)} of {len(want)}')
    tap.check('spark grown: the new column is null in old rows and there in new ones',
              answer['grown']['rows'] == [[False, 50], [True, 50]], answer['grown']['rows'])


def command_plain(self, *words):
    return subprocess.run([self.sluice, *words], capture_output=True, text=True, timeout=60, check=True).stdout


Spool.command_plain = command_plain


def main():
    if why_not():
        tap.skip('Hive Metastore', why_not())
        tap.done()
    with session('hdfs', 'metastore', 'metastore4') as c, tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        for name in ('metastore', 'metastore4'):
            where = c.addresses[name]
            url, hms, start = f'thrift://{where["host"]}:{where["port"]}', Metastore(where['host'], where['port']), time.monotonic()
            conform(name, url)
            s = datasets(folder, name, url, hms)
            grown = grown_and_refused(folder, name, url, hms)
            together(folder, name, url, hms)
            silent(folder, name, where, hms)
            expired(folder, name, url, hms)
            hdfs = in_hdfs(c, folder, name, url, hms)
            if name == 'metastore':
                with spark.Session(c) as session_of_spark:
                    by_spark(session_of_spark, grown, s, hdfs)
            away(c, folder, name, url, hms)
            if name == 'metastore4':
                heir(c, folder, name, url, hms)
            print(f'# {name}: {time.monotonic() - start:.0f} s')
    tap.done()


main()
