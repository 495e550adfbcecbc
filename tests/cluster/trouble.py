#!/usr/bin/env python3
"""The whole way under load while every server in turn dies and comes back, and workers come and go: data waits, nobody has to act, and at the end every row is there once."""
import os
import signal
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..'), os.path.join(HERE, '..', 'lib')]
import nfcapd  # noqa: E402
import tap  # noqa: E402
from cluster.farm import Farm  # noqa: E402
from cluster.session import session, why_not  # noqa: E402
from cluster.webhdfs import Hdfs  # noqa: E402
from lake import faults, ids  # noqa: E402
from spool import HOUR_MS  # noqa: E402

LIMIT_S = 240
SMALL, LARGE, EVERY = 40, 20_000, 12  # flows of a file; every twelfth is a large one, which travels as its location
PACE_S = 0.15


class Load(threading.Thread):
    """Drops files at a steady pace until told to stop. Every flow has a byte count of its own."""

    def __init__(self, farm, folder):
        super().__init__()
        self.farm, self.folder, self.ended = farm, folder, threading.Event()
        self.contents, self.next_id = {}, 1_000_000

    def run(self):
        while not self.ended.wait(PACE_S):
            number = len(self.contents)
            count = LARGE if number % EVERY == EVERY - 1 else SMALL
            first, self.next_id = self.next_id, self.next_id + count
            name = f'nfcapd.{number:06}'
            self.contents[name] = nfcapd.file_v2([nfcapd.flow(HOUR_MS + (i * 7919) % 7_200_000, bytes=i) for i in range(first, first + count)])
            path = os.path.join(self.folder, name)
            with open(path, 'wb') as f:
                f.write(self.contents[name])
            self.farm.drop('one', 'flow', name, path)

    def stop(self):
        self.ended.set()
        self.join()

    def expected(self):
        return list(range(1_000_000, self.next_id))


def away(c, name, seconds):
    """One server dies as in a crash, and is back after a while."""
    server = c.server(name)
    server.kill()
    time.sleep(seconds)
    server.start().wait(90)


def progress_after(farm, what, seconds=90):
    """Files that were dropped before now come to an end without a hand."""
    dropped, end = sum(map(len, farm.dropped.values())), time.monotonic() + seconds
    began = time.monotonic()
    while farm.done()[0] < dropped and time.monotonic() < end:
        time.sleep(0.2)
    done = farm.done()[0]
    tap.check(f'{what}: all that was there comes to an end by itself', done >= dropped, f'{done} of {dropped}')
    print(f'# {what}: caught up after {time.monotonic() - began:.1f} s', flush=True)


def troubles(c, farm):
    workers = [farm.daemon('work', 'one', f'work-{n}') for n in range(2)]
    time.sleep(3)
    away(c, 'kafka', 3)
    progress_after(farm, 'broker killed')
    away(c, 'namenode', 3)
    progress_after(farm, 'name node killed')
    away(c, 'datanode2', 4)
    progress_after(farm, 'a data node killed')
    c.server('metastore').kill()
    progress_after(farm, 'metastore away, rows go on')
    c.server('metastore').start().wait(90)
    # more workers are asked for, in mid-load: partitions are added, and workers join
    collector = farm.daemons[0]
    collector.stop()
    collector.write(f'{farm.name}-one', workers=4).start()
    workers += [farm.daemon('work', 'one', f'work-{n}', workers=4) for n in range(2, 4)]
    progress_after(farm, 'workers from 2 to 4')
    workers[0].stop(signal.SIGKILL)
    status = workers[1].stop()
    tap.check('a worker leaves in order', status == 0, f'{status} {workers[1].log()[-2000:]}')
    progress_after(farm, 'one worker killed, one gone')


def main():
    if why_not():
        tap.skip('troubles of a cluster', why_not())
        tap.done()
    with tempfile.TemporaryDirectory() as folder, session('kafka', 'hdfs', 'metastore') as c, Farm(c, folder, f'trouble-{os.getpid()}') as farm:
        hdfs = Hdfs(c.hdfs.http)
        farm.daemon('collect', 'one', 'collect')
        load = Load(farm, folder)
        load.start()
        try:
            troubles(c, farm)
        finally:
            load.stop()
        late = farm.settled(LIMIT_S)
        tap.check('every file comes to an end, and the metastore knows of all', late is None, late)
        parts = sorted(p['partition'] for p in farm.daemons[0].status()['partitions'] if p['topic'].endswith('flow.rows'))
        tap.check('partitions follow: four', parts == [0, 1, 2, 3], parts)
        lake = farm.mirror(hdfs, os.path.join(folder, 'mirror'))
        have, want = ids(lake), load.expected()
        tap.check(f'{len(want):,} rows, each once', have == want, f'{len(have)} rows, {len(set(want) - set(have))} lost, {len(have) - len(set(have))} twice')
        wrong = faults(lake, load.contents)
        tap.check(f'{len(load.contents)} originals byte for byte, lake in order', not wrong, '\n'.join(wrong[:20]))
        badly = farm.stop()
        tap.check('every daemon ends in order', not badly, badly)
        hdfs.delete(farm.root)
    tap.done()


main()
