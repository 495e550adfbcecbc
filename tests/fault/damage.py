#!/usr/bin/env python3
"""A lake with all three datasets is damaged in one way at a time: `sluice audit` names exactly that, `--repair` mends what can be mended and leaves all else."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zlib

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import duckdb  # noqa: E402
import tap  # noqa: E402
from spool import stop, wait_for  # noqa: E402
from three import Three  # noqa: E402

EPOCH = '0123456789abcdef' * 2


class Damage:
    """What a damage function may use: the lake's paths, manifests as lists of objects, and ways to write them back."""

    def __init__(self, three):
        self.three, self.lake = three, three.lake

    def path(self, name):
        return os.path.join(self.lake, name)

    def read(self, name):
        with open(self.path(name), 'rb') as f:
            return f.read()

    def write(self, name, content):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), 'wb') as f:
            f.write(content)

    def move(self, name, to):
        os.makedirs(os.path.dirname(self.path(to)), exist_ok=True)
        os.rename(self.path(name), self.path(to))

    def flip(self, name, at):
        content = bytearray(self.read(name))
        content[at] ^= 1
        self.write(name, content)

    def all(self, pattern):
        return sorted(os.path.relpath(p, self.lake) for p in glob.glob(self.path(pattern), recursive=True) if os.path.isfile(p))

    def table(self, dataset='flow', topic='t.flow.rows', at=-1):
        """A table file of one of a topic's commits that are not folded."""
        lines = self.manifest(self.manifests(topic)[at])
        return next(line['file'] for line in lines if line.get('kind') == 'table' and line['dataset'] == dataset)

    def rejects(self, at=-1):
        return self.all('proxy/rejects/**/*.jsonl')[at]

    def manifests(self, topic):
        return [os.path.relpath(p, self.lake) for p in self.three.manifests(topic)]

    def manifest(self, name):
        return [json.loads(line) for line in self.read(name).splitlines()]

    def put(self, name, lines):
        lines[-1]['lines'] = len(lines) - 1
        self.write(name, b''.join(json.dumps(line, separators=(',', ':')).encode() + b'\n' for line in lines))

    def edit(self, name, change):
        lines = self.manifest(name)
        change(lines)
        self.put(name, lines)

    def naming(self, file):
        """The manifest that names a file."""
        for name in self.all('_sluice/commits/**/*'):
            if any(line.get('file') == file for line in self.manifest(name)):
                return name
        raise LookupError(file)

    def resum(self, file):
        """Make the manifest agree with a file that was changed."""
        content = self.read(file)

        def change(lines):
            line = next(line for line in lines if line.get('file') == file)
            line['size'], line['crc32'] = len(content), zlib.crc32(content)
        self.edit(self.naming(file), change)

    def staged(self, file):
        return next(line['staged'] for line in self.manifest(self.naming(file)) if line.get('file') == file)


def found(*pairs):
    return set(pairs)


# Each takes a Damage, does it, and gives back what must be found.

def original_gone(d):
    name = d.all('dns/binary/**/*')[2]
    os.unlink(d.path(name))
    return found(('original-missing', name))


def original_changed(d):
    name = d.all('flow/binary/**/*')[3]
    d.flip(name, 200)
    return found(('original-damaged', name))


def original_cut(d):
    name = d.all('proxy/binary/**/*')[0]
    d.write(name, d.read(name)[:-1])
    return found(('original-damaged', name))


def original_nobody_knows(d):
    name = 'dns/binary/20260114/09/never-seen.pcap'
    d.write(name, b'nobody archived this')
    return found(('original-unknown', name))


def table_gone(d):
    name = d.table()
    os.unlink(d.path(name))
    return found(('table-missing', name))


def table_folder_gone(d):
    folder = 'proxy/hive/y=2026/m=01/d=14/h=09'
    names = d.all(folder + '/*')
    shutil.rmtree(d.path(folder))
    return found(*(('table-missing', n) for n in names))


def table_cut(d):
    name = d.table('dns', 't.dns.rows')
    d.write(name, d.read(name)[:-9])
    return found(('table-damaged', name))


def table_bit(d):
    name = d.table('proxy', 't.proxy.rows')
    d.flip(name, 30)
    return found(('table-damaged', name))


def table_folded_bit(d):
    name = 'flow/hive/y=2026/m=1/d=14/h=9/part-t.flow.rows-0-0-6-00000.parquet'
    d.flip(name, 50)
    return found(('table-damaged', name))


