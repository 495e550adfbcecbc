#!/usr/bin/env python3
"""The Spark worker's rules without Spark: events, parts, commits of two writers stopped and killed anywhere, the lake in a folder, table files."""
import json
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..'), os.path.join(HERE, '..', 'lib'), os.path.join(HERE, '..', '..', 'spark')]
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
import rows_lake  # noqa: E402
import tap  # noqa: E402
from sluice_rows import chain, events, manifest, tables  # noqa: E402
from sluice_rows.errors import Broken, Taken  # noqa: E402
from sluice_rows.escape import escape, unescape  # noqa: E402
from sluice_rows.lake import LocalLake  # noqa: E402
from sluice_rows.lane import Lane  # noqa: E402
from sluice_rows.plan import Blocked, Plan  # noqa: E402
from sluice_rows.schema import find  # noqa: E402

SCHEMAS = [os.path.join(HERE, '..', '..', 'schema')]
DAY = 86_400_000


def headers(whose, part=0, parts=1, **others):
    of = {'kind': 'rows', 'original': whose, 'name': 'n', 'path': 'p', 'size': '1', 'part': part, 'parts': parts, 'again': '0', 'dissector': 'd/1',
          'slot': '0', 'archived': '0', 'schema': '0' * 16, 'hour': '5', 'rows': '1'} | ({'report': '{}'} if part == 0 else {}) | others
    return [(k, str(v).encode()) for k, v in of.items() if v is not None]


def event(offset, letter, part=0, parts=1, **others):
    return events.read(offset, headers(letter * 64, part, parts, **others))


def reading():
    e = event(7, 'a', 1, 3, name='odd\\x0a\\x5c\\xff', again=2)
    tap.check('an event', (e.offset, e.original, e.part, e.parts, e.again, e.hour, e.rows, e.report) == (7, 'a' * 64, 1, 3, 2, 5, 1, False))
    tap.check('its name stays escaped', unescape(e.name) == b'odd\n\\\xff' and escape(unescape(e.name)) == e.name, e.name)
    odd = [{'kind': 'row'}, {'original': 'a'}, {'part': 3, 'parts': 3}, {'parts': 0}, {'size': -1}, {'size': '1x'}, {'rows': 0}, {'hour': ''}, {'name': 'a\\q'},
           {'name': 'a\\x00'}, {'schema': '12'}, {'dissector': None}, {'path': 'x' * 9000}, {'again': 2**32}]
    let_in = [o for o in odd if not rows_lake.raised(events.NotOurs, events.read, 1, headers('a' * 64, **o))]
    tap.check('headers that make no sense', not let_in, let_in)
    tap.check('a file event is an original', events.read(1, headers('b' * 64, kind='file', schema=None, hour=None, rows=None)).kind == 'file')
    every = bytes(range(1, 256)) + 'ä€😀\u0085'.encode()
    tap.check('any bytes survive the escape', unescape(escape(every)) == every and escape(every).isprintable())


# events as letter, part, parts; "." is a flush event; then: what is known, the commits that are wanted, where it waits
PLANS = [
    ('one after the other', 'a00 b00 c00', '', [(0, 3, 'abc')], None),
    ('nothing but flush events', '. .', '', [(0, 2, '')], None),
    ('no event', '', '', [], None),
    ('a duplicate within', 'a00 a00 b00', '', [(0, 3, 'ab')], None),
    ('a duplicate of a committed one', 'a00 b00', 'a', [(0, 2, 'b')], None),
    ('a whole set', 'a02 a12', '', [(0, 2, 'a')], None),
    ('a set that is not whole holds what is behind it', 'e00 a02 b00', '', [(0, 1, 'e')], 1),
    ('from the first event on', 'a02 b00 c00', '', [], 0),
    ('published again in mid-set', 'a03 a13 a03 a13 a23', '', [(0, 5, 'a')], None),
    ('published again, not whole yet', 'a03 a13 b00 a03', '', [(0, 1, '')], 1),
    ('a set between others', 'b00 a02 c00 a12 d00', '', [(0, 5, 'bcad')], None),
    ('two sets, one in the other', 'a02 b02 b12 a12 c02', '', [(0, 4, 'ba')], 4),
    ('the rest is a duplicate', 'a02 a12 a02 a12', '', [(0, 4, 'a')], None),
    ('cut differently: parts never mix', 'a02 a03 a13 a23', '', [(0, 4, 'a')], None),
    ('cut differently, not whole', 'a02 a13', '', [(0, 1, '')], 1),
    ('a set that overlaps an open one', 'e00 b02 c02 b12', '', [(0, 1, 'e')], 2),
]


