#!/usr/bin/env python3
"""Data that comes late, twice, changed or with impossible times, and two collectors of one folder: all three datasets, embedded bus, local lake. The table of
doc/late-data.md is what this ran.

    late_data.py [TEXT]     only cases whose name holds TEXT
"""
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import matrix  # noqa: E402
import nfcapd  # noqa: E402
import proxy  # noqa: E402
import tap  # noqa: E402
from points import Marks  # noqa: E402
from site_rows import DAY, HOUR, START, Site  # noqa: E402
from spool import stop, wait_for  # noqa: E402
from trio import DATASETS, state_of  # noqa: E402

Y2038, Y2100 = 2**31 + 7, 4_102_444_800
FEW_FILES = 96  # descriptors of a process; table files of 500 hours would not fit


def each(site, name, times, **kw):
    """The same kind of file for every dataset."""
    for d in DATASETS:
        site.put(d, name, site.fresh(d, times), **kw)


def same_again(s):
    each(s, 'a', [START] * 5)
    s.once()
    for d in DATASETS:
        with open(f'{s.watch(d)}/a', 'rb') as f:
            content = f.read()
        s.put(d, 'a', content)
    s.once()
    os.utime(f'{s.watch("flow")}/a')
    return s.once()


def other_name(s):
    each(s, 'a', [START] * 5)
    s.once()
    for d in DATASETS:
        os.mkdir(f'{s.watch(d)}/deep')
        with open(f'{s.watch(d)}/a', 'rb') as f:
            s.put(d, 'deep/b', f.read(), in_place=True)
    return s.once()


def old_name(s):
    for _ in range(3):
        each(s, 'a', [START] * 5)
        done = s.once()
    return done


def grown(s):
    """A longer file whose beginning is known: left, until a person says again; both are originals then, and the rows of the beginning are there twice."""
    each(s, 'a', [START] * 5)
    s.once()
    for d in DATASETS:
        with open(f'{s.watch(d)}/a', 'rb') as f:
            old = f.read()
        s.put(d, 'a', old + b'more')
    return s.once()


def replaced(s, how):
    """The collector has opened a file and stands still; meanwhile it becomes another one."""
    for d in DATASETS:
        s.put(d, 'old', s.fresh(d, [START] * 40, counts=False))
        with tempfile.TemporaryDirectory() as folder:
            marks = Marks(folder)
            run = s.start(**marks.env('collector.opened:hang'))
            try:
                if not wait_for(lambda m=marks: m.pid('collector.opened:hang'), 20) or not wait_for(lambda m=marks: state_of(m.pid('collector.opened:hang')) == 'T', 5, 0.005):
                    return 'it did not stand still'
                s.put(d, 'old', s.fresh(d, [START] * 7), in_place=how == 'rewritten')
                os.kill(marks.pid('collector.opened:hang'), signal.SIGCONT)
                wait_for(lambda d=d: len(s.held(d)) >= 7, 20)
            finally:
                stop(run)
    return s.once()


def hours_late(s):
    """Rows of an hour that was compacted already; then that hour is compacted once more."""
    for name in 'ab':
        each(s, name, [START] * 5)
        s.once()
    if s.command('compact').returncode != 0:
        return 'not compacted'
    each(s, 'late', [START + 9 * HOUR, START, START + 8 * HOUR, START])
    s.once()
    if len(s.held('flow')) != 14:
        return 'not visible before the next compaction'
    s.command('compact')
    return s.once()


def years_off(s):
    """1970, 2038 and 2100 among rows of now, and one file with none of now."""
    now = int(time.time())
    each(s, 'some', [now, HOUR, Y2038, now - 6 * HOUR, Y2100])
    each(s, 'all', [HOUR + 5] * 3)
    each(s, 'near', [now - 300 * DAY, now + 20 * HOUR])
    done = s.once()
    found = json.loads(s.command('trace', '--format', 'json', 'some').stdout.splitlines()[0])['commits'][0]
    audit = json.loads(s.command('audit', '--format', 'json').stdout.splitlines()[-1])
    shown = s.command('status').stdout
    if (found['ahead'], found['behind']) != (2, 1) or (audit['rows_ahead'], audit['rows_behind']) != (6, 12) or 'implausible times 6 ahead, 12 behind' not in shown:
        return f'trace, audit and status say otherwise: {found}, {audit}, {shown}'
    return done


def no_time(s):
    """A time that no calendar of ours has: as a flow's time of receipt, which has others beside it, and as the only one of a request."""
    past = 4_294_967_296 + DAY
    mark = str(s.next)
    s.given['flow'] = {'a': nfcapd.file_v2([nfcapd.flow(START * 1000, received=past * 1000, bytes=s.next)])}
    s.rows['flow'], s.next = [mark], s.next + 1
    s.put('flow', 'a', s.given['flow']['a'])
    s.put('dns', 'a', s.fresh('dns', [2**32 - 1]))
    s.put('proxy', 'a', s.fresh('proxy', [START, START]) + proxy.line(random.Random(1), past).encode() + b'\n')
    with open(f'{s.watch("proxy")}/a', 'rb') as f:
        s.given['proxy'] = {'a': f.read()}
    return s.once()