def table_no_parquet(d):
    name = d.table()
    d.write(name, b'x' * len(d.read(name)))
    d.resum(name)
    return found(('table-damaged', name))


def table_unpublished(d):
    name = d.table()
    d.move(name, d.staged(name))
    return found(('table-unpublished', name))


def table_both(d):
    """Published and staged: a link that was not followed by its unlink."""
    name = d.table()
    d.write(d.staged(name), d.read(name))
    return found(('staging-left', d.staged(name)))


def commit_unpublished(d):
    names = [line['file'] for line in d.manifest(d.manifests('t.proxy.rows')[-1]) if 'file' in line]
    for n in names:
        d.move(n, d.staged(n))
    return found(*((('rejects' if '/rejects/' in n else 'table') + '-unpublished', n) for n in names))


def table_elsewhere(d):
    name = d.table()
    other = name.replace('/h=9/', '/h=10/').replace('/d=14/', '/d=15/')
    d.move(name, other)
    return found(('table-misplaced', other))


def table_again(d):
    """Its rows a second time, under another name."""
    name = d.table()
    other = name.replace('-00000.', '-00007.')
    d.write(other, d.read(name))
    return found(('table-orphan', other))


def table_foreign(d):
    name = 'flow/hive/y=2026/m=1/d=14/h=9/mine.parquet'
    duckdb.sql(f"copy (select 1 as ibyt) to '{d.path(name)}' (format parquet)")
    return found(('table-orphan', name))


def table_stranger(d):
    name = 'dns/hive/y=2026/m=1/d=14/h=9/notes.txt'
    d.write(name, b'remember the milk')
    return found(('table-orphan', name))


def table_fewer_rows(d):
    """The manifest says one more than the file has."""
    name = d.table('dns', 't.dns.rows')

    def change(lines):
        next(line for line in lines if line.get('file') == name)['rows'] += 1
    d.edit(d.naming(name), change)
    return found(('table-rows', name))


def table_hour(d):
    name = d.table('proxy', 't.proxy.rows')

    def change(lines):
        next(line for line in lines if line.get('file') == name)['hour'] += 24
    d.edit(d.naming(name), change)
    return found(('table-hour', name))


def sources(content):
    """(where the footer's sources begin, their text)"""
    m = re.search(rb'\[\["[0-9a-f]{64}",\d+,\d+\](,\["[0-9a-f]{64}",\d+,\d+\])*\]', content)
    return m.start(), m[0]


def table_sources(d):
    """One row less in the last source of a footer."""
    name = d.table()
    content = d.read(name)
    at, text = sources(content)
    rows = re.search(rb',(\d+)\]\]$', text)
    less = b'%0*d' % (len(rows[1]), int(rows[1]) - 1)
    changed = text[:rows.start(1)] + less + b']]'
    d.write(name, content[:at] + changed + content[at + len(text):])
    d.resum(name)
    return found(('table-sources', name))


def rows_of_another(d):
    """A footer gives the rows of one original to another."""
    manifest = d.manifests('t.proxy.rows')[-1]
    name = d.table('proxy', 't.proxy.rows')
    originals = {o['original']: o['path'] for o in d.manifest(manifest) if 'original' in o}
    one, other = list(originals)[:2]
    content = d.read(name)
    d.write(name, content.replace(one.encode(), other.encode()))
    d.resum(name)
    return found(('rows-differ', originals[one]), ('rows-differ', originals[other]))


def rejects_gone(d):
    name = d.rejects()
    os.unlink(d.path(name))
    return found(('rejects-missing', name))


def rejects_cut(d):
    name = d.rejects()
    d.write(name, d.read(name)[:-20])
    return found(('rejects-damaged', name))


def rejects_changed(d):
    name = d.rejects()
    d.write(name, d.read(name).replace(b'line', b'lime', 1))
    return found(('rejects-damaged', name))


def rejects_elsewhere(d):
    name = d.rejects(0)
    other = 'proxy/rejects/20200101/00/' + os.path.basename(name)
    d.move(name, other)
    return found(('rejects-misplaced', other))


def rejects_again(d):
    name = d.rejects()
    other = name.replace('.jsonl', '0.jsonl')
    d.write(other, d.read(name))
    return found(('rejects-orphan', other))


