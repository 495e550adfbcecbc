#!/usr/bin/env python3
"""sluice expire: what is old enough goes and nothing else, told before it goes; what is left is read by foreign readers; audit and trace know that it is meant, and still name what a hand deleted; what was
taken once is not taken again; what waits for a commit, a replay or a compaction stays."""
import glob
import hashlib
import json
import os
import re
import shutil
import struct
import sys
import tempfile
import time

import pyarrow.parquet

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import nfcapd  # noqa: E402
import tap  # noqa: E402
from lake import compactions, expired, ids, manifests, table_files  # noqa: E402
from spool import HOUR_MS, Spool, stop, wait_for  # noqa: E402

LIBRARY = os.path.join(os.environ.get('SLUICE_SOURCE', '.'), 'build', 'tests', 'libos_faults.so')
FILES = 24
CUT = 12  # o'clock of the day; what ended by then is old enough
HOUR_S, DAY_S = 3600, 86400


class Lake(Spool):
    """Flows of known hours: file i holds flows of the hour in its name and of the next one."""

    def __init__(self, base):
        super().__init__(base, **{'compact.quiet': '0', 'compact.grace': '0', 'commit': '{ max_events: 1 }', 'collect': '{ settle: 0 }'})
        with open(self.config, encoding='utf-8') as f:
            self.plain = f.read()
        self.hour = {}  # by ibyt

    def keep(self, **ages):
        """What the configuration keeps, in seconds."""
        with open(self.config, 'w', encoding='utf-8') as f:
            f.write(self.plain + (f'expire: {{ {", ".join(f"{k}: {int(v)}s" for k, v in ages.items())} }}\n' if ages else ''))

    def file(self, hour, minute, flows=6):
        made = []
        for i in range(flows):
            h = hour + i % 2
            made.append(nfcapd.flow(HOUR_MS + (h - 9) * 3_600_000 + i, bytes=self.next_id, src='10.1.2.3'))
            self.hour[self.next_id] = h
            self.next_id += 1
        name = f'nfcapd.20260114{hour:02}{minute:02}'
        self.inputs[name] = nfcapd.file_v2(made)
        return name

    def left(self, hour=CUT):
        return sorted(i for i, h in self.hour.items() if h >= hour)

    def late(self, days):
        """The environment of a program whose clock is so many days ahead."""
        switch = os.path.join(self.place, f'switch{days}')
        with open(switch, 'wb') as f:
            f.write(struct.pack('<qqq', 0, 0, int(days * DAY_S)))
        return {**os.environ, 'LD_PRELOAD': LIBRARY, 'SLUICE_OS_SWITCH': switch}

    def tree(self):
        return sorted(p for p in glob.glob(f'{self.lake}/**', recursive=True) if os.path.isfile(p) and '/state/' not in p)

    def originals(self):
        return sorted(os.path.relpath(p, self.lake) for p in glob.glob(f'{self.lake}/flow/binary/**', recursive=True) if os.path.isfile(p))

    def audit(self, *words, **kw):
        r = self.command('audit', '--format', 'json', *words, **kw)
        lines = [json.loads(line) for line in r.stdout.splitlines()]
        return r.returncode, [(x['finding'], x['path']) for x in lines if 'finding' in x], lines[-1] if lines else r.stderr

    def trace(self, *words):
        r = self.command('trace', '--format', 'json', *words)
        return [json.loads(line) for line in r.stdout.splitlines()]


def age_of(hour):
    """So many seconds lie between now and that hour of the day of the flows."""
    return time.time() - (HOUR_MS / 1000 + (hour - 9) * HOUR_S)


def filled(base):
    s = Lake(base)
    for i, hour in enumerate([9, 9, 10, 11, 12, 13]):
        s.drop(s.file(hour, i))
    s.drop('nfcapd.202601140950', b'this is no nfcapd file')
    s.drop('nfcapd.202601141350', b'nor is this one')
    r = s.command('run', '--once')
    tap.check('filled, with two files that are refused', r.returncode == 1 and ids(s.lake) == s.left(0), r)
    # Hours of compacted files, and a late file beside them.
    for _ in range(2):
        s.command('compact')
    s.drop(s.file(9, 6))
    s.command('run', '--once')
    return s


