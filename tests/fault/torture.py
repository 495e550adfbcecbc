#!/usr/bin/env python3
"""kill -9 of random processes at random moments, round after round: supervisor, collector and worker, embedded bus, local lake, all three datasets. Most trees also have a
fault point at which each of their processes dies: that hits moments that are too short to be met by chance.

A round begins with nothing and gets its files one by one while processes die, at times all of them at once; then `run --once` ends it. Its tables must hold what an undisturbed
run's hold, and lake and sources must be in order.

    torture.py [--kills N] [--per-round K] [--seed S]    200 kills, 20 a round; a seed of its own each time, which is printed
"""
import argparse
import concurrent.futures
import os
import random
import signal
import sys
import tempfile
import threading
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import tap  # noqa: E402
from points import points  # noqa: E402
from spool import children, wait_for  # noqa: E402
from trio import Trio, end, inputs, undisturbed  # noqa: E402

FILES, AT_ONCE, LIMIT_S = 8, 2, 120
# what dies: one child, the supervisor, which takes its children along in good order, or the whole tree
PASSINGS = [1, 1, 2, 3, 5, 8]
VICTIMS = ['child'] * 5 + ['supervisor'] * 2 + ['tree'] * 3


POINTS = [p for p in points() if not p.startswith(('catalog.', 'compact.'))]


def kill(pid):
    """Whether it was there to be killed: a child of ours, or a child of a child of ours that was looked up just now."""
    try:
        os.kill(pid, signal.SIGKILL)
        return 1
    except ProcessLookupError:
        return 0


def name_of(pid):
    try:
        with open(f'/proc/{pid}/cmdline', 'rb') as f:
            return f.read().split(b'\0')[1].decode()
    except (OSError, IndexError):
        return '?'


class Round:
    def __init__(self, seed, kills, given, wanted, status):
        self.seed, self.kills, self.given, self.wanted, self.status = seed, kills, given, wanted, status
        self.killed, self.problems, self.log, self.died, self.struck = {'run': 0, 'collect': 0, 'work': 0}, [], '', 0, 0

    def run(self):
        rng = random.Random(self.seed)
        with tempfile.TemporaryDirectory(prefix='sluice-torture-') as place:
            t = Trio(place, self.given, sluice=os.environ['SLUICE_FAULTS'], commit='{ max_age: 50ms }')
            dropper = threading.Thread(target=self.drop, args=(t, random.Random(self.seed + 1)))
            process = self.tree(rng, t)
            dropper.start()
            try:
                while sum(self.killed.values()) < self.kills:
                    time.sleep(rng.uniform(0.005, 0.2))
                    process = self.strike(rng, t, process)
                dropper.join()
                end(process)
                self.close(t)
            finally:
                end(process)
                dropper.join()
            self.log = t.log()
            self.died = max(0, self.log.count('killed by signal 9') - self.struck)
        return self

    def drop(self, t, rng):
        files = [(d, n) for d in t.inputs for n in t.inputs[d]]
        rng.shuffle(files)
        for dataset, name in files:
            t.drop(dataset, name)
            time.sleep(rng.uniform(0, 2 * self.kills * 0.1 / len(files)))

    @staticmethod
    def tree(rng, t):
        fault = f'{rng.choice(POINTS)}:kill@{rng.choice(PASSINGS)}'
        return t.start('run', SLUICE_FAULT=fault if rng.random() < 0.7 else '')

    def strike(self, rng, t, process):
        victim, kids = rng.choice(VICTIMS), children(process.pid)
        if victim == 'child' and kids:
            pid = rng.choice(kids)
            self.struck += 1
            self.count(name_of(pid), kill(pid))
            return process
        names = [(pid, name_of(pid)) for pid in kids]
        process.kill()
        process.wait()
        self.count('run', 1)
        if victim == 'tree':
            for pid, name in names:
                self.count(name, kill(pid))
        return self.tree(rng, t)

    def count(self, name, n):
        if name in self.killed:
            self.killed[name] += n

    def close(self, t):
        # children of the last supervisor may be leaving
        once = t.start('run', '--once')
        try:
            wait_for(lambda: once.poll() is not None, LIMIT_S)
            if once.poll() is None:
                self.problems.append('run --once does not end')
        finally:
            end(once)
        if once.returncode not in (0, self.status):
            self.problems.append(f'run --once: exit status {once.returncode}')
        found = t.content()
        if found != self.wanted:
            self.problems.append(f'tables hold {found}, undisturbed {self.wanted}')
        self.problems += t.wrong() + t.wrong_sources()


def main():
    options = argparse.ArgumentParser()
    options.add_argument('--kills', type=int, default=200)
    options.add_argument('--per-round', type=int, default=20)
    options.add_argument('--seed', type=int, default=random.SystemRandom().randrange(10**9))
    options = options.parse_args()
    print(f'# seed {options.seed}', flush=True)
    given = inputs(FILES)
    wanted, status = undisturbed(given)
    began, killed, kills = time.monotonic(), {}, 0
    rounds = [Round(options.seed + 1000 * n, options.per_round, given, wanted, status) for n in range(max(1, options.kills // options.per_round))]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for r in pool.map(Round.run, rounds):
            if r.problems:
                tap.check(f'round of seed {r.seed}', False, '\n'.join([*r.problems[:12], r.log[-4000:]]))
            killed = {k: killed.get(k, 0) + n for k, n in r.killed.items()}
    kills = sum(killed.values())
    took = time.monotonic() - began
    print(f'# {kills} kills in {len(rounds)} rounds, {took:.0f} s: {killed}; {sum(r.died for r in rounds)} more at fault points', flush=True)
    tap.check(f'after each of {len(rounds)} rounds of kill -9 the tables hold what an undisturbed run stores', not any(r.problems for r in rounds), f'seed {options.seed}')
    tap.check('each process was killed many times', kills >= options.kills and min(killed.values()) > options.kills / 20, killed)
    tap.done()


if __name__ == '__main__':
    main()
