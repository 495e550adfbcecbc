#!/usr/bin/env python3
"""Service faults on real servers, one after the other: the fault begins, files are dropped, the log and status say what is waited for, the service is well again, and
all that was dropped is committed without a hand. At the end of all every row is there once and `sluice audit` finds nothing. The cases are the tables of doc/faults.md.

    services.py [--full] [NAME …]     --full: those too that take longer; a name: only faults that begin so
"""
import contextlib
import math
import os
import re
import signal
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..'), os.path.join(HERE, '..', 'lib')]
import matrix  # noqa: E402
import tap  # noqa: E402
from cluster import events, rdkafka  # noqa: E402
from cluster.between import Between  # noqa: E402
from cluster.faulty import Faulty  # noqa: E402
from cluster.hdfs import admin  # noqa: E402
from cluster.kafka import metadata  # noqa: E402
from cluster.service_site import HUGE, LARGE, ROWS, SMALL, TOLD_S, Missing, Site  # noqa: E402
from cluster.session import session, why_not  # noqa: E402
from spool import wait_for  # noqa: E402

HEADING, HEADING_FULL = 'Service faults', 'Service faults, the long run'
LOCK = threading.Lock()  # of what is printed


class Fault:
    """name     as in the table
    play     a context of a Site: the fault begins when it is entered, and what it is about is well again when it is left; words follow the site
    says     pattern of what is told; alternatives where the reason varies with the moment
    shown    the same for the table
    lasts    until the context is left: status says it too
    servers  it is a fault of the whole cluster: nothing else happens meanwhile
    drops    sizes of the files, where not the usual ones
    full     only with --full
    """

    def __init__(self, name, play, says, shown, lasts=True, servers=False, drops=(), full=False):
        self.name, self.play, self.says, self.shown = name, play, says, shown
        self.lasts, self.servers, self.drops, self.full, self.problems = lasts, servers, drops, full, None

    def happens_to(self, site):
        began, since = time.monotonic(), len(site.s.log())
        try:
            with self.play[0](site, *self.play[1:]):
                site.drop(*self.drops)
                told = site.told(self.says, since, self.lasts)
            self.problems = told + site.settle()
        except Exception as e:  # pylint: disable=broad-except  # whatever it was, this fault has its verdict and the next one its turn
            self.problems = [repr(e)]
        with LOCK:
            tap.check(f'{self.name}: told, and all comes to its end', not self.problems, '\n'.join([*self.problems, site.s.log()[since:][-4000:]]))
            print(f'# {time.monotonic() - began:.1f} s', flush=True)


# ---- what is between us and a service ----

@contextlib.contextmanager
def network(site, name, how, most=0):
    """The connections of the broker or the metastore."""
    site.between[name].be(how, most)
    try:
        yield
    finally:
        site.between[name].be('pass')


@contextlib.contextmanager
def answers(site, **rule):
    """HDFS as the rule says."""
    site.faulty.set({'op': '*', 'at': '*', 'times': math.inf, **rule})
    try:
        yield
    finally:
        site.faulty.set()


def rule(**words):
    return lambda site: answers(site, **words)


# ---- servers ----

@contextlib.contextmanager
def killed(site, *names):
    """As in a crash; started again afterwards."""
    for name in names:
        site.c.server(name).kill()
    try:
        yield
    finally:
        for name in names:
            site.c.server(name).start()
        for name in names:
            site.c.server(name).wait(120)


@contextlib.contextmanager
def killed_in_call(site):
    """The metastore, when it has got the request for a new partition."""
    server = site.c.server('metastore')
    site.between['metastore'].at(b'add_partition', server.kill)
    try:
        yield
        if not site.between['metastore'].called():
            raise Missing('the metastore was not asked for a partition')
    finally:
        site.between['metastore'].at(None, None)
        server.start().wait(120)


@contextlib.contextmanager
def killed_in_upload(site):
    """The data node that gets an upload, in the middle of it. The other one goes on alone."""
    down = []

    def kill():
        if not down:
            down.append(next(name for name, url in site.c.hdfs.nodes.items() if url.endswith(site.faulty.peer)))
            site.c.server(down[0]).kill()
    site.faulty.set({'op': 'CREATE', 'at': 'data', 'times': math.inf, 'call': (600 << 10, kill)})
    try:
        yield
        if not down:
            raise Missing('no large upload came')
        late = site.settle()
        if late:
            raise Missing(f'with {down[0]} away: {late}')
    finally:
        site.faulty.set()
        for name in down:
            site.c.server(name).start().wait(120)