def planned(text, known='', most=4096, bad=None, limit=None):
    found = []
    for offset, word in enumerate(text.split()):
        if word == '.':
            found.append(events.read(offset, [('kind', b'flush')]))
        else:
            parts = max(1, int(word[2]))
            found.append(event(offset, word[0], int(word[1]), parts))
    keys = {(k * 64, 0) for k in known}
    plan = Plan(found, 0, len(found), keys.__contains__, lambda e: bad if bad and e.original == 'f' * 64 else None, most, limit)
    return [(c.start, c.end, ''.join(o.key[0][0] for o in c.originals)) for c in plan.commits], plan


def planning():
    for name, text, known, wanted, waiting in PLANS:
        found, plan = planned(text, known)
        tap.check(f'plan: {name}', found == wanted and plan.waiting == waiting and plan.blocked is None, (found, plan.waiting))
    found, plan = planned('a00 f00 b00', bad='damaged')
    tap.check('plan: what comes before an event that can\'t be honoured', found == [(0, 1, 'a')] and plan.blocked.offset == 1, found)
    found, plan = planned('a00 f02 b00 f12', bad='damaged')
    tap.check('plan: of a set, before its first part', found == [(0, 1, 'a')] and plan.blocked.offset == 1, found)
    found, plan = planned('a00 b02 c00 b12 d00', limit=Blocked(1, 'x'))
    tap.check('plan: what a task met ends the commit before it', found == [(0, 1, 'a')] and plan.blocked.reason == 'x', found)
    found, plan = planned('a00 b00 c02 d00 c12 e00 f00', most=3)
    tap.check('plan: many events are several commits, none between parts', found == [(0, 2, 'ab'), (2, 5, 'dc'), (5, 7, 'ef')], found)
    found, plan = planned('a05 a15 a25 a35 a45 b00', most=2)
    tap.check('plan: a set larger than a commit is one', found == [(0, 5, 'a'), (5, 6, 'b')], found)


class Stopped(Exception):
    """The writer died."""


class Dying(LocalLake):
    """A lake whose user dies before its n-th call that changes something."""

    def __init__(self, root, calls):
        super().__init__(root)
        self.calls = calls

    def _count(self):
        self.calls -= 1
        if self.calls < 0:
            raise Stopped

    def put_if_absent(self, path, raw):
        self._count()
        done = super().put_if_absent(path, raw)
        self._count()
        return done

    def rename(self, source, target):
        self._count()
        return super().rename(source, target)

    def remove(self, path):
        self._count()
        return super().remove(path)


def writer(lake):
    return chain.Chain(lake, 't.x.rows', 3, 30 * DAY, 'test')


def stage(c, start, content):
    sink = rows_lake.staged(c.lake, f'{c.staging}/{start:020d}-x-00000.parquet', content)
    return {'staged': sink.path, 'kind': 'table', 'dataset': 'x', 'hour': 0, 'size': sink.size, 'rows': 1, 'crc32': sink.crc32}


def commit(c, start, end, letter):
    """One file, one original."""
    f = stage(c, start, letter.encode() * 10)
    name = f'x/hive/part-{c.label}-{start}-{end}-00000.parquet'
    entry = {'original': letter * 64, 'again': 0, 'name': 'n', 'path': 'p', 'size': 1, 'pipeline': 'x', 'dissector': 'd/1', 'parts': 1, 'rows': 1, 'rejects': 0,
             'lost': 0, 'outside': 0, 'clean': True}
    c.commit(start, end, [{'file': name} | f], [entry])


def content(root):
    folder = os.path.join(root, 'x/hive')
    return {n: open(os.path.join(folder, n), 'rb').read()[:1] for n in sorted(os.listdir(folder))} if os.path.isdir(folder) else {}


def killed():
    """Dead before each change of a commit: the next writer either finds it whole or does it anew, and there is one file a range."""
    wrong, deaths = [], 0
    for calls in range(9):
        with tempfile.TemporaryDirectory() as root:
            a = writer(LocalLake(root))
            a.recover()
            commit(a, 0, 4, 'a')
            c = writer(Dying(root, 1000))
            c.recover()
            c.lake.calls = calls
            try:
                commit(c, 4, 9, 'b')
            except Stopped:
                deaths += 1
            d = writer(LocalLake(root))
            end, _ = d.recover()
            if end == 4:
                if d.seen.has(('b' * 64, 0)):
                    wrong.append((calls, 'known but not there'))
                commit(d, 4, 7, 'b')
            if not d.seen.has(('a' * 64, 0)) or not d.seen.has(('b' * 64, 0)):
                wrong.append((calls, 'forgotten'))
            commit(d, d.recover()[0], 20, 'e')
            d.sweep(20)
            left = [n for p in d.lake.list('_sluice/staging') for n in d.lake.list(f'_sluice/staging/{p}')]
            if sorted(content(root).values()) != [b'a', b'b', b'e'] or left:
                wrong.append((calls, content(root), left))
    tap.check('commit: killed before each change', not wrong and deaths >= 3, (wrong, deaths))