def rejects_differ(d):
    """A rejects file that has lost a row of its count, with a manifest that agrees on its bytes."""
    name = d.rejects()
    content = d.read(name)
    assert b'"rows":1' in content
    d.write(name, content.replace(b'"rows":1', b'"rows":2', 1))
    d.resum(name)
    original = next(o for o in d.manifest(d.naming(name)) if o.get('rejects'))
    return found(('rejects-differ', original['path']))


def manifest_gone(d):
    name = d.manifests('t.dns.rows')[2]
    os.unlink(d.path(name))
    return found(('manifest-missing', name))


def manifest_gone_newest(d):
    name = d.manifests('t.proxy.rows')[-1]
    os.unlink(d.path(name))
    return found(('manifest-missing', name))


def manifest_gone_oldest(d):
    name = d.manifests('t.dns.rows')[0]
    os.unlink(d.path(name))
    return found(('manifest-missing', name))


def manifest_cut(d):
    name = d.manifests('t.dns.rows')[1]
    d.write(name, d.read(name)[:-30])
    return found(('manifest-damaged', name))


def manifest_cut_newest(d):
    name = d.manifests('t.flow.files')[-1]
    d.write(name, d.read(name)[:100])
    return found(('manifest-damaged', name))


def manifest_line_gone(d):
    name = d.manifests('t.dns.rows')[3]
    lines = d.read(name).splitlines(True)
    d.write(name, b''.join(lines[:1] + lines[2:]))
    return found(('manifest-damaged', name))


def manifest_overlap(d):
    """A commit inside the range of another."""
    name = d.manifests('t.dns.rows')[2]
    lines = d.manifest(name)
    lines[0]['start'] += 1
    other = f'{os.path.dirname(name)}/{lines[0]["start"]:020}'
    d.put(other, [lines[0], lines[-1]])
    return found(('chain-overlap', other))


def history_cut(d):
    name = d.all('_sluice/history/t.flow.rows/0/*')[0]
    d.write(name, d.read(name)[:-40])
    return found(('history-damaged', name))


def history_head(d):
    name = d.all('_sluice/history/t.proxy.rows/0/*')[0]
    d.write(name, b'{"sluice":"history"}\n' + b''.join(d.read(name).splitlines(True)[1:]))
    return found(('history-damaged', name))


def history_gone(d):
    name = d.all('_sluice/history/t.flow.rows/0/*')[0]
    os.unlink(d.path(name))
    return found(('manifest-missing', name))


def committed_twice(d):
    """An original's line in a second manifest of its topic."""
    one, other = d.manifests('t.dns.rows')[1:3]
    line = next(o for o in d.manifest(one) if 'original' in o)
    d.edit(other, lambda lines: lines.insert(-1, line))
    return found(('committed-twice', line['path']))


def named_twice(d):
    one, other = d.manifests('t.dns.rows')[1:3]
    line = next(o for o in d.manifest(one) if 'file' in o)
    d.edit(other, lambda lines: lines.insert(1, line))
    return found(('named-twice', line['file']))


def rows_changed(d):
    """A manifest says one row more of an original: the footers and the ledger both say otherwise."""
    name = d.manifests('t.flow.files')[-1]
    original = next(o for o in d.manifest(name) if 'original' in o)

    def change(lines):
        next(o for o in lines if 'original' in o)['rows'] += 1
    d.edit(name, change)
    return found(('rows-differ', original['path']), ('ledger-differs', original['path']))


def ledger_old(d):
    """The ledger of an earlier day."""
    d.three.restore('early', ['state'])
    known = set(d.three.early)
    return found(*(('ledger-lacks', n) for n in d.all('*/binary/**/*') if n not in known))


def ledger_ahead(d):
    """A manifest has lost the line of an original without rows; only the ledger knows that it was committed."""
    for name in d.all('_sluice/history/t.flow.rows/0/*'):
        lines = d.read(name).splitlines(True)
        for i, line in enumerate(lines):
            o = json.loads(line)
            if 'original' in o and o['rows'] == 0:
                last = next(n for n in range(i, len(lines)) if lines[n].startswith(b'{"lines"'))
                lines[last] = b'{"lines":%d}\n' % (json.loads(lines[last])['lines'] - 1)
                d.write(name, b''.join(lines[:i] + lines[i + 1:]))
                return found(('ledger-ahead', o['path']))
    raise LookupError('no original without rows')


def staging_committed(d):
    name = f'_sluice/staging/t.dns.rows-0-{EPOCH}/{2:020}-00000.parquet'
    d.write(name, b'PAR1')
    return found(('staging-left', name))


