#!/usr/bin/env python3
"""doc/formats/ is enough to write a reader from: tests/lib/formats.py was, and reads what sluice wrote: events on the bus, ledger, staging, manifests, history, compactions, rejects. Counts are those of the inputs and of DuckDB."""
import glob
import hashlib
import json
import os
import subprocess
import sys
import tempfile

import duckdb

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import formats  # noqa: E402
import tap  # noqa: E402
from spool import stop, wait_for  # noqa: E402
from three import Three  # noqa: E402


def sources(t):
    """{dataset: {name: bytes}} of what was dropped."""
    found = {}
    for path in glob.glob(f'{t.place}/spool/*/*'):
        with open(path, 'rb') as f:
            found.setdefault(path.split('/')[-2], {})[os.path.basename(path)] = f.read()
    return found


def dissected(t, dataset, name):
    """Rows and rejects of one input by the program itself."""
    kind = {'flow': 'nfcapd', 'dns': 'pcap-dns', 'proxy': 'elff'}[dataset]
    r = subprocess.run([t.sluice, 'dissect', '-t', kind, '-f', 'json', f'{t.place}/spool/{dataset}/{name}'], capture_output=True, text=True, check=False, timeout=60)
    return [json.loads(line) for line in r.stdout.splitlines()]


def events(t):
    """What a collector alone leaves on the bus."""
    put = sources(t)
    found = [dict(e, topic=topic) for (topic, _), many in formats.bus(f'{t.state}/bus').items() for e in many]
    kinds = [e['headers']['kind'] for e in found]
    tap.check('every original has its events, and nothing else is there', {e['headers']['original'] for e in found if e['headers']['kind'] != 'flush'}
              == {hashlib.sha256(b).hexdigest() for many in put.values() for b in many.values()} and kinds.count('file') > 0 and kinds.count('rows') > 0, kinds)
    schemas = {}
    for path in glob.glob(f'{t.lake}/_sluice/schemas/*.avsc'):
        with open(path, encoding='utf-8') as f:
            schemas[os.path.basename(path)[:-5]] = json.load(f)
    tap.check('schemas have the fingerprints of their names', schemas and all(formats.fingerprint(s) == name for name, s in schemas.items()), list(schemas))
    rows, right = {}, True
    for e in found:
        h = e['headers']
        if h['kind'] == 'flush':
            continue
        with open(f'{t.lake}/{formats.unescape(h["path"]).decode()}', 'rb') as f:
            original = f.read()
        right &= hashlib.sha256(original).hexdigest() == h['original'] == e['key'].decode() and len(original) == int(h['size']) and e['topic'].endswith('.' + {'file': 'files', 'rows': 'rows'}[h['kind']])
        right &= 0 <= int(h['part']) < int(h['parts']) and (h['kind'] == 'rows') == ('schema' in h)
        if h['kind'] == 'rows':
            got = formats.rows(e['value'], schemas[h['schema']]) if int(h['rows']) else []
            right &= bool(e['value']) == bool(got)
            right &= len(got) == int(h['rows']) and (h['hour'] == '') == (not got) and (int(h['part']) > 0 or 'report' in h)
            rows.setdefault(h['original'], []).append((int(h['part']), got, schemas[h['schema']]))
            if 'report' in h:
                report = json.loads(h['report'])
                right &= len(report['entries'].splitlines()) + report['silent'] == report['rejects']
    tap.check('headers, keys and values are what the pages say', right)
    for dataset, name in (('flow', 'nfcapd.202601140900'), ('dns', None), ('proxy', 'proxy-1.log')):
        small = name or next(n for n, b in put[dataset].items())
        digest = hashlib.sha256(put[dataset][small]).hexdigest()
        got = [dict(zip([f['name'] for f in schema['fields']], row)) for _, many, schema in sorted(rows.get(digest, []), key=lambda x: x[0]) for row in many]
        want = dissected(t, dataset, small)

        def key(r):
            return json.dumps({k: (round(float(v), 3) if k == 'tdur' else v) for k, v in r.items() if v is not None}, sort_keys=True)
        tap.check(f'{dataset}: rows of an event are those of its file', got and sorted(map(key, got)) == sorted(map(key, want)), (got[:1], want[:1]))


def ledger_open(t):
    found = formats.ledger(f'{t.state}/ledger')
    files = sources(t)
    tap.check('ledger: every original, published and not committed', len(found['originals']) == sum(len(set(m.values())) for m in files.values()) and {o['state'] for o in found['originals']} == {'published'}
              and found['open'] == [o['number'] for o in found['originals']] and found['next'] == max(found['open']) + 1, found['originals'][:1])
    right = all(hashlib.sha256(files[o['pipeline']][o['name']]).hexdigest() == o['sha256'] and len(files[o['pipeline']][o['name']]) == o['size'] and o['source'] == f'{t.place}/spool/{o["pipeline"]}/{o["name"]}'
                and os.path.getsize(f'{t.lake}/{o["path"]}') == o['size'] for o in found['originals'])
    stat = {o['source']: os.stat(o['source']) for o in found['originals']}
    right &= all((o['device'], o['inode'], o['changed_ns']) == (stat[o['source']].st_dev, stat[o['source']].st_ino, stat[o['source']].st_mtime_ns) for o in found['originals'])
    tap.check('ledger: names, sizes, digests and sources are those of the files', right, found['originals'][:1])
    tap.check('ledger: paths, those of the same content among them', {(d, f'{t.place}/spool/{d}/{n}') for d, m in files.items() for n in m} == set(found['paths']) and all(
        p['state'] == ('taken' if path in stat else 'double') and p['size'] == os.path.getsize(path) and p['sha256'] == (hashlib.sha256(files[d][os.path.basename(path)]).hexdigest() if p['known'] else '0' * 64)
        for (d, path), p in found['paths'].items()), found['paths'])
    tap.check('ledger: counts', found['counts'] == {d: (0, len(set(m.values())), 0, 0, len(m) - len(set(m.values())), 0) for d, m in files.items()}, found['counts'])