def raced():
    with tempfile.TemporaryDirectory() as root:
        a, b = writer(LocalLake(root)), writer(LocalLake(root))
        a.recover()
        b.recover()
        commit(a, 0, 4, 'a')
        tap.check('commit: one slot, one winner', rows_lake.raised(Taken, commit, b, 0, 3, 'z') and content(root).values() and b'z' not in content(root).values())
        tap.check('commit: the loser goes on behind the winner', b.recover()[0] == 4 and b.seen.has(('a' * 64, 0)))
        commit(b, 4, 6, 'b')
        tap.check('commit: and the winner, late, is told', rows_lake.raised(Taken, commit, a, 4, 9, 'y'))
        # a writer that slept between its manifest and its renames: another one rolls it forward and goes on
        a.recover()
        f = stage(a, 6, b'c' * 10)
        f = {'file': f'x/hive/part-{a.label}-6-8-00000.parquet'} | f
        head = {'topic': a.topic, 'partition': 3, 'start': 6, 'end': 8, 'epoch': a.epoch, 'writer': 'test', 'time': chain.now_ms()}
        a.lake.put_if_absent(manifest.path(a.topic, 3, 6), manifest.build(head, [f], []))
        b.recover()
        commit(b, 8, 9, 'd')
        tap.check('commit: a sleeper\'s manifest is rolled forward', rows_lake.raised(Taken, a._check, 6, 8, [f]) and len(content(root)) == 4, content(root))
        tap.check('commit: and stays a link', [manifest.load(a.lake, a.topic, 3, s).end for s in (0, 4, 6, 8)] == [4, 6, 8, 9])
        os.truncate(os.path.join(root, f['file']), 3)
        last = manifest.load(b.lake, b.topic, 3, 8).files[0]['file']
        os.rename(os.path.join(root, last), os.path.join(root, 'elsewhere'))
        tap.check('commit: rows that vanished are told', rows_lake.raised(Broken, writer(LocalLake(root)).recover))


def aged(root, c, count):
    for i in range(count):
        head = {'topic': c.topic, 'partition': 3, 'start': i, 'end': i + 1, 'epoch': 'e', 'writer': 'w', 'time': chain.now_ms() - 2 * chain.CLEAN_AGE_MS + i}
        c.lake.put_if_absent(manifest.path(c.topic, 3, i), manifest.build(head, [], [{'original': f'{i:064x}', 'again': 0}]))


def folded():
    with tempfile.TemporaryDirectory() as root:
        c = writer(LocalLake(root))
        aged(root, c, 100)
        before = c.lake.get(manifest.path(c.topic, 3, 5), 9999)
        tap.check('fold: more may follow', c.fold() and not c.fold())
        names = manifest.starts(c.lake, manifest.commits(c.topic, 3))
        segment = c.lake.get(f'{manifest.history(c.topic, 3)}/{0:020d}', 1 << 20)
        tap.check('fold: the newest stay', names == list(range(84, 100)), names)
        tap.check('fold: manifests lie in the segment byte for byte', before in segment and json.loads(segment.split(b'\n')[0])['manifests'] == 84)
        d = writer(LocalLake(root))
        tap.check('fold: nothing is forgotten', d.recover()[0] == 100 and all(d.seen.has((f'{i:064x}', 0)) for i in range(100)), len(d.seen))
        tap.check('fold: a writer that slept finds its slot used', rows_lake.raised(Taken, commit, c, 3, 4, 'z') and d.lake.size(manifest.path(c.topic, 3, 3)) is None)
        for n in names:
            d.lake.remove(manifest.path(d.topic, 3, n))
        tap.check('fold: history alone says how far it went', writer(LocalLake(root)).recover()[0] == 84)


class Disturbed(chain.Chain):
    """Something happens between two of its steps, once."""
    between = {}

    def _once(self, name):
        self.between.pop(name, lambda: None)()

    def _publish(self, files):
        super()._publish(files)
        self._once('rolled')

    def _recall_segments(self, end):
        whole = super()._recall_segments(end)
        self._once('segments read')
        return whole