@contextlib.contextmanager
def safe_mode(site):
    where = vars(site.c.hdfs)
    admin(where, '-safemode', 'enter')
    try:
        yield
    finally:
        admin(where, '-safemode', 'leave')


@contextlib.contextmanager
def quota(site):
    """Less room for the lake's folder than one block needs."""
    site.hdfs.call('PUT', site.root, 'SETQUOTA', storagespacequota=1 << 20)
    try:
        yield
    finally:
        site.hdfs.call('PUT', site.root, 'SETQUOTA', storagespacequota=-1)


def restart(c, names):
    for name in names:
        c.server(name).stop()
    for name in names:
        c.server(name).start()
    for name in names:
        c.server(name).wait(120)


@contextlib.contextmanager
def full_nodes(site):
    """Data nodes that keep more room free than their disk has: by their own count they have none left."""
    path = os.path.join(site.c.hdfs.conf, 'hdfs-site.xml')
    with open(path, encoding='utf-8') as f:
        text = f.read()
    reserved, found = re.subn(r'(dfs\.datanode\.du\.reserved</name><value>)0<', rf'\g<1>{1 << 60}<', text)
    if found != 1:
        raise Missing('dfs.datanode.du.reserved is not there')
    try:
        with open(path, 'w', encoding='utf-8') as f:
            f.write(reserved)
        restart(site.c, site.c.hdfs.nodes)
        yield
    finally:
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        restart(site.c, site.c.hdfs.nodes)


# ---- what lies on the bus ----

def client(site):
    return rdkafka.Client(rdkafka.PRODUCER, rdkafka.plain(site.c.kafka))


def partitions(site):
    shown = site.status()
    if not shown or not shown['partitions']:
        raise Missing('status knows no partitions')
    return shown['partitions']


def leave_on_bus(site):
    """The worker is away, and events wait."""
    site.end('work')
    site.drop()
    if not wait_for(lambda: site.files('published') == 2, TOLD_S, 0.2):
        raise Missing(f'not published: {site.status()}')


@contextlib.contextmanager
def passed_by(site):
    """As retention does it: events that no worker had are gone."""
    leave_on_bus(site)
    gone = 0
    with client(site) as kafka:
        for p in partitions(site):
            if p['next'] > p['first']:
                events.delete_before(kafka, p['topic'], p['partition'], p['next'])
            gone += p['lag']
    if not gone:
        raise Missing('no event was waiting')
    site.start('work')
    yield


@contextlib.contextmanager
def deleted(site):
    leave_on_bus(site)
    with client(site) as kafka:
        for topic in {p['topic'] for p in partitions(site)}:
            events.delete_topic(kafka, topic)
    site.start('work')
    yield


@contextlib.contextmanager
def smaller(site, most):
    """The topics take smaller messages than they said; as before when all was published that can be."""
    topics = {p['topic'] for p in partitions(site)}
    with client(site) as kafka:
        for topic in topics:
            events.set_topic(kafka, topic, 'max.message.bytes', most)
        try:
            yield
            late = site.settle() if most > 1000 else []
            if late:
                raise Missing(f'with small messages: {late}')
        finally:
            for topic in topics:
                events.set_topic(kafka, topic, 'max.message.bytes', 1048588)


@contextlib.contextmanager
def leader_killed(site, moves):
    """The second of two brokers dies, which leads some partitions. moves: the first one gets them"""
    first, second = site.c.pair.nodes
    topics = {p['topic'] for p in partitions(site)}

    def led_by(number):
        return [(t, n) for t in topics for n, leader in metadata(site.c.pair.nodes[first], t)[2].items() if leader == number]
    if not led_by(2):
        raise Missing('the second broker leads nothing')
    site.c.server(second).kill()
    try:
        yield
        if not wait_for(lambda: not led_by(2), TOLD_S, 0.2) or bool(led_by(-1)) == moves:
            raise Missing(f'without a leader: {led_by(-1)}, still with the second: {led_by(2)}')
        late = site.settle() if moves else []
        if late:
            raise Missing(f'with {second} away: {late}')
    finally:
        site.c.server(second).start().wait(120)


AWAY = 'waits: Kafka is away'
CLOSED = r'closed the connection|connection broke|cannot connect'