def told_first(s):
    s.keep()
    r = s.command('expire')
    tap.check('a configuration that keeps everything is said to', r.returncode == 2 and 'expire: { tables: 90d' in r.stderr, r)
    s.keep(tables=age_of(CUT), originals=age_of(CUT))
    r = s.command('expire', '--only', 'table')
    tap.check('a mistyped kind has the nearest one', r.returncode == 2 and 'tables' in r.stderr, r)
    r = s.command('expire', '--dataset', 'flwo', '--yes')
    tap.check('and a mistyped dataset', r.returncode == 2 and 'flow' in r.stderr, r)
    before = s.tree()
    old = [f for f in table_files(s.lake)[0].values() if (f.get('output') or f['file']).split('/h=')[1].split('/')[0] in ('9', '10', '11')]
    r = s.command('expire')
    tables = re.search(r'^flow tables, 2026-01-14 09 to 2026-01-14 11: 3 hours, (\d+) files, (\d+) rows, (\S+ \S+) would go$', r.stdout, re.M)
    tap.check('without --yes it counts the files and rows of old partitions', r.returncode == 0 and tables and int(tables[1]) == len(old) and int(tables[2]) == sum(f['rows'] for f in old), r)
    tap.check('and the originals', re.search(r'^flow originals, 2026-01-14 09 to 2026-01-14 11: 3 hours, 5 files, \S+ \S+ would go$', r.stdout, re.M)
              and '1 old original stays: its rejects may be replayed' in r.stdout, r)
    tap.check('and touches nothing', s.tree() == before)
    return int(tables[1]) if tables else 0


def goes(s, files):
    kept = {p: hashlib.sha256(open(os.path.join(s.lake, p), 'rb').read()).hexdigest() for p in s.originals()}
    r = s.command('expire', '--yes')
    tap.check('with --yes it goes, and says so', r.returncode == 0 and f'{files} files' in r.stdout and 'are deleted' in r.stdout, r)
    tap.check('rows of younger hours are there, each once, and no others: DuckDB', ids(s.lake) == s.left(), ids(s.lake))
    arrow = pyarrow.parquet.ParquetDataset(f'{s.lake}/flow/hive').read(columns=['ibyt'])
    tap.check('the same with pyarrow', sorted(arrow.column('ibyt').to_pylist()) == s.left())
    hours = {int(re.search(r'h=(\d+)', p)[1]) for p in glob.glob(f'{s.lake}/flow/hive/*/*/*/*')}
    tap.check('the folders of old hours are gone, too', hours == {12, 13, 14}, hours)
    gone = {p for p in kept if p.split('/')[3] in ('09', '10', '11') and not p.endswith('0950')}
    tap.check('old originals are gone but the one with open rejects', set(s.originals()) == set(kept) - gone, s.originals())
    record = expired(s.lake, 'originals')
    tap.check('each with its sha256 and whose it was in a record', {p: e['original'] for p, e in record.items()} == {p: kept[p] for p in gone}
              and all(i[1] == 0 and i[0].endswith('.flow') for e in record.values() for i in e['identities']), record)
    took = [e for inputs, outputs in compactions(s.lake) if not outputs for e in inputs]
    rows = {}
    for e in took:
        for digest, n in e['of']:
            rows[digest] = rows.get(digest, 0) + n
    wanted = {hashlib.sha256(b).hexdigest(): sum(1 for i, h in s.hour.items() if h < CUT and in_file(s, n, i)) for n, b in s.inputs.items()}
    tap.check('table files with whose their rows were', rows == {d: n for d, n in wanted.items() if n} and not table_files(s.lake)[1], (rows, wanted))
    r = s.command('expire', '--yes')
    tap.check('a second time there is nothing', r.returncode == 0 and 'nothing went' in r.stdout and '1 old original stays' in r.stdout, r)


def in_file(s, name, number):
    first = 1
    for other, content in s.inputs.items():
        count = len([1 for _ in range(6)])
        if other == name:
            return first <= number < first + count
        first += count
    return False


def audited(s):
    status, found, summary = s.audit()
    tap.check('the audit is clean and counts what is gone', status == 0 and found == [] and summary['expired_files'] > 0, (status, found, summary))
    tap.check('a quick one, too', s.audit('--quick')[:2] == (0, []))
    text = s.command('audit').stdout
    tap.check('as text it says so', re.search(r'\d+ files are gone for their age', text), text)
    table = next(iter(glob.glob(f'{s.lake}/flow/hive/**/*.parquet', recursive=True)))
    original = next(p for p in s.originals() if '/12/' in p)
    aside = os.path.join(s.place, 'aside')
    os.makedirs(aside)
    shutil.move(table, os.path.join(aside, 'table'))
    shutil.move(os.path.join(s.lake, original), os.path.join(aside, 'original'))
    status, found, _ = s.audit('--repair')
    tap.check('what a hand deletes is still damage', status == 3 and sorted(found) == sorted([('table-missing', os.path.relpath(table, s.lake)), ('original-missing', original)]), found)
    shutil.move(os.path.join(aside, 'table'), table)
    shutil.move(os.path.join(aside, 'original'), os.path.join(s.lake, original))
    tap.check('and well again when it is back', s.audit()[:2] == (0, []))


