#!/usr/bin/env python3
"""Collector and workers as processes of their own that share a Kafka broker and a lake: workers come, go and die, partitions are added, the broker is killed, all
while files come in. Every row is there once."""
import json
import os
import signal
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..'), os.path.join(HERE, '..', 'lib')]
import tap  # noqa: E402
from cluster import events, rdkafka  # noqa: E402
from cluster.session import session, why_not  # noqa: E402
from lake import faults, ids  # noqa: E402
from spool import Spool, wait_for  # noqa: E402

SESSION_MS = 6000
LIMIT_S = 90


class Site:
    """One collector, any number of workers, each with a state folder of its own as if on a host of its own."""

    def __init__(self, place, bootstrap, instance, **keys):
        self.place, self.processes = place, []
        self.keys = {'bus': f'kafka://{bootstrap}', 'instance': instance, 'workers': 2, 'commit': '{ max_age: 300ms }', 'collect': '{ settle: 0 }',
                     'event': '{ inline_max: 64KiB }', 'kafka': f'{{ session.timeout.ms: {SESSION_MS}, heartbeat.interval.ms: 1000 }}', **keys}
        self.lake = os.path.join(place, 'lake')
        self.collector = self.config('collector')

    def config(self, name, **keys):
        return Spool(os.path.join(self.place, name), lake=self.lake, state=os.path.join(self.place, name, 'state'), **{**self.keys, **keys})

    def start(self, spool, word):
        process = spool.start(word)
        self.processes.append(process)
        return process

    def worker(self, name, **keys):
        spool = self.config(name, **keys)
        return spool, self.start(spool, 'work')

    def end(self):
        """All of them, in order. Whether each went well."""
        for p in self.processes:
            if p.poll() is None:
                p.terminate()
        return [p.wait(60) for p in self.processes]

    def drop(self, count, flows, tag):
        for i in range(count):
            name = f'nfcapd.{tag}{i:03}'
            self.collector.make(name, flows, hours=2)
            self.collector.drop(name)

    def wait(self, seconds=LIMIT_S):
        """Until every row that was dropped is in the table; the seconds it took, or None."""
        start = time.monotonic()
        while ids(self.lake) != self.collector.expected():
            if time.monotonic() > start + seconds:
                return None
            time.sleep(0.1)
        return time.monotonic() - start

    def status(self):
        return json.loads(self.collector.command('status', '--json').stdout)


def all_rows(site, what, seconds=LIMIT_S):
    took = site.wait(seconds)
    got, want = ids(site.lake), site.collector.expected()
    tap.check(f'{what}: every row, each once', took is not None and got == want, f'{len(got)} of {len(want)}; ' + site.collector.log()[-1500:])
    return took


def all_well(site, what):
    codes = site.end()
    tap.check(f'{what}: all end in order', all(c in (0, -signal.SIGKILL) for c in codes), codes)
    wrong = faults(site.lake, site.collector.inputs)
    tap.check(f'{what}: the lake is in order', not wrong, wrong)


def comings_and_goings(c, place):
    site = Site(place, c.kafka.bootstrap, f'move{os.getpid()}')
    site.start(site.collector, 'collect')
    one, first = site.worker('one')
    site.drop(10, 500, 'a')
    all_rows(site, 'one worker')

    two, _ = site.worker('two')
    site.drop(20, 500, 'b')
    site.drop(2, 5000, 'B')
    all_rows(site, 'a second one joins')

    # idle, so that what is timed is the taking over alone
    first.kill()
    first.wait()
    site.drop(8, 200, 'c')
    took = all_rows(site, 'one is killed')
    # twice the time-out when it died while the group was sharing out
    most = 2 * SESSION_MS / 1000 + 6
    tap.check(f'one is killed: its partitions are taken over within {most:.0f} s', took is not None and took < most, took)
    print(f'# taken over in {took} s')

    # the broker dies in the middle of a load
    site.drop(15, 500, 'd')
    c.server('kafka').kill()
    site.drop(15, 500, 'e')
    time.sleep(2)
    shown = site.collector.command('status')
    tap.check('broker away: status says so', 'Kafka is away' in shown.stderr, shown)
    checked = site.collector.command('check')
    tap.check('broker away: check says so', checked.returncode == 1 and 'Kafka is away' in checked.stdout, checked)
    c.server('kafka').start().wait()
    all_rows(site, 'broker killed and back')
    said = site.collector.log() + two.log()
    tap.check('broker killed and back: it was said what was waited for, and that it goes on', 'Kafka is away' in said, said[-3000:])

    # more partitions while files come in
    site.drop(5, 500, 'f')
    with open(site.collector.config, encoding='utf-8') as f:
        text = f.read()
    with open(site.collector.config, 'w', encoding='utf-8') as f:
        f.write(text.replace('workers: 2', 'workers: 4'))
    site.processes[0].send_signal(signal.SIGHUP)
    site.drop(20, 500, 'g')
    three, _ = site.worker('three', workers=2)
    site.drop(20, 500, 'h')
    all_rows(site, 'partitions are added')
    partitions = site.status()['partitions']
    tap.check('partitions are added: four of each topic', sorted((p['topic'].rsplit('.')[-1], p['partition']) for p in partitions) ==
              [(t, n) for t in ('files', 'rows') for n in range(4)], partitions)
    tap.check('partitions are added: the new ones are used', all(p['next'] > 0 for p in partitions if p['topic'].endswith('.rows')), partitions)
    tap.check('nothing waits', all(p['lag'] == 0 for p in partitions), partitions)
    wanted = [p['next'] or rdkafka.INVALID for p in partitions]
    with rdkafka.Client(rdkafka.CONSUMER, {'bootstrap.servers': c.kafka.bootstrap, 'group.id': f'sluice.{site.keys["instance"]}'}) as client:
        def group():
            return [events.committed(client, p['topic'], p['partition']) for p in partitions]
        tap.check("nothing waits: nor in what Kafka's own tools show", wait_for(lambda: group() == wanted, 20, 0.5), (group(), partitions))
    all_well(site, 'comings and goings')
    for spool in (one, two, three):
        tap.check(f'{os.path.basename(spool.place)}: no errors in its log', ' error ' not in spool.log(), spool.log()[-3000:])
    # gone is everybody; the topics stay
    tap.check('topics stay', len(site.status()['partitions']) == 8)


