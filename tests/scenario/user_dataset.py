#!/usr/bin/env python3
"""A table of the user's own: an .avsc in the `schemas` folder and four lines of YAML, with the csv dissector and with an external command."""
import json
import os
import subprocess
import sys
import tempfile
import time

SOURCE = os.environ.get('SLUICE_SOURCE', os.path.join(os.path.dirname(__file__), '..', '..'))
sys.path.insert(0, os.path.join(SOURCE, 'tests'))
sys.path.insert(0, os.path.join(SOURCE, 'tests', 'lib'))
import tap  # noqa: E402

try:
    import duckdb
    import lake
    from spool import stop, wait_for
except ImportError as missing:
    tap.skip('user dataset', missing)
    tap.done()

SLUICE = os.environ.get('SLUICE', os.path.join(SOURCE, 'build', 'sluice'))
TEXT = '''time,user,address,bytes,ratio,comment
2026-01-14T09:00:00Z,alice,10.0.0.1,100,0.5,plain
2026-01-14T10:59:59.999Z,bob,2001:db8::1,5000000000,1e3,"two
lines, and a ""quote"""
2026-01-14T11:30:00+01:00,,,,,
2026-01-14T10:00:00Z,mallory,10.0.0.2,7,1
,eve,10.0.0.3,8,1,no time
2026-01-15T00:00:00Z,carol,not an address,many,x,
'''


def example(name):
    with open(os.path.join(SOURCE, 'examples', name), encoding='utf-8') as f:
        return f.read()


class Place:
    """The example of the documentation, as it stands there, in a folder of its own."""

    def __init__(self, folder, instead=('', '')):
        self.folder, self.lake, self.spool = folder, os.path.join(folder, 'lake'), os.path.join(folder, 'spool')
        self.config = os.path.join(folder, 'own-table.yaml')
        os.makedirs(os.path.join(folder, 'schemas'))
        os.makedirs(self.spool)
        for name in ('own-table.yaml', 'schemas/logins.avsc'):
            text = example(name)
            if name == 'own-table.yaml':
                assert instead[0] in text
                text = text.replace(*instead) if instead[0] else text
            with open(os.path.join(folder, name), 'w', encoding='utf-8') as f:
                f.write(text)

    def drop(self, name, content):
        with open(os.path.join(self.spool, '.' + name), 'wb') as f:
            f.write(content)
        os.rename(os.path.join(self.spool, '.' + name), os.path.join(self.spool, name))

    def command(self, *words):
        return subprocess.run([SLUICE, words[0], '-c', self.config, *words[1:]], capture_output=True, text=True, timeout=120, check=False)

    def rows(self):
        source = lake.table(self.lake, 'logins')
        return [] if source is None else duckdb.sql(f'''select seen, unix_time, user_name, address, bytes, ratio, comment, y::int, m::int, d::int, h::int
            from {source} order by seen, user_name''').fetchall()


WANTED = [('2026-01-14 09:00:00', 1768381200, 'alice', '10.0.0.1', 100, 0.5, 'plain', 2026, 1, 14, 9),
          ('2026-01-14 10:30:00', 1768386600, None, None, None, None, None, 2026, 1, 14, 10),
          ('2026-01-14 10:59:59', 1768388399, 'bob', '2001:db8::1', 5000000000, 1000.0, 'two\nlines, and a "quote"', 2026, 1, 14, 10),
          ('2026-01-15 00:00:00', 1768435200, 'carol', None, None, None, None, 2026, 1, 15, 0)]


def csv_table(place):
    p = Place(place)
    r = p.command('check')
    tap.check('check of the example', r.returncode == 0, r)
    p.drop('logins-1.csv', TEXT.encode())
    r = p.command('run', '--once')
    tap.check('two records are rejects: exit 1', r.returncode == 1, r)
    tap.check('the summary says how many values could not be read', '3 values became null' in r.stdout, r)
    tap.check('rows as DuckDB reads them', p.rows() == WANTED, p.rows())
    files, originals = lake.manifests(p.lake)
    tap.check('the manifest counts rows, rejects, values', len(originals) == 1 and originals[0]['rows'] == 4 and originals[0]['rejects'] == 2 and originals[0]['lost'] == 2
              and originals[0]['dissector'] == 'csv/1' and originals[0].get('counters') == {'bad_numbers': 2, 'bad_addresses': 1}, originals)
    rejects = [f['file'] for f in files if f['kind'] == 'rejects']
    lines = [json.loads(line) for line in open(os.path.join(p.lake, rejects[0]), encoding='utf-8')] if rejects else []
    tap.check('rejects say line, place and why', [(x['offset'], x['rows'], x['reason']) for x in lines] == [
        (TEXT.index('2026-01-14T10:00:00Z,m'), 1, 'line 6: 5 fields, the header has 6'), (TEXT.index(',eve'), 1, 'line 7: no time for field "time"')], lines)
    tap.check('nothing is missing or there twice', not lake.faults(p.lake, {'logins-1.csv': TEXT.encode()}, 'logins'), lake.faults(p.lake, {'x': TEXT.encode()}, 'logins'))
    r = subprocess.run([SLUICE, 'schema', '--ddl', 'hive', os.path.join(p.folder, 'schemas', 'logins.avsc')], capture_output=True, text=True, check=False)
    tap.check('its DDL', 'user_name' in r.stdout.lower() and 'bigint' in r.stdout.lower(), r)
    p.drop('logins-2.csv', TEXT.replace('user,', 'usr,').encode())
    r = p.command('run', '--once')
    tap.check('a header without a mapped column refuses the file, with the nearest', r.returncode == 1 and 'no column "user" (did you mean "usr"?)' in r.stderr, r)
    tap.check('and stores nothing of it', p.rows() == WANTED, p.rows())
    r = p.command('status', os.path.join(p.spool, 'logins-2.csv'))
    tap.check('status says so', r.returncode == 1 and 'refused' in r.stdout and 'did you mean' in r.stdout, r)


