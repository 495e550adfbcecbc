#!/usr/bin/env python3
"""Faults of the operating system under a running sluice: full and broken disks, short reads and writes, interrupted calls, no descriptors, syncs that fail and lose
their data, a slow disk, and clocks that jump. Embedded bus, local lake, all three datasets. The library that makes them is os_faults.c.

    system.py [TEXT]                    only cases whose name holds TEXT
    system.py --random N [--seed S]     N faults drawn by chance instead: any of those, anywhere, half of them with kill -9 beside; a seed of its own each time, which is printed
"""
import argparse
import concurrent.futures
import contextlib
import os
import random
import re
import signal
import sys
import tempfile
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import matrix  # noqa: E402
import tap  # noqa: E402
from os_faults import CLOCK, LEFT, MANY, Switch  # noqa: E402
from spool import below, stop, wait_for  # noqa: E402
from trio import Trio, end, inputs, undisturbed  # noqa: E402

AT_ONCE = 6
LIMIT_S, LONG_S = 90, 400  # until all is there; where a partition may stand still several times
# name, what the library does, how many at most, seconds after which it ends (None: with the run), what is told
FULL, BROKEN = 'waits: No space left on device', 'Input/output error'
# Of LMDB's file the first two pages, which are written last: each makes a transaction true. Without them it uses the file no more.
LAST = 'calls=write below=8192'
CASES = [
    ('disk full under the lake', 'errno=ENOSPC calls=write,create path=/lake', MANY, 1, FULL),
    ('disk full under the bus', 'errno=ENOSPC calls=write path=/state/bus/', MANY, 1, FULL),
    ('disk full under the ledger', 'errno=ENOSPC calls=write path=/state/ledger/', MANY, 1, FULL),
    ('a transaction of the ledger cannot be made true', f'errno=ENOSPC {LAST} path=/state/ledger/', MANY, 1, FULL),
    ('a transaction of the bus cannot be made true', f'errno=ENOSPC {LAST} path=/state/bus/', MANY, 1, FULL),
    ('a transaction of the index cannot be made true', f'errno=ENOSPC {LAST} path=/state/seen/', MANY, 1, FULL),
    ('quota of the lake used up', 'errno=EDQUOT calls=write,create path=/lake', MANY, 1, 'waits: Disk quota exceeded'),
    ('an original cannot be written', 'errno=EIO calls=write path=/staging/collect-', 1, None, f'restarts: {BROKEN}'),
    ('a table file cannot be written', 'errno=EIO calls=write path=.parquet', 1, None, f'stands still for 30 s: {BROKEN}'),
    ('an original cannot be read back', 'errno=EIO calls=read path=/binary/', 1, None, f'stands still for 30 s: {BROKEN}'),
    ('a source cannot be read', 'errno=EIO calls=read path=/in/', 1, None, f'set aside, tried again: {BROKEN}'),
    ('the bus cannot be written', 'errno=EIO calls=write path=/state/bus/data.mdb', 1, None, f'restarts: {BROKEN} or nothing'),
    ('the ledger cannot be written', 'errno=EIO calls=write path=/state/ledger/data.mdb', 1, None, f'restarts: {BROKEN} or waits: {BROKEN}'),
    ('short writes to the lake', 'errno=short calls=write path=/lake/ every=2', MANY, None, 'nothing'),
    ('short reads everywhere', 'errno=short calls=read every=2', MANY, None, 'nothing'),
    ('a short write to the bus', 'errno=short calls=write path=/state/bus/data.mdb', 1, None, f'restarts: {BROKEN} or nothing'),
    ('a short write to the ledger', 'errno=short calls=write path=/state/ledger/data.mdb', 1, None, f'restarts: {BROKEN} or waits: {BROKEN} or nothing'),
    ('calls interrupted everywhere', 'errno=EINTR calls=read,lock every=2', MANY, None, 'nothing'),
    ('writes to the lake interrupted', 'errno=EINTR calls=write path=/lake/ every=2', MANY, None, 'nothing'),
    ('syncs of the lake interrupted', 'errno=EINTR calls=sync path=/lake/', 3, None, 'waits: Interrupted system call'),
    ('no descriptor for the lake', 'errno=EMFILE calls=open,create path=/lake', MANY, 1, 'waits: Too many open files'),
    ('no descriptor for sources', 'errno=EMFILE calls=open path=/in/', MANY, 1, 'waits: Too many open files'),
    ('no memory in the kernel', 'errno=ENOMEM calls=open,create path=/lake', MANY, 1, 'waits: Cannot allocate memory'),
    ('a sync of originals fails, data lost', 'errno=EIO calls=sync path=/staging/collect-', 1, None, f'restarts: {BROKEN}'),
    ('a sync of table files fails, data lost', 'errno=EIO calls=sync path=.parquet', 1, None, f'stands still for 30 s: {BROKEN}'),
    ('a sync of a manifest fails, data lost', 'errno=EIO calls=sync path=/_sluice/tmp/', 1, None, f'stands still for 30 s: {BROKEN}'),
    ('a sync of a folder fails', 'errno=EIO calls=sync path=/hive', 1, None, f'stands still for 30 s: {BROKEN}'),
    ('a sync of the bus fails, data lost', 'errno=EIO calls=sync path=/state/bus/', 1, None, f'restarts: {BROKEN} or nothing or stands still for 30 s: {BROKEN}'),
    ('a sync of the ledger fails, data lost', 'errno=EIO calls=sync path=/state/ledger/', 1, None, f'restarts: {BROKEN} or waits: {BROKEN}'),
    ('a slow disk', 'errno=slow:150 calls=sync', MANY, None, 'nothing'),
    ('slow writes', 'errno=slow:5 calls=write', MANY, None, 'nothing'),
]
NOTHING = 'the fault did not happen'
HOUR, NOW = 3600, int(time.time())
# name, seconds between our clock and the wall's before half of the files and after
CLOCKS = [
    ('the clock an hour forth', 0, HOUR),
    ('the clock an hour back', 0, -HOUR),
    ('the clock at 1970', 0, 60 - NOW),
    ('the clock from 1970 to now', 60 - NOW, 0),
    ('the clock past 2038', 0, 2**31 - NOW + HOUR),
    ('daylight saving begins', 1774746000 - 1 - NOW, 1774746000 + 1 - NOW),  # 2026-03-29 01:00 UTC
    ('daylight saving ends', 1792890000 - 1 - NOW, 1792890000 + 1 - NOW),  # 2026-10-25 01:00 UTC
]


