#!/usr/bin/env python3
"""Each fault point of collector, bus, worker and store, by kill -9, by SIGSTOP that ends or not, and by an error, with all three datasets on embedded bus and local lake.

What must hold: the run ends by itself as an undisturbed one does, the tables hold the same rows, lake and sources are in order, and the point was passed.

    points.py [NAME …]     only these points, e.g. worker.put, or worker.put:hang
"""
import concurrent.futures
import glob
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import matrix  # noqa: E402
import nfcapd  # noqa: E402
import tap  # noqa: E402
from points import Marks, points  # noqa: E402
from spool import HOUR_MS, wait_for  # noqa: E402
from trio import Trio, end, inputs, state_of, undisturbed  # noqa: E402

KINDS = ('kill', 'hang', 'left', 'error')  # left: nobody wakes it up
WATCHDOG = {'hang': '60s', 'left': '300ms'}
HEADING = 'Fault points, embedded bus and local lake'
LIMIT_S, AT_ONCE, STOPPED_S = 60, 5, 0.3
# Points that are passed only after another fault, or with other keys.
BEFORE = {'collector.again': 'collector.recorded:kill', 'worker.rolled': 'worker.put:kill'}
KEYS = {'collector.claimed': {'claim': 'shared'}, 'worker.folded': {'workers': 1, 'commit': '{ max_events: 1 }', 'collect': '{ settle: 0, group: 1 }'}}
FOLDED, HOURS_S, LIBRARY = 85, 2 * 3600, os.path.join(os.environ.get('SLUICE_SOURCE', '.'), 'build', 'tests', 'libos_faults.so')


def many(count, noun):
    return f'{count:,} {noun}{"" if count == 1 else "s"}'


class Case:
    title = 'all there once, in order'

    def __init__(self, point, kind, given, wanted, status):
        self.point, self.kind, self.given, self.wanted, self.status = point, kind, given, wanted, status
        self.keys = KEYS.get(point, {})
        self.fault = f'{point}:{"hang" if kind == "left" else kind}'
        self.log, self.problems = '', []

    def run(self):
        with tempfile.TemporaryDirectory(prefix='sluice-point-') as place:
            t = Trio(place, self.given, sluice=os.environ['SLUICE_FAULTS'], watchdog=WATCHDOG.get(self.kind, '60s'), **self.keys)
            marks = Marks(place)
            self.prepare(t, marks)
            process = t.start('run', '--once')
            try:
                status = self.follow(process, marks)
            finally:
                end(process)
            self.judge(t, marks, status)
        return self

    def prepare(self, t, marks):
        t.env = marks.env(*[f for f in (BEFORE.get(self.point), self.fault) if f])
        t.fill()

    def follow(self, process, marks):
        """Until it ends; one that stands still is woken up after a while. The exit status, None: it hangs."""
        deadline, woken = time.monotonic() + LIMIT_S, self.kind != 'hang'
        while process.poll() is None and time.monotonic() < deadline:
            pid = None if woken else marks.pid(self.fault)
            if pid is not None and wait_for(lambda p=pid: state_of(p) in ('T', None), 5, 0.005):
                time.sleep(STOPPED_S)
                if state_of(pid) == 'T':
                    os.kill(pid, signal.SIGCONT)
                woken = True
            time.sleep(0.01)
        return process.poll()

    def judge(self, t, marks, status):
        self.log = t.log()
        if marks.pid(self.fault) is None:
            self.problems.append('the point was not passed')
        if status != self.status:
            self.problems.append(f'exit status {status}, undisturbed {self.status}')
        found = t.content()
        if found != self.wanted:
            self.problems.append(f'tables hold {found}, undisturbed {self.wanted}')
        self.told_at_end()
        if self.fault == 'collector.committed:error':  # what `after:` did not reach is the next run's
            calm = t.start('run', '--once', SLUICE_FAULT='')
            try:
                self.problems += [] if calm.wait(LIMIT_S) == 0 else ['the next run does not end well']
            finally:
                end(calm)
        self.problems += t.wrong() + t.wrong_sources()

    def of_the_run(self):
        """Files committed, files set aside, rows, rejects."""
        return sum(map(len, self.given.values())), 0, *(sum(w[i] for w in self.wanted.values()) for i in (0, 2))

    def told_at_end(self):
        """The summary is of the whole run, whichever of its processes did the work."""
        committed, aside, rows, rejects = self.of_the_run()
        told = [line.rpartition('; ')[0] for line in self.log.splitlines() if line.startswith('run: ')][-1:]
        wanted = (f'run: {many(committed + aside, "file")}, {committed} committed' + (f', {aside} set aside' if aside else '')
                  + f'; {many(rows, "row")}' + (f', {many(rejects, "reject")}' if rejects else ''))
        if told != [wanted]:
            self.problems.append(f'told at the end {told}, wanted {wanted}')

    def told(self):
        """What somebody who reads the log was told, in short."""
        deaths = len(re.findall(r'killed by signal 9', self.log))
        words = ['stopped'] if 'stopped by SIG' in self.log else []
        words += ['killed'] if 'stood still: killed' in self.log else []
        words += [f'restarted{"" if deaths == 1 else f" {deaths} times"}'] if deaths else []
        if re.search(r'(waiting|waits): .*fault: ', self.log):
            words.append('waits, goes on')
        elif 'fault: ' in self.log:
            words.append('a warning')
        return ', '.join(words) or 'nothing'


