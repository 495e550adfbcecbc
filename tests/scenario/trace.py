#!/usr/bin/env python3
"""`sluice trace`: every original to its rows and every file back to its originals, against the footers as DuckDB reads them; with a ledger and without."""
import glob
import json
import os
import shutil
import sys
import tempfile

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import duckdb  # noqa: E402
import tap  # noqa: E402
from lake import manifests  # noqa: E402
from three import Three  # noqa: E402


def footers(lake):
    """{path: [[sha256, first, rows], …]}, read by another reader."""
    found = {}
    for path in glob.glob(f'{lake}/*/hive/**/*.parquet', recursive=True):
        rows = duckdb.sql(f"select value from parquet_kv_metadata('{path}') where key = 'sluice.sources'").fetchall()
        found[os.path.relpath(path, lake)] = json.loads(bytes(rows[0][0]))
    return found


def ranges_of(sources, sha256):
    return {path: [[first, rows] for s, first, rows in entries if s == sha256] for path, entries in sources.items() if any(e[0] == sha256 for e in entries)}


def trace(three, *words):
    r = three.command('trace', '--format', 'json', *words, check=False)
    return r.returncode, [json.loads(line) for line in r.stdout.splitlines()]


def is_right(found, original, sources):
    """Does an answer say what manifests and footers say?"""
    if len(found) != 1:
        return False
    one = found[0]
    files = {f['path']: f['ranges'] for c in one['commits'] for f in c['files']}
    commit = one['commits'][0] if len(one['commits']) == 1 else {}
    return (one['original'] == original['original'] and one['name'] == original['name'] and one['path'] == original['path'] and one['archived'] == original['size'] and
            commit.get('rows') == original['rows'] and commit.get('rejected') == original['rejects'] and commit.get('parts') == original['parts'] and
            files == ranges_of(sources, original['original']) and sum(n for r in files.values() for _, n in r) == original['rows'] and
            (commit.get('rejects') or {'count': 0})['count'] == original['rejects'])


def check_originals(three, originals, sources, how):
    for kind, word in (('name', lambda o: o['name']), ('sha256', lambda o: o['original']), ('path in the lake', lambda o: o['path']),
                       ('path as it was seen', lambda o: os.path.join(three.place, 'spool', o['pipeline'], o['name'])),
                       ('path of its file in the lake', lambda o: os.path.join(three.lake, o['path']))):
        wrong = [(o['name'], trace(three, word(o))) for o in originals if not is_right(trace(three, word(o))[1], o, sources)]
        tap.check(f'{how}: each original by its {kind}: its commit, and the rows that footers give to it', not wrong and len(originals) > 10, wrong[:2])


def check_files(three, files, originals, sources, how):
    paths = {o['original']: o['path'] for o in originals}
    wrong = []
    for f in files:
        status, found = trace(three, f['file'])
        got = {o['original']: o.get('ranges') for o in found[0]['originals']} if len(found) == 1 else {}
        named = all(o.get('path') == paths[o['original']] for o in found[0]['originals']) if len(found) == 1 else False
        want = {s: [[a, n] for x, a, n in sources[f['file']] if x == s] for s, _, _ in sources[f['file']]} if f['kind'] == 'table' else None
        rejects = sum(o.get('rejects', 0) for o in found[0]['originals']) if len(found) == 1 else -1
        if status != 0 or not named or not found[0]['named'] or len(found[0]['commits']) != 1 or (want is not None and (got != want or found[0]['rows'] != f['rows'])) or \
                (want is None and rejects != f['rows']):
            wrong.append((f['file'], found))
    tap.check(f'{how}: each of {len(files)} files back to its originals', not wrong and len(files) > 10, wrong[:2])


def main():
    with tempfile.TemporaryDirectory(prefix='sluice-trace-') as place:
        three = Three(place, rounds=3)
        three.fill()
        three.fold('t.flow.rows', 1)
        files, originals = manifests(three.lake)
        sources = footers(three.lake)
        check_originals(three, originals, sources, 'with a ledger')
        check_files(three, files, originals, sources, 'with a ledger')
        again = next(o for o in originals if o['pipeline'] == 'dns')
        three.command('load', '-p', 'dns', '--again', '--quiet', os.path.join(three.place, 'spool', 'dns', again['name']), check=False)
        status, found = trace(three, again['name'])
        tap.check('an original that was taken twice is two answers', status == 0 and [o['again'] for o in found] == [0, 1] and
                  all(o['commits'][0]['rows'] == again['rows'] for o in found), found)
        doubled = footers(three.lake)
        tap.check('the audit counts both', three.audit()[:2] == (0, set()), three.audit())
        r = three.command('trace', again['name'], 'never-seen.pcap', check=False)
        tap.check('for people; what is not known is named, exit status 1', r.returncode == 1 and 'never-seen.pcap: not known' in r.stderr and
                  again['original'] in r.stdout and 'rows, 0 to' in r.stdout, r)
        tap.check('nothing to trace is a usage error', three.command('trace', check=False).returncode == 2)
        os.unlink(os.path.join(three.lake, again['path']))
        gone = next(iter(ranges_of(doubled, again['original'])))
        os.unlink(os.path.join(three.lake, gone))
        _, found = trace(three, again['original'])
        tap.check('what is gone is said', [o['archived'] for o in found] == [-1, -1] and
                  any(f.get('problem') == 'it is not there' for o in found for c in o['commits'] for f in c['files']), found)
        _, found = trace(three, gone)
        tap.check('a file that is gone has its commit', found and not found[0]['there'] and found[0]['named'] and len(found[0]['commits']) == 1, found)
        shutil.rmtree(os.path.join(three.state, 'ledger'))
        originals = [o for o in originals if o['original'] != again['original']]
        files = [f for f in files if f['file'] != gone]
        check_originals(three, originals, sources, 'without a ledger')
        check_files(three, files, originals, sources, 'without a ledger')
    tap.done()


if __name__ == '__main__':
    main()
