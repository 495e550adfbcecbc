#!/usr/bin/env python3
"""More than sluice can take: every budget is reached, does what its row says, and nothing is lost. doc/budgets.md is compared with what was run.

    overload.py [CASE …]               only these
    overload.py --full [CASE …]        outages of an hour (--minutes), a burst of 60 s, a backlog of 100,000 files (--files)
"""
import argparse
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import matrix  # noqa: E402
import tap  # noqa: E402
from flood import MIB, Flood, Watch, content, kib, parts_of  # noqa: E402
from lake import faults, ids, manifests  # noqa: E402
from spool import stop, wait_for  # noqa: E402
from volume import Volume  # noqa: E402

HEADING = 'The budgets'
FLOWS = 500          # of each file of an outage
ROOM_KIB = 6 * 1024  # what a process may grow by without being called a leak: buffers that are used again
SEEN = {}  # key: (what the user saw, case)


def saw(case, key, text, ok, detail=''):
    """The limit was reached, and the user saw it as the table says."""
    if tap.check(f'{case}: {key} is reached: {re.sub("`", "", text)}', ok, detail):
        SEEN[key] = (text, case)


def full(s, key):
    """Does status say of it that it is full, since when?"""
    since = s.budgets()[key]['full_since_ms']
    return 0 < since <= time.time() * 1000 and re.search(rf'^{re.escape(key)} is full, since \S.* ago: ', s.command('status').stdout, re.M) is not None


def whole(case, s, seconds=120, began=None):
    """Everything that was given is there once, and the lake is in order. began: since when it catches up."""
    done = wait_for(lambda: s.rows() >= s.next_id - 1, seconds, 0.3)
    if began is not None:
        print(f'# {case}: {s.next_id - 1:,} rows, caught up after {time.monotonic() - began:.1f} s', flush=True)
    have = ids(s.lake)
    tap.check(f'{case}: {s.next_id - 1:,} rows, each once', done and have == s.expected(), f'{len(have)} rows\n{s.log()[-2000:]}')
    wrong = faults(s.lake, s.inputs)
    tap.check(f'{case}: every original once, lake in order', not wrong, '\n'.join(wrong[:10]))


def under_input(s, minutes):
    """Time goes by, more files come; how many."""
    began, late = time.monotonic(), 0
    while time.monotonic() - began < max(2, 60 * minutes):
        if minutes:
            s.put(FLOWS)
            late += 1
        time.sleep(0.5)
    return late


