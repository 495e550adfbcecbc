#!/usr/bin/env python3
"""Each fault point of an expiry without a catalog (with one: tests/cluster/catalog.py has the call), by kill -9, by an error, and by SIGSTOP while another instance expires and compacts the same lake.
After each the rows that are to stay are there once; an audit finds nothing but what is still to be removed, and mends that; the next expiry ends with the rest.

    expire_points.py [NAME …]     only these points, e.g. expire.put, or expire.put:hang
"""
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import tap  # noqa: E402
from lake import expired, ids, manifests, staging_left, table_files  # noqa: E402
from points import Marks, points  # noqa: E402
from spool import HOUR_MS, Spool, wait_for  # noqa: E402

KINDS = ('kill', 'error', 'hang')
CATALOG = {'expire.dropped'}
HOURS, OLD, FILES, LIMIT_S = 4, 2, 6, 60
# Points that a pass comes by more than once: of the tables, of the originals.
TIMES = {'expire.put': (1, 3), 'expire.removing': (1, 14), 'expire.removed': (1, 3), 'expire.cleared': (1, 3)}


def keys():
    age = f'{int(time.time() - HOUR_MS / 1000 - OLD * 3600)}s'
    return {'compact.quiet': '0', 'compact.grace': '0', 'expire': f'{{ tables: {age}, originals: {age} }}'}


def filled(base):
    """Files of one old hour whose rows are of four, two of them old."""
    s = Spool(base, **keys(), commit='{ max_events: 1 }', workers=1, state=f'{base}/state')
    for i in range(FILES):
        s.make(f'nfcapd.20260114{9 + i % HOURS:02}{i:02}', 8, hours=HOURS)
        s.drop(f'nfcapd.20260114{9 + i % HOURS:02}{i:02}')
    r = s.command('run', '--once')
    tap.check('filled', r.returncode == 0 and len(ids(s.lake)) == 8 * FILES, r)
    return s


def staying(s):
    """Rows of the two younger hours: flows come by turns."""
    return [i for i in s.expected() if (i - 1) % 8 % HOURS >= OLD]


class Case:
    def __init__(self, point, kind, source, base):
        self.point, self.kind, self.problems = point, kind, []
        self.place = os.path.join(base, f'{point}.{kind}'.replace('@', '-'))
        self.lake = os.path.join(self.place, 'lake')
        shutil.copytree(source.lake, self.lake, copy_function=os.link)
        self.ours, self.other = (Spool(os.path.join(self.place, n), lake=self.lake, instance=n, state=f'{self.place}/state-{n}', **keys()) for n in ('one', 'two'))
        self.wanted = staying(source)
        self.marks = Marks(self.place)

    def listed(self, when):
        found = [i for i in ids(self.lake) if i in self.wanted]
        if found != self.wanted:
            self.problems.append(f'{when}: {len(found)} rows that stay, {len(set(found))} different, {len(self.wanted)} wanted')

    def start(self):
        return subprocess.Popen([os.environ['SLUICE_FAULTS'], 'expire', '--yes', '-c', self.ours.config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                env={**os.environ, **self.marks.env(f'{self.point}:{self.kind}' if '@' not in self.point else '{0}:{2}@{1}'.format(*self.point.split('@'), self.kind))})

    def passed(self):
        return self.marks.pid(f'{self.point.partition("@")[0]}:{self.kind}') is not None

    def run(self):
        p = self.start()
        if self.kind == 'hang':
            self.zombie(p)
        p.wait(LIMIT_S)
        self.listed('after it')
        if not self.passed():
            self.problems.append('the point was not passed')
        self.mended()
        r = self.ours.command('expire', '--yes')
        r = self.ours.command('expire', '--yes')
        if r.returncode != 0 or 'nothing went' not in r.stdout or 'before had left' in r.stdout:
            self.problems.append(f'it does not end: {r}')
        self.ended(self.ours, 'in the end')
        shutil.rmtree(self.place)
        return self

    def mended(self):
        """A copy of what it left, for an audit alone."""
        copy = Spool(os.path.join(self.place, 'three'), lake=os.path.join(self.place, 'copy'), instance='one', state=f'{self.place}/state-three', **keys())
        shutil.copytree(self.lake, copy.lake, copy_function=os.link)
        first = copy.command('audit', '--grace', '0', '--repair')
        other = [line for line in first.stdout.splitlines() if line.split(' ')[0].endswith(('-missing', '-orphan', '-differ', '-damaged', '-unknown'))]
        if first.returncode != 0 or other:
            self.problems.append(f'the audit finds more than what is left: {first.stdout[-800:]}')
        again = copy.command('audit', '--grace', '0')
        if again.returncode != 0:
            self.problems.append(f'and does not mend it: {again.stdout[-800:]}')

    def ended(self, s, when):
        if ids(self.lake) != self.wanted:
            self.problems.append(f'{when}: {len(ids(self.lake))} rows, {len(self.wanted)} wanted')
        now, wrong = table_files(self.lake)
        there = {os.path.relpath(p, self.lake) for p in glob.glob(f'{self.lake}/flow/hive/**/*.parquet', recursive=True)}
        originals = {os.path.relpath(p, self.lake) for p in glob.glob(f'{self.lake}/flow/binary/**', recursive=True) if os.path.isfile(p)}
        named = {o['path'] for o in manifests(self.lake)[1]} - set(expired(self.lake, 'originals'))
        self.problems += wrong + [f'{when}: table files {there ^ set(now)}'] * (there != set(now)) + [f'{when}: originals {originals ^ named}'] * (originals != named)
        self.problems += staging_left(self.lake) + [p for p in glob.glob(f'{self.lake}/_sluice/compacting/*/*')]
        audit = s.command('audit', '--grace', '0')
        if audit.returncode != 0:
            self.problems.append(f'{when}: audit: {audit.stdout[-800:]} {audit.stderr[-400:]}')

    def zombie(self, p):
        """It stands still; another instance goes on with what it can; then it wakes up."""
        if not wait_for(lambda: p.poll() is not None or self.passed(), LIMIT_S, 0.005) or p.poll() is not None:
            return
        try:
            for _ in range(2):
                self.other.command('compact')
                self.other.command('expire', '--yes')
                self.listed('after another instance')
        finally:
            p.send_signal(signal.SIGCONT)


def main():
    if not os.path.exists(os.environ.get('SLUICE_FAULTS', '')):
        tap.skip('fault points of an expiry', 'no build with fault points')
        tap.done()
    asked = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix='sluice-expire-points-') as base:
        source = filled(os.path.join(base, 'source'))
        for point in points():
            if not point.startswith('expire.') or point in CATALOG:
                continue
            for times in TIMES[point]:
                for kind in KINDS:
                    name = point if times == 1 else f'{point}@{times}'
                    if not asked or point in asked or f'{point}:{kind}' in asked:
                        c = Case(name, kind, source, base).run()
                        tap.check(f'{name}:{kind}: what stays is there once at every look, all in order in the end', not c.problems, '\n'.join(c.problems[:10]))
    tap.done()


main()