REASON = 'No space left on device|Disk quota exceeded|Input/output error|Too many open files|Cannot allocate memory|Interrupted system call'
# the first that fits
DID = [('stands still for 30 s', 'partition stands still'), ('restarts', 'started again at once'), ('set aside, tried again', 'set aside'), ('waits', 'waits: '), ('waits', 'waiting: ')]


class Case:
    def __init__(self, name, spec, most, seconds, tells, clocks, wanted, given):
        self.name, self.spec, self.most, self.seconds, self.tells = name, spec, most, seconds, tells
        self.clocks, self.wanted, self.given = clocks, wanted, given
        self.problems, self.log, self.limit_s = [], '', LIMIT_S
        self.kills = []  # seconds from one to the next, and which of the processes below the supervisor

    def run(self):
        with tempfile.TemporaryDirectory(prefix='sluice-os-') as place:
            t = Trio(place, self.given, collect='{ settle: 0, rescan: 500ms, group: 2 }')
            switch = Switch(place, clock=self.clocks[0])
            t.env = {**switch.env(self.spec), 'TZ': 'Europe/Berlin'}
            t.fill(slice(1, 2))
            process = t.start('run')
            try:
                self.disturb(t, switch, process)
            finally:
                end(process)
            self.log = t.log()
            self.problems += t.wrong() + t.wrong_sources()
        return self

    def disturb(self, t, switch, process):
        if not wait_for(lambda: len(os.listdir(os.path.join(t.place, 'gone'))) == 1 if os.path.isdir(os.path.join(t.place, 'gone')) else False, 30, 0.05):
            self.problems.append('did not begin')
        switch.set(LEFT, self.most)
        switch.set(CLOCK, self.clocks[1])
        t.fill(slice(0, 1))
        t.fill(slice(2, None))
        if self.spec and not wait_for(lambda: switch.happened() > 0, 15):
            self.problems.append(NOTHING)
        for wait, which in self.kills:
            time.sleep(wait)
            alive = below(process.pid)[1:]
            if alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(alive[which % len(alive)], signal.SIGKILL)
        if self.seconds:
            time.sleep(self.seconds)
            switch.set(LEFT, 0)
        whole = wait_for(lambda: not t.wrong_sources() and t.content() == self.wanted, self.limit_s, 0.2)
        if not whole:
            self.problems.append(f'tables hold {t.content()}, undisturbed {self.wanted}')
        switch.set(LEFT, 0)
        status = stop(process, 20)
        if status != 0:
            self.problems.append(f'exit status {status}')

    def check(self):
        tap.check(f'{self.name}: all there once, in order', not self.problems, '\n'.join([*self.problems[:12], self.log[-3000:]]))

    def told(self):
        """What somebody who reads the log was told, in short."""
        lines = [line for line in self.log.splitlines() if re.search(r' (warn|error) ', line)]
        reasons = sorted({r[0] for line in lines for r in [re.search(REASON, line)] if r})
        did = [word for word, text in DID if any(text in line for line in lines)]
        return f'{did[0] if did else "nothing"}{": " if reasons else ""}{", ".join(reasons)}'


