#!/usr/bin/env python3
"""Soak on Kafka, HDFS and a metastore: a mixed load of all three datasets, a fault every few seconds, compaction on; then exact rows, a lake in order, and flat memory and
descriptors. `run` on one side, a `work` of its own on the other.

Faults: kill -9 of one child, of the whole tree, of the other worker; after a third of the time only those that a process must outlive: SIGSTOP past the session time-out, a full
disk under the ledger, and broker, name node, data nodes and metastore killed and started again, or standing still. The next fault does not wait until a server is well again.

    soak.py [--seconds S] [--every S] [--files PER_S] [--seed S] [--keep FOLDER]     two minutes with a fault every 20 s; an hour: make soak. Not part of make check

--keep: logs and samples are left there.
"""
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..'), os.path.join(HERE, '..', 'lib')]
import tap  # noqa: E402
from cluster.session import session, why_not  # noqa: E402
from cluster.trio_site import SESSION_S, TrioSite  # noqa: E402
from load import settled  # noqa: E402
from samples import tree  # noqa: E402
from soak import options, read, send, soak  # noqa: E402
from spool import stop, wait_for  # noqa: E402
from trio import DATASETS, Trio, end  # noqa: E402
from volume import Volume  # noqa: E402

LIMIT_S, AWAY_S, FULL_S = 600, 4, 6
SERVERS = ('kafka', 'namenode', 'datanode1', 'datanode2', 'metastore')


class Site:
    names = ('run', 'collect', 'work', 'compact', 'worker')

    def __init__(self, c, place, given):
        self.c, self.rng, self.site = c, random.Random(given.seed), TrioSite(c, f'soak-{os.getpid()}')
        quiet_s = max(5, given.seconds / 60)
        keys = self.site.keys(commit=f'{{ max_age: {"5s" if given.seconds > 120 else "500ms"} }}', event='{ inline_max: 64KiB }', watchdog=0, collect='{ settle: 0, rescan: 10s }',
                              **{'compact.quiet': f'{quiet_s:.0f}s', 'compact.every': f'{quiet_s / 2:.0f}s', 'compact.grace': f'{quiet_s / 2:.0f}s'})
        nothing = {d: {} for d in DATASETS}
        self.trio, self.other = Trio(os.path.join(place, 'one'), nothing, **keys, compact='on'), Trio(os.path.join(place, 'two'), nothing, **keys)
        self.logs, self.volumes, self.running = [self.trio.log_path, self.other.log_path], {}, {}

    def start(self):
        self.running = {'tree': self.trio.start('run'), 'worker': self.other.start('work')}

    def processes(self):
        return {**tree(self.running['tree'].pid), 'worker': self.running['worker'].pid}

    def kids(self):
        return [pid for name, pid in sorted(tree(self.running['tree'].pid).items()) if name != 'run']

    def kill_child(self):
        send(self.rng.choice(self.kids() or [None]), signal.SIGKILL)

    def kill_worker(self):
        self.running['worker'].kill()
        self.running['worker'].wait()
        self.running['worker'] = self.other.start('work')

    def kill_tree(self):
        kids = self.kids()
        self.running['tree'].kill()
        self.running['tree'].wait()
        for pid in kids:
            send(pid, signal.SIGKILL)
        self.running['tree'] = self.trio.start('run')

    def stop_a_while(self):
        pid = self.rng.choice([*self.kids(), self.running['worker'].pid])
        send(pid, signal.SIGSTOP)
        time.sleep(SESSION_S + 2)
        send(pid, signal.SIGCONT)

    def full(self, name):
        with self.volumes[name].filled(leave_kb=self.rng.choice((0, 40))):
            time.sleep(FULL_S)

    def kill_server(self, name):
        self.c.server(name).kill()
        time.sleep(AWAY_S)
        self.c.server(name).start()

    def pause_server(self, name):
        server = self.c.server(name)
        server.pause()
        time.sleep(AWAY_S)
        server.resume()

    def faults(self):
        deadly = {'kill a child': self.kill_child, 'kill the worker': self.kill_worker, 'kill the tree': self.kill_tree}
        survived = {'stop a process past its session': self.stop_a_while}
        for name in SERVERS:
            survived |= {f'kill {name}': lambda n=name: self.kill_server(n), f'{name} stands still': lambda n=name: self.pause_server(n)}
        return deadly, survived | {f'disk full under the {name}': lambda n=name: self.full(n) for name in self.volumes}

    def settle(self, load):
        self.c.wait()
        began = time.monotonic()
        whole = wait_for(lambda: settled(self.trio, load), LIMIT_S, 1)
        logs = '\n'.join(read(p)[-3000:] for p in self.logs)
        tap.check('every file comes to its end by itself', whole, logs)
        print(f'# caught up {time.monotonic() - began:.1f} s after the last file and the last server', flush=True)
        quiet = wait_for(lambda: not self.under_way(), LIMIT_S, 2)
        tap.check('the metastore knows of all, and compactions come to their end', quiet, f'{self.under_way()}\n{logs}')

    def under_way(self):
        return [*self.site.unknown(), *self.site.hdfs.walk(f'/{self.site.name}/_sluice/compacting')]

    def leave(self):
        return {name: stop(p, 60) for name, p in self.running.items()}

    def wrong(self):
        done = subprocess.run([self.trio.sluice, 'audit', '-c', self.trio.config, '--grace', '0'], capture_output=True, text=True, timeout=1200, check=False)
        self.site.mirror(self.trio)
        return self.trio.wrong() + ([] if done.returncode == 0 else [f'audit: exit {done.returncode}: {done.stdout[-2000:]}{done.stderr[-500:]}'])


def main():
    if why_not():
        tap.skip('soak on a cluster', why_not())
        tap.done()
    given = options(120, 20, 1)
    with session('kafka', 'hdfs', 'metastore') as c, tempfile.TemporaryDirectory(prefix='sluice-csoak-') as place:
        site = Site(c, place, given)
        with Volume(os.path.join(place, 'one', 'state'), os.path.join(place, 'state.img'), 1024) as state:
            site.volumes = {'ledger': state} if state.mounted else {}
            try:
                soak(given, site)
            finally:
                for p in site.running.values():
                    end(p)
    tap.done()


if __name__ == '__main__':
    main()
