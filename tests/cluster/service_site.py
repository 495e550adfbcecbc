"""One instance of sluice on real servers, for service faults: what it is given, what it tells, and whether all of it arrived.

    site = Site(c, place, 'name', ('collect', 'work'), **keys)
    site.start(); site.drop(); site.settle()
    site.told('Kafka is away', since)     the log says it, and status
    site.finish()                         what is wrong at the end
"""
import contextlib
import ipaddress
import json
import os
import random
import re
import signal
import time

import nfcapd
from hms import Metastore
from lake import faults, ids, staging_left
from spool import HOUR_MS, Spool, children, stop, wait_for

from .webhdfs import Hdfs

SMALL, ROWS, LARGE, HUGE = 30, 100, 400, 15_000  # flows of a file: its rows are an event; a long one; a worker dissects it; its upload is a stream
TOLD_S, SETTLE_S = 120, 180
HOUR = 3_600_000


class Missing(Exception):
    """Something that a fault consists of did not happen."""


def flow(at, ident):
    """With addresses and ports that no codec makes small."""
    rng = random.Random(ident)
    return nfcapd.flow(at, bytes=ident, src=str(ipaddress.IPv4Address(rng.getrandbits(32))), dst=str(ipaddress.IPv4Address(rng.getrandbits(32))), sport=rng.getrandbits(16))


class Site:
    """c: the cluster. With HDFS among its parts the lake lies there, the bus is its broker, and the metastore is told; else the lake is a folder of place, and keys say the rest."""

    def __init__(self, c, place, name, words, **keys):
        """words: the daemons, each as `sluice WORD`; keys: of the configuration, where ours are not right"""
        self.c, self.words, self.root, self.database = c, words, f'/{name}', name.replace('-', '_')
        self.hdfs = self.hms = None
        given = {'state': os.path.join(place, 'state'), 'instance': name, 'workers': 2, 'collect': '{ settle: 0 }', 'commit': '{ max_age: 300ms }',
                 'event': '{ inline_max: 16KiB }', 'kafka': '{ session.timeout.ms: 6000, heartbeat.interval.ms: 1000 }'}
        if hasattr(c, 'hdfs'):
            self.hdfs, self.hms = Hdfs(c.hdfs.http), Metastore(c.metastore.host, c.metastore.port)
            given |= {'bus': f'kafka://{c.kafka.bootstrap}', 'url': f'webhdfs://{c.hdfs.http.removeprefix("http://")}{self.root}', 'webhdfs': f'{{ user: {c.hdfs.user} }}',
                      'catalog': f'{c.metastore.url}/{self.database}', 'catalog.location': c.hdfs.rpc + self.root, 'catalog.user': c.hdfs.user}
        self.s = Spool(place, **(given | keys))
        self.running, self.drops, self.began_ms = {}, 0, time.time() * 1000

    def start(self, *words):
        for word in words or self.words:
            self.running[word] = self.s.start(word)

    def end(self, word):
        """One daemon leaves in order; its exit status."""
        return stop(self.running.pop(word), 60)

    def drop(self, *flows):
        """Files of so many flows each. All lie in an hour that no file before had: every time the table gets a partition."""
        for count in flows or (SMALL, LARGE):
            name, first = f'nfcapd.{len(self.s.inputs):06}', self.s.next_id
            at = HOUR_MS + self.drops * HOUR + HOUR // 2
            self.s.inputs[name] = nfcapd.file_v2([flow(at + i, first + i) for i in range(count)])
            self.s.next_id += count
            self.s.drop(name)
        self.drops += 1

    def status(self):
        done = self.s.command('status', '--json', timeout=180)
        return json.loads(done.stdout) if done.stdout else None

    def files(self, state):
        """How many are in that state, by the ledger."""
        shown = self.status()
        return shown['pipelines'][0][state] if shown else 0

    def waits(self):
        """What status says is waited for: [(since, why)]"""
        shown = self.status()
        if shown is None:
            return []
        return [(w['since_ms'], w['reason']) for w in shown['waiting']] + [(shown['catalog']['since_ms'], shown['catalog']['reason'])]

    def told(self, pattern, since, lasts=True):
        """Wait until the log, from a place on, says it and, if it lasts, status with the time since when. What is missing."""
        if not wait_for(lambda: re.search(pattern, self.s.log()[since:]), TOLD_S, 0.1):
            return [f'the log does not say {pattern!r}']
        seen = []

        def shown():
            seen[:] = self.waits()
            return any(re.search(pattern, why) and self.began_ms <= at <= time.time() * 1000 for at, why in seen)
        return [f'status does not say {pattern!r}, but {seen}'] if lasts and not wait_for(shown, TOLD_S, 0.2) else []

    def settled(self):
        shown = self.status()
        return shown is not None and shown['pipelines'][0]['committed'] == len(self.s.inputs) and not shown['catalog']['waiting']

    def settle(self):
        """Wait until every file is committed, and the metastore knows. What is missing."""
        if wait_for(self.settled, SETTLE_S, 0.3):
            return []
        shown = self.status()
        return [f'of {len(self.s.inputs)} files: {shown["pipelines"]}, {shown["catalog"]}, {shown["waiting"]}' if shown else 'no status']

    def unknown(self):
        """Partitions that the lake has and the metastore has not, or the other way round."""
        there = {os.path.dirname(p).removeprefix(f'{self.root}/flow/hive/') for p in self.hdfs.walk(f'{self.root}/flow/hive')}
        return sorted(there ^ self.hms.names(self.database, 'flow'))

    def mirror(self):
        """Copy the lake to where foreign readers look, and delete it."""
        for path in self.hdfs.walk(self.root):
            target = os.path.join(self.s.lake, path.removeprefix(self.root + '/'))
            os.makedirs(os.path.dirname(target), exist_ok=True)
            self.hdfs.fetch(path, target)
        self.hdfs.delete(self.root)

    def finish(self):
        """End it in order, look once more whether nothing is left to do, and look at everything that is there. What is wrong."""
        codes = {word: self.end(word) for word in list(self.running)}
        wrong = [f'exit status {codes}'] if any(codes.values()) else []
        # HDFS may make a staged file that nobody waits for any more (doc/store.md); the next start takes it away
        again = self.s.command('run', '--once', timeout=SETTLE_S)
        wrong += [f'the next start: {again}'] if again.returncode else []
        wrong += [f'the metastore does not know {self.unknown()}'] if self.hms and not wait_for(lambda: not self.unknown(), 30, 0.5) else []
        audit = self.s.command('audit', '--grace', '0', timeout=300)
        wrong += [f'audit: {audit}'] if audit.returncode else []
        if self.hdfs:
            self.mirror()
        have, want = ids(self.s.lake), self.s.expected()
        wrong += [f'{len(have)} rows, {len(set(want) - set(have))} lost, {len(have) - len(set(have))} twice'] if have != want else []
        return wrong + faults(self.s.lake, self.s.inputs) + [f'left in staging: {p}' for p in staging_left(self.s.lake)]

    def close(self):
        """Nothing of it runs any more, however the test ends."""
        for process in self.running.values():
            for pid in [*children(process.pid), process.pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()