def steady(case, watch, name, minutes):
    """Memory of a process while nothing can move: of a long outage by its slope."""
    rss = watch.samples[name]
    grown = max(r[1] for r in rss[len(rss) // 2:]) - max(r[1] for r in rss[:len(rss) // 2])
    tap.check(f'{case}: memory of the {name} stays flat', grown < ROOM_KIB, f'{grown} KiB more, {rss[::max(1, len(rss) // 20)]}')
    if minutes >= 15:
        flat = watch.flat(name)
        tap.check(f'{case}: {name} is flat over {flat.seconds / 60:.0f} min', not flat.why_not(), ', '.join(flat.why_not()))
        print(f'# {case}: {name}: {flat}', flush=True)


def outage(case, minutes=0):
    """Nobody takes what is on the bus, under full input: bus, spool, memory and the list of files fill up, then files stay where they lie."""
    with tempfile.TemporaryDirectory(prefix='sluice-outage-') as place:
        s = Flood(place, bus='{ max_bytes: 16MiB }', event='{ rows_max: 256KiB }', commit='{ max_age: 100ms }',
                  collect='{ settle: 0, group: 20, pending: 100, memory: 1MiB, spool: 4MiB, rescan: 500ms }')
        files = 560
        for _ in range(files):
            s.put(FLOWS)
        collector = s.start('collect')
        watch = Watch({'collector': collector.pid}, 1 if minutes else 0.1)
        watch.start()
        try:
            for key, text in (('bus.max_bytes', 'status: full, since when; the log: waiting: the bus is full'),
                              ('collect.spool', 'status: full, since when; sources lie where they lay'),
                              ('collect.memory', 'status: full, since when; the log: nothing more, it is used again'),
                              ('collect.pending', 'status: full, since when; `originals` grows again once there is room')):
                saw(case, key, text, wait_for(lambda k=key: full(s, k), 60, 0.2), s.command('status').stdout + s.log()[-1500:])
            tap.check(f'{case}: the log says why', 'waiting: the bus is full' in s.log(), s.log()[-1500:])
            stuck = s.status()['pipelines'][0]
            late = under_input(s, minutes)
            watch.stop()
            now = s.status()['pipelines'][0]
            tap.check(f'{case}: files stay where they lie', now['originals'] == stuck['originals'] < files, f'{stuck} {now}')
            spooled = s.budgets()['collect.spool']
            tap.check(f'{case}: the spool ends near its limit', spooled['used'] < spooled['limit'] + 2 * MIB, spooled)
            steady(case, watch, 'collector', minutes)
            print(f'# {case}: {minutes or 2 / 60:.2f} min, {late} files came meanwhile; RssAnon at most {watch.most("collector") / 1024:.1f} MiB, descriptors {watch.most("collector", 2)}', flush=True)
            began = time.monotonic()
            worker = s.start('work')
            try:
                whole(case, s, 120 + 30 * minutes, began)
                left = s.budgets()
                tap.check(f'{case}: nothing is full any more', all(b['full_since_ms'] == 0 for b in left.values()) and left['collect.spool']['used'] == 0,
                          [b for b in left.values() if b['full_since_ms']])
            finally:
                stop(worker)
        finally:
            watch.ended.set()
            tap.check(f'{case}: the collector ends in order', stop(collector) == 0, s.log()[-1500:])


def away(case, minutes=0):
    """The disk of the lake is full, under full input: nothing is archived, files stay where they lie; with room again it catches up."""
    with tempfile.TemporaryDirectory(prefix='sluice-away-') as place, Volume(os.path.join(place, 'lake'), os.path.join(place, 'lake.img'), 4096) as disk:
        if not disk.mounted:
            tap.skip(f'{case}: a lake that is full', 'an image cannot be mounted here')
            return
        s = Flood(place, state=os.path.join(place, 'state'), event='{ rows_max: 256KiB }', commit='{ max_age: 100ms }',
                  collect='{ settle: 0, group: 20, pending: 100, memory: 1MiB, rescan: 500ms }')
        run = s.start('run')
        try:
            s.put(FLOWS)
            tap.check(f'{case}: works before', wait_for(lambda: s.rows() == FLOWS, 60, 0.1), s.log()[-1500:])
            parts = parts_of(run)
            watch = Watch(parts, 1 if minutes else 0.1)
            watch.start()
            with disk.filled(leave_kb=0):
                for _ in range(200):
                    s.put(FLOWS)
                tap.check(f'{case}: the list of files fills up', wait_for(lambda: full(s, 'collect.pending'), 60, 0.2), s.command('status').stdout + s.log()[-1500:])
                stuck = s.status()['pipelines'][0]['originals']
                late = under_input(s, minutes)
                now = s.status()['pipelines'][0]
                tap.check(f'{case}: files stay where they lie', now['originals'] <= stuck + 20 and now['originals'] < 150, f'{stuck} {now}')
                tap.check(f'{case}: status and log say why', 'No space left on device' in s.log() and 'No space left on device' in s.command('status').stdout, s.log()[-1500:])
                watch.stop()
            began = time.monotonic()
            print(f'# {case}: {minutes or 2 / 60:.2f} min, {late} files came meanwhile; '
                  + ', '.join(f'{n} at most {watch.most(n) / 1024:.1f} MiB and {watch.most(n, 2)} descriptors' for n in parts), flush=True)
            for name in parts:
                steady(case, watch, name, minutes)
            whole(case, s, 120 + 30 * minutes, began)
            left = s.budgets()
            tap.check(f'{case}: nothing is full any more', all(b['full_since_ms'] == 0 for b in left.values()), [b for b in left.values() if b['full_since_ms']])
            tap.check(f'{case}: no process was started again', parts_of(run) == parts, s.log()[-1500:])
        finally:
            tap.check(f'{case}: ends in order', stop(run, 60) == 0, s.log()[-1500:])


def cuts(case):
    """What is cut when it gets too large: files of many hours, rejects, rows events, row groups, table files, commits."""
    with tempfile.TemporaryDirectory(prefix='sluice-cuts-') as place:
        s = Flood(place, event='{ rows_max: 64KiB, inline_max: 1MiB }', commit='{ max_age: 1s, max_bytes: 64KiB, max_events: 2 }', partitions='{ max: 3 }', workers=1,
                  worker='{ open_hours: 2 }', parquet='{ row_group_rows: 1024 }', rejects='{ max_bytes: 1KiB }', file='{ max_bytes: 64KiB }', collect='{ settle: 0 }')
        # six hours, of which three have room
        s.drop('nfcapd.hours', content(1, 600, hours=6))
        # rejects: many records that are longer than their block
        torn = bytearray(content(1001, 100, per_block=1))
        at = 40
        for _ in range(90):
            size = int.from_bytes(torn[at + 4:at + 8], 'little')
            torn[at + 14:at + 16] = b'\xff\xff'  # the record is longer than its block
            at += 12 + size
        s.drop('nfcapd.torn', bytes(torn))
        s.put(4000)        # its rows are too many for one event
        s.put(60_000, 2)  # larger than inline_max, and than a table file
        for _ in range(4):
            s.put(10)
        done = s.command('run', '--once', '--quiet')
        b, totals = s.budgets(), manifests(s.lake)
        reached = {k: v['reached'] for k, v in b.items()}
        originals = {os.path.basename(o['name']): o for o in totals[1]}
        lines = [line for f in totals[0] if f['kind'] == 'rejects' for line in open(os.path.join(s.lake, f['file']), encoding='utf-8')]
        tap.check(f'{case}: run --once ends well', done.returncode in (0, 1), f'{done.returncode} {done.stderr[-1500:]}')
        saw(case, 'partitions.max', 'a reject `too_many_hours` with the number of its rows', reached['partitions.max'] > 0 and
            originals['nfcapd.hours']['rows'] == 300 and originals['nfcapd.hours']['lost'] == 300 and any('too_many_hours' in line for line in lines), originals.get('nfcapd.hours'))
        saw(case, 'rejects.max_bytes', 'the last line: N further rejects without a line of their own', reached['rejects.max_bytes'] > 0 and
            any('further rejects without a line' in line for line in lines), f'{reached} {lines[-3:]}')
        saw(case, 'event.rows_max', 'nothing: the partition of its rows is one of files', reached['event.rows_max'] > 0 and b['event.rows_max']['used'] > 0, b['event.rows_max'])
        saw(case, 'event.inline_max', 'nothing: the partition of its rows is one of files', reached['event.inline_max'] > 0 and b['event.inline_max']['used'] > MIB, b['event.inline_max'])
        for key, text in (('worker.open_hours', 'nothing: an hour has more table files'),
                          ('file.max_bytes', 'nothing: an hour has more table files'), ('commit.max_bytes', 'nothing: more commits'), ('commit.max_events', 'nothing: more commits')):
            saw(case, key, text, reached[key] > 0, b[key])
        have = [i for i in ids(s.lake)]
        want = originals['nfcapd.hours']['rows'] + originals['nfcapd.torn']['rows'] + s.next_id - 1
        tap.check(f'{case}: every row that has room is there', len(have) == want and done.returncode in (0, 1), f'{len(have)} instead of {want}')
        largest = max(os.path.getsize(os.path.join(s.lake, f['file'])) for f in totals[0] if f['kind'] == 'table')
        print(f'# {case}: {len(totals[0])} files, the largest {largest} bytes', flush=True)
    memory(case)


def memory(case):
    """Many hours at once: the open table files are more than the memory."""
    with tempfile.TemporaryDirectory(prefix='sluice-memory-') as place:
        s = Flood(place, worker='{ memory: 8MiB, open_hours: 120 }', workers=1, parquet='{ codec: none }', collect='{ settle: 0 }')
        s.put(120_000, 110)
        run = s.start('run', '--once', '--quiet')
        wait_for(lambda: len(parts_of(run)) == 2, 20)
        watch = Watch(parts_of(run))
        watch.start()
        run.wait()
        watch.stop()
        reached = s.budgets()['worker.memory']['reached']
        saw(case, 'worker.memory', 'nothing: table files have more row groups', reached > 0, s.budgets()['worker.memory'])
        whole(case, s)
        most = watch.most('worker')
        tap.check(f'{case}: the worker takes 8 MiB for them, and what it needs beside', most < 40 * 1024, f'{most} KiB')


def ledger(case):
    """A ledger that is full: no further file is taken; with more room the rest is."""
    with tempfile.TemporaryDirectory(prefix='sluice-ledger-') as place:
        s = Flood(place, ledger='{ max_bytes: 16MiB }', collect='{ settle: 0 }', commit='{ max_age: 200ms }')
        deep = os.path.join(s.watch, *['d' * 200] * 18)
        os.makedirs(deep)
        files = 3000
        for i in range(files):
            s.next_id = i + 1
            name = f'nfcapd.{i:07}'
            s.inputs[name] = content(s.next_id, 1)
            with open(os.path.join(deep, name), 'wb') as f:
                f.write(s.inputs[name])
        s.next_id = files + 1
        run = s.start('run')
        try:
            saw(case, 'ledger.max_bytes', 'status: full, since when; the log: waiting: …/ledger: …: full, its N bytes are in use',
                wait_for(lambda: full(s, 'ledger.max_bytes'), 90, 0.3) and 'full, its 16777216 bytes are in use' in s.log(), s.command('status').stdout + s.log()[-1500:])
            taken = s.status()['pipelines'][0]['originals']
            tap.check(f'{case}: files stay where they lie, run stays alive', taken < files and run.poll() is None, taken)
            with open(s.config, encoding='utf-8') as f:
                text = f.read()
            with open(s.config, 'w', encoding='utf-8') as f:
                f.write(text.replace('max_bytes: 16MiB', 'max_bytes: 1GiB'))
            run.send_signal(signal.SIGHUP)
            whole(case, s)
        finally:
            tap.check(f'{case}: ends in order', stop(run) == 0, s.log()[-1500:])


def descriptors(case):
    """No descriptor is left: what needs one waits."""
    with tempfile.TemporaryDirectory(prefix='sluice-files-') as place:
        s = Flood(place, collect='{ settle: 0, rescan: 500ms }', commit='{ max_age: 100ms }')
        run = s.start('run')
        try:
            s.put(10)
            tap.check(f'{case}: works before', wait_for(lambda: s.rows() == 10, 60, 0.1), s.log()[-1500:])
            pid = parts_of(run)['collector']
            limit = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            tap.check(f'{case}: the limit is the configured one', limit[0] == 4096, limit)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (1, limit[1]))
            for _ in range(20):
                s.put(10)
            saw(case, 'open_files', 'status: full, since when; the log: waiting: …: Too many open files',
                wait_for(lambda: full(s, 'open_files') and 'Too many open files' in s.log(), 30, 0.2), s.command('status').stdout + s.log()[-1500:])
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)
            whole(case, s)
        finally:
            tap.check(f'{case}: ends in order', stop(run) == 0, s.log()[-1500:])
        few = subprocess.run(['sh', '-c', f'ulimit -n 100; exec "{s.sluice}" check -c "{s.config}"'], capture_output=True, text=True, check=False)
        tap.check(f'{case}: check says that the system allows too few', few.returncode == 1 and 'open_files: the system allows 100 descriptors' in few.stdout, few.stdout)