def disturbed():
    """What comes into the index while others commit and fold."""
    def put(lake, start, end, letters):
        head = {'topic': 't.x.rows', 'partition': 3, 'start': start, 'end': end, 'epoch': 'z', 'writer': 'w', 'time': chain.now_ms()}
        lake.put_if_absent(manifest.path('t.x.rows', 3, start), manifest.build(head, [], [{'original': n * 64, 'again': 0} for n in letters]))

    with tempfile.TemporaryDirectory() as root:
        c, d = writer(LocalLake(root)), Disturbed(LocalLake(root), 't.x.rows', 3, 30 * DAY, 'test')
        aged(root, c, 100)
        d.between = {'segments read': c.fold}
        tap.check('recall: a fold between segments and listing hides nothing', d.recover()[0] == 100 and all(d.seen.has((f'{i:064x}', 0)) for i in range(100)),
                  len(d.seen))
        put(d.lake, 3, 150, 'ab')
        e = writer(LocalLake(root))
        tap.check('recall: a leftover in a slot that was folded is no link', e.recover()[0] == 100 and not e.seen.has(('a' * 64, 0)) and e.seen.end == 100)
        f = Disturbed(LocalLake(root), 't.x.rows', 3, 30 * DAY, 'test')
        f.between = {'rolled': lambda: put(f.lake, 100, 101, 'c')}
        tap.check('recall: the index knows nothing that is not rolled forward', f.recover()[0] == 100 and f.seen.end == 100 and not f.seen.has(('c' * 64, 0)))
        tap.check('recall: it is rolled forward next time', f.recover()[0] == 101 and f.seen.has(('c' * 64, 0)))


def lanes():
    with tempfile.TemporaryDirectory() as root:
        lake = LocalLake(root)
        commit(writer(lake), 0, 10, 'a')

        def start(first, last):
            return Lane(lake, 't.x.rows', 3, 30 * DAY, 'test').recover(first, last)
        tap.check('start: events that are gone are never stepped over', 'events 10 to 11 are gone' in str(rows_lake.raised(Broken, start, 12, 20)))
        tap.check('start: a bus that ends before the commits is another one', 'another bus' in str(rows_lake.raised(Broken, start, 0, 9)))
        tap.check('start: where the chain ends', start(3, 10) is not None)


def table_files():
    with tempfile.TemporaryDirectory() as root:
        lake, schema = LocalLake(root), find('dns', SCHEMAS)
        options = {'codec': 'zstd', 'level': 0, 'row_group_rows': 1000, 'file_bytes': 1 << 30, 'memory': 20_000, 'open_hours': 2}
        t = tables.Tables(lake, '_sluice/staging/x/0-', schema, options)
        types = {'string': pa.string(), 'int': pa.int32(), 'long': pa.int64()}
        names = pa.Array.from_buffers(pa.string(), 3, pa.array([b'ok', b'\xc3(\xff', None], pa.binary()).buffers(), 1)
        columns = [pa.array([1, 2, 3], types[k]) if k != 'string' else names for _, k in schema.columns]
        values = pa.StructArray.from_arrays(columns, names=[n for n, _ in schema.columns])
        for hour in (10, 11, 12, 10):
            t.append(hour, values, 0, 2, [('aa', 'd/1', 1), ('bb', 'd/2', 1)])
            t.append(hour, values, 1, 3, [('bb', 'd/2', 2)])
        t.finish()
        tap.check('table: the file idle longest is finished at the limit', [f['hour'] for f in t.files] == [10, 11, 12, 10], t.files)
        f = pq.ParquetFile(os.path.join(root, t.files[0]['staged']))
        keys = f.metadata.metadata
        tap.check('table: sources', json.loads(keys[b'sluice.sources']) == [['aa', 0, 1], ['bb', 1, 3]] and keys[b'sluice.dissector'] == b'd/1 d/2', keys)
        tap.check('table: no keys but ours', set(keys) == {b'sluice.sources', b'sluice.dissector', b'parquet.avro.schema', b'writer.model.name'}, set(keys))
        tap.check('table: texts are UTF-8', f.read()['dns_qry_name'].to_pylist() == ['ok', '\ufffd(\ufffd', '\ufffd(\ufffd', None], f.read()['dns_qry_name'])


def main():
    reading()
    planning()
    killed()
    raced()
    folded()
    disturbed()
    lanes()
    with tempfile.TemporaryDirectory() as root:
        rows_lake.conform('folder', lambda: LocalLake(root))
    table_files()
    tap.done()


main()