BUS = [
    Fault('connections to the broker are reset', (network, 'broker', 'reset'), 'Kafka is away', AWAY),
    Fault('answers of the broker are cut', (network, 'broker', 'cut', 300), 'Kafka is away', AWAY, full=True),
    Fault('the broker takes requests and is silent', (network, 'broker', 'stall'), 'Kafka', 'waits: Kafka', full=True),
    Fault('messages refused for size', (smaller, 1300), 'the bus takes smaller events now', 'a warning: originals are cut anew', lasts=False, drops=(ROWS, LARGE)),
    Fault('every message refused for size', (smaller, 300), 'Message size too large|bytes, at most', 'waits: the size, and what is taken', full=True),
    Fault('retention passed the workers by', (passed_by,), 'gone from the bus and were not committed', 'a warning: events are gone from the bus', lasts=False),
    Fault('topics deleted, with events', (deleted,), 'there is no topic .* any more: it is made anew', 'a warning: the topic is made anew', lasts=False),
    Fault('connections to the metastore are reset', (network, 'metastore', 'reset'), CLOSED, 'partitions wait: connection', full=True),
    Fault('answers of the metastore are cut', (network, 'metastore', 'cut', 30), CLOSED, 'partitions wait: connection', full=True),
    Fault('the metastore takes calls and is silent', (network, 'metastore', 'stall'), 'no answer in time', 'partitions wait: no answer in time', full=True),
    Fault('metastore killed in mid-call, started again', (killed_in_call,), CLOSED, 'partitions wait: connection', servers=True),
    Fault('broker killed, started again', (killed, 'kafka'), 'Kafka is away', AWAY, servers=True),
]

LAKE = [
    Fault('HDFS answers 403, access denied', (rule(op='CREATE', exception='AccessControlException'),), 'HDFS: .*AccessControlException', 'restarts: HDFS: AccessControlException', lasts=False),
    Fault('HDFS answers 500', (rule(status=500),), 'HDFS: .* status 500', 'waits: HDFS: status 500'),
    Fault('HDFS resets connections', (rule(before=True),), 'HDFS: .*(reset|mpty reply|closed)', 'waits: HDFS: connection reset', full=True),
    Fault('HDFS takes requests and is silent', (rule(silent=True),), 'HDFS: .* silent for', 'waits: HDFS: silent', full=True),
    Fault('uploads are cut', (rule(op='CREATE', at='data', cut=900),), 'HDFS: .*(reset|mpty reply|closed|roken pipe)', 'waits: HDFS: connection reset', full=True),
    Fault('uploads are shortened and acknowledged', (rule(op='CREATE', at='data', lie=900),), r'HDFS: .*has \d+ bytes, \d+ were written', 'waits: HDFS: has fewer bytes than were written'),
    Fault('space quota used up', (quota,), 'HDFS: .*DSQuotaExceededException', 'waits: HDFS: DSQuotaExceededException'),
    Fault('name node in safe mode', (safe_mode,), 'HDFS: .*SafeModeException', 'waits: HDFS: SafeModeException', servers=True),
    Fault('a data node killed in mid-upload', (killed_in_upload,), 'waiting: HDFS: ', 'waits a moment: HDFS', lasts=False, servers=True, drops=(HUGE,)),
    Fault('data nodes full', (full_nodes,), 'HDFS: .*(could only be written to 0|Failed to find datanode)', 'waits: HDFS: no data node has room', servers=True),
    Fault('name node killed, started again', (killed, 'namenode'), 'HDFS: ', 'waits: HDFS: connection', servers=True, full=True),
    # refused while the name node still believes in them, then no node at all
    Fault('all data nodes killed, started again', (killed, 'datanode1', 'datanode2'), 'HDFS: ', 'waits: HDFS: connection, or no data node', servers=True, full=True),
]


MANY = (SMALL,) * 12  # some of them in each partition

TWO_BROKERS = [
    ('{ replication.factor: 2 }', Fault('leader of partitions killed, another broker takes over', (leader_killed, True), 'Kafka', 'waits a moment: Kafka is away', lasts=False,
                                        servers=True, drops=MANY, full=True)),
    ('{ replication.factor: 1 }', Fault('leader of partitions killed, there is no other', (leader_killed, False), 'Kafka', AWAY, servers=True, drops=MANY, full=True)),
]


