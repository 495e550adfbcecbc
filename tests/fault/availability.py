#!/usr/bin/env python3
"""How long nobody takes new work after a process died, and in a rolling upgrade, under load: doc/availability.md.

    tests/fault/availability.py [--full] [--kills N] [--pause SECONDS]

--full   1,000 kills instead of 60, 100 of them of a loader, and again with 100,000 files, entries and thousands of manifests
"""
import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import tap  # noqa: E402
from figures import Figures  # noqa: E402
from lake import faults, ids, staging_left  # noqa: E402
from spool import Spool, children, stop, wait_for  # noqa: E402

LOOK_S = 0.0005
EVERY_S = 0.02       # between new files
GENEROUS_MS = 20_000  # no bound of speed: a machine may be busy with other things
FILES_ARCHIVED = 1   # of the table in src/pipe/figures.h


class Site(Spool):
    """A running sluice with a stream of new files, each of other rows, until it is closed."""

    def __init__(self, place, program=None, commit='{ max_age: 100ms }', **keys):
        super().__init__(place, commit=commit, collect='{ settle: 0, rescan: 60s }', state=os.path.join(str(place), 'state'), **keys)
        self.state, self.figures, self.run = os.path.join(self.place, 'state'), None, None
        self.sluice = program or self.sluice
        self.ending, self.dropped, self.dropper = threading.Event(), 0, None

    def go(self):
        self.run = self.start('run')
        if not wait_for(self.mapped):
            raise RuntimeError(self.log()[-2000:])
        self.figures = Figures(self.state)
        self.ready()

    def mapped(self):
        page = os.path.join(self.state, 'figures')
        return os.path.exists(page) and os.path.getsize(page) > 0

    def ready(self):
        if not wait_for(lambda: all(self.figures.life(n)[1] for n in ('supervisor', 'collector', 'worker')), 60):
            raise RuntimeError('it does not start:\n' + self.log()[-2000:])

    def stream(self):
        def drop():
            while not self.ending.wait(EVERY_S):
                name = f'nfcapd.{self.dropped:08d}'
                self.drop(name, self.make(name, 9500 if self.dropped % 100 == 99 else 60))
                self.dropped += 1
        self.dropper = threading.Thread(target=drop)
        self.dropper.start()

    def close(self):
        self.ending.set()
        if self.dropper:
            self.dropper.join()
        return stop(self.run) if self.run.poll() is None else self.run.returncode

    def accepting(self, names, before, since_ns, most_s=60, over=lambda: False):
        """{name: ms from since_ns until a process that is not the one before accepts}; None for one that never did."""
        found, end = dict.fromkeys(names), time.monotonic() + most_s
        while None in found.values() and time.monotonic() < end and not over():
            for name in names:
                pid, since = self.figures.life(name)
                if found[name] is None and pid != before[name] and since > since_ns:
                    found[name] = (since - since_ns) / 1e6
            time.sleep(LOOK_S)
        return found

    def archived(self, since_ns, before, most_s=30):
        """ms until the first file is archived in its new life, durable and under its name."""
        end = time.monotonic() + most_s
        while time.monotonic() < end:
            if self.figures.value('collector', FILES_ARCHIVED) > before:
                return (time.monotonic_ns() - since_ns) / 1e6
            time.sleep(LOOK_S)
        return None

    def kill(self, name):
        """kill -9; ms until everything that died with it accepts again, and, of a collector, has archived a file."""
        names = ('supervisor', 'collector', 'worker') if name == 'supervisor' else (name,)
        before = {n: self.figures.life(n)[0] for n in names}
        began = time.monotonic_ns()
        os.kill(before[name], signal.SIGKILL)
        if name == 'supervisor':
            self.run.wait()
            self.run = self.start('run')  # what a service manager does
        archived = self.figures.value('collector', FILES_ARCHIVED)
        found = self.accepting(names, before, began)
        if None in found.values():
            raise RuntimeError(f'{name} was killed, and nobody accepts: {found}\n' + self.log()[-3000:])
        return max(found.values()), self.archived(began, archived) if name == 'collector' else None


