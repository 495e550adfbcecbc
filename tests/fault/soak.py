#!/usr/bin/env python3
"""Soak: a mixed load of all three datasets on embedded bus and local lake, a fault every few seconds, compaction on; then exact rows, a lake in order, and flat memory and descriptors.

Faults: kill -9 of one child, of the supervisor, of the whole tree; a child stopped for good, which the watchdog ends; after a third of the time only those that a process must
outlive: SIGSTOP for three seconds, a full disk under the lake, a full disk under the state folder (bus and ledger). Full disks want root and a loop device.

    soak.py [--seconds S] [--every S] [--files PER_S] [--seed S] [--keep FOLDER]     20 s with a fault every 3 s: what `make check` runs; an hour: make soak

--keep: logs and samples are left there.
"""
import os
import random
import signal
import sys
import tempfile
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import tap  # noqa: E402
from load import settled  # noqa: E402
from samples import tree  # noqa: E402
from soak import options, read, send, soak  # noqa: E402
from spool import stop, wait_for  # noqa: E402
from trio import DATASETS, Trio, end  # noqa: E402
from volume import Volume  # noqa: E402

LIMIT_S = 300


class Site:
    names = ('run', 'collect', 'work', 'compact')

    def __init__(self, place, given):
        self.rng, self.hold_s = random.Random(given.seed), min(6, given.every / 3)
        quiet_s = max(2, given.seconds / 60)
        self.trio = Trio(place, {d: {} for d in DATASETS}, watchdog='5s', commit=f'{{ max_age: {"3s" if given.seconds > 60 else "300ms"} }}', event='{ inline_max: 64KiB }',
                         collect='{ settle: 0, rescan: 5s }',
                         **{'compact': 'on', 'compact.quiet': f'{quiet_s:.0f}s', 'compact.every': f'{quiet_s / 2:.0f}s', 'compact.grace': f'{quiet_s:.0f}s'})
        self.logs, self.volumes, self.process = [self.trio.log_path], {}, None

    def start(self):
        self.process = self.trio.start('run')

    def processes(self):
        return tree(self.process.pid)

    def child(self):
        """One of the children; None: there is none just now."""
        kids = [pid for name, pid in sorted(self.processes().items()) if name != 'run']
        return self.rng.choice(kids) if kids else None

    def kill_child(self):
        send(self.child(), signal.SIGKILL)

    def kill_supervisor(self):
        self.process.kill()
        self.process.wait()
        self.start()

    def kill_tree(self):
        kids = [pid for name, pid in self.processes().items() if name != 'run']
        self.process.kill()
        self.process.wait()
        for pid in kids:
            send(pid, signal.SIGKILL)
        self.start()

    def stop_for_good(self):
        send(self.child(), signal.SIGSTOP)

    def stop_a_while(self):
        pid = self.child()
        send(pid, signal.SIGSTOP)
        time.sleep(min(3, self.hold_s))
        send(pid, signal.SIGCONT)

    def full(self, name):
        with self.volumes[name].filled(leave_kb=self.rng.choice((0, 40))):
            time.sleep(self.hold_s)

    def faults(self):
        deadly = {'kill a child': self.kill_child, 'kill the supervisor': self.kill_supervisor, 'kill the tree': self.kill_tree, 'stop a child for good': self.stop_for_good}
        survived = {'stop a child a while': self.stop_a_while}
        return deadly, survived | {f'disk full under the {name}': lambda n=name: self.full(n) for name in self.volumes}

    def settle(self, load):
        began = time.monotonic()
        whole = wait_for(lambda: settled(self.trio, load), LIMIT_S, 0.5)
        tap.check('every file comes to its end by itself', whole, read(self.logs[0])[-4000:])
        print(f'# caught up {time.monotonic() - began:.1f} s after the last file', flush=True)

    def leave(self):
        return {'run': stop(self.process, 30)}

    def wrong(self):
        return self.trio.wrong()


def main():
    given = options(20, 3, 10)
    with tempfile.TemporaryDirectory(prefix='sluice-soak-') as place:
        site = Site(place, given)
        with Volume(site.trio.lake, os.path.join(place, 'lake.img'), 4096) as lake, Volume(os.path.join(place, 'state'), os.path.join(place, 'state.img'), 2048) as state:
            if lake.mounted and state.mounted:
                site.volumes = {'lake': lake, 'state': state}
            else:
                tap.skip('full disks', 'an image cannot be mounted here')
            try:
                soak(given, site)
            finally:
                if site.process:
                    end(site.process)
    tap.done()


if __name__ == '__main__':
    main()
