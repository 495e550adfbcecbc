#!/usr/bin/env python3
"""Broker and name node away under full input, until the budgets are full: the collector archives ahead, then leaves files where they lie; memory stays flat; it catches up by itself.

    overload.py --full [--minutes 15]     each outage lasts that long
"""
import argparse
import os
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..'), os.path.join(HERE, '..', 'lib')]
import tap  # noqa: E402
from cluster.farm import Farm  # noqa: E402
from cluster.session import session, why_not  # noqa: E402
from cluster.webhdfs import Hdfs  # noqa: E402
from flood import Watch, content  # noqa: E402
from lake import faults, ids  # noqa: E402
from spool import wait_for  # noqa: E402

FLOWS, FILES, ROOM_KIB = 200, 150, 8 * 1024
BUDGETS = {'collect': '{ settle: 0, group: 20, pending: 60, memory: 1MiB, spool: 512KiB, rescan: 500ms }', 'event': '{ rows_max: 256KiB }'}


class Input:
    """Files of FLOWS flows, each flow with a byte count of its own."""

    def __init__(self, farm, folder):
        self.farm, self.folder, self.contents, self.next_id = farm, folder, {}, 1

    def put(self, files=FILES):
        for _ in range(files):
            name = f'nfcapd.{len(self.contents):06}'
            self.contents[name] = content(self.next_id, FLOWS)
            self.next_id += FLOWS
            path = os.path.join(self.folder, name)
            with open(path, 'wb') as f:
                f.write(self.contents[name])
            self.farm.drop('one', 'flow', name, path)


def budgets(collector):
    state = collector.status()
    return {b['key']: b for b in state['budgets']} if state else {}


def full(collector, keys):
    now = budgets(collector)
    return all(now.get(k, {'full_since_ms': 0})['full_since_ms'] > 0 for k in keys)


def caught_up(farm, what, seconds=120):
    began = time.monotonic()
    ended = wait_for(lambda: farm.done()[0] >= sum(map(len, farm.dropped.values())), seconds, 0.3)
    tap.check(f'{what}: it catches up by itself', ended, f'{farm.done()} {farm.daemons[0].log()[-1500:]}')
    print(f'# {what}: caught up after {time.monotonic() - began:.1f} s', flush=True)


def outage(c, farm, load, name, what, keys, minutes):
    """keys: the budgets that fill up while this server is away."""
    collector = farm.named('collect')
    before = collector.status()['pipelines'][0]['originals']
    c.server(name).kill()
    began = time.monotonic()
    watch = Watch({'collector': collector.process.pid})
    watch.start()
    load.put()
    tap.check(f'{what}: {", ".join(keys)} fill up', wait_for(lambda: full(collector, keys), 60, 0.3), f'{[b for b in budgets(collector).values() if b["reached"]]} {collector.log()[-1500:]}')
    taken = collector.status()['pipelines'][0]['originals']
    while time.monotonic() - began < 60 * minutes:
        load.put(1)
        time.sleep(0.5)
    time.sleep(1)
    now = collector.status()['pipelines'][0]['originals']
    tap.check(f'{what}: then files stay where they lie', now == taken < before + FILES, f'{before} {taken} {now}')
    watch.stop()
    grown = watch.growth('collector', (time.monotonic() - began) / 4)
    tap.check(f'{what}: memory of the collector stays flat', grown < ROOM_KIB, f'{grown} KiB {watch.samples["collector"][::20]}')
    print(f'# {what}: {time.monotonic() - began:.0f} s away, {len(load.contents)} files so far; archived ahead {now - before} files; RssAnon at most '
          f'{watch.most("collector") / 1024:.1f} MiB, descriptors {watch.most("collector", 2)}', flush=True)
    c.server(name).start().wait(120)
    caught_up(farm, what, 120 + 60 * minutes)
    left = budgets(collector)
    tap.check(f'{what}: nothing is full any more', left and all(b['full_since_ms'] == 0 for b in left.values()) and left['collect.spool']['used'] == 0,
              [b for b in left.values() if b['full_since_ms']])


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument('--full', action='store_true')
    options.add_argument('--minutes', type=float, default=15)
    options = options.parse_args()
    minutes = options.minutes if options.full else 0
    if why_not():
        tap.skip('overload of a cluster', why_not())
        tap.done()
    with tempfile.TemporaryDirectory() as folder, session('kafka', 'hdfs', 'metastore') as c, Farm(c, folder, f'overload-{os.getpid()}', **BUDGETS) as farm:
        hdfs = Hdfs(c.hdfs.http)
        farm.daemon('collect', 'one', 'collect')
        farm.daemon('work', 'one', 'work')
        load = Input(farm, folder)
        load.put(5)
        caught_up(farm, 'before')
        outage(c, farm, load, 'kafka', 'broker away', ('collect.spool', 'collect.pending'), minutes)
        outage(c, farm, load, 'namenode', 'name node away', ('collect.pending',), minutes)
        lake = farm.mirror(hdfs, os.path.join(folder, 'mirror'))
        have, want = ids(lake), list(range(1, load.next_id))
        tap.check(f'{len(want):,} rows, each once', have == want, f'{len(have)} rows, {len(set(want) - set(have))} lost, {len(have) - len(set(have))} twice')
        wrong = faults(lake, load.contents)
        tap.check(f'{len(load.contents)} originals byte for byte, lake in order', not wrong, '\n'.join(wrong[:20]))
        badly = farm.stop()
        tap.check('every daemon ends in order', not badly, badly)
        hdfs.delete(farm.root)
    tap.done()


main()