def staging_open(d):
    name = f'_sluice/staging/t.dns.rows-0-{EPOCH}/{12:020}-00000.parquet'
    d.write(name, b'PAR1')
    return found(('staging-left', name))


def staging_collector(d):
    name = f'_sluice/staging/collect-{EPOCH[:16]}/0-7'
    d.write(name, b'a half copied original')
    return found(('staging-left', name))


def schema_changed(d):
    name = next(n for n in d.all('_sluice/schemas/*') if b'"long"' in d.read(n))
    d.write(name, d.read(name).replace(b'"long"', b'"string"', 1))
    return found(('schema-damaged', name))


DNS, FLOW = 'dns/hive/y=2026/m=1/d=14/h=9', 'flow/hive/y=2026/m=1/d=14/h=10'


def compaction_gone(d):
    manifest = d.three.compact(DNS)[0]
    os.unlink(d.path(manifest))
    return found(('compaction-missing', manifest))


def compaction_cut(d):
    manifest = d.three.compact(FLOW)[0]
    d.write(manifest, d.read(manifest)[:-20])
    return found(('compaction-damaged', manifest))


def compacted_gone(d):
    _, output, _ = d.three.compact(FLOW)
    os.unlink(d.path(output))
    return found(('table-missing', output))


def compacted_bit(d):
    """In a second generation over the first: excuses the originals of both."""
    d.three.compact(DNS)
    _, output, _ = d.three.compact(DNS, 2)
    d.flip(output, 20)
    return found(('table-damaged', output))


def compacted_rows(d):
    _, output, _ = d.three.compact(DNS)
    content = d.read(output)
    one, other = list(dict.fromkeys(re.findall(rb'"([0-9a-f]{64})"', content)))[:2]
    d.write(output, content.replace(one, other))
    manifest = next(n for n in d.all('_sluice/compactions/**/*'))
    lines = d.manifest(manifest)
    lines[-2]['crc32'] = zlib.crc32(d.read(output))
    d.put(manifest, lines)
    paths = {o['original']: o['path'] for n in d.manifests('t.dns.rows') for o in d.manifest(n) if 'original' in o}
    return found(('rows-differ', paths[one.decode()]), ('rows-differ', paths[other.decode()]))


MENDED = [table_unpublished, table_both, commit_unpublished, table_elsewhere, table_again, rejects_elsewhere, rejects_again, staging_committed]
LEFT = [original_gone, original_changed, original_cut, original_nobody_knows, table_gone, table_folder_gone, table_cut, table_bit, table_folded_bit, table_no_parquet,
        table_foreign, table_stranger, table_fewer_rows, table_hour, table_sources, rows_of_another, rejects_gone, rejects_cut, rejects_changed, rejects_differ,
        manifest_gone, manifest_gone_newest, manifest_gone_oldest, manifest_cut, manifest_cut_newest, manifest_line_gone, manifest_overlap, history_cut, history_head,
        history_gone, compaction_gone, compaction_cut, compacted_gone, compacted_bit, compacted_rows, committed_twice, named_twice, rows_changed, ledger_old, ledger_ahead, staging_open, staging_collector, schema_changed]


def difference(got, wanted):
    return f'not wanted: {sorted(got - wanted)}\nnot found: {sorted(wanted - got)}'


def one(three, damage, mends, whole):
    three.restore('whole')
    wanted = damage(Damage(three))
    name = damage.__name__.replace('_', ' ')
    before = three.files()
    if mends:
        status, got, _, _ = three.audit()
        tap.check(f'{name}: named exactly', got == wanted and status == 3, f'exit status {status}\n{difference(got, wanted)}')
    status, got, repairs, _ = three.audit('--dry-run')
    said = {r['repair'] for r in repairs}
    tap.check(f'{name}: named exactly; a dry run changes nothing and says what it would do', three.files() == before and got == wanted and status == 3 and
              (said == {'would mend'} if mends else said <= {'left'}), f'exit status {status} {repairs}\n{difference(got, wanted)}')
    status, got, repairs, _ = three.audit('--repair')
    after = three.files()
    if mends:
        tap.check(f'{name}: mended, the lake is what it was', got == wanted and status == 0 and after == whole,
                  f'exit status {status} {repairs}\n{difference(set(after), set(whole))}')
        second, left, _, _ = three.audit()
        tap.check(f'{name}: a second audit is clean', second == 0 and not left, left)
    else:
        tap.check(f'{name}: left as it is', got == wanted and status == 3 and after == before, f'exit status {status} {repairs}')


