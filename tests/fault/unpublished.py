#!/usr/bin/env python3
"""A worker dies between its manifest and the final names of its table files: the rows are committed, and not yet where SQL looks. Until they are, nobody is told that the file is
committed, `after: delete` waits, and so does `run --once`: also where its worker comes late, and where the ledger was lost meanwhile. So does a `work --once` that stands by."""
import json
import os
import shutil
import signal
import sys
import tempfile
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import tap  # noqa: E402
from lake import faults, ids, manifests  # noqa: E402
from points import Marks  # noqa: E402
from spool import Spool, stop, wait_for  # noqa: E402
from trio import end, state_of  # noqa: E402

QUIET_S = 1  # of many looks of a collector at a lake of its own
LIMIT_S = 60
NAME = 'nfcapd.202601140900'


class Half(Spool):
    """One file, and a collector that runs."""

    def __init__(self, place, after):
        super().__init__(place, state=os.path.join(place, 'state'), workers=1, collect='{ settle: 0 }', commit='{ max_age: 50ms }')
        with open(self.config, encoding='utf-8') as f:
            text = f.read()
        with open(self.config, 'w', encoding='utf-8') as f:
            f.write(text.replace('dissector: nfcapd', f'dissector: nfcapd, after: {after}'))
        self.sluice = os.environ['SLUICE_FAULTS']
        self.make(NAME, 40, hours=2)
        self.path = self.drop(NAME)
        self.collector = self.begin('collect')

    def begin(self, *words, **env):
        return self.start(*words, start_new_session=True, env={**os.environ, **env})

    def half_done(self):
        """A worker's commit, and the worker is dead."""
        worker = self.begin('work', SLUICE_FAULT='worker.put:kill')
        died = wait_for(lambda: worker.poll() is not None, LIMIT_S)
        end(worker)
        time.sleep(QUIET_S)
        return died and worker.returncode == -signal.SIGKILL and len(manifests(self.lake)[0]) == 2 and not ids(self.lake)

    def state(self):
        return json.loads(self.command('status', '--json', NAME).stdout)['state']

    def whole(self):
        audit = self.command('audit', '--grace', '0')
        return sorted(ids(self.lake)) == self.expected() and not faults(self.lake, self.inputs) and audit.returncode == 0


def held_back(s, name):
    """`run --once` whose worker stands still before it looks at its partitions."""
    marks = Marks(s.place)
    once = s.begin('run', '--once', **marks.env('worker.claimed:hang'))
    try:
        stands = wait_for(lambda: state_of(marks.pid('worker.claimed:hang') or 0) == 'T', LIMIT_S)
        time.sleep(QUIET_S)
        tap.check(f'{name}: run --once waits for a worker that comes late', stands and once.poll() is None and not ids(s.lake), s.log()[-2000:])
        if stands:
            os.kill(marks.pid('worker.claimed:hang'), signal.SIGCONT)
        tap.check(f'{name}: and ends well', wait_for(lambda: once.poll() is not None, LIMIT_S) and once.returncode == 0, s.log()[-2000:])
    finally:
        end(once)
    tap.check(f'{name}: then the table is whole', s.whole(), ids(s.lake)[:9])


def case(name, after, then):
    with tempfile.TemporaryDirectory(prefix='sluice-unpublished-') as place:
        s = Half(place, after)
        try:
            tap.check(f'{name}: committed, and not where SQL looks', s.half_done(), s.log()[-2000:])
            tap.check(f'{name}: nobody is told so', s.state() == 'published' and os.path.exists(s.path), s.state())
            then(s, name)
        finally:
            end(s.collector)


def another_worker(s, name):
    worker = s.begin('work')
    try:
        tap.check(f'{name}: the file goes once another worker has made the table whole', wait_for(lambda: not os.path.exists(s.path), LIMIT_S) and s.whole(), s.log()[-2000:])
    finally:
        end(worker)
    tap.check(f'{name}: and is told to be committed', wait_for(lambda: s.state() == 'committed'), s.state())


def standing_by():
    """The partition's owner stands still where the others died."""
    name = 'work --once beside its owner'
    with tempfile.TemporaryDirectory(prefix='sluice-unpublished-') as place:
        s, fault = Half(place, 'keep'), 'worker.put:hang'
        marks = Marks(place)
        owner = s.begin('work', **marks.env(fault))
        stands = wait_for(lambda: state_of(marks.pid(fault) or 0) == 'T', LIMIT_S)
        second = s.begin('work', '--once', SLUICE_FAULT='')
        try:
            time.sleep(3 * QUIET_S)  # it looks once a second when the owner is not about to leave
            tap.check(f'{name}: waits', stands and second.poll() is None and not ids(s.lake), s.log()[-2000:])
            if stands:
                os.kill(owner.pid, signal.SIGCONT)
            tap.check(f'{name}: ends well when the table is whole', wait_for(lambda: second.poll() is not None, LIMIT_S) and second.returncode == 0 and s.whole(), s.log()[-2000:])
        finally:
            for process in (second, owner, s.collector):
                end(process)


def once(s, name):
    stop(s.collector)
    held_back(s, name)


def ledger_lost(s, name):
    stop(s.collector)
    shutil.rmtree(os.path.join(s.place, 'state', 'ledger'))
    held_back(s, name)
    tap.check(f'{name}: and the file is told to be committed', s.state() == 'committed', s.state())


if 'SLUICE_FAULTS' in os.environ:
    case('another worker', 'delete', another_worker)
    case('run --once', 'keep', once)
    case('a lost ledger', 'keep', ledger_lost)
    standing_by()
else:
    tap.skip('a commit whose files have no names', 'the program with fault points is not built')
tap.done()
