#!/usr/bin/env python3
"""Fault points on Kafka, HDFS and a metastore: kill -9, an error, and SIGSTOP past the session time-out, with all three datasets.

A worker that stands still loses its partitions to another one, which stores the rest; then it wakes up, and must do no harm. Where nobody takes over (the collector), it
wakes up after the same time.

    points.py [--full] [NAME …]     --full: every point by every kind (about twenty minutes); a name, e.g. worker.put or worker.put:hang: only these
"""
import concurrent.futures
import os
import re
import signal
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..'), os.path.join(HERE, '..', 'lib')]
import matrix  # noqa: E402
import tap  # noqa: E402
from cluster.session import session, why_not  # noqa: E402
from cluster.trio_site import LIMIT_S, SESSION_S, TrioSite  # noqa: E402
from points import Marks, points  # noqa: E402
from spool import stop, wait_for  # noqa: E402
from trio import Trio, end, inputs, state_of, undisturbed  # noqa: E402

HEADING = 'Fault points, Kafka, HDFS and metastore'
KINDS = ('kill', 'hang', 'error')
AT_ONCE, FILES = 5, 3
# What `make check` runs: faults of one line happen in one run, one after the other.
CHOSEN = [
    ('hang', 'worker.synced'),
    ('hang', 'worker.put'),
    ('hang', 'worker.published'),
    ('hang', 'collector.produced'),
    ('kill', 'collector.named collector.recorded collector.acknowledged store.renamed'),
    ('kill', 'worker.synced worker.put worker.published catalog.learned'),
    ('kill', 'catalog.told'),
    ('error', 'bus.ensured collector.produced collector.seen store.closed store.temp_synced store.temp_placed worker.synced worker.put worker.published catalog.ready catalog.told '
              'catalog.learned'),
]
# Points that are passed only after another fault, where no other is in their run, or with other keys.
BEFORE = {'collector.again': 'collector.recorded:kill', 'worker.rolled': 'worker.put:kill',
          'catalog.learned': 'worker.put:kill'}  # the catalog is asked at a start, and not when the lake has no rows yet
KEYS = {'collector.claimed': {'claim': 'shared'}}
# Of the embedded bus and the local lake alone; and folding wants manifests that are an hour old.
ELSEWHERE = {'bus.put', 'bus.durable', 'bus.trimming', 'store.file_synced', 'worker.folded'}


class Case:
    def __init__(self, c, kind, chosen, given, wanted):
        self.kind, self.points, self.given, self.wanted = kind, chosen, given, wanted
        self.faults = [f'{p}:{kind}' for p in chosen]
        self.site = TrioSite(c, f'points-{os.getpid()}-{kind}-{chosen[0].replace(".", "-").replace("_", "-")}')
        self.keys = self.site.keys(watchdog=0, **KEYS.get(chosen[0], {}))
        self.problems, self.log, self.processes = [], '', []

    def run(self):
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix='sluice-cpoint-') as place:
            t = Trio(os.path.join(place, 'one'), self.given, sluice=os.environ['SLUICE_FAULTS'], **self.keys)
            marks = Marks(place)
            before = [BEFORE[p] for p in self.points if p in BEFORE and len(self.points) == 1]
            t.env = marks.env(*before, *self.faults)
            t.fill()
            try:
                self.start(t, 'run')
                if self.kind == 'hang':
                    self.hang(t, marks, os.path.join(place, 'two'))
                self.finish(t)
            except (OSError, RuntimeError) as e:
                self.problems.append(repr(e))
            finally:
                for p in self.processes:
                    end(p)
            self.problems += [f'{f}: the point was not passed' for f in self.faults if marks.pid(f) is None]
            self.log = t.log()
            self.problems += self.site.judge(t, self.wanted)
        self.took = time.monotonic() - began
        return self

    def start(self, t, word):
        self.processes.append(t.start(word))
        return self.processes[-1]

    def hang(self, t, marks, place):
        """The process stands still past the session time-out, and past the work of another worker."""
        if not wait_for(lambda: state_of(marks.pid(self.faults[0]) or 0) == 'T', LIMIT_S):
            return
        pid = marks.pid(self.faults[0])
        with open(f'/proc/{pid}/cmdline', 'rb') as f:
            worker = f.read().split(b'\0')[1] == b'work'
        if worker:
            other = Trio(place, self.given, sluice=os.environ.get('SLUICE'), **self.keys)
            self.start(other, 'work')
            if not wait_for(lambda: self.site.settled(t), LIMIT_S, 1):
                self.problems.append(f'nobody took over within {LIMIT_S} s\n{other.log()[-1500:]}')
        else:
            time.sleep(SESSION_S + 1)
        os.kill(pid, signal.SIGCONT)
        if worker:
            time.sleep(1.5)
        self.zombie = worker

    def finish(self, t):
        """Until all has arrived; then everybody leaves in order."""
        self.problems += self.site.arrived(t)
        codes = [stop(p, 60) for p in self.processes]
        if any(codes):
            self.problems.append(f'exit status {codes}')

    zombie = False

    def told(self, point):
        """What somebody who reads the log was told, in short."""
        if self.kind == 'hang':
            return 'stopped, another takes over' if self.zombie else 'stopped'
        if self.kind == 'kill':
            return 'restarted' if len(re.findall(r'killed by signal 9', self.log)) >= len(self.points) else 'nothing'
        lines = [line for line in self.log.splitlines() if f'fault: {point}' in line]
        return 'waits, goes on' if any('wait' in line for line in lines) else 'a warning' if lines else 'nothing'


def wanted_cases(words):
    """[(kind, [point, …]), …]"""
    full, words = '--full' in words, [w for w in words if w != '--full']
    if not full and not words:
        return [(k, p.split()) for k, p in CHOSEN]
    return [(k, [p]) for k in KINDS for p in points() if p not in ELSEWHERE and not p.startswith(('compact.', 'expire.')) and (not words or p in words or f'{p}:{k}' in words)]


def main():
    if why_not():
        tap.skip('fault points on a cluster', why_not())
        tap.done()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # interrupted or not, what was started is stopped
    given = inputs(FILES)
    wanted, _ = undisturbed(given)
    with session('kafka', 'hdfs', 'metastore') as c:
        cases = [Case(c, kind, chosen, given, wanted) for kind, chosen in wanted_cases(sys.argv[1:])]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for case in pool.map(Case.run, cases):
                tap.check(f'{case.kind} at {", ".join(case.points)}: all there once, in order', not case.problems, '\n'.join([*case.problems[:12], case.log[-3000:]]))
                print(f'# {case.took:.1f} s; ' + '; '.join(case.told(p) for p in case.points), flush=True)
                if 'SLUICE_KEEP' in os.environ:
                    print('\n'.join('#   ' + line for line in case.log.splitlines()))
    matrix.check_cells(HEADING, list(points()), KINDS, {(p, case.kind): case.told(p) for case in cases for p in case.points})
    tap.done()


if __name__ == '__main__':
    main()