def many_hours(s, most):
    """500 hours in each of two files, row by row in turn."""
    few = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (FEW_FILES, FEW_FILES))  # noqa: E731
    now = int(time.time()) // HOUR * HOUR
    for d in DATASETS:
        content = s.fresh(d, [now - HOUR * (i % 500) for i in range(1500)])
        s.rows[d] = [m for i, m in enumerate(s.rows[d]) if i % 500 < most]
        s.put(d, 'a', content)
    return s.command('run', '--once', '--quiet', preexec_fn=few)


def two_hosts(a, b, place):
    """Both start at the same time; neither knows of the other but by the lake."""
    for i in range(30):
        each(a, f'f{i}', [START + HOUR * (i % 3)] * (3 + i % 4 + (400 if i % 10 == 0 else 0)))
    runs = [s.start() for s in (a, b)]
    done = wait_for(lambda: a.is_complete() and all(sum(p['committed'] + p['doubled'] for p in s.status()['pipelines']) == 90 for s in (a, b)), 60, 0.3)
    ends = [stop(r) for r in runs]
    if not done or ends != [0, 0]:
        return f'ended {ends}'
    sides = [[p['committed'] for p in s.status()['pipelines']] for s in (a, b)]
    if [x + y for x, y in zip(*sides)] != [30, 30, 30] or b.once().returncode != 0:
        return f'committed {sides}'
    return a.once()


def fault_build(place, **keys):
    return Site(place, sluice=os.environ.get('SLUICE_FAULTS', 'build-faults/sluice'), **keys)


# name, rule, keys, what happens, figures that tell, is it an error of `run --once`
CASES = [
    ('the same file again, touched or written anew', 'nothing: it was dealt with', {}, same_again, (), 0),
    ('the same content under another name', 'stored once; the path is noted', {}, other_name, (), 0),
    ('new content under an old name', 'a new original each time; all are kept', {}, old_name, (), 0),
    ('an old file with more at its end', 'left; `load --again` takes it', {}, grown, (), 1),
    ('another file takes the name while it is read', 'set aside, read again from its beginning when it has settled', {}, 'replaced', (), 0),
    ('written anew in its place while it is read', 'set aside, read again from its beginning when it has settled', {}, 'rewritten', (), 0),
    ('rows hours late, into a compacted hour', 'one more file in that hour; the next compaction takes it', {'compact.quiet': '0', 'compact.grace': '0'}, hours_late, (), 0),
    ('rows of 1970, 2038 and 2100, by the collector', 'stored in their hour, counted', {}, years_off, ('rows_ahead', 'rows_behind'), 0),
    ('rows of 1970, 2038 and 2100, by the worker', 'stored in their hour, counted', {'event': '{ inline_max: 0 }'}, years_off, ('rows_ahead', 'rows_behind'), 0),
    ('a time past 2106', 'flow: the next time of the record; proxy: a reject; a capture cannot say it', {}, no_time, ('rejects', 'rows_lost'), 1),
    ('500 hours in one file, by the collector', '`partitions.max` hours are stored, rows of others are rejects', {'worker.open_hours': 8}, lambda s: many_hours(s, 256), ('rows_lost',), 1),
    ('500 hours in one file, by the worker', '`partitions.max` hours are stored, rows of others are rejects', {'worker.open_hours': 8, 'event': '{ inline_max: 0 }'},
     lambda s: many_hours(s, 256), ('rows_lost',), 1),
    ('500 hours in one file, `partitions.max: 600`', 'stored; never more than `worker.open_hours` files are open', {'worker.open_hours': 8, 'partitions.max': 600, 'event': '{ inline_max: 0 }'},
     lambda s: many_hours(s, 500), (), 0),
    ('two hosts collect one folder', '`claim: shared`: who claims an original first in the lake takes it', {'claim': 'shared'}, two_hosts, (), 0),
]


def run(case, place):
    """The row of a case, and what went wrong."""
    name, rule, keys, what, figures, status = case
    if what in ('replaced', 'rewritten'):
        s = fault_build(f'{place}/here', **keys)
        done = replaced(s, what)
    elif what is two_hosts:
        s, other = (Site(f'{place}/{n}', base=place, **keys) for n in ('edge1', 'edge2'))
        done = two_hosts(s, other, place)
    else:
        s = Site(f'{place}/here', **keys)
        done = what(s)
    wrong = [done] if isinstance(done, str) else [] if done.returncode == status else [f'exit {done.returncode}: {done.stderr[-800:]}']
    wrong += s.wrong()
    told = 'each 30 originals in sum, the other\'s doubled' if what is two_hosts else s.told(*figures)
    return f'| {name} | {rule} | {told} |', wrong


def main():
    only, rows = sys.argv[1] if len(sys.argv) > 1 else '', []
    for case in CASES:
        if only not in case[0]:
            continue
        with tempfile.TemporaryDirectory(prefix='sluice-late-') as place:
            began = time.monotonic()
            row, wrong = run(case, place)
            rows.append(row)
            tap.check(f'{case[0]}: each row once, lake in order', not wrong, '\n'.join(str(w) for w in wrong))
            print(f'# {time.monotonic() - began:.1f} s {row}', flush=True)
    if not only:
        matrix.check('What comes, and what becomes of it', rows, 'late-data.md')
    tap.done()


main()