def traced(s):
    name = 'nfcapd.202601141103'
    one = s.trace(name)[0]
    files = one['commits'][0]['files']
    tap.check('trace says that an original expired, and when', one['archived'] == -1 and abs(one['expired_ms'] / 1000 - time.time()) < 600, one)
    tap.check('and which of its rows did', sorted((('h=11' in f['path']), f['rows'], 'expired_ms' in f) for f in files) == [(False, 3, False), (True, 3, True)], files)
    gone = next(f['path'] for f in files if 'expired_ms' in f)
    back = s.trace(gone)[0]
    tap.check('a table file that expired leads back to its originals', back['there'] is False and 'expired_ms' in back and one['original'] in [o['original'] for o in back['originals']]
              and next(o for o in back['originals'] if o['original'] == one['original'])['rows'] == 3, back)
    text = s.command('trace', name, gone).stdout
    tap.check('the same as text', re.search(r'^  expired   at 20', text, re.M) and re.search(r'h=11/\S+: 3 rows, expired at', text) and 'not there' not in text, text)


def once(s):
    name = 'nfcapd.202601140900'
    s.drop('nfcapd.202601140900.again', s.inputs[name])
    r = s.command('run', '--once')
    tap.check('the same content again is not taken', r.returncode == 0 and ids(s.lake) == s.left(), r)
    shutil.rmtree(f'{s.lake}/_sluice/state/seen')
    shutil.rmtree(f'{s.lake}/_sluice/state/ledger')
    r = s.command('run', '--once')
    tap.check('nor by an instance that has forgotten everything', ids(s.lake) == s.left() and s.audit()[:2] == (0, []), (r, s.audit()))
    r = s.command('load', '-p', 'flow', '--again', os.path.join(s.watch, name))
    back = sorted(s.left() + [i for i in range(1, 7)])
    tap.check('load --again takes it under its old name', r.returncode == 0 and ids(s.lake) == back and any(p.endswith(name) for p in s.originals()), (r, ids(s.lake)))
    tap.check('and the audit wants it there now', s.audit()[:2] == (0, []), s.audit())
    os.rename(f'{s.lake}/flow/binary/20260114/09/{name}', f'{s.place}/{name}')
    tap.check('named when it is not', s.audit()[:2] == (3, [('original-missing', f'flow/binary/20260114/09/{name}')]), s.audit())
    os.rename(f'{s.place}/{name}', f'{s.lake}/flow/binary/20260114/09/{name}')
    r = s.command('expire', '--yes')
    tap.check('until it expires again', r.returncode == 0 and ids(s.lake) == s.left() and not any(p.endswith(name) for p in s.originals()) and s.audit()[:2] == (0, []), (r, s.audit()))


def waits(s):
    """On the bus, and under a compaction."""
    late = s.file(10, 30)
    run = s.start('collect')
    try:
        s.drop(late)
        published = wait_for(lambda: json.loads(s.command('status', '--json').stdout)['pipelines'][0]['published'] == 1, 30, 0.1)
        r = s.command('expire', '--yes')
        tap.check('what waits on the bus stays', published and r.returncode == 0 and '1 old original stays: it waits for its commit' in r.stdout
                  and any(p.endswith(late) for p in s.originals()), r)
    finally:
        stop(run)
    s.drop(s.file(10, 31))
    s.command('run', '--once')
    with open(s.config, encoding='utf-8') as f:
        text = f.read()
    with open(s.config, 'w', encoding='utf-8') as f:
        f.write(text.replace('compact.grace: 0', 'compact.grace: 1h'))
    s.command('compact')
    before = ids(s.lake)
    r = s.command('expire', '--yes', '--only', 'tables')
    tap.check('an hour whose compaction is not over stays', r.returncode == 0 and 'a commit or a compaction is at' in r.stdout and ids(s.lake) == before != s.left(), r)
    with open(s.config, 'w', encoding='utf-8') as f:
        f.write(text)
    s.command('compact')
    r = s.command('expire', '--yes')
    tap.check('and goes when it is', r.returncode == 0 and ids(s.lake) == s.left() and s.audit()[:2] == (0, []), (r, s.audit()))


