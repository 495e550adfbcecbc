#!/usr/bin/env python3
"""kill -9 of random processes at random moments on Kafka, HDFS and a metastore: supervisor, collector, its worker, and a worker of its own that shares the partitions.

    torture.py [--kills N] [--per-round K] [--servers] [--seed S]     20 kills, 20 a round; a seed of its own each time, which is printed

--servers: broker, name node, a data node or the metastore dies beside every tenth of them, and is started again after a moment.
"""
import argparse
import os
import random
import signal
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..'), os.path.join(HERE, '..', 'lib')]
import tap  # noqa: E402
from cluster.session import session, why_not  # noqa: E402
from cluster.trio_site import TrioSite  # noqa: E402
from spool import children, stop  # noqa: E402
from trio import Trio, end, inputs, undisturbed  # noqa: E402

FILES, LIFE_S, AWAY_S = 6, (0.2, 2.5), (0.5, 3)
VICTIMS = ['child'] * 4 + ['tree'] * 2 + ['worker'] * 3
SERVERS = ['kafka', 'namenode', 'datanode1', 'datanode2', 'metastore']


class Round:
    def __init__(self, site, seed, kills, servers, given, wanted):
        self.servers, self.servers_killed = servers, {name: 0 for name in servers}
        self.site, self.rng, self.seed, self.kills, self.given, self.wanted = site, random.Random(seed), seed, kills, given, wanted
        self.killed, self.problems, self.log = {v: 0 for v in set(VICTIMS)}, [], ''

    def run(self):
        with tempfile.TemporaryDirectory(prefix='sluice-ctorture-') as place:
            t = Trio(os.path.join(place, 'one'), self.given, **self.site.keys())
            two = Trio(os.path.join(place, 'two'), self.given, **self.site.keys())
            running = {'tree': t.start('run'), 'worker': two.start('work')}
            dropper = threading.Thread(target=self.drop, args=(t, random.Random(self.seed + 1)))
            dropper.start()
            try:
                while sum(self.killed.values()) < self.kills:
                    time.sleep(self.rng.uniform(*LIFE_S))
                    self.strike(t, two, running)
                    if self.servers and self.rng.random() < 0.1:
                        self.strike_server(self.rng.choice(self.servers))
                dropper.join()
                self.site.c.wait(600)
                self.problems += self.site.arrived(t)
                codes = {name: stop(p, 60) for name, p in running.items()}
                self.problems += [f'exit status {codes}'] if any(codes.values()) else []
            finally:
                dropper.join()
                for p in running.values():
                    end(p)
            self.log = t.log()[-3000:] + two.log()[-1500:]
            self.problems += self.site.judge(t, self.wanted)

    def drop(self, t, rng):
        files = [(d, n) for d in t.inputs for n in t.inputs[d]]
        rng.shuffle(files)
        for dataset, name in files:
            t.drop(dataset, name)
            time.sleep(rng.uniform(0, 2 * self.kills * sum(LIFE_S) / 2 / len(files)))

    def strike(self, t, two, running):
        victim, kids = self.rng.choice(VICTIMS), children(running['tree'].pid)
        if victim == 'child' and kids:
            self.kill(self.rng.choice(kids))
        elif victim == 'worker':
            running['worker'].kill()
            running['worker'].wait()
            running['worker'] = two.start('work')
        else:
            victim = 'tree'
            running['tree'].kill()
            running['tree'].wait()
            for pid in kids:
                self.kill(pid)
            running['tree'] = t.start('run')
        self.killed[victim] += 1

    def strike_server(self, name):
        server = self.site.c.server(name)
        server.kill()
        time.sleep(self.rng.uniform(*AWAY_S))
        server.start()
        self.servers_killed[name] += 1

    @staticmethod
    def kill(pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def main():
    options = argparse.ArgumentParser()
    options.add_argument('--kills', type=int, default=20)
    options.add_argument('--per-round', type=int, default=20)
    options.add_argument('--servers', action='store_true')
    options.add_argument('--seed', type=int, default=random.SystemRandom().randrange(10**9))
    options = options.parse_args()
    if why_not():
        tap.skip('torture on a cluster', why_not())
        tap.done()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # interrupted or not, what was started is stopped
    print(f'# seed {options.seed}', flush=True)
    given = inputs(FILES)
    wanted, _ = undisturbed(given)
    start, killed = time.monotonic(), {}
    with session('kafka', 'hdfs', 'metastore') as c:
        for n in range(max(1, options.kills // options.per_round)):
            began = time.monotonic()
            r = Round(TrioSite(c, f'torture-{os.getpid()}-{n}'), options.seed + 1000 * n, options.per_round, SERVERS if options.servers else [], given, wanted)
            r.run()
            for name, count in {**r.killed, **r.servers_killed}.items():
                killed[name] = killed.get(name, 0) + count
            print(f'# {r.killed}, {r.servers_killed}, {time.monotonic() - began:.0f} s', flush=True)
            tap.check(f'round {n + 1}: after {options.per_round} times kill -9 the tables hold what an undisturbed run stores', not r.problems, '\n'.join([*r.problems[:12], r.log]))
    print(f'# {sum(killed[v] for v in set(VICTIMS))} kills of ours, {sum(killed.get(s, 0) for s in SERVERS)} of servers, {time.monotonic() - start:.0f} s: {killed}', flush=True)
    if options.servers and options.kills >= 200:
        tap.check('each process and each server was killed', min(killed.values()) > 0, killed)
    tap.done()


if __name__ == '__main__':
    main()