def command_table(place):
    p = Place(place, ('dissector: csv\n    options: { column.user_name: user }', '''dissector: exec
    options:
      command: [sh, -c, "echo reading $1 >&2; cat $1; grep -q broken $1 && exit 4; exit 0", name, "{}"]
      timeout: 20s
      column.user_name: user'''))
    good = TEXT.split('2026-01-14T10:00:00Z,m')[0].encode()
    p.drop('logins-1.csv', good)
    r = p.command('run', '--once')
    tap.check('rows of a command', r.returncode == 0 and p.rows() == WANTED[:3], (r, p.rows()))
    _, originals = lake.manifests(p.lake)
    tap.check('what it said is in the manifest', originals[0].get('note') == 'reading /proc/self/fd/3' and 'reason' not in originals[0], originals)
    r = p.command('status', os.path.join(p.spool, 'logins-1.csv'))
    tap.check('and in status', r.returncode == 0 and 'reading /proc/self/fd/3' in r.stdout, r)
    r = p.command('status', '--json', os.path.join(p.spool, 'logins-1.csv'))
    tap.check('and in its JSON', json.loads(r.stdout).get('note') == 'reading /proc/self/fd/3', r)
    p.drop('logins-2.csv', good + b'2026-01-14T09:30:00Z,late,,,,broken\n')
    r = p.command('run', '--once')
    tap.check('a command that fails after its rows: the file is the reject', r.returncode == 1 and 'sh: exit 4: reading' in r.stderr and p.rows() == WANTED[:3], (r, p.rows()))
    _, originals = lake.manifests(p.lake)
    refused = [o for o in originals if 'reason' in o]
    tap.check('with reason and note', len(refused) == 1 and refused[0]['reason'].startswith('sh: exit 4') and refused[0]['note'] == 'reading /proc/self/fd/3', originals)
    text = open(p.config, encoding='utf-8').read()
    with open(p.config, 'w', encoding='utf-8') as f:
        f.write(text.replace('[sh,', '[no-such-program,'))
    r = p.command('check')
    tap.check('check names a missing program', r.returncode == 1 and 'no program "no-such-program"' in r.stdout, r)


def stopped_command(place):
    """A stop does not wait for a slow command, leaves none behind, and loses nothing."""
    p = Place(place, ('dissector: csv\n    options: { column.user_name: user }', '''dissector: exec
    options:
      command: [sh, -c, "test -e $0/go || exec sleep 600.25; cat", FOLDER]
      column.user_name: user'''.replace('FOLDER', place)))

    def sleeping():
        return subprocess.run(['pgrep', '-fx', 'sleep 600.25'], capture_output=True, check=False).returncode == 0
    good = TEXT.split('2026-01-14T10:00:00Z,m')[0].encode()
    p.drop('logins-1.csv', good)
    log = open(os.path.join(place, 'log'), 'w', encoding='utf-8')
    run = subprocess.Popen([SLUICE, 'run', '-c', p.config], stdout=log, stderr=log)
    tap.check('the command is running', wait_for(sleeping))
    begun = time.monotonic()
    status = stop(run)
    tap.check('stopped beside a slow command: soon, with 0', status == 0 and time.monotonic() - begun < 15, (status, time.monotonic() - begun))
    tap.check('which is gone', not sleeping())
    open(os.path.join(place, 'go'), 'wb').close()
    r = p.command('run', '--once')
    tap.check('its rows come with the next start, once', r.returncode == 0 and p.rows() == WANTED[:3], (r, p.rows()))


def big_table(place):
    """Above event.inline_max: the worker dissects, from the lake."""
    p = Place(place)
    lines = ['time,user,address,bytes,ratio,comment\n'] + [f'2026-01-14T{i % 3 + 9:02d}:00:00Z,u{i},10.0.0.{i % 250},{i},1,x{"y" * (i % 40)}\n' for i in range(40000)]
    p.drop('logins-big.csv', ''.join(lines).encode())
    r = p.command('run', '--once')
    found = sorted(row[4] for row in p.rows())
    tap.check('a file above the inline limit', r.returncode == 0 and found == list(range(40000)), (r, len(found)))


def dissect(place):
    """The same without a configuration."""
    path = os.path.join(place, 'x.csv')
    with open(path, 'w', encoding='utf-8') as f:
        f.write(TEXT)
    r = subprocess.run([SLUICE, 'dissect', '-t', 'csv', '--schema', os.path.join(SOURCE, 'examples', 'schemas', 'logins.avsc'), '-O', 'column.user_name=user', path],
                       capture_output=True, text=True, check=False)
    tap.check('sluice dissect -t csv', r.returncode == 1 and r.stdout.count('\n') == 6 and 'line 6: 5 fields' in r.stderr, r)
    r = subprocess.run([SLUICE, 'dissect', '-t', 'csv', path], capture_output=True, text=True, check=False)
    tap.check('without a table: usage', r.returncode == 2 and '--schema' in r.stderr, r)


def main():
    with tempfile.TemporaryDirectory(prefix='sluice-own-') as place:
        for part in (csv_table, command_table, stopped_command, big_table, dissect):
            inner = os.path.join(place, part.__name__)
            os.mkdir(inner)
            part(inner)
    tap.done()


if __name__ == '__main__':
    main()