REFUSED = [  # what is wrong, what the message must hold
    ('collect: { memory: 1MiB }', ':2: collect.memory: must be at least 4 times event.rows_max (8.0 MiB)'),
    ('collect: { pending: 100 }', ':2: collect.pending: must be at least twice collect.group (250)'),
    ('worker: { open_hours: 1024 }\nworkers: 1\nopen_files: 100000', 'worker.memory: must be at least 64 KiB for each of worker.open_hours (1024)'),
    ('open_files: 100', ':2: open_files: 100 are too few'),
    ('collect: { memory: 1KiB }', ':2: collect.memory: "1KiB" is out of range (1MiB .. 64GiB)'),
    ('rejects: { max_bytes: 1MiB }', ':2: rejects.max_bytes: "1MiB" is out of range (1KiB .. 256KiB)'),
]
UNFIT = [  # what this machine cannot hold
    ('workers: 256\nworker: { memory: 64GiB }\nopen_files: 1000000', ':3: worker.memory: 256 threads may take 16.0 TiB, this machine has '),
    ('bus: { max_bytes: 16TiB }', ':2: bus.max_bytes: 16.0 TiB on a file system of '),
    ('ledger: { max_bytes: 16TiB }', ':2: ledger.max_bytes: 16.0 TiB on a file system of '),
    ('dedupe: { max_bytes: 16TiB }', ':2: dedupe.max_bytes: 16.0 TiB on a file system of '),
    ('collect: { spool: 16TiB }', ':2: collect.spool: 16.0 TiB on a file system of '),
]