def rejects_go(s):
    if not os.path.exists(LIBRARY):
        tap.skip('rejects expire, and the originals that they kept', 'no library that sets the clock')
        return
    r = s.command('rejects')
    tap.check('two rejects are open', '2 rejects' in r.stdout, r)
    s.keep(rejects=DAY_S, originals=age_of(CUT) + 2 * DAY_S)
    r = s.command('expire', '--yes')
    tap.check('rejects of today stay', r.returncode == 0 and 'nothing went' in r.stdout and '2 rejects' in s.command('rejects').stdout, r)
    env = s.late(2)
    count = len(glob.glob(f'{s.lake}/flow/rejects/**/*.jsonl', recursive=True))
    r = s.command('expire', '--yes', env=env)
    tap.check('in two days they go, and then the old original that they kept', r.returncode == 0 and re.search(rf'^flow rejects, .* {count} files?, 2 rejects', r.stdout, re.M)
              and re.search(r'^flow originals, 2026-01-14 09 to 2026-01-14 09: 1 hour, 1 file,', r.stdout, re.M), r)
    tap.check('one that is not old enough does not', [p for p in s.originals() if p.endswith('50')] == ['flow/binary/20260114/13/nfcapd.202601141350'], s.originals())
    tap.check('the audit is clean', s.audit(env=env)[:2] == (0, []), s.audit(env=env))
    r = s.command('rejects')
    tap.check('rejects says that they expired', r.returncode == 0 and r.stdout.startswith('no rejects; 2 expired'), r)
    r = s.command('replay', '--all')
    tap.check('there is nothing to replay', r.returncode == 0 and r.stdout == 'nothing to replay\n', r)
    one = s.trace('nfcapd.202601140950')[0]
    tap.check('trace says it of both', 'expired_ms' in one and 'expired_ms' in one['commits'][0]['rejects'] and one['commits'][0]['rejects']['count'] == 1, one)
    shutil.rmtree(f'{s.lake}/_sluice/state/seen')
    s.drop(s.file(13, 40))
    r = s.command('run', '--once')
    tap.check('a worker that has forgotten everything misses no rejects file', r.returncode == 0 and ids(s.lake) == s.left(), r)


def strange(s):
    """What no manifest names, and what contradicts its manifest, stays."""
    folder = f'{s.lake}/flow/hive/y=2026/m=1/d=14/h=12'
    s.keep(tables=age_of(13))
    kept = next(iter(glob.glob(f'{folder}/*.parquet')))
    with open(f'{folder}/part-nobody-0-1-2-3.parquet', 'wb') as f:
        f.write(b'PAR1')
    with open(kept, 'r+b') as f:
        f.seek(-5, os.SEEK_END)
        was = f.read(1)
        f.seek(-5, os.SEEK_END)
        f.write(bytes([was[0] ^ 1]))
    r = s.command('expire', '--yes')
    tap.check('a damaged file is named and left', r.returncode == 1 and os.path.basename(kept) in r.stderr and os.path.exists(kept), r)
    tap.check('a file of nobody is left', '1 old file stays: no manifest names it' in r.stdout and os.path.exists(f'{folder}/part-nobody-0-1-2-3.parquet'), r)
    with open(kept, 'r+b') as f:
        f.seek(-5, os.SEEK_END)
        f.write(was)
    os.remove(f'{folder}/part-nobody-0-1-2-3.parquet')
    r = s.command('expire', '--yes')
    tap.check('both are well: it goes', r.returncode == 0 and ids(s.lake) == s.left(13) and not os.path.exists(folder), r)


def beside(place):
    """Workers publish into hours that go, and a compaction is there too."""
    s = Lake(place)
    s.keep(tables=age_of(CUT), originals=age_of(CUT))
    run = s.start('run')
    ends = []
    try:
        for n in range(FILES):
            s.drop(s.file(9 + n % 6, n))
            if n % 2:
                ends.append(s.command('expire', '--yes', '--quiet'))
            if n % 3 == 2:
                s.command('compact', '--quiet')
        done = wait_for(lambda: json.loads(s.command('status', '--json').stdout)['pipelines'][0]['committed'] == FILES, 60, 0.1)
    finally:
        stop(run)
    tap.check('beside a run it goes on, time and again', done and all(r.returncode in (0, 1) for r in ends) and any(r.returncode == 0 for r in ends), ends)
    for _ in range(2):
        s.command('compact')
    r = s.command('expire', '--yes')
    tap.check('in the end what is old is gone and nothing else', r.returncode == 0 and ids(s.lake) == s.left() and {p.split('/')[3] for p in s.originals()} == {'12', '13', '14'}, (r, s.originals()))
    tap.check('the lake is in order', s.audit('--grace', '0')[:2] == (0, []) and ' error ' not in s.log(), (s.audit('--grace', '0'), s.log()[-1500:]))


def main():
    with tempfile.TemporaryDirectory(prefix='sluice-expire-') as place:
        s = filled(place)
        files = told_first(s)
        for part in (lambda x: goes(x, files), audited, traced, once, waits, rejects_go, strange):
            part(s)
        left = [o for o in manifests(s.lake)[1]]
        tap.check('manifests still name every original', len({o['original'] for o in left}) == len(s.inputs) + 2, len(left))
        tap.check('nothing is left in staging', not [p for p in glob.glob(f'{s.lake}/_sluice/staging/**', recursive=True) if os.path.isfile(p)])
    with tempfile.TemporaryDirectory(prefix='sluice-expire-') as place:
        beside(place)
    tap.done()


main()
