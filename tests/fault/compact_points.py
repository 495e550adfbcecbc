#!/usr/bin/env python3
"""Each fault point of a compaction without a catalog (with one: tests/cluster/compact.py), by kill -9, by an error, and by SIGSTOP while another instance compacts the same lake. After each, and after the zombie
has woken up, a plain listing of the table holds every row once; the runs that follow end with one file an hour and nothing left over.

    compact_points.py [NAME …]     only these points, e.g. compact.put, or compact.put:hang
"""
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import tap  # noqa: E402
from lake import faults, ids, staging_left  # noqa: E402
from points import Marks, points  # noqa: E402
from spool import Spool, wait_for  # noqa: E402

KINDS = ('kill', 'error', 'hang')
CATALOG = {'compact.copied', 'compact.aside', 'compact.back'}
KEYS = {'compact.quiet': '0', 'compact.grace': '0'}
HOURS, LIMIT_S = 2, 60


def filled(base):
    """Two hours of small files, and what was put into them."""
    s = Spool(base, **KEYS, commit='{ max_events: 1 }', workers=1, state=f'{base}/state')
    for i in range(12):
        s.make(f'nfcapd.2026011409{i:02d}', 8, hours=HOURS)
        s.drop(f'nfcapd.2026011409{i:02d}')
    r = s.command('run', '--once')
    tap.check('filled', r.returncode == 0 and len(files(s)) == 12 * HOURS, r)
    return s


def files(s):
    return glob.glob(f'{s.lake}/flow/hive/**/*.parquet', recursive=True)


class Case:
    def __init__(self, point, kind, source, base):
        self.point, self.kind, self.problems = point, kind, []
        self.place = os.path.join(base, f'{point}.{kind}')
        lake = os.path.join(self.place, 'lake')
        shutil.copytree(source.lake, lake, copy_function=os.link)
        self.ours, self.other = (Spool(os.path.join(self.place, n), lake=lake, instance=n, state=f'{self.place}/state-{n}', **KEYS) for n in ('one', 'two'))
        for s in (self.ours, self.other):
            s.inputs, s.next_id = source.inputs, source.next_id
        self.marks = Marks(self.place)

    def listed(self, when):
        found = ids(self.ours.lake)
        if found != self.ours.expected():
            self.problems.append(f'{when}: {len(found)} rows, {len(set(found))} different, {len(self.ours.expected())} wanted')

    def start(self):
        return subprocess.Popen([os.environ['SLUICE_FAULTS'], 'compact', '-c', self.ours.config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                env={**os.environ, **self.marks.env(f'{self.point}:{self.kind}')})

    def passed(self):
        return self.marks.pid(f'{self.point}:{self.kind}') is not None

    def run(self):
        # what is passed at the end of a compaction is passed by the run that finds the grace over
        for _ in range(3):
            p = self.start()
            if self.kind == 'hang':
                self.zombie(p)
            p.wait(LIMIT_S)
            self.listed('after it')
            if self.passed():
                break
        if not self.passed():
            self.problems.append('the point was not passed')
        for _ in range(4):
            r = self.ours.command('compact')
            self.listed('later')
        if r.returncode != 0 or 'nothing to compact' not in r.stdout or 'under way' in r.stdout:
            self.problems.append(f'it does not end: {r}')
        if len(files(self.ours)) != HOURS:
            self.problems.append(f'{len(files(self.ours))} files in the end')
        left = [p for p in glob.glob(f'{self.ours.lake}/_sluice/comp*/**', recursive=True) if os.path.isfile(p) and '/compactions/' not in p]
        self.problems += faults(self.ours.lake, self.ours.inputs) + left + staging_left(self.ours.lake)
        audit = self.ours.command('audit')
        if audit.returncode != 0:
            self.problems.append(f'audit: {audit.stdout[-800:]} {audit.stderr[-400:]}')
        shutil.rmtree(self.place)
        return self

    def zombie(self, p):
        """It stands still; another instance goes on with what it can; then it wakes up."""
        if not wait_for(lambda: p.poll() is not None or self.passed(), LIMIT_S, 0.005) or p.poll() is not None:
            return
        try:
            for _ in range(2):
                self.listed('while it stands still')
                self.other.command('compact')
                self.listed('after another instance')
        finally:
            p.send_signal(signal.SIGCONT)


def main():
    if not os.path.exists(os.environ.get('SLUICE_FAULTS', '')):
        tap.skip('fault points of a compaction', 'no build with fault points')
        tap.done()
    asked = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix='sluice-compact-points-') as base:
        source = filled(os.path.join(base, 'source'))
        for point in points():
            if not point.startswith('compact.') or point in CATALOG:
                continue
            for kind in KINDS:
                if not asked or point in asked or f'{point}:{kind}' in asked:
                    c = Case(point, kind, source, base).run()
                    tap.check(f'{point}:{kind}: every row once at every look, in order in the end', not c.problems, '\n'.join(c.problems[:10]))
    tap.done()


main()
