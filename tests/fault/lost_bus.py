#!/usr/bin/env python3
"""The folder of the embedded bus is lost with acknowledged events in it: what is not committed is published again, from the originals, and every row is there once."""
import os
import shutil
import sys
import tempfile

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import tap  # noqa: E402
from lake import faults, ids  # noqa: E402
from spool import Spool  # noqa: E402

TOLD = 'the bus has lost events'


def lose(s):
    shutil.rmtree(os.path.join(s.place, 'state', 'bus'))


def give(s, first, files):
    for i in range(first, first + files):
        name = f'nfcapd.{202601140900 + i}'
        s.make(name, 20, hours=2)
        s.drop(name)


def case(name, committed, fault=None):
    """committed: files that were taken whole before; fault: what happens to the run that finds the bus empty"""
    with tempfile.TemporaryDirectory() as place:
        s = Spool(place, state=os.path.join(place, 'state'), collect='{ settle: 0 }', workers=2)
        if committed:
            give(s, 0, committed)
            r = s.command('run', '--once')
            tap.check(f'{name}: a run before', r.returncode == 0 and TOLD not in r.stderr, r)
        give(s, committed, 6)
        r = s.command('collect', '--once')
        tap.check(f'{name}: events are on the bus', r.returncode == 0 and TOLD not in r.stderr, r)
        lose(s)
        if fault:
            s.sluice = os.environ['SLUICE_FAULTS']
            marks = os.path.join(place, 'marks')
            os.mkdir(marks)
            r = s.command('run', '--once', env={**os.environ, 'SLUICE_FAULT': fault, 'SLUICE_FAULT_MARKS': marks})
            tap.check(f'{name}: the fault happened', os.listdir(marks) == [fault.partition('@')[0]], os.listdir(marks))
        else:
            r = s.command('run', '--once')
        tap.check(f'{name}: it is noticed and told', r.returncode == 0 and (TOLD in r.stderr or 'it has lost events' in r.stderr), r)
        wrong = faults(s.lake, s.inputs)
        tap.check(f'{name}: every row once, the lake in order', sorted(ids(s.lake)) == s.expected() and not wrong, wrong)
        again = s.command('run', '--once')
        tap.check(f'{name}: nothing to do afterwards', again.returncode == 0 and TOLD not in again.stderr, again)


case('nothing committed', 0)
case('something committed', 8)
if 'SLUICE_FAULTS' in os.environ:
    case('killed when the topics are there again', 0, 'bus.ensured:kill@2')
    case('killed before the topics are there again', 8, 'bus.ensured:kill@1')
else:
    tap.skip('killed beside it', 'the program with fault points is not built')
tap.done()
