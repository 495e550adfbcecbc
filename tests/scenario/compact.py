#!/usr/bin/env python3
"""sluice compact: the many small files of quiet hours become one each; every row once and where it came from still said; readers undisturbed; late rows; two compactors; a worker that forgot everything;
and kill -9 at random moments, after each of which a plain listing of the table holds every row once."""
import glob
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time

import duckdb

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import tap  # noqa: E402
from lake import compactions, faults, ids, manifests, staging_left, table  # noqa: E402
from spool import Spool, children, stop, wait_for  # noqa: E402

KILLS, SEED = int(os.environ.get('SLUICE_COMPACT_KILLS', '25')), 20260114
NOW = {'compact.quiet': '0', 'compact.grace': '0', 'commit': '{ max_events: 1 }'}


def fill(s, files, hours=3, first=0, flows=5):
    for i in range(first, first + files):
        s.make(f'nfcapd.2026011409{i:04d}', flows + i % 7, hours=hours)
        s.drop(f'nfcapd.2026011409{i:04d}')
    return s.command('run', '--once')


def folders(s, dataset='flow'):
    """{hour folder: number of files}"""
    found = {}
    for path in glob.glob(f'{s.lake}/{dataset}/hive/**/*.parquet', recursive=True):
        found[os.path.dirname(path)] = found.get(os.path.dirname(path), 0) + 1
    return found


def right(s):
    """Every row once in a plain listing, and a lake without contradictions."""
    found = ids(s.lake)
    if found != s.expected():
        return f'{len(found)} rows, {len(set(found))} of them different, {len(s.expected())} wanted'
    return faults(s.lake, s.inputs)


def sources(s):
    """Rows of each original by the footers of all table files, and whether each footer's list fits its file."""
    rows, well = {}, True
    for path in glob.glob(f'{s.lake}/flow/hive/**/*.parquet', recursive=True):
        keys = dict(duckdb.sql(f"select decode(key), decode(value) from parquet_kv_metadata('{path}')").fetchall())
        count = duckdb.sql(f"select num_rows from parquet_file_metadata('{path}')").fetchall()[0][0]
        at = 0
        for digest, first, n in json.loads(keys['sluice.sources']):
            well &= first == at
            at += n
            rows[digest] = rows.get(digest, 0) + n
        well &= at == count and keys['sluice.dissector'].startswith('nfcapd/')
    return rows, well


def small_become_one(base):
    s = Spool(base, **NOW)
    tap.check('filled', fill(s, 60).returncode == 0)
    before = folders(s)
    rows = duckdb.sql(f'select * from {table(s.lake)} order by all').fetchall()
    footers, _ = sources(s)
    r = s.command('compact', '--dry-run')
    tap.check('a dry run says what it would do, and does nothing', r.returncode == 0 and r.stdout.count('would become') == 4 and folders(s) == before and not os.path.exists(f'{s.lake}/_sluice/compacting'), r)
    r = s.command('compact', '--before', '2026-01-14T09')
    tap.check('nothing before a time that has nothing before it', r.returncode == 0 and 'nothing to compact' in r.stdout and folders(s) == before, r)
    r = s.command('compact')
    tap.check('an hour has one file', r.returncode == 0 and set(folders(s).values()) == {1} and sum(before.values()) == 180, (r, folders(s)))
    tap.check('every row once, the lake in order', not right(s), right(s))
    tap.check('the rows are the same', duckdb.sql(f'select * from {table(s.lake)} order by all').fetchall() == rows)
    after, well = sources(s)
    tap.check('footers name every original with its rows', well and after == footers == {o['original']: o['rows'] for o in manifests(s.lake)[1]})
    tap.check('rows keep their order within an original', ordered(s))
    r = s.command('compact')
    tap.check('what was replaced is gone after the grace, and nothing is left to do', r.returncode == 0 and 'nothing to compact' in r.stdout
              and not [p for p in glob.glob(f'{s.lake}/_sluice/comp*/**', recursive=True) if os.path.isfile(p) and '/compactions/' not in p] and not staging_left(s.lake), r)
    late(s)
    forgetful(s)
    wrong_words(s)