class Lane:
    """A site, its faults, and what its daemons are called in the table."""

    def __init__(self, site, faults, place=''):
        self.site, self.faults, self.what = site, faults, ', '.join(f'`{w}`' for w in site.words) + place

    def begin(self):
        self.site.start()
        self.site.drop()
        late = self.site.settle()
        tap.check(f'{self.what}: files arrive before anything happens', not late, '\n'.join([*late, self.site.s.log()[-4000:]]))

    def play(self, servers):
        for fault in self.faults:
            if fault.servers == servers:
                fault.happens_to(self.site)

    def judge(self):
        """Rows of the table, by whether they are of --full only."""
        try:
            wrong = self.site.finish()
        except Exception as e:  # pylint: disable=broad-except  # as above
            wrong = [repr(e)]
        files, rows = len(self.site.s.inputs), self.site.s.next_id - 1
        tap.check(f'{self.what}: {files} files, {rows} rows each once, audit clean', not wrong, '\n'.join([*map(str, wrong[:12]), self.site.s.log()[-6000:]]))
        if 'SLUICE_KEEP' in os.environ:
            print('\n'.join('#   ' + line for line in self.site.s.log().splitlines()))
        return [(f.full, f'| {f.name} | {self.what} | {"yes" if f.problems == [] and not wrong else "no"} | {f.shown} |') for f in self.faults]


def run(lanes):
    """Each lane has its own proxies, folder and topics; servers are shared, so what happens to these happens alone. Rows of the table."""
    for lane in lanes:
        lane.begin()
    threads = [threading.Thread(target=lane.play, args=(False,), daemon=True) for lane in lanes]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for lane in lanes:
        lane.play(True)
    return [row for lane in lanes for row in lane.judge()]


def bus_lane(c, place, ends, faults):
    """A collector and a worker, with proxies before broker and metastore."""
    name = f'services-{os.getpid()}-bus'
    between = {'broker': Between('127.0.0.1', c.kafka.behind, c.kafka.proxy), 'metastore': Between(c.metastore.host, c.metastore.port)}
    for b in between.values():
        ends.callback(b.close)
    site = Site(c, os.path.join(place, 'bus'), name, ('collect', 'work'), **{
        'bus': f'kafka://127.0.0.1:{between["broker"].port}', 'catalog': f'thrift://127.0.0.1:{between["metastore"].port}/{name.replace("-", "_")}', 'catalog.timeout': '5s'})
    ends.callback(site.close)
    site.between = between
    return Lane(site, faults)


def lake_lane(c, place, ends, faults):
    """A `run`, with a proxy before HDFS."""
    name, faulty = f'services-{os.getpid()}-lake', Faulty(c.hdfs.http)
    ends.callback(faulty.close)
    site = Site(c, os.path.join(place, 'lake'), name, ('run',), url=f'webhdfs://127.0.0.1:{faulty.port}/{name}', webhdfs=f'{{ user: {c.hdfs.user}, timeout: 5s }}')
    ends.callback(site.close)
    site.faulty = faulty
    return Lane(site, faults)


def one_cluster(chosen):
    if not any(chosen(f) for f in BUS + LAKE):
        return []
    with session('kafka', 'hdfs', 'metastore') as c, tempfile.TemporaryDirectory(prefix='sluice-services-') as place, contextlib.ExitStack() as ends:
        return run([make(c, place, ends, faults) for make, all_faults in ((bus_lane, BUS), (lake_lane, LAKE)) if (faults := [f for f in all_faults if chosen(f)])])


def two_brokers(chosen):
    """The lake is a folder here."""
    some = [(topic, fault) for topic, fault in TWO_BROKERS if chosen(fault)]
    if not some:
        return []
    with session('pair') as c, tempfile.TemporaryDirectory(prefix='sluice-services-') as place, contextlib.ExitStack() as ends:
        lanes = []
        for n, (topic, fault) in enumerate(some):
            kafka = f'{{ session.timeout.ms: 6000, heartbeat.interval.ms: 1000, topic: {topic} }}'
            site = Site(c, os.path.join(place, str(n)), f'services-{os.getpid()}-pair{n}', ('collect', 'work'), bus=f'kafka://{c.pair.bootstrap}', kafka=kafka)
            ends.callback(site.close)
            lanes.append(Lane(site, [fault], ', two brokers'))
        return run(lanes)


def main():
    if why_not():
        tap.skip('service faults', why_not())
        tap.done()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # interrupted or not, what was started is stopped
    full, words = '--full' in sys.argv, [w for w in sys.argv[1:] if w != '--full']

    def chosen(fault):
        return any(fault.name.startswith(w) for w in words) if words else full or not fault.full
    table = one_cluster(chosen) + two_brokers(chosen)
    if not words:
        matrix.check(HEADING, [text for of_full, text in table if not of_full])
        if full:
            matrix.check(HEADING_FULL, [text for of_full, text in table if of_full])
    tap.done()


if __name__ == '__main__':
    main()
