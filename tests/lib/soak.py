"""A soak on whatever site: load, faults at a steady pace, samples of every process, and what must hold at the end.

A site (fault/soak.py, cluster/soak.py) has
    trio, names              configuration and watched folders; its processes by name, all that must be sampled
    start(), processes()     {name: pid}
    faults()                 ({name: function}, {name: function}): those that end processes, those that a process must outlive
    settle(load)             waits until all has come to its end; checks that it did
    leave()                  {name: exit status}
    wrong()                  what is wrong with lake and audit: sentences; trio.lake is there afterwards
    logs                     paths
"""
import argparse
import os
import random
import shutil
import signal
import sys
import time

import tap
from load import Load, held, wrong_sources
from samples import Flat, Samples, the_rule_can_fail
from trio import DATASETS

# Shorter runs say nothing of growth: their figures are printed and not judged.
JUDGED_S = 900


def options(seconds, every, files):
    """Of the command line, with these defaults."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # interrupted or not, what was started is stopped
    parser = argparse.ArgumentParser()
    parser.add_argument('--seconds', type=float, default=seconds)
    parser.add_argument('--every', type=float, default=every)
    parser.add_argument('--files', type=float, default=files)
    parser.add_argument('--seed', type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument('--keep')
    given = parser.parse_args()
    print(f'# seed {given.seed}', flush=True)
    return given


def send(pid, number):
    """A signal to a process that may have ended meanwhile, or that is None."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, TypeError):
        pass


class Faults:
    """One fault every so many seconds. First those that end processes are among them, then, for the longer part, only those that a process must outlive: these lives are
    what flatness is judged by."""

    def __init__(self, seed, deadly, survived, every_s):
        """deadly, survived: {name: function}; each takes less than every_s"""
        self.rng, self.deadly, self.survived, self.every_s, self.count, self.bag, self.log = random.Random(seed), deadly, survived, every_s, {}, [], []

    def run(self, span_s):
        """Blocks until the time is over."""
        began = due = time.monotonic()
        kinds, phase = {}, None
        while (due := due + self.every_s) < began + span_s:
            time.sleep(max(0, due - time.monotonic()))
            now = 'deadly' if time.monotonic() < began + span_s / 3 else 'survived'
            if now != phase:
                phase, self.bag, kinds = now, [], {**self.survived, **(self.deadly if now == 'deadly' else {})}
            if not self.bag:
                self.bag = self.rng.sample(sorted(kinds), len(kinds))
            name = self.bag.pop()
            self.log.append(f'{time.monotonic() - began:.0f} s: {name}')
            kinds[name]()
            self.count[name] = self.count.get(name, 0) + 1


def told(*logs):
    """How often a log says what faults make it say."""
    return {words: sum(log.count(words) for log in logs) for words in ('killed by signal 9', 'stopped by SIG', 'stood still: killed', 'No space left on device', 'waits: ', 'stands still', ' error ')}


def read(path):
    with open(path, encoding='utf-8', errors='replace') as f:
        return f.read()


def soak(given, site):
    """given: of options()"""
    load = Load(site.trio, given.seed, given.seconds, given.files)
    samples = Samples(site.processes, min(10, given.seconds / 20))
    faults = Faults(given.seed, *site.faults(), given.every)
    site.start()
    for thread in (load, samples):
        thread.start()
    try:
        faults.run(given.seconds)
        print(f'# {sum(faults.count.values())} faults: {faults.count}', flush=True)
        failed = load.stop()
        print(f'# {load.pace()}', flush=True)
        tap.check('the load was dropped to its end', not failed, failed)
        site.settle(load)
    finally:
        load.stop()
        samples.stop()
        keep(given.keep, samples, site.logs)
    said = told(*map(read, site.logs))
    print(f'# {said}', flush=True)
    tap.check('the disk was full', said['No space left on device'] > 0 or 'lake' not in site.volumes, said)  # a ledger rarely grows
    codes = site.leave()
    tap.check('all leave in good order', not any(codes.values()), f'{codes}\n' + '\n'.join(read(p)[-3000:] for p in site.logs))
    wrong = site.wrong() + wrong_sources(site.trio, load)
    tap.check('lake and sources are in order, and the audit finds nothing', not wrong, '\n'.join(wrong[:20]))
    compare(load, held(site.trio.lake))
    judge(samples, given.seconds, site.names)


def keep(folder, samples, logs):
    if folder is None:
        return
    os.makedirs(folder, exist_ok=True)
    samples.write(os.path.join(folder, 'samples.tsv'))
    for n, log in enumerate(logs):
        shutil.copy(log, os.path.join(folder, f'{n}.log'))


def compare(load, found):
    """Rows, counted and hashed, and rejects: of the lake, and of `sluice dissect`."""
    wanted = load.expected()
    for dataset in DATASETS:
        tap.check(f'{dataset}: rows, their hashes and rejects are those of `sluice dissect`', found[dataset] == wanted[dataset], f'the lake holds {found[dataset]}, the files {wanted[dataset]}')
    print(f'# files {sum(load.count.values())}: {load.count}, contents { {d: len(k) for d, k in load.kept.items()} }, bytes {sum(sum(k.names.values()) for k in load.kept.values())}; '
          f'doubles {load.doubles}, dropped again {load.again}, of no format {load.aliens}; rows and rejects { {d: (w[0], w[2]) for d, w in wanted.items()} }', flush=True)


def judge(samples, span_s, names):
    """The longest life of each process while the load lasts: one that has nothing more to do is no measure of one that has."""
    for what, rightly in the_rule_can_fail():
        tap.check(f'the rule: {what}', rightly)
    longest = {}
    for (name, _, _), whole in samples.lives.items():
        life = [s for s in whole if s[0] <= span_s]
        if len(life) > len(longest.get(name, [])):
            longest[name] = life
    tap.check('every process was sampled', set(names) <= set(longest), sorted(longest))
    for name, life in sorted(longest.items()):
        flat, lives = Flat(life), sum(n == name for n, _, _ in samples.lives)
        print(f'# {name}: {lives} lives, the longest {flat}', flush=True)
        if span_s >= JUDGED_S:
            tap.check(f'{name}: a life of {flat.seconds / 60:.0f} min is flat', flat.seconds > span_s / 3 and not flat.why_not(), ', '.join(flat.why_not()) or 'too short to judge')
