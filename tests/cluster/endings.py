#!/usr/bin/env python3
"""The harness itself: a server that a test left dead is started again, and nothing is left behind, however a run ends. Each run has a broker of its own."""
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import tap  # noqa: E402
from cluster.session import TESTS, Cluster, Own, why_not  # noqa: E402


def lives(pid):
    """It may go while it is looked at."""
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as f:
            return f.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pids, run, seconds=20):
    end, left = time.monotonic() + seconds, pids
    while time.monotonic() < end:
        left = [p for p in pids if lives(p)]
        if not left and not (run and os.path.exists(run)):
            return None
        time.sleep(0.1)
    return f'left: {left} {run}'


CHILD = '''
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # one that was started in the background ignores it
sys.path.insert(0, {tests!r})
from cluster.session import session
with session('kafka') as c:
    print(c.run, c.supervisor, c.server('kafka').pid(), flush=True)
    time.sleep(600)
'''


def ends():
    """Four ways in which a run ends."""
    own = Own(['kafka']).wait()
    c = Cluster(own.run)
    pids = [c.supervisor, c.server('kafka').pid()]
    c.server('kafka').kill()
    c.close()
    c = Cluster(own.run)
    c.server('kafka').wait()
    tap.check('end: a server that a test left dead is started again', c.server('kafka').pid() not in (None, pids[1]))
    pids.append(c.server('kafka').pid())
    c.close()
    own.stop()
    left = gone(pids, own.run)
    tap.check('end: stop leaves nothing', left is None, left)
    environment = {k: v for k, v in os.environ.items() if k != 'SLUICE_CLUSTER'}
    for what, word, whom in (('the test is killed', signal.SIGKILL, 'test'), ('the test is interrupted', signal.SIGINT, 'test'),
                             ('the supervisor is killed', signal.SIGKILL, 'supervisor')):
        with subprocess.Popen([sys.executable, '-c', CHILD.format(tests=TESTS)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
            run, *pids = child.stdout.readline().split()
            os.kill(child.pid if whom == 'test' else int(pids[0]), word)
            if whom == 'supervisor':
                left = gone(pids, None)
                child.kill()
                subprocess.run(['rm', '-rf', run], check=True)  # nobody was left to do it
            else:
                left = gone(pids, run)
            tap.check(f'end: {what}, nothing is left', left is None, left)


def main():
    if why_not():
        tap.skip('how a cluster ends', why_not())
        tap.done()
    ends()
    tap.done()


main()