class Folded(Case):
    """Manifests are folded when there are many and they are an hour old: one commit a file, then two hours later."""

    def prepare(self, t, marks):
        files = sorted(t.inputs['flow'])
        for name in files[1:]:
            t.drop('flow', name)
        calm = t.start('run', '--once')
        try:
            self.problems += [] if calm.wait(LIMIT_S) == 0 else ['the run before does not end well']
        finally:
            end(calm)
        switch = os.path.join(t.place, 'switch')
        with open(switch, 'wb') as f:
            f.write(struct.pack('<qqq', 0, 0, HOURS_S))
        t.env = {**marks.env(self.fault), 'LD_PRELOAD': LIBRARY, 'SLUICE_OS_SWITCH': switch}
        t.drop('flow', files[0])

    def of_the_run(self):
        return 1, 0, 1, 0

    def judge(self, t, marks, status):
        # By then all is committed, so the worker may have been asked to leave; one that is killed then makes it 1.
        if status == 1 and self.kind in ('kill', 'left') and re.search(r'worker: killed by signal 9 \(Killed\)$', t.log(), re.M):
            status = self.status
        super().judge(t, marks, status)
        if not glob.glob(f'{t.lake}/_sluice/history/**/0*', recursive=True):
            self.problems.append('nothing was folded')


class Together(Case):
    """All in one manifest, and a link beside: what was not told when the collector died, a reject among it, the next one tells."""
    title = 'one manifest of which not all was told'

    def __init__(self, *words):
        super().__init__(*words)
        self.keys = {'workers': 1, 'commit': '{ max_age: 1500ms }'}

    def prepare(self, t, marks):
        super().prepare(t, marks)
        os.symlink(t.config, os.path.join(t.watch('proxy'), 'link'))

    def of_the_run(self):
        committed, _, *rows = super().of_the_run()
        return committed, 1, *rows

    def judge(self, t, marks, status):
        super().judge(t, marks, status)
        self.problems += [f'named {n} times: {w}' for w in ('proxy-0002.log: committed with 1 reject', 'link: symbolic link') if (n := self.log.count(w)) != 1]


def together_cases(asked):
    given = {'flow': {}, 'dns': {}, 'proxy': {n: b for n, b in inputs()['proxy'].items() if n != 'proxy-0000.log'}}
    wanted, status = undisturbed(given)
    return [Together(*f.split(':'), given, wanted, status) for f in ('collector.after:kill', 'collector.committed:kill', 'collector.committed:error')
            if not asked or f in asked or f.partition(':')[0] in asked]


def folded_cases(kinds):
    given = {'flow': {f'nfcapd.20260114{i:04}': nfcapd.file_v2([nfcapd.flow(HOUR_MS + i, bytes=i + 1)]) for i in range(FOLDED)}, 'dns': {}, 'proxy': {}}
    wanted, status = undisturbed(given)
    return [Folded('worker.folded', k, given, wanted, status) for k in kinds]


def nothing_of_it():
    """A program that is used has neither the points nor a way to choose one; the test build has both, so that this look is one."""
    there = {}
    for name in ('SLUICE', 'SLUICE_FAULTS'):
        with open(os.environ[name], 'rb') as f:
            text = f.read()
        symbols = subprocess.run(['nm', os.environ[name]], capture_output=True, text=True, check=True).stdout
        there[name] = [w for w in ('SLUICE_FAULT', *points()) if w.encode() in text] + re.findall(r'\bfault_\w+', symbols)
    tap.check('a build without fault points holds nothing of them', not there['SLUICE'], there['SLUICE'])
    tap.check('a build with them holds each', set(points()) < set(there['SLUICE_FAULTS']) and 'fault_pass' in there['SLUICE_FAULTS'], there['SLUICE_FAULTS'])


def main():
    nothing_of_it()
    given = inputs()
    wanted, status = undisturbed(given)
    here = [p for p in points() if not p.startswith(('catalog.', 'compact.', 'expire.'))]  # of the catalog: tests/cluster/; of a compaction: compact_points.py; of an expiry: expire_points.py
    asked = sys.argv[1:]
    chosen = [(p, k) for p in here for k in KINDS if not asked or p in asked or f'{p}:{k}' in asked]
    cases = folded_cases([k for p, k in chosen if p == 'worker.folded']) + [Case(p, k, given, wanted, status) for p, k in chosen if p != 'worker.folded']
    beside = together_cases(asked)
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for c in pool.map(Case.run, [*beside, *cases]):
            tap.check(f'{c.point}:{c.kind}: {c.title}', not c.problems, '\n'.join([*c.problems[:12], c.log[-3000:]]))
    if not asked:
        truth = points()
        cell = {(c.point, c.kind): c.told() for c in cases}
        matrix.check(HEADING, [f'| `{p}` | {truth[p]} | ' + ' | '.join(cell[p, k] for k in KINDS) + ' |' for p in here])
    tap.done()


if __name__ == '__main__':
    main()