def ordered(s):
    """ibyt rises within an original, as it was made."""
    for path in glob.glob(f'{s.lake}/flow/hive/**/*.parquet', recursive=True):
        keys = dict(duckdb.sql(f"select decode(key), decode(value) from parquet_kv_metadata('{path}')").fetchall())
        values = [r[0] for r in duckdb.sql(f"select ibyt from read_parquet('{path}', file_row_number = true) order by file_row_number").fetchall()]
        for _, first, n in json.loads(keys['sluice.sources']):
            if values[first:first + n] != sorted(values[first:first + n]):
                return False
    return True


def late(s):
    fill(s, 2, first=100)
    tap.check('late rows are files beside', sorted(folders(s).values()) == [3, 3, 3] and not right(s), folders(s))
    r = s.command('compact')
    tap.check('and the next compaction takes both', r.returncode == 0 and set(folders(s).values()) == {1} and not right(s) and len(compactions(s.lake)) == 6, (r, right(s)))


def forgetful(s):
    """The newest commit's files went into compactions; a worker without its index recovers all the same."""
    subprocess.run(['rm', '-rf', f'{s.lake}/_sluice/state/seen'], check=True)
    r = fill(s, 3, first=200)
    tap.check('a worker that forgot everything recovers', r.returncode == 0 and not right(s), (r, right(s)))
    s.command('compact')
    gone = next(p for p in glob.glob(f'{s.lake}/flow/hive/**/*.parquet', recursive=True))
    with open(gone, 'rb') as f:
        content = f.read()
    fill(s, 2, first=300)
    with open(gone, 'r+b') as f:
        f.seek(len(content) // 2)
        f.write(bytes([content[len(content) // 2] ^ 1]))
    r = s.command('compact')
    tap.check('a damaged file is named and left where it is', r.returncode == 1 and os.path.basename(gone) in r.stderr and os.path.exists(gone), r)
    with open(gone, 'r+b') as f:
        f.write(content)
    r = s.command('compact')
    tap.check('and taken when it is well again', r.returncode == 0 and set(folders(s).values()) == {1} and not right(s), (r, right(s)))


def wrong_words(s):
    r = s.command('compact', '--dataset', 'flwo')
    tap.check('a mistyped dataset', r.returncode == 2 and 'flow' in r.stderr, r)
    r = s.command('compact', '--before', 'yesterday')
    tap.check('a time that is none', r.returncode == 2 and '2026-01-14T10' in r.stderr, r)


def killed(base):
    """kill -9 at random moments of a compaction; a listing after each holds every row once."""
    rng = random.Random(SEED)
    s = Spool(base, **NOW | {'compact.target': '64KiB'})
    fill(s, 16, hours=9, flows=90)
    wrong, hit, most, filled = [], 0, 0.1, 1
    for i in range(KILLS):
        if not any(n > 1 for n in folders(s).values()):
            fill(s, 8, hours=9, first=1000 + 8 * i, flows=90)
            filled += 1
        p = subprocess.Popen([s.sluice, 'compact', '-c', s.config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # mostly while it is at work on an hour, whatever the machine does beside
        wait_for(lambda: p.poll() is not None or glob.glob(f'{s.lake}/_sluice/compacting/flow/*'), 5 if i % 4 else 0, 0.0005)
        time.sleep(rng.uniform(0, most))
        most *= 1.2 if p.poll() is None else 0.6
        hit += p.poll() is None
        p.kill()
        p.wait()
        found = ids(s.lake)
        if found != s.expected():
            wrong.append(f'after kill {i}: {len(found)} rows, {len(set(found))} different, of {len(s.expected())}')
    tap.check(f'{KILLS} compactions started, {hit} killed while at work', hit > KILLS // 4, (hit, filled))
    tap.check('after each a listing of the table holds every row once', not wrong, '\n'.join(wrong[:5]))
    runs = [s.command('compact') for _ in range(3)]
    tap.check('the next ones go on and end', all(r.returncode == 0 for r in runs) and 'nothing to compact' in runs[-1].stdout, runs)
    tap.check('the lake is in order', not right(s) and not staging_left(s.lake), (right(s), staging_left(s.lake)))


class Reader(threading.Thread):
    """Queries in a loop, as somebody's dashboard would."""

    def __init__(self, s):
        super().__init__()
        self.query, self.over, self.seen, self.gone, self.other = f'select count(*), sum(ibyt) from {table(s.lake)}', False, {}, 0, []

    def run(self):
        db = duckdb.connect()
        while not self.over:
            try:
                answer = db.sql(self.query).fetchall()[0]
                self.seen[answer] = self.seen.get(answer, 0) + 1
            except duckdb.Error as e:
                if 'No such file' in str(e) or 'does not exist' in str(e):
                    self.gone += 1
                else:
                    self.other.append(str(e))


def readers_beside(base):
    s = Spool(base, **NOW | {'compact.grace': '10m'})
    fill(s, 150, hours=5)
    ids_now = s.expected()
    readers = [Reader(s) for _ in range(2)]
    for r in readers:
        r.start()
    time.sleep(0.5)
    run = s.command('compact')
    time.sleep(0.5)
    for r in readers:
        r.over = True
        r.join()
    seen, gone = set().union(*(r.seen for r in readers)), sum(r.gone for r in readers)
    count = sum(sum(r.seen.values()) for r in readers)
    print(f'# {count} queries beside a compaction of {len(folders(s))} hours; {gone} were told that a file went and had to ask again', flush=True)
    tap.check('queries beside a compaction count every row once, or are told', run.returncode == 0 and seen == {(len(ids_now), sum(ids_now))} and not any(r.other for r in readers), (seen, [r.other[:2] for r in readers]))
    kept = glob.glob(f'{s.lake}/_sluice/compacted/flow/*/*/*.parquet')
    tap.check('what was replaced is kept for the grace', len(kept) == 750 and s.command('compact').returncode == 0
              and len(glob.glob(f'{s.lake}/_sluice/compacted/flow/*/*/*.parquet')) == 750, len(kept))


def two_at_once(base):
    a = Spool(base, **NOW, instance='edge1', state=f'{base}/one')
    fill(a, 60, hours=4)
    b = Spool(f'{base}/b', lake=a.lake, instance='edge2', state=f'{base}/two', **NOW)
    runs = [subprocess.Popen([s.sluice, 'compact', '-c', s.config], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for s in (a, b, a, b)]
    out = [r.communicate()[0] for r in runs]
    tap.check('two instances compact one lake', any(r.returncode == 0 for r in runs), out)
    a.command('compact')
    tap.check('every hour once', not right(a) and set(folders(a).values()) == {1} and len(compactions(a.lake)) == len(folders(a)), (right(a), folders(a)))


def by_itself(base):
    s = Spool(base, **NOW | {'compact': 'on', 'compact.every': '300ms', 'commit': '{ max_events: 1, max_age: 100ms }', 'collect': '{ settle: 0 }'})
    run = s.start('run')
    wait_for(lambda: len(children(run.pid)) == 3, 10)
    for i in range(80):
        s.make(f'nfcapd.2026011409{i:04d}', 5, hours=2)
        s.drop(f'nfcapd.2026011409{i:04d}')
        time.sleep(0.02)
    tap.check('a worker and a compactor side by side end with every row once', wait_for(lambda: ids_or_none(s) == s.expected() and set(folders(s).values()) == {1}, 60, 0.3), folders(s))
    tap.check('run ends in order', stop(run) == 0, s.log()[-1500:])
    tap.check('the lake is in order', not right(s), right(s))
    tap.check('it says what it did', 'compacted dataset=flow' in s.log() and 'compaction on: ' in s.command('status').stdout, s.log()[-800:])


def ids_or_none(s):
    """A file may go between the listing and the opening."""
    try:
        return ids(s.lake)
    except duckdb.Error:
        return None


def main():
    for part in (small_become_one, killed, readers_beside, two_at_once, by_itself):
        with tempfile.TemporaryDirectory() as base:
            began = time.monotonic()
            part(base)
            print(f'# {part.__name__}: {time.monotonic() - began:.1f} s', flush=True)
    tap.done()


main()
