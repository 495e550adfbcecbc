#!/usr/bin/env python3
"""kill -9 of each process at random moments while 200 files arrive, 50 times; then --once ends with exactly the rows of the inputs."""
import os
import random
import signal
import sys
import tempfile
import threading
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import tap  # noqa: E402
from lake import faults, ids, staging_left  # noqa: E402
from spool import Spool, children, stop, wait_for  # noqa: E402

FILES, KILLS, SEED = 200, int(os.environ.get('SLUICE_KILLS', '50')), 20260114


def main():
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix='sluice-kills-') as place:
        s = Spool(place, commit='{ max_age: 150ms }', workers=2)
        for i in range(FILES):
            large = i % 20 == 0  # over 1 MiB: a file event
            s.make(f'nfcapd.2026011409{i:04d}', 9500 if large else rng.randrange(1, 400), hours=1 + i % 3)
        dropper = threading.Thread(target=drop_all, args=(s,))
        run = s.start('run')
        dropper.start()
        killed = {'supervisor': 0, 'child': 0}
        for _ in range(KILLS):
            time.sleep(rng.uniform(0.02, 0.25))
            if run.poll() is not None:
                run = s.start('run')
                wait_for(lambda: len(children(run.pid)) >= 2, 10)
            victims = children(run.pid)
            if not victims or rng.random() < 0.2:
                run.kill()
                run.wait()
                killed['supervisor'] += 1
            else:
                kill(rng.choice(victims))
                killed['child'] += 1
        dropper.join()
        tap.check('the supervisor and its children were killed many times', min(killed.values()) > 3 or KILLS < 40, str(killed))
        status = stop(run) if run.poll() is None else 0
        tap.check('run drains and exits 0 after all that', status == 0, f'exit status {status}\n{s.log()[-2000:]}')
        once = s.command('run', '--once')
        tap.check('run --once afterwards exits 0', once.returncode == 0, once.stderr[-2000:])
        found = ids(s.lake)
        tap.check('exactly the rows of the inputs, no duplicate', found == s.expected(), difference(found, s.expected()))
        wrong = faults(s.lake, s.inputs)
        tap.check('no orphan in the table, every original present with its hash', not wrong, '\n'.join(wrong[:10]))
        left = staging_left(s.lake)
        tap.check('nothing left in staging', not left, '\n'.join(left[:10]))
        audit = s.command('audit', '--grace', '0')
        tap.check('the audit finds nothing', audit.returncode == 0 and 'in order' in audit.stdout, audit.stdout[-2000:] + audit.stderr)
    tap.done()


def drop_all(s):
    for name in s.inputs:
        s.drop(name)
        time.sleep(0.03)


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def difference(found, wanted):
    lost, extra = sorted(set(wanted) - set(found)), len(found) - len(set(found))
    return f'{len(found)} rows, {len(wanted)} wanted, {len(lost)} lost (first {lost[:3]}), {extra} twice'


if __name__ == '__main__':
    main()