ANYWHERE = ['/lake/', '/staging/', '/binary/', '.parquet', '/hive', '/_sluice/', '/_sluice/tmp/', '/state/', '/state/bus/', '/state/ledger/', '/state/seen/', '/in/', '/gone/', '/sluice-os-']
CALLS = ['read', 'write', 'create', 'open', 'sync', 'lock']


def drawn(rng, wanted, given):
    """A fault as nobody thought of it. One that stays is over after some seconds."""
    kind = rng.choice(['ENOSPC', 'ENOSPC', 'EIO', 'EIO', 'EDQUOT', 'EINTR', 'EMFILE', 'ENOMEM', 'short', 'slow:20'])
    words = [f'errno={kind}', f'calls={",".join(rng.sample(CALLS, rng.choice([1, 1, 2, 6])))}', f'path={rng.choice(ANYWHERE)}', f'every={rng.choice([1, 1, 2, 3, 7, 20])}']
    if rng.random() < 0.2:
        words.append('below=8192')
    # each EIO may make a partition stand still for half a minute
    most = rng.choice([1, 2, 5, 5 if kind == 'EIO' else 30, MANY])
    seconds = rng.choice([0.3, 1, 3]) if most == MANY or rng.random() < 0.3 else None
    spec, kills = ' '.join(words), [(rng.random(), rng.randrange(60)) for _ in range(rng.choice([0, 0, 1, 4]))]
    c = Case(f'{spec}, {"any number" if most == MANY else most}{f", for {seconds} s" if seconds else ""}, {len(kills)} kills', spec, most, seconds, '', (0, 0), wanted, given)
    c.limit_s, c.kills = LONG_S, kills
    return c


def by_chance(count, seed, given, wanted):
    print(f'# seed {seed}', flush=True)
    rng = random.Random(seed)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for c in pool.map(Case.run, [drawn(rng, wanted, given) for _ in range(count)]):
            # with some calls nothing is done there
            c.problems = [p for p in c.problems if p != NOTHING]
            c.check()
    tap.done()


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument('text', nargs='?', default='', help='only cases whose name holds it')
    options.add_argument('--random', metavar='N', type=int, help='so many faults by chance')
    options.add_argument('--seed', type=int, default=random.randrange(10**9))
    options = options.parse_args()
    asked, given = options.text, inputs()
    wanted, _ = undisturbed(given)
    if options.random:
        by_chance(options.random, options.seed, given, wanted)
    cases = [Case(*case, (0, 0), wanted, given) for case in CASES if asked in case[0]]
    cases += [Case(name, '', 0, None, 'nothing', (before, after), wanted, given) for name, before, after in CLOCKS if asked in name]
    # those that stand still for half a minute first
    order = sorted(range(len(cases)), key=lambda i: 'errno=EIO' not in cases[i].spec)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda i: cases[i].run(), order))
    for c in cases:
        c.check()
        tap.check(f'{c.name}: told as doc/faults.md says', c.told() in c.tells.split(' or '), f'{c.told()}, expected {c.tells}\n{c.log[-2000:]}')
    if not asked:
        matrix.check('The operating system', [f'| {c.name} | {c.tells} |' for c in cases])
    tap.done()


if __name__ == '__main__':
    main()