def ends(c, place):
    """Workers that end together while their group shares out, at several moments of that."""
    site = Site(place, c.kafka.bootstrap, f'ends{os.getpid()}')
    site.start(site.collector, 'collect')
    for i, moment in enumerate((0.3, 1.5, 2.5, 3.4)):
        workers = [site.worker(f'{name}{i}')[1] for name in ('one', 'two', 'three')]
        site.drop(3, 100, f'{i}')
        time.sleep(moment)
        for w in workers:
            w.terminate()
        codes = [w.wait(60) for w in workers]
        tap.check(f'ended together after {moment} s: in order', codes == [0, 0, 0], codes)
    site.worker('last')
    all_rows(site, 'workers that ended together')
    all_well(site, 'workers that ended together')


def deleted(c, place):
    """A topic is deleted under workers that read it."""
    site = Site(place, c.kafka.bootstrap, f'deleted{os.getpid()}')
    site.start(site.collector, 'collect')
    one, _ = site.worker('one')
    site.drop(3, 100, 'a')
    all_rows(site, 'before a topic is deleted')
    topic = next(p['topic'] for p in site.status()['partitions'] if p['topic'].endswith('.rows'))
    with rdkafka.Client(rdkafka.PRODUCER, {'bootstrap.servers': c.kafka.bootstrap}) as client:
        events.delete_topic(client, topic)
    tap.check('a topic is deleted: the worker says so', wait_for(lambda: f'there is no topic "{topic}"' in one.log(), 30, 0.1), one.log())
    all_well(site, 'a topic is deleted')


def fixed(c, place):
    site = Site(place, c.kafka.bootstrap, f'fixed{os.getpid()}')
    site.start(site.collector, 'collect')
    site.worker('one', partitions='[0]', workers=1)
    site.drop(20, 300, 'a')
    time.sleep(3)
    lag = {(p['topic'].rsplit('.')[-1], p['partition']): p['lag'] for p in site.status()['partitions']}
    tap.check('partitions: [0]: only these are worked off', lag[('rows', 0)] == 0 and lag[('rows', 1)] > 0, lag)
    site.worker('two', partitions='[1, 7]', workers=2)
    all_rows(site, 'fixed partitions')
    all_well(site, 'fixed partitions')


def same_host(c, place):
    """Several workers over one state folder: each has a name of its own."""
    site = Site(place, c.kafka.bootstrap, f'same{os.getpid()}', workers=1)
    site.start(site.collector, 'collect')
    spool = site.config('worker')
    workers = [site.start(spool, 'work') for _ in range(3)]
    site.drop(10, 300, 'a')
    all_rows(site, 'three workers of one state folder')
    time.sleep(1)
    tap.check('three workers of one state folder: none throws another out', all(w.poll() is None for w in workers) and 'out of the group' not in spool.log(), spool.log())
    all_well(site, 'three workers of one state folder')


def main():
    if why_not():
        tap.skip('workers that share a broker', why_not())
        tap.done()
    with session('kafka') as c, tempfile.TemporaryDirectory(prefix='sluice-kafka-') as place:
        for test in (comings_and_goings, ends, deleted, fixed, same_host):
            start = time.monotonic()
            test(c, os.path.join(place, test.__name__))
            print(f'# {test.__name__}: {time.monotonic() - start:.1f} s')
    tap.done()


main()