def refusals(case):
    """`sluice check` refuses budgets that can't work, with file, line and key."""
    with tempfile.TemporaryDirectory(prefix='sluice-check-') as place:
        s = Flood(place)
        with open(s.config, encoding='utf-8') as f:
            lake, rest = f.read().split('\n', 1)
        for status, rows in ((2, REFUSED), (1, UNFIT)):
            for keys, wanted in rows:
                with open(s.config, 'w', encoding='utf-8') as f:
                    f.write(f'{lake}\n{keys}\n{rest}')
                done = s.command('check')
                tap.check(f'{case}: {" ".join(keys.split())}', done.returncode == status and (s.config + wanted if wanted[0] == ':' else wanted) in done.stdout, f'{done.returncode} {done.stdout}')


def burst(case, seconds=0.5, flows=400):
    """Ten times of what is taken, for a while; then it catches up."""
    with tempfile.TemporaryDirectory(prefix='sluice-burst-') as place:
        # one sync and one commit a file: so little is taken that ten times as much can be made beside it
        s = Flood(place, collect='{ settle: 0, group: 1, pending: 1000 }', commit='{ max_age: 500ms, max_events: 1 }', workers=1)
        some = max(100, int(seconds * 20))
        for _ in range(some):
            s.put(flows)
        run = s.start('run')
        try:
            wait_for(lambda: s.rows() > 0, 120, 0.05)
            first, began = s.rows(), time.monotonic()
            wait_for(lambda: s.rows() >= some * flows, 120, 0.05)
            pace = (some * flows - first) / flows / (time.monotonic() - began)
            parts = parts_of(run)
            watch = Watch(parts)
            watch.start()
            burst_files = int(10 * pace * seconds)
            spare = [content(s.next_id + i * flows, flows) for i in range(burst_files)]
            began = time.monotonic()
            for i, made in enumerate(spare):
                name = f'nfcapd.b{i:06}'
                s.inputs[name] = made
                s.drop(name)
                s.next_id += flows
                time.sleep(max(0, began + (i + 1) / (10 * pace) - time.monotonic()))
            came = time.monotonic() - began
            whole(case, s, max(600, 30 * seconds))
            took = time.monotonic() - began
            watch.stop()
            print(f'# {case}: takes {pace:.0f} files/s of {flows} flows; {burst_files} files in {came:.1f} s, {burst_files / came / pace:.1f} times as many; all committed after {took:.1f} s; '
                  + ', '.join(f'{n} at most {watch.most(n) / 1024:.1f} MiB and {watch.most(n, 2)} descriptors' for n in parts), flush=True)
            tap.check(f'{case}: memory within the budgets', all(watch.most(n) < 250 * 1024 for n in parts), [watch.most(n) for n in parts])
            tap.check(f'{case}: no process was started again', not re.search('started again|killed by', s.log()), s.log()[-1500:])
        finally:
            tap.check(f'{case}: ends in order', stop(run, 60) == 0, s.log()[-1500:])