def compacted(three):
    """Hours that were compacted, one of them twice, and one that is being compacted: nothing is wrong; an input that came back is."""
    three.restore('whole')
    three.compact(DNS)
    three.compact(DNS, 2)
    three.compact(FLOW)
    three.compact('proxy/hive/y=2026/m=01/d=14/h=09', switched=False)
    status, got, _, summary = three.audit()
    tap.check('compacted hours and one under way are in order', (status, got, summary['compactions']) == (0, set(), 4), f'{status} {got} {summary}')
    shutil.copy(os.path.join(three.place, 'whole', 'lake', FLOW, 'part-t.flow.rows-0-0-6-00001.parquet'), os.path.join(three.lake, FLOW))
    wanted = {('table-orphan', f'{FLOW}/part-t.flow.rows-0-0-6-00001.parquet')}
    status, got, repairs, _ = three.audit('--repair')
    tap.check('an input that is still in the table is named and removed', (status, got) == (0, wanted) and [r['repair'] for r in repairs] == ['mended'], f'{status} {got} {repairs}')
    tap.check('then all is in order', three.audit()[:2] == (0, set()), three.audit())
    name = 'resolver-2.pcap'
    r = three.command('trace', '--format', 'json', name)
    files = json.loads(r.stdout)['commits'][0]['files']
    tap.check('trace finds rows where they lie now', [f['path'].endswith('-2-00000.parquet') and f['rows'] == 50 for f in files] == [True], r.stdout)
    r = three.command('trace', '--format', 'json', files[0]['path'])
    back = json.loads(r.stdout)
    tap.check('and leads back over both generations', len(back['commits']) == 6 and name in [o['name'] for o in back['originals']] and back['named'], r.stdout)


def compacted_by_sluice(three):
    """The real one, in every state that a run leaves: kept inputs, then none; late rows beside; a second generation."""
    three.restore('whole')
    with open(three.config, encoding='utf-8') as f:
        plain = f.read()
    with open(three.config, 'w', encoding='utf-8') as f:
        f.write('compact: { quiet: 0, grace: 1h }\n' + plain)
    rows = three.audit()[3]['table_rows']
    for generation in (1, 2):
        r = three.command('compact', check=False)
        status, got, _, summary = three.audit('--grace', '1h')
        tap.check(f'compacted, generation {generation}, inputs kept: in order', (r.returncode, status, got) == (0, 0, set()) and summary['compactions'] >= 3 * generation + 1 and
                  summary['table_rows'] == rows, f'{r} {status} {got} {summary}')
        output = Damage(three).all('dns/hive/**/part-compact-*')[0]
        os.rename(os.path.join(three.lake, output), os.path.join(three.lake, 'kept'))
        status, got, _, _ = three.audit('--grace', '1h')
        tap.check('an output that is gone while its inputs are kept is missing', (status, got) == (3, {('table-missing', output)}), f'{status} {got}')
        os.rename(os.path.join(three.lake, 'kept'), os.path.join(three.lake, output))
        with open(three.config, 'w', encoding='utf-8') as f:
            f.write('compact: { quiet: 0, grace: 0 }\n' + plain)
        r = three.command('compact', check=False)
        status, got, _, _ = three.audit()
        tap.check('inputs deleted: in order', (r.returncode, status, got) == (0, 0, set()), f'{r} {status} {got}')
        with open(three.config, 'w', encoding='utf-8') as f:
            f.write('compact: { quiet: 0, grace: 1h }\n' + plain)
        three.round(12 + generation)
        three.command('run', '--once', '--quiet', check=False)
        status, got, _, summary = three.audit()
        rows = summary['table_rows']
        tap.check('late rows beside: in order', (status, got) == (0, set()), f'{status} {got}')
    with open(three.config, 'w', encoding='utf-8') as f:
        f.write(plain)