def staging(t):
    """A worker with an open commit has its files in staging, under the names that the page says."""
    p = subprocess.Popen([t.sluice, 'work', '-c', t.config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        seen = wait_for(lambda: formats.staged(t.lake), 30)
        every = [os.path.join(d, f) for d, _, names in os.walk(f'{t.lake}/_sluice/staging') for f in names]
        named = formats.staged(t.lake)
        tap.check('staged files are named as the page says', seen and len(named) >= 1 and all(topic.startswith('t.') and start >= 0 and rest.endswith(('.parquet', 'rejects.jsonl')) for topic, _, _, start, rest in named), every)
    finally:
        stop(p)


def counts(t, what):
    """What is committed, by manifests, by tables and by the inputs."""
    for dataset in ('flow', 'dns', 'proxy'):
        held = formats.table(t.lake, dataset)
        there = {os.path.relpath(p, t.lake) for p in glob.glob(f'{t.lake}/{dataset}/hive/**/*.parquet', recursive=True)}
        rows = {path: n for path, n in duckdb.sql(f"select file_name, num_rows from parquet_file_metadata('{t.lake}/{dataset}/hive/**/*.parquet')").fetchall()}
        tap.check(f'{what}: {dataset}: the table is what commits and compactions say', set(held) == there and all(rows[f'{t.lake}/{p}'] == n for p, n in held.items()), (sorted(set(held) ^ there), len(held)))
        mine = [o for o in formats.originals(t.lake) if o['path'].startswith(dataset + '/')]
        files = sources(t)[dataset]
        tap.check(f'{what}: {dataset}: originals, rows and rejects', sorted(o['original'] for o in mine) == sorted({hashlib.sha256(b).hexdigest() for b in files.values()})
                  and sum(o['rows'] for o in mine) == sum(held.values()) == sum(len(dissected(t, dataset, n)) for n in files), (len(mine), len(files), sum(o['rows'] for o in mine), sum(held.values())))
    refused = formats.rejects(t.lake)
    tap.check(f'{what}: rejects files have the lines that were rejected', len(refused) == sum(o['rejects'] for o in formats.originals(t.lake)) == t.rounds // 2 and all(r['raw'].startswith(b'one two three') for r in refused), refused[:1])


def expired(t, text):
    """Everything of one kind goes for its age; what is left, and the records, by the pages."""
    with open(t.config, 'w', encoding='utf-8') as f:
        f.write(text + 'expire: { tables: 1h, originals: 1h }\n')
    before = {d: {x['path'] for x in formats.originals(t.lake) if x['path'].startswith(d + '/')} for d in ('flow', 'dns', 'proxy')}
    r = t.command('expire', '--yes', check=False)
    tap.check('expired', r.returncode == 0, r)
    some = False
    for dataset, paths in before.items():
        there = {os.path.relpath(p, t.lake) for p in glob.glob(f'{t.lake}/{dataset}/hive/**/*.parquet', recursive=True)}
        kept = {p for p in paths if os.path.exists(f'{t.lake}/{p}')}
        some |= bool(paths - kept) and not there
        tap.check(f'expired: {dataset}: what is left is what commits, compactions and expiries say', set(formats.table(t.lake, dataset)) == there
                  and {x['input'] for x in formats.expired(t.lake, 'originals', dataset)} == paths - kept, (there, kept))
    tap.check('expired: something went', some)


def main():
    with tempfile.TemporaryDirectory(prefix='sluice-formats-') as base:
        t = Three(base, rounds=4, extra='compact: { quiet: 0, grace: 0 }\n')
        with open(t.config, encoding='utf-8') as f:
            text = f.read()
        for number in range(t.rounds):
            t.round(number)
        r = t.command('collect', '--once', '--quiet', check=False)
        tap.check('a collector alone', r.returncode == 0, r)
        events(t)
        ledger_open(t)
        with open(t.config, 'w', encoding='utf-8') as f:
            f.write(text.replace('max_age: 500ms', 'max_age: 1h'))
        staging(t)
        with open(t.config, 'w', encoding='utf-8') as f:
            f.write(text.replace('max_age: 500ms', 'max_age: 500ms, max_events: 3'))
        r = t.command('run', '--once', '--quiet', check=False)
        tap.check('and a worker', r.returncode == 1 or r.returncode == 0, r)
        counts(t, 'committed')
        found = formats.ledger(f'{t.state}/ledger')
        made = {o['original']: o for o in formats.originals(t.lake)}
        tap.check('ledger: what became of each is what its manifest says', not found['open'] and all((o['state'], o['rows'], o['rejects'], o['lost']) == ('committed', made[o['sha256']]['rows'], made[o['sha256']]['rejects'],
                                                                                                       made[o['sha256']]['lost']) for o in found['originals']), found['originals'][:1])
        for _ in range(2):
            t.command('compact', check=False)
        tap.check('some hours were compacted', sum(len(formats.compactions(t.lake, d)) for d in ('flow', 'dns', 'proxy')) > 0)
        counts(t, 'compacted')
        expired(t, text)
    tap.done()


if __name__ == '__main__':
    main()