def backlog(case, files=1500):
    """A day's files at once: time, memory and descriptors."""
    with tempfile.TemporaryDirectory(prefix='sluice-backlog-') as place:
        s = Flood(place, collect='{ settle: 0, pending: 1000 }')
        for _ in range(files):
            s.put(8, keep=files <= 5000)
        began = time.monotonic()
        run = s.start('run', '--once', '--quiet')
        wait_for(lambda: len(parts_of(run)) == 2, 20)
        watch = Watch(parts_of(run), 0.05 if files <= 5000 else 1)
        watch.start()
        run.wait()
        took = time.monotonic() - began
        watch.stop()
        have = ids(s.lake)
        tap.check(f'{case}: {s.next_id - 1:,} rows of {files:,} files, each once', run.returncode == 0 and have == s.expected(), f'{len(have)} {s.log()[-1500:]}')
        if files <= 5000:
            wrong = faults(s.lake, s.inputs)
            tap.check(f'{case}: every original once, lake in order', not wrong, '\n'.join(wrong[:10]))
        else:
            done = s.command('audit', timeout=1200)
            tap.check(f'{case}: audit finds the lake in order', done.returncode == 0, done.stdout[-1500:] + done.stderr[-500:])
        names = list(watch.samples)
        print(f'# {case}: {files} files in {took:.1f} s, {files / took:.0f} files/s; '
              + ', '.join(f'{n} at most {watch.most(n) / 1024:.1f} MiB and {watch.most(n, 2)} descriptors' for n in names), flush=True)
        reached = s.budgets()['collect.pending']['reached']
        tap.check(f'{case}: the list of files was bounded', reached > 0, reached)
        for n in names:
            if files > 5000:
                grown = watch.growth(n, took / 4)
                tap.check(f'{case}: memory of the {n} stays flat', grown < ROOM_KIB, f'{grown} KiB')
            tap.check(f'{case}: memory of the {n} is bounded', watch.most(n) < 250 * 1024, watch.most(n))