def beside_workers(three):
    """Audits one after the other while files come and are committed: none finds anything, and the last one has all."""
    three.restore('whole')
    log = open(os.path.join(three.place, 'log'), 'w', encoding='utf-8')
    run = subprocess.Popen([three.sluice, 'run', '-c', three.config], stdout=log, stderr=log)
    wrong, audits, summary = [], 0, {}
    try:
        for number in range(6, 12):
            three.round(number)
            for _ in range(2):
                status, got, _, summary = three.audit('--grace', '1h')
                audits += 1
                wrong += [(status, got)] if status != 0 else []
        wait_for(lambda: three.audit('--grace', '1h')[3]['originals'] == 61, 60, 0.5)
        status, got, _, summary = three.audit('--grace', '1h')
    finally:
        stop(run)
        log.close()
    tap.check(f'{audits} audits beside workers find nothing', not wrong, wrong)
    tap.check('and then every original is in order', (status, got, summary['originals'], summary['waiting']) == (0, set(), 61, 0), f'{status} {got} {summary}')


def grace(three):
    """What is young is nobody's orphan yet."""
    three.restore('whole')
    d = Damage(three)
    wanted = table_again(d)
    r = three.command('audit', '--repair', '--format', 'json', check=False)
    tap.check('an orphan that is younger than the grace is named and stays', r.returncode == 3 and 'younger than the grace' in r.stdout and os.path.exists(d.path(next(iter(wanted))[1])), r)


def quick(three):
    """Lengths and footers only: a changed byte stays unseen, and the summary says what was not done."""
    three.restore('whole')
    d = Damage(three)
    original_changed(d)
    table_bit(d)
    status, got, _, summary = three.audit('--quick')
    tap.check('--quick sees no changed byte and says so', (status, got) == (0, set()) and summary['checked'] == 'lengths and footers', f'{status} {got} {summary}')
    os.unlink(d.path(d.all('dns/binary/**/*')[2]))
    table_cut(d)
    status, got, _, _ = three.audit('--quick')
    tap.check('--quick sees what is gone or cut', status == 3 and {k for k, _ in got} == {'original-missing', 'table-damaged'}, got)


def without_ledger(three):
    three.restore('whole')
    shutil.rmtree(os.path.join(three.state, 'ledger'))
    status, got, _, summary = three.audit()
    tap.check('a lake without its ledger is in order', status == 0 and not got and summary['ledger'] == 'none', f'{got} {summary}')
    d = Damage(three)
    wanted = manifest_gone_newest(d)
    status, got, _, _ = three.audit()
    tap.check('without a ledger a missing manifest is one finding', got == wanted, difference(got, wanted))


def for_people(three):
    three.restore('whole')
    r = three.command('audit', check=False)
    tap.check('for people: counts, what was done, in order', r.returncode == 0 and 'in order' in r.stdout and 'hashed again' in r.stdout and '31 originals' in r.stdout, r)
    d = Damage(three)
    odd = 'dns/hive/y=2026/m=1/d=14/h=9/odd\n\x1b[31m'
    d.write(odd, b'x')
    r = three.command('audit', check=False)
    tap.check('a name with odd bytes is one line', r.returncode == 3 and 'odd\\x0a\\x1b[31m: no manifest names it' in r.stdout, r)
    r = three.command('audit', '--format', 'jsno', check=False)
    tap.check('a wrong format is a usage error with the nearest', r.returncode == 2 and 'json' in r.stderr, r)


def main():
    with tempfile.TemporaryDirectory(prefix='sluice-damage-') as place:
        three = Three(place)
        three.rounds = 3
        three.fill()
        three.save('early')
        three.early = {n for n in three.files() if '/binary/' in n}
        for number in range(3, 6):
            three.round(number)
            three.command('run', '--once', '--quiet', check=False)
        three.fold('t.flow.rows', 2)
        three.fold('t.flow.rows', 2)
        three.fold('t.proxy.rows', 3)
        three.save('whole')
        whole = three.files()
        status, got, _, summary = three.audit()
        tap.check('an undamaged lake gives no findings', status == 0 and not got, got)
        tap.check('it holds all three datasets, rejects, history', summary['originals'] == 31 and summary['rejects'] == 3 and summary['segments'] == 3, summary)
        status, got, repairs, _ = three.audit('--repair')
        tap.check('repairing an undamaged lake changes nothing', status == 0 and not got and not repairs and three.files() == whole, repairs)
        for damage in MENDED:
            one(three, damage, True, whole)
        for damage in LEFT:
            one(three, damage, False, whole)
        compacted(three)
        beside_workers(three)
        compacted_by_sluice(three)
        grace(three)
        quick(three)
        without_ledger(three)
        for_people(three)
    tap.done()


if __name__ == '__main__':
    main()