def share(times, part):
    """The value that that part of them does not exceed."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def show(name, times):
    print(f'# {name:<42} {len(times):>5} times   median {share(times, 0.5):7.1f}   p90 {share(times, 0.9):7.1f}   p99 {share(times, 0.99):7.1f}   most {max(times):7.1f} ms', flush=True)


def right(s, what):
    """Exactly the rows of what was dropped, and a lake in order."""
    once = s.command('run', '--once', timeout=600)
    tap.check(f'{what}: run --once afterwards exits 0', once.returncode == 0, once.stderr[-2000:])
    found = ids(s.lake)
    tap.check(f'{what}: exactly the rows of the files', found == s.expected(), f'{len(found)} rows instead of {s.next_id - 1}')
    wrong = faults(s.lake, s.inputs) + staging_left(s.lake)
    tap.check(f'{what}: the lake is in order', not wrong, '\n'.join(wrong[:10]))


def kills(place, count, pause_s):
    s = Site(place)
    s.go()
    s.stream()
    times, archived = {'collector': [], 'worker': [], 'supervisor': []}, []
    try:
        for k in range(count):
            time.sleep(pause_s * (0.8 + 0.4 * (k % 7) / 6))
            s.ready()
            name = ('collector', 'worker', 'supervisor')[k % 3]
            took, first = s.kill(name)
            times[name].append(took)
            archived += [first] if first else []
    finally:
        status = s.close()
    every = [t for name in times for t in times[name]]
    for name, list_ in times.items():
        show(f'{name} killed: accepts again', list_)
    show('collector killed: a file is archived', archived)
    show('all of them', every)
    tap.check(f'each of {count} deaths under load was made good', len(every) == count and max(every) < GENEROUS_MS, f'{len(every)}, most {max(every):.0f} ms')
    tap.check('after the collector died a new file was archived each time', len(archived) == len(times['collector']))
    tap.check('a first death is answered at once, and the log says how long nobody took new work',
              'started again at once' in s.log() and 'takes new work again' in s.log() and 'dies again and again' not in s.log(),
              '\n'.join(line for line in s.log().splitlines() if 'again and again' in line)[-2000:])
    tap.check('it stops with 0 after all that', status == 0, s.log()[-2000:])
    right(s, 'kills')
    return every


def loader(place, count):
    """load, whose child that takes files is killed while it takes them."""
    s, times = Site(place), []
    for n in range(2 * count):
        if len(times) == count:
            break
        folder = os.path.join(s.place, f'old{n}')
        os.mkdir(folder)
        for i in range(100):
            name = f'nfcapd.{n:04d}{i:04d}'
            with open(os.path.join(folder, name), 'wb') as f:
                f.write(s.make(name, 20))
        before = s.figures.life('load')[0] if s.figures else 0
        s.run = s.start('load', '-q', '-p', 'flow', folder)
        wait_for(s.mapped)
        s.figures = s.figures or Figures(s.state)
        wait_for(lambda: (s.figures.life('load')[0] != before and s.figures.life('load')[1]) or s.run.poll() is not None, step=LOOK_S)
        victim, began = s.figures.life('load')[0], time.monotonic_ns()
        if s.run.poll() is None and victim in children(s.run.pid):
            os.kill(victim, signal.SIGKILL)
        # it may have been at its end just then
        times += [t for t in s.accepting(('load',), {'load': victim}, began, over=lambda: s.run.poll() is not None).values() if t]
        if not tap.check(f'load {n + 1} takes all it was given', s.run.wait(600) == 0, s.log()[-2000:]):
            break
    if times:
        show('loader killed: accepts again', times)
    tap.check('a loader that was killed goes on', len(times) == count and max(times) < GENEROUS_MS, times)
    right(s, 'load')


class Watcher(threading.Thread):
    """Sees since when each process accepts, and when it stops to; a gap is from one to the next."""

    def __init__(self, figures, names):
        super().__init__()
        self.figures, self.names, self.ending = figures, names, threading.Event()
        self.gaps = {n: [] for n in names}

    def run(self):
        was, lost = {n: self.figures.life(n) for n in self.names}, {}
        while not self.ending.is_set():
            for n in self.names:
                now = self.figures.life(n)
                if now == was[n]:
                    continue
                if was[n][1] and n not in lost:
                    lost[n] = time.monotonic_ns()
                if now[1] and n in lost:
                    self.gaps[n].append(max(0.0, (now[1] - lost.pop(n)) / 1e6))
                was[n] = now
            time.sleep(LOOK_S)

    def stop(self):
        self.ending.set()
        self.join()
        return self.gaps


def other_version(program, path, version):
    """The same program, but for what it calls itself."""
    with open(program, 'rb') as f:
        content = f.read()
    plain = subprocess.run([program, 'version'], capture_output=True, text=True, check=True).stdout.split()[1]
    if len(plain) != len(version):
        raise RuntimeError(f'{plain} and {version} must be of one length')
    beside = path + '.new'
    with open(beside, 'wb') as f:
        f.write(content.replace(plain.encode() + b'\0', version.encode() + b'\0'))
    os.chmod(beside, 0o755)
    os.rename(beside, path)


def runs(pid, path):
    try:
        there, here = os.stat(f'/proc/{pid}/exe'), os.stat(path)
        return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)
    except OSError:
        return False


def refused(s, what, said):
    """A reload that must change nothing."""
    before, told = [s.run.pid, *sorted(children(s.run.pid))], s.log().count('the old configuration and the old program stay')
    s.run.send_signal(signal.SIGHUP)
    stays = wait_for(lambda: s.log().count('the old configuration and the old program stay') > told, 30)
    tap.check(f'{what}: the log says so', stays and said in s.log(), s.log()[-2000:])
    tap.check(f'{what}: every process stays as it is', [s.run.pid, *sorted(children(s.run.pid))] == before and s.run.poll() is None, s.log()[-1000:])


def upgrade(place, rounds):
    program = os.path.join(str(place), 'sluice')
    shutil.copy2(os.environ.get('SLUICE', 'build/sluice'), program)
    s = Site(place, program=program)
    s.go()
    s.stream()
    names, gaps = ('supervisor', 'collector', 'worker'), {}
    try:
        watcher = Watcher(s.figures, names)
        watcher.start()
        for n in range(1, rounds + 1):
            time.sleep(0.3)
            version, old = f'9.9.{n % 10}', {*children(s.run.pid)}
            other_version(os.environ.get('SLUICE', 'build/sluice'), program, version)
            told = s.log().count('every process runs with')
            s.run.send_signal(signal.SIGHUP)
            over = wait_for(lambda: s.log().count('every process runs with') > told, 60) and f'every process runs with the new configuration, by sluice {version}' in s.log()
            now = {*children(s.run.pid)}
            if not tap.check(f'upgrade {n}: all processes are of {version}, the supervisor is the process it was',
                             over and s.run.poll() is None and not old & now and all(runs(p, program) for p in (s.run.pid, *now)), s.log()[-3000:]):
                break
        wait_for(lambda: all(len(watcher.gaps[n]) >= rounds for n in names), 5)  # it may be the last to run on a busy machine
        gaps = watcher.stop()
        s.ready()
        with open(s.config, encoding='utf-8') as f:
            good = f.read()
        with open(s.config, 'w', encoding='utf-8') as f:
            f.write('comit: 1\n' + good)
        refused(s, 'upgrade to a configuration with an error', f'{s.config}:1: comit')
        with open(s.config, 'w', encoding='utf-8') as f:
            f.write(good)
        for what, content in (('that is no program', b'\x7fELF of nothing'), ('that ends at once', b'#!/bin/sh\nexit 1\n'), ('that knows nothing of this', b'#!/bin/sh\necho "unknown option --try" >&2\nexit 2\n')):
            with open(program + '.new', 'wb') as f:
                f.write(content)
            os.chmod(program + '.new', 0o755)
            os.rename(program + '.new', program)
            refused(s, f'upgrade to a file {what}', program)
        worker = s.figures.life('worker')[0]
        s.kill('worker')
        tap.check('a process that dies then is started from the program that runs', s.figures.life('worker')[0] != worker and len(children(s.run.pid)) == 2)
        os.unlink(program)
        for n, (keys, many) in enumerate((('compact: on\n', 3), ('', 2)), 1):
            with open(s.config, 'w', encoding='utf-8') as f:
                f.write(keys + good)
            s.run.send_signal(signal.SIGHUP)
            tap.check(f'a reload without any file there goes on with the program that runs, {many} processes as configured',
                      wait_for(lambda n=n, many=many: s.log().count('every process runs with') == rounds + n and len(children(s.run.pid)) == many, 60), s.log()[-2000:])
    finally:
        status = s.close()
    for name in names:
        if gaps.get(name):
            show(f'upgrade: {name} accepts again', gaps[name])
    tap.check('each process was away once an upgrade, and not for long', all(len(gaps.get(n, [])) == rounds and max(gaps[n]) < GENEROUS_MS for n in names), gaps)
    tap.check('upgrades: it stops with 0', status == 0, s.log()[-2000:])
    s.sluice = os.environ.get('SLUICE', 'build/sluice')
    right(s, 'upgrades')


def large(place, files):
    """Deaths with many files under watch, entries in the ledger, and manifests."""
    s = Site(place, commit='{ max_age: 100ms, max_events: 25 }')
    began = time.monotonic()
    for i in range(files):
        name = f'nfcapd.{i:08d}'
        with open(os.path.join(s.watch, name), 'wb') as f:
            f.write(s.make(name, 1))
    s.go()
    done = wait_for(lambda: s.figures.value('worker', 3) >= files, 1800, 0.5)
    manifests = sum(len(names) for _, _, names in os.walk(os.path.join(s.lake, '_sluice', 'commits')))
    print(f'# {files:,} files taken and committed in {time.monotonic() - began:.0f} s: {manifests:,} manifests', flush=True)
    tap.check('large: all is committed before', done, s.log()[-1000:])
    s.dropped = files
    s.stream()
    times, archived = {'collector': [], 'worker': [], 'supervisor': []}, []
    try:
        for k in range(60):
            time.sleep(0.4)
            s.ready()
            name = ('collector', 'worker', 'supervisor')[k % 3]
            took, first = s.kill(name)
            times[name].append(took)
            archived += [first] if first else []
    finally:
        status = s.close()
    for name, list_ in times.items():
        show(f'large: {name} killed: accepts again', list_)
    show('large: collector killed: a file is archived', archived)
    tap.check('large: after the collector died a new file was archived each time', len(archived) == len(times['collector']))
    tap.check('large: it stops with 0', status == 0, s.log()[-2000:])


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument('--full', action='store_true')
    options.add_argument('--kills', type=int, default=0, help='of collector, worker and supervisor by turns')
    options.add_argument('--pause', type=float, default=0.15, metavar='SECONDS', help='between one and the next')
    options.add_argument('--large', type=int, default=0, metavar='FILES')
    options = options.parse_args()
    count = options.kills or (900 if options.full else 45)
    print(f'# load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors', flush=True)
    with tempfile.TemporaryDirectory(prefix='sluice-kills-') as place:
        kills(place, count, options.pause)
    with tempfile.TemporaryDirectory(prefix='sluice-load-') as place:
        loader(place, 100 if options.full else 3)
    with tempfile.TemporaryDirectory(prefix='sluice-upgrade-') as place:
        upgrade(place, 100 if options.full else 3)
    if options.full or options.large:
        with tempfile.TemporaryDirectory(prefix='sluice-large-') as place:
            large(place, options.large or 100_000)
    print(f'# load average {os.getloadavg()[0]:.1f} at the end', flush=True)
    tap.done()


if __name__ == '__main__':
    main()