# budgets that only a test of the module reaches: too large for a scenario
UNIT = {'dedupe.max_bytes': ('status: full, since when; the log: waits: index of identities: …: full, its N bytes are in use', 'unit test `pipe_budgets`')}
CASES = {'outage': outage, 'away': away, 'cuts': cuts, 'ledger': ledger, 'descriptors': descriptors, 'refusals': refusals, 'burst': burst, 'backlog': backlog}


def compare():
    """The table of the page is what the program says and what was seen."""
    with tempfile.TemporaryDirectory() as place:
        s = Flood(place)
        budgets = s.status()['budgets']
        defaults = dict(re.findall(r'^\| `(\S+)` \| [^|]* \| [^|]* \| `?([^|`]*)`? \|', subprocess.run([s.sluice, 'config', '--markdown'], capture_output=True, text=True, check=True).stdout, re.M))
    rows = []
    for b in budgets:
        text, case = UNIT.get(b['key']) or (SEEN[b['key']][0], f'`{SEEN[b["key"]][1]}`') if b['key'] in UNIT or b['key'] in SEEN else ('**not reached**', '')
        rows.append(f'| `{b["key"]}` | {defaults[b["key"]]} | {b["counts"]} | {b["at_limit"]} | {text} | {case} |')
    matrix.check(HEADING, rows, 'budgets.md')


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument('case', nargs='*', choices=[[], *CASES], help='only these')
    options.add_argument('--full', action='store_true')
    options.add_argument('--minutes', type=float, default=60)
    options.add_argument('--files', type=int, default=100_000)
    options = options.parse_args()
    long = {'outage': {'minutes': options.minutes}, 'away': {'minutes': options.minutes}, 'burst': {'seconds': 60, 'flows': 100}, 'backlog': {'files': options.files}} if options.full else {}
    for name in options.case or CASES:
        began = time.monotonic()
        CASES[name](name, **long.get(name, {}))
        print(f'# {name}: {time.monotonic() - began:.1f} s', flush=True)
    if not options.case and not options.full:
        compare()
    tap.done()


if __name__ == '__main__':
    main()
