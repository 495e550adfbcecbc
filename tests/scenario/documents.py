#!/usr/bin/env python3
"""The documents say what the program does: README's five minutes run as they stand, every warning and error has a row in doc/operations.md and every row a message, every page is listed and every link leads
somewhere, the worked example of doc/dissector.md is the file, compiles, and takes a file into a lake."""
import glob
import json
import os
import re
import shlex
import signal
import struct
import subprocess
import sys
import tempfile

import duckdb

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'), os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib')]
import captures  # noqa: E402
import nfcapd  # noqa: E402
import proxy  # noqa: E402
import tap  # noqa: E402
from spool import HOUR_MS, stop, wait_for  # noqa: E402

SLUICE = os.path.realpath(os.environ.get('SLUICE', 'build/sluice'))
SOURCE = os.path.realpath(os.environ.get('SLUICE_SOURCE', '.'))


def text(*path):
    with open(os.path.join(SOURCE, *path), encoding='utf-8') as f:
        return f.read()


def blocks(page, kind):
    return re.findall(rf'^```{kind}\n(.*?)^```', page, re.M | re.S)


# ---- README ----

class Minutes:
    """A folder in which README's commands run as they stand, but for the lake and the spools of a machine of one's own."""

    def __init__(self, base):
        self.base, self.page = base, text('README.md')
        os.makedirs(f'{base}/build')
        os.symlink(SLUICE, f'{base}/build/sluice')
        self.moved = {'/var/lib/sluice/lake': f'{base}/lake', '/var/cache/nfdump': f'{base}/spool/flow', '/var/spool/pcap': f'{base}/spool/pcap', '/var/spool/proxy': f'{base}/spool/proxy'}
        flows = nfcapd.file_v2([nfcapd.flow(HOUR_MS + i, bytes=1000 + i) for i in range(200)])
        dns = captures.capture([{'at': HOUR_MS // 1000 + i, 'client': '10.0.0.1', 'server': '192.0.2.53', 'name': f'n{i}.example.com', 'kind': 'A', 'rcode': 3 if i % 5 == 0 else 0,
                                 'a': '198.51.100.1'} for i in range(40)])
        log = (proxy.log(200, HOUR_MS // 1000, 3000, seed=1) + 'one two three\n').encode()
        good = log[:log.rindex(b'one two three')]
        for spool, name, content in (('flow', 'nfcapd.202601140900', flows), ('pcap', 'resolver.pcap', dns), ('proxy', 'proxy.log', log)):
            os.makedirs(f'{base}/spool/{spool}')
            with open(f'{base}/{name}', 'wb') as f:
                f.write(good if name == 'proxy.log' else content)
            path = f'{base}/spool/{spool}/{name}'
            with open(path, 'wb') as f:
                f.write(content)
            os.utime(path, (HOUR_MS / 1000, HOUR_MS / 1000))

    def here(self, words):
        for path, place in self.moved.items():
            words = words.replace(path, place)
        return words

    def run(self, command):
        return subprocess.run(['bash', '-o', 'pipefail', '-c', self.here(command)], cwd=self.base, capture_output=True, text=True, timeout=120, check=False)


def commands(block):
    """Lines of a shell block without their comments."""
    return [c for c in (re.sub(r'\s+#.*$', '', line).strip() for line in block.splitlines()) if c and not c.startswith('#')]


def five_minutes(base):
    m = Minutes(base)
    first, look, fill, told, *more = blocks(m.page, 'sh')
    targets = re.findall(r'^([a-z-]+):', text('Makefile'), re.M)
    installed, *made = commands(first)
    named = {target for c in made for target in c.split()[1:]} | {t for words in re.findall(r'`make ([a-z -]+)`', m.page) for t in words.split()}
    tap.check('README names targets that the Makefile has', len(named) > 5 and named <= set(targets) and all(c.split()[0] == 'make' for c in made), named - set(targets))
    tap.check('README begins with what a fresh machine lacks', installed.split()[:2] == ['apt-get', 'install'] and {'git', 'make'} <= set(installed.split()), installed)
    for c in commands(look):
        r = m.run(c)
        tap.check(f'README: {c}', r.returncode in (0, 141) and (r.stdout or '-o ' in c), r)  # 141: head has seen enough
    with open(f'{base}/sluice.yaml', 'w', encoding='utf-8') as f:
        f.write(m.here(blocks(m.page, 'yaml')[0]))
    for c in commands(fill):
        if c.endswith('run   -c sluice.yaml') or c.endswith('run -c sluice.yaml'):
            continue
        if c.endswith('--once'):
            daemon(m)
        r = m.run(c)
        tap.check(f'README: {c}', r.returncode == 0 or ('--once' in c and r.returncode == 1), r)
    for statement in [s.strip() for b in blocks(m.page, 'sql') for s in re.sub(r'--.*', '', b).split(';')]:
        if statement:
            rows = duckdb.sql(m.here(statement)).fetchall()
            tap.check(f'README: {" ".join(statement.split())[:60]}', len(rows) > 0, rows)
    for block in (told, *more):
        for c in commands(block):
            if not c.startswith('build/sluice'):
                continue
            r = m.run(c)
            tap.check(f'README: {c}', r.returncode == 0 and r.stdout, r)
    status_members(json.loads(m.run('build/sluice status -c sluice.yaml --json').stdout))
    layout = re.findall(r'^<lake>/(\w+)/', m.page, re.M)
    tap.check('README: what lies where', layout and all(os.path.isdir(f'{base}/lake/{d}') for d in layout), layout)


def status_members(status):
    """doc/cli.md names each member of the object, and of the objects in it."""
    table = re.findall(r'^\| (`[^|]+`) \| ([^|]+) \|$', text('doc', 'cli.md').split('## status')[1].split('\n## ')[0], re.M)
    told = {name: set(' '.join(re.findall(r'`([\w ]+)`', what)[:1]).split()) for names, what in table for name in re.findall(r'\w+', names)}
    tap.check('doc/cli.md names the members of status --json', set(status) == set(told), sorted(set(status) ^ set(told)))
    inside = {name: set(one) for name, value in status.items() for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict) and name != 'figures'}
    wrong = {name: sorted(keys ^ told[name]) for name, keys in inside.items() if keys != told.get(name)}
    tap.check('and what is in each', len(inside) >= 6 and not wrong, wrong)


def daemon(m):
    """The daemon of the five minutes: takes what lies there, and one more file that comes; a kill in between costs nothing."""
    p = subprocess.Popen([SLUICE, 'run', '-c', f'{m.base}/sluice.yaml'], cwd=m.base, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def count():
            return sum(1 for _ in glob.iglob(f'{m.base}/lake/*/hive/**/*.parquet', recursive=True))
        took = wait_for(lambda: count() >= 3, 60, 0.1)
        tap.check('README: run takes what lies there', took, count())
    finally:
        status = stop(p)
    tap.check('and drains when it is stopped', status == 0, status)


# ---- operations ----

CONVERSION = re.compile(r'%[-+ #0]*\d*(?:\.\d+)?(?:hh|ll|[hlzjt])?[diouxXcsp]')


def messages():
    """{(text, level): where} of every warning and error in the source; what differs is …, keys at the end are left out."""
    found = {}
    for path in sorted(glob.glob(f'{SOURCE}/src/**/*.c', recursive=True)):
        with open(path, encoding='utf-8') as f:
            source = f.read()
        for m in re.finditer(r'\blog_(warn|error)\(\s*((?:"(?:[^"\\]|\\.)*"|PRI\w+|\s)+)', source):
            pieces = re.findall(r'"((?:[^"\\]|\\.)*)"|(PRI\w+)', m[2])
            form = ''.join(p[0] if not p[1] else 'd' for p in pieces)
            found[normal(CONVERSION.sub('…', form)), m[1]] = f'{os.path.relpath(path, SOURCE)}:{source.count(chr(10), 0, m.start()) + 1}'
        calls = len(re.findall(r'\blog_(?:warn|error)\(', source))
        read = len(re.findall(r'\blog_(?:warn|error)\(\s*"', source))
        if calls != read and not path.endswith(('base/log.c', 'base/log.h')):
            found[f'(a format that is no text) {path}', '?'] = path
    for path in sorted(glob.glob(f'{SOURCE}/spark/**/*.py', recursive=True)):
        with open(path, encoding='utf-8') as f:
            source = f.read()
        for m in re.finditer(r"\blog\.(warn|error)\(f?'((?:[^'\\]|\\.)*)'", source):
            found[normal(re.sub(r'\{[^}]*\}', '…', m[2].replace("\\'", "'"))), m[1]] = f'{os.path.relpath(path, SOURCE)}:{source.count(chr(10), 0, m.start()) + 1}'
    return found


def normal(form):
    form = form.replace('\\"', '"')
    while True:
        cut = re.sub(r' [a-z_]+=…$', '', form)
        if cut == form:
            return form
        form = cut


def operations():
    rows = {(m[1], m[2]) for m in re.finditer(r'^\| `([^`]+)` \| (warn|error) \| [^|]+ \| [^|]+ \|$', text('doc', 'operations.md'), re.M)}
    made = messages()
    tap.check('messages were found', len(made) > 40, len(made))
    tap.check('doc/operations.md has a row for every warning and error', not set(made) - rows, '\n'.join(f'{made[k]}: | `{k[0]}` | {k[1]} |' for k in sorted(set(made) - rows)))
    tap.check('and no row for what is not said', not rows - set(made), '\n'.join(f'{k}' for k in sorted(rows - set(made))))


# ---- pages ----

def pages():
    every = {os.path.relpath(p, f'{SOURCE}/doc') for p in glob.glob(f'{SOURCE}/doc/**/*.md', recursive=True)} - {'README.md'}
    index = text('doc', 'README.md')
    listed = re.findall(r'\]\(([^)#]+\.md)\)', index)
    tap.check('doc/README.md lists every page', every == set(listed) - {'../README.md'}, (sorted(every - set(listed)), sorted(set(listed) - every)))
    rows = [m[1] for m in re.finditer(r'^\| \[([^\]]+)\]', index, re.M)]
    tap.check('and none twice', len(rows) == len(set(rows)), sorted(r for r in rows if rows.count(r) > 1))
    broken = []
    for page in ['README.md'] + ['doc/' + p for p in every | {'README.md'}]:
        for link in re.findall(r'\]\(([^)#\s]+)(?:#[^)]*)?\)', text(page)):
            if '://' not in link and not os.path.exists(os.path.join(SOURCE, os.path.dirname(page), link)):
                broken.append(f'{page}: {link}')
    tap.check('every link of a page leads somewhere', not broken, broken)
    named = {p for page in ['README.md'] + ['doc/' + p for p in every | {'README.md'}] for p in re.findall(r'`((?:tests|src|tools|examples|spark|schema)/[\w./-]+)`', text(page))}
    made = ('spark/jars', 'tests/bench/confine_loop', 'tests/bench/dns_capture', 'tests/bench/kafka_loop')  # by Maven, by the build
    gone = sorted(p for p in named if not glob.glob(os.path.join(SOURCE, p)) and 'NAME' not in p and not p.startswith('src/dissect/wtmp') and p not in made)
    tap.check('every file that a page names is there', not gone, gone)


def command_table():
    helped = subprocess.run([SLUICE, 'help'], capture_output=True, text=True, timeout=60, check=False).stdout
    commands_there = set(re.findall(r'^  ([a-z-]+) +[A-Z]', helped, re.M)) - {'help', 'version'}
    told = set(re.findall(r'`([a-z-]+)`', ''.join(re.findall(r'^\| (`[^|]+`) \|', text('doc', 'cli.md').split('**Exit status.**')[0], re.M))))
    tap.check('doc/cli.md has every command', commands_there and commands_there == told, (sorted(commands_there - told), sorted(told - commands_there)))


# ---- the worked example ----

def wtmp():
    """A file of login records: user logins from 192.0.2.N, each followed by its end; one record that is damaged."""
    def one(i, kind, user):
        head = struct.pack('<hxxi', kind, 1000 + i) + f'pts/{i}'.encode().ljust(32, b'\0') + b'ts/1' + user.encode().ljust(32, b'\0') + f'host{i}.example'.encode().ljust(256, b'\0')
        return head + struct.pack('<hhiii', 0, 0, 0, HOUR_MS // 1000 + 60 * i, i) + bytes([192, 0, 2, i]) + bytes(12 + 20)
    records = [one(i, 7 if i % 2 else 8, f'user{i % 3}') for i in range(20)]
    assert all(len(r) == 384 for r in records)
    return b''.join(records[:10]) + struct.pack('<h', 77) + records[10][2:] + b''.join(records[11:])


def shown_pieces():
    source = text('examples', 'dissector', 'wtmp.c')
    pieces = blocks(text('doc', 'dissector.md'), 'c')
    tap.check('doc/dissector.md shows the file', len(pieces) >= 5 and all(p in source for p in pieces), [p[:60] for p in pieces if p not in source])


def build_with_example(base):
    """The program with the example in its table of dissectors, as the page says: one file more, two lines in another, a word in a third."""
    build = os.path.dirname(SLUICE)
    with open(f'{build}/compile_commands.json', encoding='utf-8') as f:
        made = {c['file']: c for c in json.load(f) if c['output'].startswith('sluice.p/')}
    entry = next(c for name, c in made.items() if name.endswith('src/app/providers.c'))
    link = subprocess.run(['ninja', '-C', build, '-t', 'commands', '-s', 'sluice'], capture_output=True, text=True, check=True).stdout.strip().splitlines()[-1]
    os.makedirs(f'{base}/src/dissect/wtmp')
    for name in ('wtmp.c', 'wtmp.h'):
        with open(f'{base}/src/dissect/wtmp/{name}', 'w', encoding='utf-8') as f:
            f.write(text('examples', 'dissector', name).replace('#include "wtmp.h"', '#include "dissect/wtmp/wtmp.h"'))
    table = text('src', 'app', 'providers.c')
    table = table.replace('#include "dissect/pcap_dns/pcap_dns.h"\n', '#include "dissect/pcap_dns/pcap_dns.h"\n#include "dissect/wtmp/wtmp.h"\n').replace('    &dissect_csv,\n', '    &dissect_csv,\n    &dissect_wtmp,\n')
    with open(f'{base}/providers.c', 'w', encoding='utf-8') as f:
        f.write(table)
    os.makedirs(f'{base}/src/app/cli')
    with open(f'{base}/src/app/cli/cli.h', 'w', encoding='utf-8') as f:
        f.write(text('src', 'app', 'cli', 'cli.h').replace('#define OPTION_DISSECTORS "', '#define OPTION_DISSECTORS "wtmp '))
    objects, replaced = {}, {}
    for name, source in (('wtmp', f'{base}/src/dissect/wtmp/wtmp.c'), ('providers', f'{base}/providers.c'), ('cli/dissect', f'{SOURCE}/src/app/cli/dissect.c'), ('cli/schema', f'{SOURCE}/src/app/cli/schema.c')):
        objects[name] = f'{base}/{name.replace("/", "-")}.o'
        if name != 'wtmp':
            replaced[next(c['output'] for f, c in made.items() if f.endswith(f'src/app/{name}.c'))] = objects[name]
        words = shlex.split(entry['command'])
        line = [objects[name] if w == entry['output'] else f'{objects[name]}.d' if w == entry['output'] + '.d' else source if w.endswith('src/app/providers.c') else w for w in words]
        first = next(i for i, w in enumerate(line) if w.startswith('-I'))
        subprocess.run([*line[:first], f'-I{base}/src', *line[first:]], cwd=entry['directory'], check=True, capture_output=True, text=True)
    line = [replaced.get(w, f'{base}/sluice' if w == 'sluice' else w) for w in shlex.split(link)]
    subprocess.run([*line[:1], objects['wtmp'], *line[1:]], cwd=build, check=True, capture_output=True, text=True)
    return f'{base}/sluice'


def example(base):
    shown_pieces()
    try:
        program = build_with_example(base)
    except subprocess.CalledProcessError as e:
        tap.check('a program with the example is built', False, e.stderr)
        return
    tap.check('a program with the example is built', os.access(program, os.X_OK))
    os.makedirs(f'{base}/spool')
    with open(f'{base}/spool/wtmp.1', 'wb') as f:
        f.write(wtmp())
    schemas = f'{SOURCE}/examples/schemas'
    r = subprocess.run([program, 'dissect', '-t', 'wtmp', '--schema', f'{schemas}/hostlogins.avsc', '-f', 'json', f'{base}/spool/wtmp.1'], capture_output=True, text=True, timeout=60, check=False)
    rows = [json.loads(line) for line in r.stdout.splitlines()]
    tap.check('it reads the records, confined, and names the damaged one', len(rows) == 19 and rows[1] == {**rows[1], 'kind': 7, 'user_name': 'user1', 'line': 'pts/1', 'address': '192.0.2.1', 'seen': '2026-01-14 09:01:00'}
              and 'offset 3840, length 384: no type of login record' in r.stderr and r.returncode == 1, r)
    r = subprocess.run([program, 'schema', '--fields', 'wtmp'], capture_output=True, text=True, timeout=60, check=False)
    tap.check('its fields are listed', r.returncode == 0 and 'ut_addr_v6' in r.stdout, r)
    config = blocks(text('doc', 'dissector.md'), 'yaml')[0].replace('/var/log', f'{base}/spool').replace('schemas: schemas', f'schemas: {schemas}').replace('lake: lake', f'lake: {base}/lake')
    with open(f'{base}/wtmp.yaml', 'w', encoding='utf-8') as f:
        f.write(config)
    r = subprocess.run([program, 'load', '-c', f'{base}/wtmp.yaml', '-p', 'logins', f'{base}/spool'], capture_output=True, text=True, timeout=60, check=False)
    got = duckdb.sql(f"select count(*), count(distinct user_name) from read_parquet('{base}/lake/hostlogins/hive/**/*.parquet')").fetchall()
    tap.check('and fills a table', got == [(19, 3)], (r, got))


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    with tempfile.TemporaryDirectory(prefix='sluice-documents-') as base:
        for name, part in (('minutes', five_minutes), ('example', example)):
            os.makedirs(f'{base}/{name}')
            part(f'{base}/{name}')
    operations()
    pages()
    command_table()
    tap.done()


if __name__ == '__main__':
    main()
