#!/usr/bin/env python3
"""The disk fills up under archive, bus, staging and ledger: sluice waits, says so, and goes on when there is room; nothing is lost."""
import os
import sys
import tempfile

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import tap  # noqa: E402
from disk import Tmpfs, fill  # noqa: E402
from lake import faults, ids  # noqa: E402
from spool import Spool, stop, wait_for  # noqa: E402

FILES, FLOWS = 60, 1500


def case(name, small, leave_kb):
    """small: which of lake, bus and state lies on the full disk."""
    with tempfile.TemporaryDirectory(prefix='sluice-full-') as place, Tmpfs(os.path.join(place, 'small'), 64) as disk:
        if not disk.mounted:
            tap.skip(name, 'cannot mount a tmpfs here')
            return
        keys = {'commit': '{ max_age: 100ms }', 'state': os.path.join(place, 'state'), 'bus': 'embedded://' + os.path.join(place, 'bus')}
        if small == 'lake':
            keys['lake'] = os.path.join(disk.place, 'lake')
        elif small == 'bus':
            keys['bus'] = 'embedded://' + os.path.join(disk.place, 'bus')
        else:
            keys['state'] = os.path.join(disk.place, 'state')
        s = Spool(place, **keys)
        for i in range(FILES):
            s.make(f'nfcapd.2026011409{i:04d}', FLOWS)
        first = list(s.inputs)[:5]
        run = s.start('run')
        for n in first:
            s.drop(n)
        tap.check(f'{name}: works before the disk is full', wait_for(lambda: len(ids(s.lake)) == 5 * FLOWS, 30, 0.2), s.log()[-1500:])
        fill(disk.place, leave_kb)
        for n in list(s.inputs)[5:]:
            s.drop(n)
        said = wait_for(lambda: 'o space left' in s.log() or 'ull' in s.log(), 20, 0.1)
        tap.check(f'{name}: says that there is no space', said, s.log()[-1500:])
        tap.check(f'{name}: run stays alive', run.poll() is None, s.log()[-1500:])
        os.unlink(os.path.join(disk.place, 'ballast'))
        disk.grow(512)
        whole = wait_for(lambda: ids(s.lake) == s.expected(), 60, 0.3)
        tap.check(f'{name}: everything is there once there is room, nothing twice', whole, f'{len(ids(s.lake))} of {len(s.expected())} rows\n{s.log()[-1500:]}')
        tap.check(f'{name}: drains and exits 0', stop(run) == 0, s.log()[-1500:])
        wrong = faults(s.lake, s.inputs)
        tap.check(f'{name}: no orphan, every original once', not wrong, '\n'.join(wrong[:10]))


if __name__ == '__main__':
    case('disk full under archive and staging', 'lake', 200)
    case('disk full under the bus', 'bus', 60)
    case('disk full under ledger and caches', 'state', 40)
    tap.done()
